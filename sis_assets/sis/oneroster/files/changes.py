"""Changes over what stood before: a delta file and the file that landed before it make the file of now.

A record of the delta takes the place of all records with its key. A record that no longer stands anywhere was deleted by
nobody: only `tobedeleted` says so, and such a record stays. The same changes over the same file, once or twice, give the
same bytes. Contract: OneRoster §4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.delimited.header import comparable
from sis_assets.sis.oneroster.files.records import KEY, Table, opened
from sis_assets.transport import landing as store
from sis_assets.transport.dropzone import Landed

_AT_ONCE: Final = 1 << 20


def laid_over(base: Path, delta: Landed, encoding: str | None, landing: Path) -> Landed:
    """Land the file that the changes of `delta` make of the one at `base`, as UTF-8, and return it.

    Raises PermanentFault when either is no such file, or their columns differ.
    """
    with (
        opened(base, encoding, landing) as before,
        opened(delta.path, encoding, landing) as changes,
        store.Incoming(landing) as merged,
    ):
        if list(map(comparable, before.columns)) != list(map(comparable, changes.columns)):
            raise _wrong(delta, "its columns are not those of the file before it")
        if changes.key is None:
            raise _wrong(delta, f"it has no column {KEY}")
        held = bytearray()
        for line in _lines(before, changes):
            held += line
            if len(held) > _AT_ONCE:
                merged.write(memoryview(bytes(held)))
                held.clear()
        merged.write(memoryview(bytes(held)))
        merged.close()
        landed = Landed(delta.entity, delta.name, merged.size, merged.sha256, merged.name(), None)
    store.settle(landing)
    return landed


def _lines(before: Table, changes: Table) -> Iterator[bytes]:
    """Give the lines of the merged file, each with its end but the last: that is as the changes have it.

    Without its line end a file is cut off, and whoever reads it will say so.
    """
    changed = {key for record in changes.records() if (key := changes.key_of(record))}
    yield _whole(before.header.bytes)
    for record in before.records():
        if before.key_of(record) not in changed:
            yield _whole(record.bytes)
    last = b""
    for record in changes.records():
        yield _whole(last)
        last = record.bytes
    yield last


def _whole(line: bytes) -> bytes:
    return line if not line or line.endswith((b"\n", b"\r")) else line + b"\n"


def _wrong(delta: Landed, seen: str) -> PermanentFault:
    return PermanentFault(
        tried=f"Laying the changes of {delta.name} over the file before it",
        seen=seen,
        todo="Send the whole file (bulk)",
        mover=Mover.DISTRICT,
    )
