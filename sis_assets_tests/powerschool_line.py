"""A made-up PowerSchool on loopback, the line that takes it in, and what its truth says must have come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sis_assets.pipeline.stage import Outcome
from sis_assets.sandbox.powerschool.data import District as Town
from sis_assets.sandbox.powerschool.faults import Fault
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.powerschool.truth import Truth
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets_tests.builders import Row, district
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.spine import Spine

NAME = "powertown"
CLIENT_ID, CLIENT_SECRET = "canary-client-id", "canary-client-secret"
ID_NAME, SECRET_NAME = "POWERTOWN_ID", "POWERTOWN_SECRET"
GRADUATED_STUDENTS = 999_999
CALENDAR = {"year_start": "2026-08-20", "year_end": "2027-06-05"}
#: Of a small district nothing is held that a test did not ask to be held.
LENIENT = {
    kind: {"percent": 100, "at_least": 100_000}
    for kind in ("deactivate", "create", "transfer", "update", "rekey")
}


def grade(number: int) -> str:
    """The CEDS code of PowerSchool's grade."""
    return {-1: "PK", 0: "KG"}.get(number, f"{number:02}")


@dataclass
class Line:
    """One PowerSchool district and the line that reads it; the server may be stopped and changed in between."""

    spine: Spine
    sandbox: Sandbox
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.set()

    def set(self, **settings: Any) -> None:
        """Write the district's file again."""
        self.settings |= settings
        sis = {
            "kind": "powerschool",
            "url": self.sandbox.url,
            "client_id": {"env": ID_NAME},
            "client_secret": {"env": SECRET_NAME},
        }
        chosen = {"sis": sis, "calendar": CALENDAR, "guard": LENIENT} | self.settings
        self.spine.districts[NAME] = district(NAME, **chosen)

    @property
    def evening(self) -> str:
        """Eight in the evening of the server's day."""
        return f"{self.sandbox.district.today.isoformat()}T20:00:00-07:00"

    def sync(self) -> Outcome:
        return self.spine.sync(NAME, at=self.evening)[NAME]

    def night(self, step: Callable[[Town], Town]) -> Outcome:
        """Let a day pass in the district and sync on its evening."""
        self.sandbox.evolve(step)
        return self.sync()

    def fails(self, *faults: Fault) -> str:
        """Sync under faults, which must fail; gives the reason."""
        self.sandbox.faults.arm(*faults)
        outcome = self.sync()
        assert outcome.status == "failed", outcome
        return outcome.reason

    def students(self) -> dict[str, Row]:
        return self.spine.students(NAME)

    def active(self) -> dict[str, Row]:
        """The active accounts, by student id."""
        return {row["student_id"]: row for row in self.spine.accounts(NAME) if row["is_active"]}

    def table(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of a core table, sorted."""
        rows = self.spine.rows(f"SELECT {', '.join(columns)} FROM core.{table} WHERE district_id = ?", NAME)
        return in_order(tuple(row.values()) for row in rows)

    def kinds(self, outcome: Outcome) -> dict[str, set[str]]:
        """Which students each kind of change of a sync names."""
        found: dict[str, set[str]] = {}
        for row in self.spine.rows(
            "SELECT kind, student_id FROM lifecycle.changes WHERE district_id = ? AND change_set_id LIKE ?",
            NAME,
            f"{outcome.extract_id}.%",
        ):
            found.setdefault(row["kind"], set()).add(row["student_id"])
        return found

    def reasons(self, outcome: Outcome) -> dict[str, str]:
        """Why each student of a sync was deactivated."""
        rows = self.spine.rows(
            "SELECT student_id, reason FROM lifecycle.changes WHERE district_id = ? AND change_set_id LIKE ?"
            " AND kind = 'deactivate'",
            NAME,
            f"{outcome.extract_id}.%",
        )
        return {row["student_id"]: row["reason"] for row in rows}


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=str)


_STATUSES = {0: "active", -1: "pre_registered", 3: "graduated"}
_REASONS = {2: "transferred_out", 3: "graduated"}
BLANKS = " \t\r\n\u00a0"


def expected_student(row: Row) -> Row:
    """What core.students must hold of a student of the truth, when the district file has no codes of its own."""
    left = row["status_code"] not in {0, -1}
    name = {part: (row[part].strip(BLANKS) if row[part] else None) for part in NAMES}
    return name | {
        "student_id": str(row["student_number"]),
        "sis_key": str(row["dcid"]),
        "state_id": row["state_id"],
        "birth_date": row["birth_date"],
        "gender": row["gender"],
        "grade_level": grade(row["grade"]),
        "school_id": str(row["school_number"]),
        "next_school_id": str(row["next_school"])
        if row["next_school"] not in {0, GRADUATED_STUDENTS}
        else None,
        "status": _STATUSES.get(row["status_code"], "inactive"),
        "entry_date": row["entry_date"],
        "exit_date": row["exit_date"] - timedelta(days=1) if left else None,
        "exit_reason": _REASONS.get(row["status_code"], "withdrawn") if left else None,
        "email": row["email"],
        "graduation_year": row["graduation_year"],
    }


NAMES = ("first_name", "middle_name", "last_name")


def expected_students(truth: Truth) -> dict[str, Row]:
    """core.students as the truth says: everybody but who is at the pseudo-school."""
    rows = truth.students.filter(pl.col("school_number") != GRADUATED_STUDENTS).to_dicts()
    return {str(row["student_number"]): expected_student(row) for row in rows}


def those(found: dict[str, Row], like: dict[str, Row]) -> dict[str, Row]:
    """The found rows with the columns of the expected ones only."""
    columns = next(iter(like.values()), {}).keys()
    return {key: {column: row[column] for column in columns} for key, row in found.items()}


def assert_as_in_the_truth(line: Line) -> None:
    """Both core.students and the active accounts are exactly what the server knows."""
    expected = expected_students(line.sandbox.truth())
    assert those(line.students(), expected) == expected
    tracked = [*NAMES, "state_id", "birth_date", "gender", "email", "graduation_year", "next_school_id"]
    tracked += ["student_id", "school_id", "grade_level"]
    active = {
        key: {name: row[name] for name in tracked}
        for key, row in expected.items()
        if row["status"] == "active"
    }
    assert len(active) == line.sandbox.truth().active.height
    assert those(line.active(), active) == active


Opened = Callable[..., Line]


@pytest.fixture
def opened(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Open a PowerSchool with the given district (options of the sandbox) and the line that reads it."""
    monkeypatch.setenv(ID_NAME, CLIENT_ID)
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    spine = Spine(tmp_path, readers)
    with ExitStack() as stack:

        def open_line(
            *, page_sizes: dict[str, int] | None = None, settings: Settings | None = None, **options: Any
        ) -> Line:
            settings = settings or Settings(
                client_id=CLIENT_ID, client_secret=CLIENT_SECRET, page_sizes=page_sizes or {}
            )
            return Line(spine, stack.enter_context(Sandbox(settings=settings, **options)))

        yield open_line
