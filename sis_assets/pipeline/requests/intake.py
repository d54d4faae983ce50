"""Take in files with course requests: CSV, or the same keys as NDJSON. What was taken in before is known again.

A file is copied first, so that what is read is what was hashed, and is split into rows by the reader of untrusted files. A
row that stands in an earlier import is the same row: it keeps what became of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model import requests as rules
from sis_assets.model.faults import Fault, Mover, NeedsPerson
from sis_assets.model.schema import COURSE_REQUESTS, REQUEST_IMPORTS
from sis_assets.pipeline.requests.judging import asked_year, judge
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadFile, ReadJob
from sis_assets.sis.ndjson import as_csv
from sis_assets.sis.requests import form_of
from sis_assets.transport.landing import scratch_folder
from sis_assets.warehouse.rows import insert, lay

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.pipeline.stage import Stage

SUFFIXES = (".csv", ".ndjson")
_LAYOUT = Layout({name: (name,) for name in rules.FIELDS}, frozenset(rules.FIELDS), key="student_id")
# The last column is a time: a file that was cut off within it has a row that is refused, or an earlier time, never another
# course. So it need not end with a line end, which programs often leave out.
_DIALECT = Dialect(",", "utf-8", final_newline=False)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an import: how many rows are `valid`, `duplicate`, `invalid`, `superseded`, `withdrawn`, by reason too.

    `known`: the newest import had the same bytes, so nothing was done.
    """

    import_id: str
    known: bool
    counts: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All rows of the file."""
        return sum(self.counts.values())


def take_in(stage: Stage, district: District, file: Path, *, dry_run: bool = False) -> Taken:
    """Take in one file; a dry run says what would come of it and keeps nothing.

    Raises NeedsPerson where the district's file forbids it, PermanentFault for a file that cannot be read, TransientFault.
    """
    form_of(district)
    asked_year(district)
    with _copied(stage, file) as (copy, sha256):
        read = _read(stage, file, copy)

        def work(connection: DuckDBPyConnection) -> Taken:
            return _taken(connection, stage, district, read, sha256)

        if dry_run:
            with stage.warehouse.read() as connection:
                return work(connection)
        return stage.warehouse.write(work)


def newest_import(connection: DuckDBPyConnection, district_id: str) -> tuple[str, str] | None:
    """Return the district's newest import: its id and the hash of its bytes."""
    found = connection.execute(
        "SELECT import_id, content_sha256 FROM requests.imports WHERE district_id = ? ORDER BY import_id DESC LIMIT 1",
        [district_id],
    ).fetchall()
    return (found[0][0], found[0][1]) if found else None


def verdicts(
    connection: DuckDBPyConnection, district_id: str, import_id: str
) -> list[tuple[int, str, str | None]]:
    """Return what the rows of an import are judged to be: row, verdict, reason code; in their order."""
    return connection.execute(
        f"SELECT row_number, CASE WHEN status IN {rules.STANDING} THEN 'valid' ELSE status END,"
        f" CASE WHEN status NOT IN {rules.STANDING} THEN reason END FROM requests.course_requests"
        " WHERE district_id = ? AND import_id = ? ORDER BY row_number",
        [district_id, import_id],
    ).fetchall()


def counted(connection: DuckDBPyConnection, district_id: str, import_id: str, *, known: bool) -> Taken:
    """Return what the rows of an import are judged to be, counted."""
    counts = dict.fromkeys(rules.VERDICTS, 0)
    reasons: dict[str, int] = {}
    for _, verdict, reason in verdicts(connection, district_id, import_id):
        counts[verdict] += 1
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + 1
    return Taken(import_id, known, counts, reasons)


@contextmanager
def _copied(stage: Stage, file: Path) -> Iterator[tuple[Path, str]]:
    """Give a copy of the file with its hash, in a folder that nobody else may enter; it is gone afterwards."""
    with scratch_folder(stage.home.scratch, "requests-") as folder:
        copy, hashed = folder / "requests", hashlib.sha256()
        try:
            with file.open("rb") as source, copy.open("wb") as target:
                while chunk := source.read(_CHUNK):
                    hashed.update(chunk)
                    target.write(chunk)
        except OSError as error:
            raise NeedsPerson(
                tried="Reading the file of requests",
                seen=error.strerror or "the operating system refused it",
                todo="Name a file that our user may read",
                mover=Mover.ENGINEER,
            ) from None
        yield copy, hashed.hexdigest()


