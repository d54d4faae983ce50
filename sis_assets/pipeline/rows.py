"""Values of ours on their way into SQL: constants that let the lake skip files, and small temporary tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def quoted(names: Sequence[str]) -> str:
    """Return ids of our own making as a list of SQL constants, which let the lake skip files."""
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)


def lay(connection: DuckDBPyConnection, table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
    """Make the temporary table `table` of these columns (names and types) with these rows."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    listed = list(rows)
    if listed:
        width = f"({', '.join('?' for _ in listed[0])})"
        connection.execute(
            f"INSERT INTO {table} VALUES {', '.join([width] * len(listed))}",
            [value for row in listed for value in row],
        )
