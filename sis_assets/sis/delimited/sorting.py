"""Records are accepted or rejected, each with its number, and each rejected one with its key if that can be trusted.

A key protects a student from being taken for missing, so one that may be wrong is worse than none. It is trusted when
the record has all its fields; in a record with too few, when it stands before the last of them, the record before is not
short too, and it is shaped (digits, letters, signs) like the key of an accepted record; in one with too many or with
broken quoting, when besides it comes before the trouble.

A line break that was not quoted tears a record into pieces, and a piece can look whole. So a short record without a
trusted key also rejects the whole record right before it (reason `line_break`), unless nothing but such pieces follows:
that is a footer. A whole record right after a line without any delimiter is rejected too, unless its first field is a
trusted key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from sis_assets.sis.delimited.header import Header
from sis_assets.sis.delimited.records import Record
from sis_assets.sis.delimited.shapes import Limits, Rejected

FIELD_END, LINE_FEED, CARRIAGE_RETURN = b"\x1f", b"\x1e", b"\x1d"

_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")
_LONGEST_KEY = 256

_MESSAGES = {
    "too_few_fields": "the record has fewer fields than the header; a line break in a value that is not quoted does this",
    "too_many_fields": "the record has more fields than the header; a delimiter in a value that is not quoted does this",
    "line_break": "the record was torn by a line break in a value that is not quoted: a piece of it stands on a line alone",
    "bad_quoting": "a quoted value does not end with a quote right before a delimiter or a line end",
    "ambiguous_quoting": "the record spans several lines, each of which would be a whole record; a quote seems to be missing",
    "control_character": "a value holds a control character",
    "field_too_long": "a value is longer than the limit for a field",
    "record_too_long": "the record is longer than the limit for a record",
}


class Sorted(NamedTuple):
    """How many records were accepted, which were rejected, and whether accepted values hold line ends."""

    accepted: int
    rejected: tuple[Rejected, ...]
    line_ends: bool


class _Whole(NamedTuple):
    """A record with all its fields, not written yet: the next record may tell that it was torn."""

    number: int
    fields: list[bytes]
    key: bytes


class Sorter:
    """Numbers records, writes the accepted ones to `sink` and keeps the rejected ones.

    A written line is the number and the trimmed fields, each after a FIELD_END, with line ends in values replaced by
    LINE_FEED and CARRIAGE_RETURN: accepted values hold no such control characters.
    """

    def __init__(self, header: Header, delimiter: bytes, limits: Limits, sink: BinaryIO) -> None:
        self._header = header
        self._delimiter = delimiter
        self._blanks = b" \t".replace(delimiter, b"")
        self._limits = limits
        self._sink = sink
        self._width = len(header.names)
        self._number = self._accepted = 0
        self._rejected: list[Rejected] = []
        self._untested: dict[int, bytes] = {}
        self._line_ends = False
        self._first_key: bytes | None = None
        self._last_key: bytes | None = None
        self._held: _Whole | None = None
        self._torn = self._after_short = self._after_fragment = False

    def sort(self, records: Iterable[Record]) -> Sorted:
        """Sort all records of a file. Records equal to the header are none and get no number."""
        header_key = self._header.names[self._header.key].lower().encode()
        width, key = self._width, self._header.key
        for record in records:
            fields = record.fields
            whole = record.problem is None and len(fields) == width
            if whole and header_key in fields[key].lower() and self._header.is_repeated_by(fields):
                continue
            self._number += 1
            if whole:
                self._take_whole(record)
            elif record.problem is None and len(fields) < width:
                self._take_short(fields)
            else:
                self._settle()
                at_fault = record.problem or "too_many_fields"
                trusted = not self._after_short and (record.problem is not None or key == 0)
                self._reject(at_fault, self._shaped(fields[key]) if trusted and key < len(fields) else None)
                self._after_short = self._after_fragment = False
        self._write_held()
        return Sorted(self._accepted, self._told(), self._line_ends)

    def _take_whole(self, record: Record) -> None:
        self._settle()
        fields = [field.strip(self._blanks) for field in record.fields]
        key = fields[self._header.key]
        torn = self._after_fragment and not (self._header.key == 0 and self._is_shaped(key))
        self._after_short = self._after_fragment = False
        problem, key_is_sound = self._problem_of(record, fields)
        if torn:
            self._reject("line_break", None if self._header.key == 0 else key)
        elif problem is not None:
            self._reject(problem, key if key_is_sound else None)
        else:
            self._held = _Whole(self._number, fields, key)
            self._last_key = key
            if self._first_key is None:
                self._first_key = key

    def _problem_of(self, record: Record, fields: list[bytes]) -> tuple[str | None, bool]:
        """Return what is wrong with a record that has all its fields, and whether its key is not what is wrong."""
        key = fields[self._header.key]
        if len(record.bytes.translate(None, _CONTROLS)) != len(record.bytes):
            return "control_character", len(key.translate(None, _CONTROLS)) == len(key)
        longest = self._limits.field_chars
        if len(record.bytes) > longest and any(
            len(field) > longest and len(field.decode()) > longest for field in fields
        ):
            return "field_too_long", len(key) <= longest
        several_lines = (
            any(b"\n" in field or b"\r" in field for field in fields) if _spans_lines(record.bytes) else False
        )
        if several_lines and self._each_line_is_a_record(record.bytes, key):
            return "ambiguous_quoting", False
        self._line_ends |= several_lines
        return None, True

    def _each_line_is_a_record(self, text: bytes, key: bytes) -> bool:
        """Tell whether a quote that was forgotten may have swallowed records: then every line looks like one."""
        lines = [line.split(self._delimiter) for line in text.splitlines()]
        keys = [
            line[self._header.key].strip(self._blanks + b'"') for line in lines if len(line) == self._width
        ]
        return len(keys) == len(lines) and all(_shape(k) == _shape(key) for k in keys)

    def _take_short(self, fields: list[bytes]) -> None:
        at = self._header.key
        key = self._shaped(fields[at]) if at < len(fields) - 1 and not self._after_short else None
        if key is None:
            self._torn = True
        else:
            self._settle()
        self._reject("too_few_fields", key)
        self._after_short = True
        self._after_fragment = len(fields) == 1

    def _settle(self) -> None:
        """Decide on the whole record before, now that another record has begun."""
        if self._torn and self._held is not None:
            self._rejected.append(_rejected(self._held.number, self._held.key, "line_break"))
            self._held = None
        self._write_held()
        self._torn = False

    def _write_held(self) -> None:
        if self._held is not None:
            line = FIELD_END.join([b"%d" % self._held.number, *self._held.fields])
            if self._line_ends:
                line = line.replace(b"\n", LINE_FEED).replace(b"\r", CARRIAGE_RETURN)
            self._sink.write(line + b"\n")
            self._accepted += 1
            self._held = None

    def _reject(self, reason: str, key: bytes | None) -> None:
        self._rejected.append(_rejected(self._number, key, reason))

    def _shaped(self, field: bytes) -> bytes | None:
        """Return the key that the field holds if it looks like the keys of the file; without any yet, try at the end."""
        key = field.strip(self._blanks)
        if not key:
            return None
        if self._last_key is None:
            self._untested[self._number] = key
            return key
        return key if self._is_shaped(key) else None

    def _is_shaped(self, key: bytes) -> bool:
        return self._last_key is not None and _shape(key) == _shape(self._last_key)

    def _told(self) -> tuple[Rejected, ...]:
        pattern = None if self._first_key is None else _shape(self._first_key)
        for index, rejected in enumerate(self._rejected):
            key = self._untested.get(rejected.row_number)
            if key is not None and _shape(key) != pattern:
                self._rejected[index] = replace(rejected, record_key=None)
        return tuple(sorted(self._rejected, key=lambda rejected: rejected.row_number))


def _rejected(number: int, key: bytes | None, reason: str) -> Rejected:
    text = key.decode() if key and len(key) <= _LONGEST_KEY else None
    return Rejected(number, text, reason, _MESSAGES[reason])


def _spans_lines(text: bytes) -> bool:
    return text.count(b"\n") + text.count(b"\r") > 1


def _shape(key: bytes) -> bytes:
    """Return a key with every run of digits as 9 and every run of letters as A."""
    return re.sub(rb"[A-Za-z\x80-\xff]+", b"A", re.sub(rb"[0-9]+", b"9", key))
