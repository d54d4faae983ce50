"""Records as JSON, one a line, laid out as the CSV that they stand for, so that one reader reads both."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: Values that RFC 4180 writes in quotes.
_QUOTED: Final = re.compile(r'[",\r\n]|^\s|\s$')
_LONGEST_LINE: Final = 1 << 20


def as_csv(source: Path, fields: Sequence[str], into: Path) -> None:
    """Write the objects of `source` (UTF-8) as rows of these fields into the file `into`, one row for each line.

    A key that is missing or null is empty; unknown keys are left out; numbers are written as they stand. A line that is no
    object of texts and whole numbers becomes a row of too many fields, so that it is counted and refused there, and alone.
    """
    with source.open("rb") as lines, into.open("w", encoding="utf-8", newline="\n") as sink:
        sink.write(",".join(fields) + "\n")
        while line := lines.readline(_LONGEST_LINE):
            if line.strip():
                sink.write(_row(line, fields) + "\n")


def _row(line: bytes, fields: Sequence[str]) -> str:
    try:
        found = json.loads(
            line.decode("utf-8-sig"), parse_int=str, parse_float=_refuse, parse_constant=_refuse
        )
        values = [found.get(name) for name in fields]
    except (ValueError, AttributeError, RecursionError):
        return _too_many(fields)
    if any(not isinstance(value, str | None) for value in values):
        return _too_many(fields)
    return ",".join(_written(value or "") for value in values)


def _refuse(number: str) -> str:
    raise ValueError(number)


def _written(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _QUOTED.search(value) else value


def _too_many(fields: Sequence[str]) -> str:
    return "," * len(fields)
