"""Changes over what stood before: a delta file and the file that landed before it make the file of now.

A record of the delta takes the place of all records with its key. A record that no longer stands anywhere was deleted by
nobody: only `tobedeleted` says so, and such a record stays. The same changes over the same file, once or twice, give the
same bytes. Contract: OneRoster §4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.delimited.decode import Text, as_utf8
from sis_assets.sis.delimited.header import comparable
from sis_assets.sis.delimited.records import Lines, OpenQuoteError, Record, records
from sis_assets.sis.delimited.refusals import cut_off
from sis_assets.sis.delimited.shapes import Limits
from sis_assets.transport import landing as store
from sis_assets.transport.dropzone import Landed

_COMMA: Final = b","
_BLANKS: Final = b" \t"
_KEY: Final = "sourcedId"
_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class _Table:
    """A file as text: its header, where its key stands, and its records."""

    text: Text
    header: Record
    columns: tuple[str, ...]

    @property
    def key(self) -> int:
        return self.columns.index(comparable(_KEY))

    def records(self) -> Iterator[Record]:
        """Give the records after the header. Raises PermanentFault when the file ends within a quoted value."""
        lines = Lines(self.text.path, self.text.start, _LIMITS.record_bytes)
        found = records(lines, _COMMA, _LIMITS.record_bytes, len(self.columns))
        try:
            next(found)
            yield from found
        except OpenQuoteError:
            raise cut_off(self.text.path, "a quoted value is still open at the end of the file") from None

    def key_of(self, record: Record) -> bytes | None:
        """Return a record's key, None where it cannot be trusted."""
        whole = record.problem is None and len(record.fields) == len(self.columns)
        return record.fields[self.key].strip(_BLANKS) if whole else None


def laid_over(base: Path, delta: Landed, encoding: str | None, landing: Path) -> Landed:
    """Land the file that the changes of `delta` make of the one at `base`, as UTF-8, and return it.

    Raises PermanentFault when either is no such file, or their columns differ.
    """
    with ExitStack() as stack:
        before, changes = (
            _table(path, encoding, landing / store.temporary_name(".incoming-"), stack)
            for path in (base, delta.path)
        )
        if before.columns != changes.columns:
            raise _wrong(delta, "its columns are not those of the file before it")
        if comparable(_KEY) not in changes.columns:
            raise _wrong(delta, f"it has no column {_KEY}")
        changed = {key for record in changes.records() if (key := changes.key_of(record))}
        merged = stack.enter_context(store.Incoming(landing))
        held = bytearray(_whole_line(before.header.bytes))
        for record in before.records():
            if before.key_of(record) not in changed:
                held += _whole_line(record.bytes)
                if len(held) > 1 << 20:
                    merged.write(memoryview(bytes(held)))
                    held.clear()
        last = b""
        for record in changes.records():
            held += _whole_line(last)
            last = record.bytes
        # The last one as it came: without its line end the file is cut off, and whoever reads it will say so.
        merged.write(memoryview(bytes(held + last)))
        merged.close()
        landed = Landed(delta.entity, delta.name, merged.size, merged.sha256, merged.name(), None)
    store.settle(landing)
    return landed


def _table(path: Path, encoding: str | None, scratch: Path, stack: ExitStack) -> _Table:
    stack.callback(scratch.unlink, missing_ok=True)
    text = as_utf8(path, encoding, scratch)
    lines = Lines(text.path, text.start, _LIMITS.record_bytes)
    try:
        header = next(records(lines, _COMMA, _LIMITS.record_bytes), None)
    except OpenQuoteError:
        header = None
    if header is None or header.problem is not None:
        raise cut_off(path, "it has no header")
    return _Table(text, header, tuple(comparable(name.decode()) for name in header.fields))


def _whole_line(line: bytes) -> bytes:
    return line if not line or line.endswith((b"\n", b"\r")) else line + b"\n"


def _wrong(delta: Landed, seen: str) -> PermanentFault:
    return PermanentFault(
        tried=f"Laying the changes of {delta.name} over the file before it",
        seen=seen,
        todo="Send the whole file (bulk)",
        mover=Mover.DISTRICT,
    )
