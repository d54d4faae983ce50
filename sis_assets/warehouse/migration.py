"""Makes the lake's schema what `model/schema.py` says: missing schemas, tables, columns and descriptions are added.

Nothing is dropped or retyped: an older version of this program may still be at work on the same lake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.model.schema import Table

_VERSIONS = "ops.schema_versions"


def is_current(connection: DuckDBPyConnection, tables: Sequence[Table]) -> bool:
    """Whether the lake has been brought to this very definition of the tables before: one small query."""
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    with suppress(duckdb.CatalogException):
        query = f"SELECT 1 FROM {_VERSIONS} WHERE fingerprint = ? LIMIT 1"
        return bool(connection.execute(query, [_fingerprint(tables)]).fetchall())
    return False


def migrate(connection: DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Bring the lake to these tables in one transaction; the caller holds the writers' lock.

    What another process has done since is found done.
    """
    connection.execute("BEGIN")
    try:
        connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_VERSIONS} (fingerprint VARCHAR, applied_at TIMESTAMPTZ)"
        )
        if not is_current(connection, tables):
            for statement in _statements(connection, tables):
                connection.execute(statement)
            connection.execute(f"INSERT INTO {_VERSIONS} VALUES (?, now())", [_fingerprint(tables)])
        connection.execute("COMMIT")
    except BaseException:
        with suppress(Exception):
            connection.execute("ROLLBACK")
        raise


def literal(text: str) -> str:
    """Return the text as an SQL constant."""
    return "'" + text.replace("'", "''") + "'"


def _fingerprint(tables: Sequence[Table]) -> str:
    return hashlib.sha256(repr(tables).encode()).hexdigest()


def _statements(connection: DuckDBPyConnection, tables: Sequence[Table]) -> Iterator[str]:
    columns: dict[str, dict[str, str | None]] = {}
    for table, column, comment in connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = current_database()"
    ).fetchall():
        columns.setdefault(table, {})[column] = comment
    described = dict(
        connection.execute(
            "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE database_name = current_database()"
        ).fetchall()
    )
    for schema in sorted({table.schema for table in tables}):
        yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    for table in tables:
        present = columns.get(table.qualified)
        if present is None:
            listed = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            yield f"CREATE TABLE {table.qualified} ({listed})"
            if table.by_district:
                yield f"ALTER TABLE {table.qualified} SET PARTITIONED BY (district_id)"
            present = dict.fromkeys(table.column_names)
        if described.get(table.qualified) != table.description:
            yield f"COMMENT ON TABLE {table.qualified} IS {literal(table.description)}"
        for column in table.columns:
            if column.name not in present:
                yield f'ALTER TABLE {table.qualified} ADD COLUMN "{column.name}" {column.type}'
            if present.get(column.name) != column.description:
                yield f'COMMENT ON COLUMN {table.qualified}."{column.name}" IS {literal(column.description)}'
