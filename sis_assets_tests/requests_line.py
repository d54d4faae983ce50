"""A district whose students ask for courses: canonical rows in the place of a SIS, files of requests, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sis_assets.model.requests import FIELDS
from sis_assets.model.schema import COURSES, EXTRACTS, SCHOOL_COURSES, STUDENTS
from sis_assets.pipeline.requests.export import Exported, export
from sis_assets.pipeline.requests.intake import Taken, take_in
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import Row, district, fetch, in_memory, insert, student

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.sis.delimited import Readers

NAME = "sample"
WINTER = "2027-02-01T20:00:00-08:00"
#: This year ends in 2027, so 2028 is asked for.
CALENDAR = {"year_start": "2026-08-12", "year_end": "2027-06-04"}
FILE_SIS = {"kind": "eschoolplus_files", "dropzone": {"folder": "/nowhere", "quiet_seconds": 0}}
POWERSCHOOL_SIS = {
    "kind": "powerschool",
    "url": "http://127.0.0.1:9",
    "client_id": {"env": "NO_ID"},
    "client_secret": {"env": "NO_SECRET"},
}
AERIES_SIS = {
    "kind": "aeries",
    "url": "http://127.0.0.1:9/admin",
    "certificate": {"env": "NO_CERTIFICATE"},
    "database_year": "2026",
}


def request(number: int = 1, course: str = "E101", **fields: str) -> dict[str, str]:
    """One row of a file of requests, which is valid in the sample district."""
    return {
        "school_year": "2028",
        "student_id": f"{1000 + number}",
        "school_id": "16",
        "course_code": course,
        "kind": "primary",
        "alternate_for": "",
        "priority": "",
        "requested_at": "2027-01-15T10:00:00Z",
    } | fields


def course(code: str, **fields: Any) -> Row:
    """One row of core.courses."""
    return {"course_code": code, "name": f"Course {code}", "is_active": True} | fields


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """A file of requests; values must need no quotes."""
    return "".join(
        ",".join(line) + "\n" for line in [FIELDS, *([row[name] for name in FIELDS] for row in rows)]
    )


@dataclass
class Asking:
    """One district and its requests."""

    root: Path
    readers: Readers
    sis: Mapping[str, Any] = field(default_factory=lambda: FILE_SIS)
    settings: dict[str, Any] = field(default_factory=dict)
    at: str = WINTER
    warehouse: Warehouse | None = None
    name: str = NAME
    files: int = 0

    def __post_init__(self) -> None:
        self.warehouse = self.warehouse or in_memory(self.root / "home")

    @property
    def district(self) -> District:
        return district(self.name, **{"sis": self.sis, "calendar": CALENDAR} | self.settings)

    @property
    def stage(self) -> Stage:
        assert self.warehouse is not None
        return Stage(
            self.warehouse.home, self.warehouse, self.readers, Clock(datetime.fromisoformat(self.at))
        )

    @property
    def out(self) -> Path:
        return self.root / "out"

    def requests(self, **settings: Any) -> None:
        """Set `sis.requests`."""
        self.sis = {**self.sis, "requests": settings}

    def core(
        self,
        students: Sequence[Row] | None = None,
        courses: Sequence[Row] | None = None,
        offers: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """Say what the SIS says: two students and two courses at school 16 unless told otherwise."""
        students = [student(1), student(2)] if students is None else students
        courses = [course("E101"), course("M201")] if courses is None else courses
        offers = [("16", row["course_code"]) for row in courses] if offers is None else offers
        offered = [{"school_id": school, "course_code": code} for school, code in offers]
        extract = {
            "extract_id": f"{self.name}-000001",
            "sis": self.sis["kind"],
            "status": "complete",
            "typed_under": "x",
        }
        extract |= {"started_at": self.at, "content_sha256": "x", "read_under": "x", "files": []}

        def work(connection: Any) -> None:
            for table, rows in (
                (STUDENTS, students),
                (COURSES, courses),
                (SCHOOL_COURSES, offered),
                (EXTRACTS, [extract]),
            ):
                connection.execute(f"DELETE FROM {table.qualified} WHERE district_id = ?", [self.name])
                insert(connection, table, [{"district_id": self.name, **row} for row in rows])

        assert self.warehouse is not None
        self.warehouse.write(work)

    def write(self, content: str | bytes, suffix: str = ".csv") -> Path:
        """Write a new file of requests."""
        self.files += 1
        path = self.root / f"requests-{self.files}{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def take_in(self, *rows: Mapping[str, str], dry_run: bool = False) -> Taken:
        """Import these rows as one CSV file."""
        return take_in(self.stage, self.district, self.write(as_csv(rows)), dry_run=dry_run)

    def take_in_json(self, *rows: Mapping[str, Any]) -> Taken:
        """Import these rows as one NDJSON file."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        return take_in(self.stage, self.district, self.write(text, ".ndjson"))

    def export(self, *, dry_run: bool = False) -> Exported:
        return export(self.stage, self.district, self.out, dry_run=dry_run)

    def rows(self, query: str = "FROM requests.course_requests ORDER BY import_id, row_number") -> list[Row]:
        assert self.warehouse is not None
        with self.warehouse.read() as connection:
            return fetch(connection, query)

    def judged(self) -> list[tuple[str, str | None]]:
        """Status and reason of every row, in the order in which they came."""
        return [(row["status"], row["reason"]) for row in self.rows()]

    def reasons(self, *rows: Mapping[str, str]) -> list[str | None]:
        """Import these rows and give their reasons."""
        self.take_in(*rows)
        return [reason for _, reason in self.judged()]

    def report(self) -> list[list[str]]:
        return [line.split(",") for line in (self.out / "report.csv").read_text().splitlines()]

    def lines(self, name: str = "course_requests.csv", encoding: str = "cp1252") -> list[str]:
        """The lines of a file of the export."""
        return (self.out / name).read_bytes().decode(encoding).splitlines()
