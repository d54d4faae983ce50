"""Finds every row that is about one student, under each identifier that the SIS and we gave the student, and removes it.

The transaction is the caller's. What must stay countable stays: an outbox row loses its payload and not its place, and the
ledger of an extract counts its records without the student's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sis_assets.sis.judging import said
from sis_assets.sis.kinds import ALL, KINDS
from sis_assets.sis.shape import SIS_KEY, STUDENT_ID
from sis_assets.warehouse.removal import remove, tables_of_districts
from sis_assets.warehouse.rows import lay

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.sis.shape import Sis

#: Columns by which our own tables name a person, and when that person is a student.
PERSON: Final = {"student_id": "true", "person_id": "role = 'student'"}
#: Tables whose rows name students otherwise, each with a way of its own below.
OTHERWISE: Final = frozenset({"delivery.outbox", "core.rejected_rows"})


@dataclass(frozen=True, slots=True)
class _Raw:
    """A raw entity that names students: its table, and the columns that do with the kinds of identifier in them."""

    sis: Sis
    entity: str
    columns: Mapping[str, str]

    @property
    def table(self) -> str:
        return self.sis.raw_of(self.entity).qualified

    def names(self, known: Mapping[str, set[str]]) -> tuple[str, list[Any]]:
        """Return the condition over `r` that a row is the student's, with its values."""
        parts = [f"list_contains(?, {said(column)})" for column in self.columns]
        return " OR ".join(parts), [sorted(known.get(kind, ())) for kind in self.columns.values()]


def remove_student(
    connection: DuckDBPyConnection, district_id: str, student_id: str, *, dry: bool = False
) -> dict[str, int]:
    """Remove every row of the student and return how many, by table; tables without any are left out.

    A student whose id changed is found under all ids. `dry` only counts.
    """
    ids = _ids(connection, district_id, student_id)
    counts: dict[str, int] = {}
    lay(
        connection,
        "gone",
        {"extract_id": "VARCHAR", "entity": "VARCHAR", "row_number": "BIGINT", "stage": "VARCHAR"},
        (),
    )
    for sis in ALL:
        raws = [_Raw(sis, entity, columns) for entity, columns in sis.students.items()]
        known = _known(connection, district_id, raws, ids)
        for raw in raws:
            counts[raw.table] = _remove_raw(connection, district_id, raw, known, dry=dry)
            _find_unread(connection, district_id, raw, known)
    counts["core.rejected_rows"] = _remove_rejected(connection, district_id, dry=dry)
    if not dry:
        _recount(connection, district_id)
    counts["delivery.outbox"] = _empty_outbox(connection, district_id, ids, dry=dry)
    for table, columns in tables_of_districts(connection).items():
        if table in OTHERWISE or table.startswith("raw."):
            continue
        named = [f"(list_contains(?, {name}) AND {when})" for name, when in PERSON.items() if name in columns]
        if named:
            condition = f"district_id = ? AND ({' OR '.join(named)})"
            values = [district_id, *[sorted(ids)] * len(named)]
            counts[table] = remove(connection, table, condition, values, dry=dry)
    return {table: count for table, count in sorted(counts.items()) if count}


def _ids(connection: DuckDBPyConnection, district_id: str, student_id: str) -> set[str]:
    """Return every id that the student has had: a change of id led from one to the other."""
    pairs = connection.execute(
        "SELECT DISTINCT student_id, changed ->> '$.student_id.from' FROM lifecycle.changes"
        " WHERE district_id = ? AND kind = 'rekey'",
        [district_id],
    ).fetchall()
    return _closed({student_id}, pairs)


def _closed(ids: set[str], pairs: Iterable[tuple[str, str]]) -> set[str]:
    pairs = list(pairs)
    while more := {one for pair in pairs if ids & set(pair) for one in pair} - ids:
        ids = ids | more
    return ids


def _known(
    connection: DuckDBPyConnection, district_id: str, raws: Iterable[_Raw], ids: set[str]
) -> dict[str, set[str]]:
    """Return the student's identifiers of every kind: what stands in one row beside a known one is the same student's."""
    known: dict[str, set[str]] = {STUDENT_ID: set(ids), SIS_KEY: _keys(connection, district_id, ids)}
    several = [raw for raw in raws if len(set(raw.columns.values())) > 1]
    before = -1
    while before != (before := sum(map(len, known.values()))):
        for raw in several:
            condition, values = raw.names(known)
            shown = ", ".join(said(column) for column in raw.columns)
            for row in connection.execute(
                f"SELECT DISTINCT {shown} FROM {raw.table} r WHERE district_id = ? AND ({condition})",
                [district_id, *values],
            ).fetchall():
                for kind, value in zip(raw.columns.values(), row, strict=True):
                    if value is not None and kind not in {STUDENT_ID, SIS_KEY}:
                        known.setdefault(kind, set()).add(value)
    return known


