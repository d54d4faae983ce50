"""Finds, in the lake's own schema, what belongs to a district, and removes it. The transaction is the caller's.

The tables are those that the lake has, not those that this version knows: nothing can be forgotten in a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sis_assets.model.schema import AUDIT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Columns = Mapping[str, frozenset[str]]


def tables_of_districts(connection: DuckDBPyConnection) -> Columns:
    """Return every table of the lake that has a district_id, as schema.table → its columns; the audit aside.

    The audit is never removed: it holds no student's data, and whoever purges must not purge the trace of it.
    """
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns()"
        " WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
    ).fetchall():
        found.setdefault(table, set()).add(column)
    return {
        table: frozenset(columns)
        for table, columns in found.items()
        if "district_id" in columns and table != AUDIT.qualified
    }


def remove(
    connection: DuckDBPyConnection, table: str, condition: str, values: Sequence[Any], *, dry: bool = False
) -> int:
    """Delete the rows of a table for which the condition holds and return how many there were; `dry` only counts them."""
    if dry:
        counted = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", list(values))
    else:
        counted = connection.execute(f"DELETE FROM {table} WHERE {condition}", list(values))
    return int(counted.fetchall()[0][0])


def remove_district(connection: DuckDBPyConnection, district_id: str, *, dry: bool = False) -> dict[str, int]:
    """Remove every row of a district and return how many, by table; tables without any are left out."""
    counts = {
        table: remove(connection, table, "district_id = ?", [district_id], dry=dry)
        for table in tables_of_districts(connection)
    }
    return {table: count for table, count in counts.items() if count}
