"""How many records a file holds, found by other means than the parser's, so that a record lost shows as a difference.

The parser walks fields; this counts evidence in the bytes: every line that is neither blank nor the header is a record,
except that one match of the record's regular expression may join lines, if they then make a record of the right width.
A quote that swallows lines for the parser alone, a chunk read twice or not at all, a line that a library skips: each
makes the two numbers differ.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from sis_assets.sis.delimited.header import Header
from sis_assets.sis.delimited.shapes import MIB

_WINDOW = 4 * MIB


def count_records(path: Path, start: int, header: Header, delimiter: bytes, record_bytes: int) -> int:
    """Return the number of records in the utf-8 file from byte `start` on, the header and its repetitions not counted."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return _Counter(text, header, delimiter, record_bytes).count(start)


class _Counter:
    def __init__(self, text: mmap.mmap, header: Header, delimiter: bytes, record_bytes: int) -> None:
        d = re.escape(delimiter)
        field = rb'(?:"[^"]*+(?:""[^"]*+)*+"(?=' + d + rb'|[\r\n]|\Z)|(?!")[^' + d + rb"\r\n]*+)"
        end = rb"(?:\r\n|\n|\r|\Z)"
        self._record = re.compile(field + rb"(?:" + d + field + rb")*+" + end)
        self._line = re.compile(rb"[^\r\n]*+" + end)
        self._next_field = re.compile(rb"(?:\A|" + d + rb")(" + field + rb")")
        self._text = text
        self._header = header
        self._header_key = header.names[header.key].lower().encode()
        self._blanks = b" \t\r\n".replace(delimiter, b"")
        self._record_bytes = record_bytes

    def count(self, start: int) -> int:
        text, size = self._text, len(self._text)
        at, found = start, 0
        while at < size:
            window = min(at + _WINDOW, size)
            quote = text.find(b'"', at, window)
            plain = (
                size if quote < 0 and window == size else self._line_start(at, window if quote < 0 else quote)
            )
            if plain > at:
                found += sum(map(self._is_record, text[at:plain].splitlines(keepends=True)))
                at = plain
            else:
                end = self._record_end(at)
                found += self._is_record(text[at:end])
                at = end
        return found

    def _line_start(self, at: int, before: int) -> int:
        """Return the start of the line that byte `before` lies in, but not less than `at`."""
        ends = (self._text.rfind(b"\n", at, before), self._text.rfind(b"\r", at, before))
        return max(at, max(ends) + 1)

    def _record_end(self, at: int) -> int:
        text = self._text
        line = self._line.match(text, at)
        line_end = line.end() if line else len(text)
        record = self._record.match(text, at, min(at + self._record_bytes + 1, len(text)))
        if record is None or record.end() - at > self._record_bytes:
            return line_end
        joined = record.end() > line_end
        return (
            line_end
            if joined and len(self._fields(record.group())) != len(self._header.names)
            else record.end()
        )

    def _fields(self, record: bytes) -> list[bytes]:
        fields = self._next_field.findall(record.rstrip(b"\r\n"))
        return [f[1:-1].replace(b'""', b'"') if f.startswith(b'"') else f for f in fields]

    def _is_record(self, text: bytes) -> bool:
        if not text.strip(self._blanks):
            return len(text) > self._record_bytes
        if self._header_key not in text.lower():
            return True
        fields = self._fields(text)
        at_key = fields[self._header.key].lower() if self._header.key < len(fields) else b""
        return not (self._header_key in at_key and self._header.is_repeated_by(fields))
