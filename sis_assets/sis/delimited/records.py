"""The grammar of records: physical lines become records, each with its fields or with what is wrong with it.

A field that begins with a double quote is read by RFC 4180; anywhere else a quote is a character like any other. A line
ends with LF, CR LF or CR, also mixed. When the quoting of a record does not work out, its first line alone is the broken
record and reading goes on with the next line: a stray quote costs one line, never the lines after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sis_assets.sis.delimited.shapes import MIB

_CHUNK = MIB
_KEY_REACH = 4096  # of a line that is too long, as much as a key may need


class Record(NamedTuple):
    """The fields of a record (those before the trouble, when `problem` names a reason code), and its bytes.

    `bytes` holds all physical lines of the record with their line ends, cut when a line is too long.
    """

    fields: list[bytes]
    problem: str | None
    bytes: bytes


class OpenQuoteError(Exception):
    """The file ends within a quoted field."""


class Lines:
    """The physical lines of a utf-8 file, each with its line end; lines can be put back.

    A line longer than `limit` bytes is cut after `limit` + 1 bytes: enough to see that it is too long.
    """

    def __init__(self, path: Path, start: int, limit: int) -> None:
        self._waiting: deque[bytes] = deque()
        self._lines = _physical_lines(path, start, limit)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._waiting.popleft() if self._waiting else next(self._lines)

    def put_back(self, lines: Iterable[bytes]) -> None:
        """Give lines back, in their order, to be read again."""
        self._waiting.extendleft(reversed(list(lines)))


def _physical_lines(path: Path, start: int, limit: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        begun: list[bytes] = []  # the pieces of a line whose end is still to come, as far as they count
        room = limit + 1
        held = b""
        while chunk := file.read(_CHUNK):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""  # its LF may come with the next chunk
            lines = chunk.removesuffix(held).splitlines(keepends=True)
            if begun and lines and lines[0].endswith((b"\n", b"\r")):
                begun.append(lines[0] if room else _line_end(lines[0]))
                lines[0] = b"".join(begun)
                begun, room = [], limit + 1
            if lines and not lines[-1].endswith((b"\n", b"\r")):
                piece = lines.pop()[:room]
                begun.append(piece)
                room -= len(piece)
            yield from lines
        if begun or held:
            yield b"".join(begun) + held


def _line_end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def records(lines: Lines, delimiter: bytes, record_bytes: int, width: int | None = None) -> Iterator[Record]:
    """Yield the records of the lines; blank lines are none.

    The quoting of a record that takes several lines works out only when it then has `width` fields (None: any number).
    Raises OpenQuoteError when the file ends within a quoted field.
    """
    blanks = b" \t\r\n".replace(delimiter, b"")
    for line in lines:
        if len(line) > record_bytes:
            yield Record(line[:_KEY_REACH].split(delimiter)[:-1], "record_too_long", line)
        elif not line.strip(blanks):
            continue
        elif b'"' not in line:
            yield Record(line.rstrip(b"\r\n").split(delimiter), None, line)
        else:
            yield _quoted(line, lines, delimiter, record_bytes, width)


def _quoted(line: bytes, lines: Lines, delimiter: bytes, record_bytes: int, width: int | None) -> Record:
    """Read one record that may hold quoted fields, with the further lines that these need."""
    text = bytearray(line)
    taken: list[bytes] = []
    fields: list[bytes] = []
    in_first_line = at = 0
    problem = "bad_quoting"
    while True:
        if text.startswith(b'"', at):
            opening, closing = at + 1, _closing_quote(text, at, lines, taken, record_bytes)
            if closing < 0:
                problem = "record_too_long"
                break
            value = bytes(text[opening:closing]).replace(b'""', b'"')
            at = closing + 1
            last = not text[at:].strip(b"\r\n")
            if not last and not text.startswith(delimiter, at):
                break
        else:
            closing = text.find(delimiter, at)
            last = closing < 0
            value = bytes(text[at:].rstrip(b"\r\n") if last else text[at:closing])
            at = closing
        fields.append(value)
        in_first_line += not taken
        if last:
            if taken and width not in {None, len(fields)}:
                break
            return Record(fields, None, bytes(text))
        at += len(delimiter)
    lines.put_back(taken)
    return Record(fields[:in_first_line], problem, line)


def _closing_quote(text: bytearray, opening: int, lines: Lines, taken: list[bytes], record_bytes: int) -> int:
    """Return where the quoted field that opens there ends, -1 when only beyond the limit; `text` grows by `taken`."""
    at = opening + 1
    while True:
        quote = text.find(b'"', at)
        if quote < 0:
            at = len(text)
            further = next(lines, None)
            if further is None:
                raise OpenQuoteError
            text += further
            taken.append(further)
            if len(text) > record_bytes:
                return -1
        elif text.startswith(b'"', quote + 1):
            at = quote + 2
        else:
            return quote
