"""Values of ours on their way into SQL: constants that let the lake skip files, and rows of small tables.

Rows go as one JSON parameter: to bind them one by one costs the planner twenty times as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.model.schema import Table


def quoted(names: Sequence[str]) -> str:
    """Return ids of our own making as a list of SQL constants, which let the lake skip files."""
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)


def insert(connection: DuckDBPyConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows, which all have the same keys, to a small table of the lake, by name."""
    if rows:
        types = {column.name: column.type for column in table.columns}
        relation = _relation({name: types[name] for name in rows[0]})
        connection.execute(f"INSERT INTO {table.qualified} BY NAME {relation}", [_json(rows)])


def lay(
    connection: DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]
) -> None:
    """Make the temporary table `table` of these columns (name → type) with these rows."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_relation(columns)}", [_json(named)])


def _relation(columns: Mapping[str, str]) -> str:
    shape = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    return f"SELECT row.* FROM (SELECT unnest(CAST(CAST($1 AS JSON) AS STRUCT({shape})[])) AS row)"


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str, ensure_ascii=False)
