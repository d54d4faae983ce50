"""A OneRoster file as its records, one after the other, before anything is made of them.

For laying changes over a file, and for the strict report; tables are made by `sis.delimited`, whose grammar this is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.sis.delimited.decode import Text, as_utf8
from sis_assets.sis.delimited.header import comparable
from sis_assets.sis.delimited.records import Lines, OpenQuoteError, Record, records
from sis_assets.sis.delimited.refusals import cut_off
from sis_assets.sis.delimited.shapes import Limits
from sis_assets.transport.landing import temporary_name

KEY: Final = "sourcedId"
_COMMA: Final = b","
_BLANKS: Final = b" \t"
_LONGEST: Final = Limits().record_bytes


@dataclass(frozen=True, slots=True)
class Table:
    """A file as text: its first record, which names its columns, and the others."""

    text: Text
    header: Record

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns as the file writes them."""
        return tuple(name.decode() for name in self.header.fields)

    @property
    def key(self) -> int | None:
        """Where the key stands, None when no column bears its name."""
        names = [comparable(name) for name in self.columns]
        return names.index(comparable(KEY)) if comparable(KEY) in names else None

    def records(self) -> Iterator[Record]:
        """Give the records after the header. Raises PermanentFault when the file ends within a quoted value."""
        lines = Lines(self.text.path, self.text.start, _LONGEST)
        found = records(lines, _COMMA, _LONGEST, len(self.header.fields))
        try:
            next(found)
            yield from found
        except OpenQuoteError:
            raise cut_off(self.text.path, "a quoted value is still open at the end of the file") from None

    def key_of(self, record: Record) -> bytes | None:
        """Return a record's key, None where it has none that can be trusted."""
        whole = record.problem is None and len(record.fields) == len(self.header.fields)
        return record.fields[self.key].strip(_BLANKS) if whole and self.key is not None else None


@contextmanager
def opened(path: Path, encoding: str | None, scratch: Path) -> Iterator[Table]:
    """Give the table of a file; one that is not UTF-8 is rewritten in the folder `scratch` meanwhile.

    Raises PermanentFault for what is no text or has no header.
    """
    rewritten = scratch / temporary_name(".incoming-")
    try:
        text = as_utf8(path, encoding, rewritten)
        try:
            header = next(records(Lines(text.path, text.start, _LONGEST), _COMMA, _LONGEST), None)
        except OpenQuoteError:
            header = None
        if header is None or header.problem is not None:
            raise cut_off(path, "it has no header")
        yield Table(text, header)
    finally:
        rewritten.unlink(missing_ok=True)
