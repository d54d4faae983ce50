"""Runs a SIS's RECORDS and TABLES over small raw tables in memory, by the rules that all SIS share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from sis_assets.model import canonical as rules
from sis_assets.model.reasons import REASONS
from sis_assets.model.schema import STUDENT_SCHOOLS, STUDENTS, Table
from sis_assets.sis.shape import Canonical, Records

DISTRICT = "sample"
Row = Mapping[str, Any]


@dataclass
class Canonicalised:
    """What came out: rows by canonical table, and the reason codes by raw entity and record number."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: dict[str, dict[int, str]] = field(default_factory=dict)

    def one(self, table: str) -> dict[str, Any]:
        (row,) = self.tables[table]
        return row

    def column(self, table: str, name: str) -> list[Any]:
        return sorted(row[name] for row in self.tables[table])


def canonicalised(
    raw_tables: Iterable[Table],
    records: Sequence[Records],
    tables: Sequence[Canonical],
    rows: Mapping[str, Sequence[Row]],
    *,
    as_of: str = "2026-02-02",
    year_end: str = "2026-06-08",
    date_format: str = "iso",
    codes: Mapping[str, Mapping[str, str]] | None = None,
    ids: Mapping[str, str] | None = None,
    excluded: Sequence[str] = (),
    leas: Sequence[str] = (),
    lea_column: str = "StateDistrictID",
) -> Canonicalised:
    """Lay the rows (column → text) into raw tables and run everything; every record must be accepted or refused."""
    with duckdb.connect() as connection:
        _raw(connection, raw_tables, rows)
        connection.execute(
            f"CREATE TABLE chosen AS SELECT '{DISTRICT}' AS district_id, 'sample-1' AS extract_id, DATE '{as_of}' AS as_of,"
            f" DATE '{year_end}' AS year_end, '{date_format}' AS date_format, $student AS student_ids, $school AS school_ids,"
            f" $state_id::VARCHAR AS state_ids, '{lea_column}' AS lea_column",
            {"student": "sourcedId", "school": "sourcedId", "state_id": None} | dict(ids or {}),
        )
        connection.execute("CREATE TABLE unread (district_id VARCHAR, entity VARCHAR, record_key VARCHAR)")
        for kind, column in (("grade", "grade"), ("status", "status"), ("exit", "reason")):
            connection.execute(
                f"CREATE TABLE {kind}_codes (district_id VARCHAR, code VARCHAR, {column} VARCHAR)"
            )
            for code, meaning in (codes or {}).get(kind, {}).items():
                connection.execute(f"INSERT INTO {kind}_codes VALUES (?, ?, ?)", [DISTRICT, code, meaning])
        _named(
            connection, "school_rules (district_id VARCHAR, school_id VARCHAR, takes_part BOOLEAN)", excluded
        )
        _named(connection, "leas (district_id VARCHAR, lea_id VARCHAR)", leas)
        connection.execute(
            "CREATE TABLE refused (entity VARCHAR, district_id VARCHAR, row_number BIGINT, reason_code VARCHAR)"
        )
        for each in records:
            _judge(connection, each, excluded)
        found = Canonicalised()
        for table in tables:
            relation = connection.execute(f"FROM ({table.query})")
            names = [column[0] for column in relation.description or ()]
            assert sorted(names) == sorted(table.table.column_names), table.table.name
            found.tables[table.table.name] = [
                dict(zip(names, row, strict=True)) for row in relation.fetchall()
            ]
        for entity, number, reason in connection.execute(
            "SELECT entity, row_number, reason_code FROM refused ORDER BY ALL"
        ).fetchall():
            assert reason in REASONS
            found.refused.setdefault(entity, {})[number] = reason
        return found


