"""Landed rows (JSON, one a line) become a table of text: the contract's columns, and the rest as JSON.

DuckDB does the work; a row costs Python nothing. Nothing is lost: every line is a row of the table or is rejected.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.delimited import ReadFile, Rejected
from sis_assets.sis.documents.layout import Kind
from sis_assets.sis.documents.lines import NO_TEXT, OTHERS
from sis_assets.sis.reading import SourceFile

_MIB: Final = 1 << 20
#: Landed JSON holds no control characters, so neither mark occurs in it. Not parallel: line numbers must be the file's.
_LINES: Final = (
    "read_csv($landed, auto_detect = false, header = false, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '',"
    " escape = '', nullstr = '\x02', parallel = false, strict_mode = false, max_line_size = {longest}, buffer_size = {buffer})"
)


def flatten(connection: duckdb.DuckDBPyConnection, kind: Kind, source: SourceFile, into: Path) -> ReadFile:
    """Write the landed rows of a kind as the Parquet file `into` (0600), with the columns that `ReadFile` tells.

    A row that holds half a surrogate pair is rejected: it is no text. Raises PermanentFault, which names the fields, when
    required fields are in no row.
    """
    columns = tuple(field.name for field in kind.fields)
    lines, longest = _measured(source.path)
    landed = {"landed": str(source.path)}
    text = _LINES.format(longest=max(longest, 2 * _MIB), buffer=max(4 * longest, 32 * _MIB))
    numbered = f"(SELECT row_number() OVER () AS row_number, json_transform(line, '{_structure(kind)}') AS landed FROM {text})"
    os.close(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    connection.execute(
        f"COPY (SELECT row_number, {_columns(kind)} FROM {numbered} WHERE landed.{NO_TEXT} IS NULL)"
        f" TO '{_quoted(into)}' (FORMAT parquet, USE_TMP_FILE false)",
        landed,
    )
    present = ", ".join(f'count("{name}")' for name in columns)
    rows, *counts = connection.execute(
        f"SELECT count(*), {present} FROM read_parquet($table)", {"table": str(into)}
    ).fetchall()[0]
    rejected = (
        connection.execute(
            f"SELECT row_number FROM {numbered} WHERE landed.{NO_TEXT} IS NOT NULL ORDER BY row_number",
            landed,
        ).fetchall()
        if rows < lines
        else []
    )
    structures = connection.execute(
        "SELECT DISTINCT json_structure(other_columns)::VARCHAR FROM read_parquet($table) WHERE other_columns IS NOT NULL",
        {"table": str(into)},
    ).fetchall()
    nowhere = {field.name for field, count in zip(kind.fields, counts, strict=True) if count == 0}
    if rows and (
        missing := [field.path for field in kind.fields if field.name in nowhere and field.required]
    ):
        raise PermanentFault(
            tried=f"Reading {kind.name}",
            seen=f"no record has {', '.join(missing)}",
            todo="Report this with the version of the SIS; the contract must be adapted",
            mover=Mover.ENGINEER,
        )
    return ReadFile(
        parquet=into,
        columns=columns,
        unknown_columns=tuple(
            sorted({name for (text,) in structures for name in _leaves(json.loads(text), "")})
        ),
        missing_optional=tuple(field.name for field in kind.fields if field.name in nowhere),
        records=rows + len(rejected),
        rejected=tuple(Rejected(number, None, "half_a_character", _HALF) for (number,) in rejected),
        encoding="utf-8",
    )


_HALF: Final = "a value holds half of a character that takes two places"


def flattening(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection for `flatten`, in memory; what does not fit is laid into `scratch` for a while.

    One thread: the lines are read in their order, so others would only wait, busily.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(scratch / "spill"),
        "memory_limit": "512MB",
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    return duckdb.connect(config=settings)


def _measured(path: Path) -> tuple[int, int]:
    """Return how many lines a landed file has, and how long the longest is."""
    count = longest = 0
    with path.open("rb") as file:
        for line in file:
            count += 1
            longest = max(longest, len(line))
    return count, longest + 1


def _structure(kind: Kind) -> str:
    """Return the structure to which a landed row is brought. What is no object where one belongs counts as absent."""
    structure: dict[str, Any] = {OTHERS: "JSON", NO_TEXT: "VARCHAR"}
    for field in kind.fields:
        for path in field.paths:
            outer, _, inner = path.rpartition(".")
            (structure.setdefault(outer, {}) if outer else structure)[inner] = "VARCHAR"
    return json.dumps(structure)


def _columns(kind: Kind) -> str:
    columns = []
    for field in kind.fields:
        places = [".".join(["landed", *(f'"{part}"' for part in path.split("."))]) for path in field.paths]
        columns.append(f'coalesce({", ".join([*places, "NULL"])}) AS "{field.name}"')
    return ", ".join([*columns, f"landed.{OTHERS}::VARCHAR AS other_columns"])


def _leaves(structure: Any, path: str) -> Iterator[str]:
    """Give the dotted names of what a JSON structure holds."""
    if isinstance(structure, dict) and structure:
        for name, inner in structure.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
