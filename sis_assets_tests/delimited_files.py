"""Delimited files for the tests: a layout, ways to write a table and to see what was read, and an oracle of RFC 4180.

The oracle shares nothing with the readers: it walks characters, knows well-formed files only, and raises for all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sis_assets.model.faults import PermanentFault
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadFile, read_delimited

LAYOUT = Layout(
    columns={
        "student_id": ("StudentID",),
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "grade": ("CurrentGrade", "CurrentYear"),
        "email": ("Email",),
    },
    required=frozenset({"student_id", "first_name", "last_name", "grade"}),
    key="student_id",
)
HEADER = ("StudentID", "FirstName", "LastName", "CurrentGrade", "Email")
SMALL = Limits(file_bytes=1 << 20, record_bytes=4000, field_chars=1000, columns=50)
PIPE = Dialect()


def student(number: int) -> tuple[str, ...]:
    return (
        str(1000 + number),
        f"Given-{number:04}",
        f"Family-{number:04}",
        str(number % 13),
        f"s{number}@example.org",
    )


def lines(*records: Iterable[str], delimiter: str = "|", end: str = "\n") -> bytes:
    """Write records as they are, unquoted."""
    return "".join(delimiter.join(record) + end for record in records).encode()


def students(count: int, **how: str) -> bytes:
    return lines(HEADER, *map(student, range(count)), **how)


def read(
    folder: Path, data: bytes, dialect: Dialect = PIPE, limits: Limits = SMALL, layout: Layout = LAYOUT
) -> ReadFile:
    """Read the bytes and check what holds for every reading: the sum, the file's mode, and that nothing is left over."""
    path, into = folder / "Student.txt", folder / "out.parquet"
    path.write_bytes(data)
    got = read_delimited(path, layout, dialect, limits, into)
    assert len(rows(got)) + len(got.rejected) == got.records
    assert into.stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in folder.iterdir()) == ["Student.txt", "out.parquet"]
    return got


def refusal(folder: Path, data: bytes, dialect: Dialect = PIPE, limits: Limits = SMALL) -> PermanentFault:
    """Return the fault that refuses the bytes, and check that nothing is left over."""
    path, into = folder / "Student.txt", folder / "out.parquet"
    path.write_bytes(data)
    with pytest.raises(PermanentFault) as caught:
        read_delimited(path, LAYOUT, dialect, limits, into)
    assert [entry.name for entry in folder.iterdir()] == ["Student.txt"]
    return caught.value


def rows(got: ReadFile) -> dict[int, tuple[str, ...]]:
    """Return the values of the loaded records by row number."""
    columns = ", ".join(("row_number", *got.columns))
    found = _query(f"SELECT {columns} FROM read_parquet(?)", got.parquet)
    by_number = {row[0]: row[1:] for row in found}
    assert len(by_number) == len(found)
    return by_number


def others(got: ReadFile) -> dict[int, dict[str, str] | None]:
    """Return the unknown columns of the loaded records by row number."""
    query = "SELECT row_number, other_columns FROM read_parquet(?)"
    found = _query(query, got.parquet)
    return {number: None if text is None else json.loads(text) for number, text in found}


def _query(query: str, parquet: Path) -> list[tuple[Any, ...]]:
    escaped = str(parquet).translate({ord(c): f"[{c}]" for c in "[]*?"})
    return _connection().execute(query, [escaped]).fetchall()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


def reasons(got: ReadFile) -> list[tuple[int, str | None, str]]:
    return [(rejected.row_number, rejected.record_key, rejected.reason_code) for rejected in got.rejected]


def written(table: Sequence[Sequence[str]], delimiter: str, end: str, *, quote_all: bool) -> bytes:
    """Write a table by RFC 4180."""

    def field(value: str) -> str:
        needed = quote_all or any(c in value for c in (delimiter, '"', "\r", "\n"))
        return '"' + value.replace('"', '""') + '"' if needed else value

    return "".join(delimiter.join(map(field, record)) + end for record in table).encode()


def oracle(text: str, delimiter: str) -> list[list[str]]:
    """Return the records of a well-formed text without its blank lines; ValueError for any other."""
    records: list[list[str]] = []
    record: list[str] = []
    at = 0
    while at < len(text):
        line = text[at:].splitlines(keepends=True)[0]
        if not record and not line.strip(" \t\r\n"):
            at += len(line)
            continue
        if text[at] == '"':
            value, at = _quoted_value(text, at + 1)
        else:
            value = ""
            while at < len(text) and text[at] not in (delimiter, "\r", "\n"):
                value += text[at]
                at += 1
        record.append(value)
        if at < len(text) and text[at] == delimiter:
            at += 1
            continue
        if at == len(text) or text[at] not in "\r\n":
            raise ValueError("not well-formed")
        at += 2 if text[at : at + 2] == "\r\n" else 1
        records.append(record)
        record = []
    return records


def _quoted_value(text: str, at: int) -> tuple[str, int]:
    value = ""
    while at < len(text):
        if text[at] != '"':
            value += text[at]
            at += 1
        elif text[at + 1 : at + 2] == '"':
            value += '"'
            at += 2
        else:
            return value, at + 1
    raise ValueError("open quote")


def with_columns(limits: Limits, columns: int) -> Limits:
    return replace(limits, columns=columns)
