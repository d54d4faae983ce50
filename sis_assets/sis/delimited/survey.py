"""Cheap proofs over the bytes of a file that every one of its lines is one whole, clean record.

Only then may DuckDB read the file: on such files it has one way to read them, and it is ours. The survey looks at each
byte a few times with the searches that CPython does in C, and gives up at the first doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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
    padded: bool


class _DoubtError(Exception):
    """Something is unusual."""


def survey(path: Path, start: int, width: int, delimiter: bytes, limits: Limits) -> Survey | None:
    """Return the proof for the utf-8 file whose text begins at byte `start` with a header of `width` columns, or None.

    Proven: all lines end alike (LF or CR LF), none is empty or could hold a field that is too long, there is no control
    character, and quotes are either all literal or all around whole fields that hold no line end. Where there are quotes
    around fields each line is proven to have `width` fields, elsewhere all lines together. That no line has too few, and
    that none repeats the header, is left to whoever reads the table.
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
    return Survey(surveyor.lines - 1, surveyor.quoted, bool(surveyor.carriage_returns), surveyor.padded)


def _doubt() -> bytes:
    raise _DoubtError


class _Surveyor:
    """Looks at blocks of whole lines and remembers what it saw."""

    def __init__(self, width: int, delimiter: bytes, limits: Limits) -> None:
        d = re.escape(delimiter)
        field = rb'(?:"[^"\r\n]*+(?:""[^"\r\n]*+)*+"|[^"' + d + rb"\r\n]*+)"
        self._well_quoted = re.compile(rb"(?:(?:%b%b){%d}+%b\r?\n)*+" % (field, d, width - 1, field))
        self._delimiter = delimiter
        self._separators = width - 1
        self._reach = min(limits.field_chars, limits.record_bytes) // 2
        self.lines = 0
        self.carriage_returns: bool | None = None
        self.quoted = self.literal_quotes = self.padded = False

    def look_at(self, block: bytes) -> None:
        """Add what a block of whole lines shows; raises _DoubtError at anything unusual."""
        marks = block.translate(None, _ORDINARY)
        lines = marks.count(b"\n")
        self.lines += lines
        if self.carriage_returns is None:
            self.carriage_returns = b"\r" in marks
        returns = marks.count(b"\r")
        if returns != (lines if self.carriage_returns else 0) or block.count(b"\r\n") != returns:
            _doubt()
        if (
            marks.translate(None, b'"\r\n')
            or block.startswith((b"\n", b"\r"))
            or b"\n\n" in block
            or b"\n\r" in block
        ):
            _doubt()
        if any(block.find(b"\n", at, at + self._reach) < 0 for at in range(0, len(block), self._reach)):
            _doubt()
        if b'"' in marks and (block.startswith(b'"') or self._delimiter + b'"' in block or b'\n"' in block):
            self.quoted = True
            if self._well_quoted.fullmatch(block) is None:
                _doubt()
        else:
            self.literal_quotes |= b'"' in marks
            if block.count(self._delimiter) != self._separators * lines:
                _doubt()
        self.padded = self.padded or self._shows_padding(block, quotes=b'"' in marks)

    def _shows_padding(self, block: bytes, *, quotes: bool) -> bool:
        if b"\t" in block and self._delimiter != b"\t":
            return True
        if b" " not in block:
            return False
        ends = [self._delimiter, b"\r" if self.carriage_returns else b"\n"]
        pairs = [pair for end in [*ends, b'"'][: 3 if quotes else 2] for pair in (end + b" ", b" " + end)]
        return block.startswith(b" ") or b"\n " in block or any(pair in block for pair in pairs)