def _keys(connection: DuckDBPyConnection, district_id: str, ids: set[str]) -> set[str]:
    """Return the SIS's own keys of the student."""
    found = connection.execute(
        " UNION ".join(
            f"SELECT sis_key FROM {table} WHERE district_id = $1 AND list_contains($2, student_id) AND sis_key IS NOT NULL"
            for table in ("core.students", "lifecycle.accounts")
        ),
        [district_id, sorted(ids)],
    ).fetchall()
    return {key for (key,) in found}


def _remove_raw(
    connection: DuckDBPyConnection, district_id: str, raw: _Raw, known: Mapping[str, set[str]], *, dry: bool
) -> int:
    condition, values = raw.names(known)
    connection.execute(
        f"INSERT INTO gone SELECT extract_id, '{raw.entity}', CAST(row_number AS BIGINT), 'typed' FROM {raw.table} r"
        f" WHERE district_id = ? AND ({condition})",
        [district_id, *values],
    )
    return remove(
        connection, f"{raw.table} AS r", f"district_id = ? AND ({condition})", [district_id, *values], dry=dry
    )


def _find_unread(
    connection: DuckDBPyConnection, district_id: str, raw: _Raw, known: Mapping[str, set[str]]
) -> None:
    """Add the records that could not be split into fields, and so are in no raw table, by their key."""
    first = next(iter(raw.columns.values()))
    kinds = [kind for kind, sis in KINDS.items() if sis is raw.sis]
    connection.execute(
        "INSERT INTO gone SELECT x.extract_id, x.entity, x.row_number, x.stage FROM core.rejected_rows x"
        " JOIN ops.extracts e ON e.extract_id = x.extract_id AND e.district_id = x.district_id"
        " WHERE x.district_id = ? AND x.entity = ? AND x.stage = 'read' AND list_contains(?, e.sis)"
        " AND list_contains(?, x.record_key)",
        [district_id, raw.entity, kinds, sorted(known.get(first, ()))],
    )


_REJECTED: Final = (
    "district_id = ? AND EXISTS (SELECT 1 FROM gone g WHERE g.extract_id = x.extract_id AND g.entity = x.entity"
    " AND g.row_number = x.row_number AND g.stage = x.stage)"
)


def _remove_rejected(connection: DuckDBPyConnection, district_id: str, *, dry: bool) -> int:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE refused_rows AS SELECT extract_id, entity, stage, row_number"
        f" FROM core.rejected_rows x WHERE {_REJECTED}",
        [district_id],
    )
    return remove(connection, "core.rejected_rows AS x", _REJECTED, [district_id], dry=dry)


def _recount(connection: DuckDBPyConnection, district_id: str) -> None:
    """Take the student's records from the counts of the extracts, so that these still add up."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fewer AS SELECT g.extract_id, g.entity, count(*) AS records, count(r.row_number) AS rejected"
        " FROM gone g LEFT JOIN refused_rows r ON r.extract_id = g.extract_id AND r.entity = g.entity"
        " AND r.row_number = g.row_number AND r.stage = g.stage GROUP BY ALL"
    )
    connection.execute(
        "UPDATE ops.extracts e SET rows_rejected = e.rows_rejected - f.rejected, rows_loaded = e.rows_loaded - f.records + f.rejected"
        " FROM (SELECT extract_id, sum(records)::BIGINT AS records, sum(rejected)::BIGINT AS rejected FROM fewer GROUP BY ALL) f"
        " WHERE e.district_id = ? AND e.extract_id = f.extract_id",
        [district_id],
    )
    connection.execute(
        "UPDATE ops.extracts e SET files = f.files FROM (SELECT x.extract_id, list({'name': file.name, 'bytes': file.bytes,"
        " 'sha256': file.sha256, 'records': file.records - coalesce(fewer.records, 0), 'entity': file.entity} ORDER BY place) AS files"
        " FROM (SELECT extract_id, unnest(files) AS file, generate_subscripts(files, 1) AS place FROM ops.extracts"
        " WHERE district_id = $1 AND extract_id IN (SELECT extract_id FROM fewer)) x"
        " LEFT JOIN fewer ON fewer.extract_id = x.extract_id AND fewer.entity = file.entity GROUP BY x.extract_id) f"
        " WHERE e.district_id = $1 AND e.extract_id = f.extract_id",
        [district_id],
    )


def _empty_outbox(connection: DuckDBPyConnection, district_id: str, ids: set[str], *, dry: bool) -> int:
    """Take the payload from the student's rows and mark them as delivered: the order must stay without gaps."""
    theirs = (
        "district_id = ? AND (list_contains(?, payload ->> '$.student_id')"
        " OR list_contains(?, payload ->> '$.changed.student_id.from'))"
    )
    values = [district_id, sorted(ids), sorted(ids)]
    if dry:
        return remove(connection, "delivery.outbox", theirs, values, dry=True)
    emptied = connection.execute(
        "UPDATE delivery.outbox SET payload = NULL, delivered_at = coalesce(delivered_at, now())"
        f" WHERE {theirs}",
        values,
    )
    return int(emptied.fetchall()[0][0])
