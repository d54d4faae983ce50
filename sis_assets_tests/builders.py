"""Districts, students, files and warehouses for tests; everybody in them is obviously made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import duckdb

from sis_assets.districts import District
from sis_assets.model.fingerprint import fingerprint
from sis_assets.model.schema import ACCOUNTS, EXTRACTS, REJECTED_ROWS, STUDENTS, TABLES, Table
from sis_assets.pipeline.canonicalise import typed_under
from sis_assets.pipeline.decide import Decision, decide
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.review import Proposal, find
from sis_assets.pipeline.stage import Clock, Outcome, Stage
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse, ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.sis.delimited import Readers

T = TypeVar("T")
Row = dict[str, Any]
AUTUMN = "2026-10-15T20:00:00-07:00"

SCHOOLS_HEADER = ("SchoolCode", "Name", "SchoolType")
STUDENTS_HEADER = (
    "StudentID",
    "FirstName",
    "LastName",
    "Gender",
    "DateOfBirth",
    "CurrentGrade",
    "CurrentSchoolCode",
    "PreRegSchoolCode",
    "StateProvNumber",
    "Email",
)


def student(number: int, **fields: Any) -> Row:
    """One row of core.students; the number makes the person."""
    row: Row = dict.fromkeys(STUDENTS.column_names) | {
        "student_id": f"{1000 + number}",
        "sis_key": f"K{number:04}",
        "state_id": f"S{number:04}",
        "first_name": f"Given-{number:04}",
        "last_name": f"Family-{number:04}",
        "birth_date": "2011-03-09",
        "gender": "N",
        "grade_level": "09",
        "school_id": "16",
        "status": "active",
        "email": f"s{number:04}@example.org",
    }
    del row["district_id"]
    unknown = set(fields) - set(row)
    assert not unknown, unknown
    return row | fields


def account(number: int, **fields: Any) -> Row:
    """One row of lifecycle.accounts, as `student(number)` makes it."""
    made = student(number)
    row = {name: made.get(name) for name in ACCOUNTS.column_names if name != "district_id"}
    return row | {"is_active": True, "applied_change_set_id": "d-000001.1"} | fields


def district(name: str, folder: str | Path = "/nowhere", **settings: Any) -> District:
    """A district whose eSchoolPLUS files come to a local folder and are read at first look."""
    return District.model_validate(
        {
            "district": name,
            "name": "Sample District",
            "timezone": "America/Los_Angeles",
            "sis": {
                "kind": "eschoolplus_files",
                "dropzone": {"folder": str(folder), "quiet_seconds": 0},
            },
        }
        | settings
    )


def write_drop(
    folder: Path,
    students: Iterable[Sequence[str]],
    schools: Iterable[Sequence[str]] = (("16", "North", "1"),),
) -> None:
    """Write School.txt and Student.txt as a district's nightly export would."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        ("School.txt", SCHOOLS_HEADER, schools),
        ("Student.txt", STUDENTS_HEADER, students),
    ):
        (folder / name).write_text("".join("|".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")


def file_row(
    number: int, *, student_id: str = "", grade: str = "9", school: str = "16", email: str = ""
) -> list[str]:
    """One record of Student.txt; the number makes the person."""
    return [
        student_id or f"{1000 + number}",
        f"Given-{number:04}",
        f"Family-{number:04}",
        "N",
        "2011-03-09",
        grade,
        school,
        "",
        f"S{number:04}",
        email or f"s{number:04}@example.org",
    ]


def insert(connection: DuckDBPyConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows by name, all at once; a missing key is NULL."""
    if rows:
        shape = json.dumps([{column.name: column.type for column in table.columns}])
        connection.execute(
            f"INSERT INTO {table.qualified} BY NAME SELECT unnest(from_json(?, ?), recursive := true)",
            [json.dumps(list(rows), default=str), shape],
        )


class MemoryWarehouse(Warehouse):
    """The same tables and transactions in DuckDB's memory instead of a lake: what a rule says does not depend on it."""

    def _connected(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(
                ":memory:", config={"autoload_known_extensions": "false", "threads": 1}
            )
            self._connection.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake; USE lake")
            for schema in {table.schema for table in self.tables}:
                self._connection.execute(f"CREATE SCHEMA {schema}")
            for table in self.tables:
                columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
                self._connection.execute(f"CREATE TABLE {table.qualified} ({columns})")
        return self._connection

    def _exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()


def in_memory(home: Path = Path("/dev/null/nowhere")) -> MemoryWarehouse:
    """An empty warehouse in memory; in its home no file can be written, unless one is given."""
    return MemoryWarehouse(Home.at(home), (*RAW_TABLES, *TABLES))


class Crash(Exception):
    """The process dies here."""


@dataclass
class CrashingConnection:
    """A connection that dies at its n-th statement; -1: never. `count` tells how many there were."""

    connection: Any
    at: int = -1
    count: int = 0

    def _step(self) -> None:
        if self.count == self.at:
            raise Crash
        self.count += 1

    def execute(self, *args: Any) -> Any:
        self._step()
        return self.connection.execute(*args)

    def executemany(self, *args: Any) -> Any:
        self._step()
        return self.connection.executemany(*args)


@dataclass
class CrashingWarehouse:
    """A warehouse whose writer dies at its n-th statement, or, at -1, after the last one and before the commit."""

    inner: Warehouse
    at: int = -1
    used: CrashingConnection | None = None

    @property
    def home(self) -> Home:
        return self.inner.home

    def read(self) -> AbstractContextManager[DuckDBPyConnection]:
        return self.inner.read()

    def write(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        def dying(connection: DuckDBPyConnection) -> T:
            self.used = CrashingConnection(connection, self.at)
            work(cast("DuckDBPyConnection", self.used))
            raise Crash

        return self.inner.write(dying)


@dataclass
class Nights:
    """One district's nights, with canonical rows in the place of files: what is read is typed already."""

    warehouse: Warehouse
    district: District
    clock: Clock = field(default_factory=lambda: Clock(datetime.fromisoformat(AUTUMN)))

    @property
    def name(self) -> str:
        return self.district.district

    @property
    def stage(self) -> Stage:
        return Stage(self.warehouse.home, self.warehouse, cast("Readers", None), self.clock)

    def at(self, moment: str) -> Nights:
        """Set the business clock."""
        self.clock = Clock(datetime.fromisoformat(moment))
        return self

    def set(self, **settings: Any) -> Nights:
        """Change the district's file."""
        self.district = district(self.name, **settings)
        return self

    def read(
        self,
        students: Sequence[Row],
        *,
        rejected: Sequence[str | None] = (),
        records: Mapping[str, int] | None = None,
        content: str = "",
        sha256: str = "",
        status: str = "complete",
    ) -> None:
        """Take in an extract with these students; `rejected` holds the keys of rejected student records.

        Its bytes are the rows in their order and `content`, unless `sha256` says what they are.
        """
        same = sha256 or fingerprint([content, list(students), list(rejected)])
        self.warehouse.write(
            lambda connection: self._read(
                connection, students, rejected, records=records or {}, sha256=same, status=status
            )
        )

    def _read(
        self,
        connection: DuckDBPyConnection,
        students: Sequence[Row],
        rejected: Sequence[str | None],
        *,
        records: Mapping[str, int],
        sha256: str,
        status: str,
    ) -> None:
        extract_id = ledger.states(connection, [self.name])[self.name].next_extract_id(self.name)
        now, complete = self.clock.now(), status == "complete"
        counted = {"schools": 2, "students": len(students) + len(rejected)} | dict(records)
        insert(
            connection,
            EXTRACTS,
            [
                {
                    "district_id": self.name,
                    "extract_id": extract_id,
                    "started_at": now,
                    "finished_at": now,
                    "status": status,
                    "files": [
                        {"name": f"{e}.txt", "bytes": 1, "sha256": "", "records": n, "entity": e}
                        for e, n in counted.items()
                    ],
                    "content_sha256": sha256 if complete else None,
                    "typed_under": typed_under(self.district) if complete else None,
                    "rows_rejected": len(rejected) if complete else None,
                }
            ],
        )
        if complete:
            connection.execute("DELETE FROM core.students WHERE district_id = ?", [self.name])
            insert(connection, STUDENTS, [row | {"district_id": self.name} for row in students])
        insert(
            connection,
            REJECTED_ROWS,
            [
                {
                    "district_id": self.name,
                    "extract_id": extract_id,
                    "entity": "students",
                    "row_number": n,
                    "record_key": key,
                }
                for n, key in enumerate(rejected)
            ],
        )

    def retype(self) -> None:
        """Type the newest extract under the district file as it is now."""
        self.warehouse.write(
            lambda connection: connection.execute(
                "UPDATE ops.extracts SET typed_under = ? WHERE district_id = ? AND status = 'complete'",
                [typed_under(self.district), self.name],
            )
        )

    def propose(self) -> Outcome:
        return propose(self.stage, [self.district])[self.name]

    def night(self, students: Sequence[Row], **options: Any) -> Outcome:
        """Read and propose."""
        self.read(students, **options)
        return self.propose()

    def decide(self, decision: Decision, like: str, *, by: str = "Operator", sha256: str = "") -> Proposal:
        """Decide on the one change set whose id is like that."""
        [found] = self.sets(like)
        return decide(
            self.warehouse,
            self.clock,
            decision,
            found.change_set_id,
            content_sha256=sha256 or found.content_sha256,
            by=by,
        )

    def sets(self, like: str = "%") -> list[Proposal]:
        with self.warehouse.read() as connection:
            return find(connection, "district_id = ? AND change_set_id LIKE ?", (self.name, like))

    def rows(self, query: str, *values: Any) -> list[Row]:
        with self.warehouse.read() as connection:
            return fetch(connection, query, *values)

    def accounts(self) -> list[Row]:
        return self.rows("FROM lifecycle.accounts WHERE district_id = ? ORDER BY student_id", self.name)

    def changes(self, change_set_id: str = "%") -> list[Row]:
        return self.rows(
            "FROM lifecycle.changes WHERE district_id = ? AND change_set_id LIKE ? ORDER BY change_set_id, student_id, kind",
            self.name,
            change_set_id,
        )

    def kinds(self, change_set_id: str = "%") -> dict[str, list[str]]:
        """Kinds of each student's rows."""
        found: dict[str, list[str]] = {}
        for row in self.changes(change_set_id):
            found.setdefault(row["student_id"], []).append(row["kind"])
        return found

    def outbox(self) -> list[Row]:
        return self.rows("FROM delivery.outbox WHERE district_id = ? ORDER BY sequence", self.name)

    def everything(self) -> dict[str, list[Row]]:
        """All that the later stages wrote of the district."""
        return {
            table: self.rows(f"FROM {table} WHERE district_id = ? ORDER BY ALL", self.name)
            for table in (
                "lifecycle.accounts",
                "lifecycle.change_sets",
                "lifecycle.changes",
                "delivery.outbox",
                "ops.proposals",
                "ops.audit",
            )
        }


def fetch(connection: DuckDBPyConnection, query: str, *values: Any) -> list[Row]:
    """Rows of a query as dictionaries."""
    found = connection.execute(query, list(values))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def replayed(payloads: Iterable[str]) -> dict[str, Row]:
    """What a reader of the outbox holds who began with nothing: accounts by student_id."""
    held: dict[str, Row] = {}
    for payload in map(json.loads, payloads):
        held.pop(payload["student_id"], None)
        held.pop(payload["changed"].get("student_id", {}).get("from"), None)
        if payload["account"]:
            held[payload["account"]["student_id"]] = payload["account"]
    return held


def as_payload(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of lifecycle.accounts as the outbox shows them."""
    return {
        row["student_id"]: {
            name: str(value) if name == "birth_date" and value else value
            for name, value in row.items()
            if name != "district_id"
        }
        for row in rows
    }