def _read(stage: Stage, file: Path, copy: Path) -> ReadFile:
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise NeedsPerson(
            tried="Reading the file of requests",
            seen="its name ends in neither .csv nor .ndjson",
            todo="Give it the ending that says what it is",
            mover=Mover.ENGINEER,
        )
    source = copy
    if suffix == ".ndjson":
        source = copy.with_name("requests.csv")
        as_csv(copy, rules.FIELDS, source)
    (answer,) = stage.readers.read(
        [ReadJob(source, _LAYOUT, _DIALECT, Limits(), copy.with_name("requests.parquet"))]
    )
    if isinstance(answer, Fault):
        raise type(answer)(
            tried="Reading the file of requests", seen=answer.seen, todo=answer.todo, mover=answer.mover
        )
    return answer


def _taken(
    connection: DuckDBPyConnection, stage: Stage, district: District, read: ReadFile, sha256: str
) -> Taken:
    name = district.district
    newest = newest_import(connection, name)
    if newest is not None and newest[1] == sha256:
        judge(connection, [district])
        return counted(connection, name, newest[0], known=True)
    imports = connection.execute(
        "SELECT count(*) FROM requests.imports WHERE district_id = ?", [name]
    ).fetchall()
    import_id = f"{name}-{imports[0][0] + 1:06d}"
    _lay_rows(connection, district, read, import_id, sha256)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE typed AS {rules.typed()}")
    _exchange(connection, name)
    ledger_row = {
        "district_id": name,
        "import_id": import_id,
        "imported_at": stage.clock.now(),
        "content_sha256": sha256,
        "records": read.records,
    }
    insert(connection, REQUEST_IMPORTS, [ledger_row])
    judge(connection, [district])
    return counted(connection, name, import_id, known=False)


def _lay_rows(
    connection: DuckDBPyConnection, district: District, read: ReadFile, import_id: str, sha256: str
) -> None:
    """Make the relation `rows` of what the reader gave: those that it could split, and the others."""
    given = [district.district, district.timezone, import_id, sha256]
    columns = {"row_number": "BIGINT", "refused": "VARCHAR"}
    lay(connection, "unread", columns, [(row.row_number, row.reason_code) for row in read.rejected])
    fields = ", ".join(rules.FIELDS)
    nothing = ", ".join(f"NULL::VARCHAR AS {name}" for name in rules.FIELDS)
    ours = "$1::VARCHAR AS district_id, $2::VARCHAR AS zone, $3::VARCHAR AS import_id, $4::VARCHAR AS origin"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE rows AS SELECT {ours}, row_number, NULL::VARCHAR AS refused, {fields}"
        f" FROM read_parquet($5) UNION ALL SELECT {ours}, row_number, refused, {nothing} FROM unread",
        [*given, str(read.parquet)],
    )


def _exchange(connection: DuckDBPyConnection, district_id: str) -> None:
    """Put the rows of `typed` in the place of equal ones of earlier imports; they keep what became of those."""
    kept = {"status", "reason", "sent_at", "confirmed_at"}
    columns: Sequence[str] = [name for name in COURSE_REQUESTS.column_names if name not in kept]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE known AS SELECT row_sha256, arg_max_null(status, sent_at IS NOT NULL) AS status,"
        " arg_max_null(reason, sent_at IS NOT NULL) AS reason, min(sent_at) AS sent_at, min(confirmed_at) AS confirmed_at"
        " FROM lake.requests.course_requests WHERE district_id = ? AND row_sha256 IN (SELECT row_sha256 FROM typed) GROUP BY ALL",
        [district_id],
    )
    connection.execute(
        "DELETE FROM requests.course_requests WHERE district_id = ? AND row_sha256 IN (SELECT row_sha256 FROM known)",
        [district_id],
    )
    # Of equal rows the first one counts, so it alone goes on with what became of them.
    connection.execute(
        f"INSERT INTO requests.course_requests BY NAME SELECT {', '.join(f't.{name}' for name in columns)},"
        " k.status, k.reason, k.sent_at, k.confirmed_at FROM"
        " (SELECT *, row_number() OVER (PARTITION BY row_sha256 ORDER BY row_number) AS copy FROM typed) t"
        " LEFT JOIN known k ON k.row_sha256 = t.row_sha256 AND t.copy = 1"
    )
