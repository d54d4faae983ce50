"""Cheap proofs over the bytes of a file that every one of its lines is one whole, clean record.

Only then may DuckDB read the file: on such files it has one way to read them, and it is ours. The survey looks at each
byte a few times with the searches that CPython does in C, and gives up at the first doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sis_assets.sis.delimited.shapes import MIB, Limits

_CHUNK = MIB
_ORDINARY = bytes(range(256)).translate(None, bytes(range(9)) + bytes(range(10, 32)) + b'"')


@dataclass(frozen=True, slots=True)
class Survey:
    """What was proven: the number of lines after the header, and how they are to be read."""

    records: int
    quoted: bool
    carriage_returns: bool


class _DoubtError(Exception):
    """Something is unusual."""


def survey(path: Path, start: int, width: int, delimiter: bytes, limits: Limits) -> Survey | None:
    """Return the proof for the utf-8 file whose text begins at byte `start` with a header of `width` columns, or None.

    Proven: all lines end alike (LF or CR LF), none could hold a field that is too long, there is no control character,
    quotes are either all literal or all around whole fields, and the fields add up to `width` a line. Whoever reads the
    table must find exactly `records` rows: only that proves that no line is empty, has too few fields, or ends within
    quotes. That none repeats the header is left open, too.
    """
    if width == 1:
        return None
    surveyor = _Surveyor(width, delimiter, limits)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            rest = b""
            while chunk := file.read(_CHUNK):
                end = chunk.rfind(b"\n") + 1
                surveyor.look_at(rest + chunk[:end])
                rest = chunk[end:] if end else _doubt()
        if rest:
            surveyor.look_at(rest + (b"\r\n" if surveyor.carriage_returns else b"\n"))
    except _DoubtError:
        return None
    if surveyor.quoted and surveyor.literal_quotes:
        return None
    return Survey(surveyor.lines - 1, surveyor.quoted, bool(surveyor.carriage_returns))


def _doubt() -> bytes:
    raise _DoubtError


class _Surveyor:
    """Looks at blocks of whole lines and remembers what it saw."""

    def __init__(self, width: int, delimiter: bytes, limits: Limits) -> None:
        self._delimiter = delimiter
        self._width = width
        self._reach = min(limits.field_chars, limits.record_bytes) // 2
        self.lines = 0
        self.carriage_returns: bool | None = None
        self.quoted = self.literal_quotes = False

    def look_at(self, block: bytes) -> None:
        """Add what a block of whole lines shows; raises _DoubtError at anything unusual."""
        marks = block.translate(None, _ORDINARY)
        lines, returns = marks.count(b"\n"), marks.count(b"\r")
        self.lines += lines
        if self.carriage_returns is None:
            self.carriage_returns = returns > 0
        if returns != (lines if self.carriage_returns else 0) or (
            returns and block.count(b"\r\n") != returns
        ):
            _doubt()
        if marks.translate(None, b'"\r\n') or self._has_long_line(block):
            _doubt()
        quotes = b'"' in marks
        if quotes and (block.startswith(b'"') or self._delimiter + b'"' in block or b'\n"' in block):
            self.quoted = True
            patterns = _well_quoted(self._delimiter, self._width)
            if not any(pattern.fullmatch(block) for pattern in patterns):
                _doubt()
        else:
            self.literal_quotes |= quotes
            if block.count(self._delimiter) != (self._width - 1) * lines:
                _doubt()

    def _has_long_line(self, block: bytes) -> bool:
        """Tell whether some window as long as half a line may be holds no line end: a cheap and strict test."""
        if self._reach == 0:
            return True
        return any(block.find(b"\n", at, at + self._reach) < 0 for at in range(0, len(block), self._reach))


@cache
def _well_quoted(delimiter: bytes, width: int) -> tuple[re.Pattern[bytes], ...]:
    """Return the patterns of lines in which all fields are quoted, and in which any may be; quotes hold line ends here."""
    d = re.escape(delimiter)
    all_quoted = b'"%b"' % (b'"%b"' % d).join([rb'[^"]*+'] * width)
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"%b\r\n]*+)' % d
    some_quoted = b"(?:%b%b){%d}+%b" % (field, d, width - 1, field)
    return tuple(re.compile(rb"(?:%b\r?\n)*+" % line) for line in (all_quoted, some_quoted))