def _named(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> None:
    """Lay down what the district's file names; schools are named to be left out."""
    connection.execute(f"CREATE TABLE {relation}")
    for name in names:
        row = [DISTRICT, name, *([False] if "takes_part" in relation else [])]
        connection.execute(
            f"INSERT INTO {relation.partition(' ')[0]} VALUES ({', '.join('?' for _ in row)})", row
        )


def _raw(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], rows: Mapping[str, Sequence[Row]]
) -> None:
    left = set(rows)
    for table in tables:
        entity = table.name.partition("_")[2]
        left.discard(entity)
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        connection.execute(f"CREATE TABLE raw_{entity} ({columns})")
        for number, row in enumerate(rows.get(entity, ()), start=1):
            given = {"district_id": DISTRICT, "extract_id": "sample-1", "row_number": number, **row}
            unknown = given.keys() - set(table.column_names)
            assert not unknown, unknown
            names = ", ".join(f'"{name}"' for name in given)
            values = [
                value if isinstance(value, str | int) else json.dumps(value) for value in given.values()
            ]
            connection.execute(
                f"INSERT INTO raw_{entity} ({names}) VALUES ({', '.join('?' for _ in given)})", values
            )
    assert not left, left


def _judge(connection: duckdb.DuckDBPyConnection, records: Records, excluded: Sequence[str]) -> None:
    entity = records.entity
    connection.execute(f"CREATE TABLE {entity}_records AS {records.query}")
    counted = connection.execute(
        f"SELECT (SELECT count(*) FROM raw_{entity}), (SELECT count(*) FROM {entity}_records),"
        f" (SELECT count(DISTINCT row_number) FROM {entity}_records)"
    ).fetchall()[0]
    assert len(set(counted)) == 1, f"{entity}: raw, judged and distinct records are {counted}"
    connection.execute(
        f"INSERT INTO refused SELECT '{entity}', district_id, row_number, reason_code FROM {entity}_records"
        " WHERE reason_code IS NOT NULL"
    )
    if records.key:
        connection.execute(
            f"CREATE TABLE {entity}_repeats AS {rules.repeated(f'{entity}_records', records.key, records.distinct)}"
        )
        connection.execute(
            f"INSERT INTO refused SELECT '{entity}', district_id, row_number, reason_code"
            f" FROM ({rules.refusals(f'{entity}_repeats', records.key, records.same)})"
        )
    connection.execute(
        f"CREATE VIEW {entity}_good AS SELECT * FROM {entity}_records g WHERE NOT EXISTS (SELECT 1 FROM refused f"
        f" WHERE f.entity = '{entity}' AND f.row_number = g.row_number)"
    )
    for name, query in records.gives:
        for kind in ("records", "good"):
            connection.execute(f"CREATE VIEW {name}_{kind} AS {query.format(records=f'{entity}_{kind}')}")
    made = {entity, *(name for name, _ in records.gives)}
    if "schools" in made:
        connection.execute(
            "CREATE TABLE known_schools AS SELECT DISTINCT district_id, school_id FROM schools_records WHERE school_id IS NOT NULL"
        )
        left_out = ", ".join(f"'{school}'" for school in (*excluded, ""))
        connection.execute(
            f"CREATE TABLE schools_here AS SELECT * FROM known_schools WHERE school_id NOT IN ({left_out})"
        )
    if "students" in made:
        _keep(connection, entity)


def _keep(connection: duckdb.DuckDBPyConnection, entity: str) -> None:
    here = (
        "(SELECT *, row_number() OVER (PARTITION BY district_id, student_id"
        f" ORDER BY status <> 'active', {rules.PRIMARY_FIRST}) = 1 AS is_primary FROM students_good"
        " SEMI JOIN schools_here USING (district_id, school_id))"
    )
    for view, table in (("students_kept", STUDENTS), ("student_schools_kept", STUDENT_SCHOOLS)):
        condition = "WHERE is_primary" if table is STUDENTS else ""
        connection.execute(
            f"CREATE VIEW {view} AS SELECT {', '.join(table.column_names)} FROM {here} {condition}"
        )
    connection.execute("CREATE VIEW present AS SELECT DISTINCT district_id, student_id FROM students_good")
    connection.execute(
        f"CREATE VIEW rejected_students AS SELECT DISTINCT r.district_id, r.record_key FROM {entity}_records r"
        f" JOIN refused f ON f.entity = '{entity}' AND f.row_number = r.row_number WHERE r.record_key IS NOT NULL"
    )
