"""Is a drop whole, and if it is: land it.

A drop is read when its sender says that it is whole (a manifest or a marker), or when nothing in it has
changed for `quiet_seconds`. It is landed only when, after the last byte was copied, the place still lists
exactly what it listed before: a file that was appended to, rewritten, renamed or removed meanwhile makes the
read a failed one, never a wrong one. Until then nothing has a name in the landing folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, PermanentFault, sentence
from sis_assets.transport import landing as store
from sis_assets.transport import manifest, quiet
from sis_assets.transport.drop import Drop, Entry, LocalFolder, NotThere, Touched, touched

__all__ = ["Drop", "Entry", "Expected", "Landed", "LocalFolder", "NotThere", "NotYet", "land"]

MOST_BYTES: Final = 2 * 1024**3
_SYNCING = 8


@dataclass(frozen=True)
class Expected:
    """The files to look for: per entity, the plain names that may carry it, compared exactly.

    `endings` are those of names of which the sender makes up the rest, such as an archive's, and their entity.
    """

    names: Mapping[str, tuple[str, ...]]
    endings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no plain name, or stands for two entities. Raises ValueError."""
        listed = [manifest.plain(name) for names in self.names.values() for name in names]
        for name in listed:
            if name in {"", ".", ".."} or "/" in name or "\0" in name:
                raise ValueError(f"{name!r} is no plain file name")
            if listed.count(name) > 1:
                raise ValueError(f"{name!r} is expected twice")

    def entity(self, name: str) -> str | None:
        """Return the entity that a file of this name carries, or None."""
        name = manifest.plain(name)
        ending = next((ending for ending in self.endings if name.lower().endswith(ending)), None)
        return self._entities.get(name, self.endings[ending] if ending else None)

    @cached_property
    def _entities(self) -> dict[str, str]:
        return {manifest.plain(name): entity for entity, names in self.names.items() for name in names}


@dataclass(frozen=True, slots=True)
class Landed:
    """A file of the drop, landed under its `sha256`. `declared_records` is the manifest's count."""

    entity: str
    name: str
    bytes: int
    sha256: str
    path: Path
    declared_records: int | None


@dataclass(frozen=True, slots=True)
class NotYet:
    """There is nothing to read now. `reason` ends with whose move it is."""

    reason: str


def land(
    drop: Drop,
    expected: Expected,
    *,
    quiet_seconds: float,
    landing: Path,
    max_bytes: int = MOST_BYTES,
    now: Callable[[], float] = time.time,
) -> tuple[Landed, ...] | NotYet:
    """Land the expected files of a drop in `landing`, in the order of `expected`, or say why not yet.

    quiet_seconds   so long nothing must have changed, unless a manifest or a marker says that all is there;
                    0: at first look
    max_bytes       the most one file may have
    now             the real clock: seconds since 1970 UTC

    An expected file that is not there is simply not among the result: which ones must be there is for the
    caller to say. Raises PermanentFault for a drop that is whole and wrong (a manifest that is not kept, two
    files for one entity, a link), TransientFault when it changed while it was read or the disk is full, and
    what the drop raises.
    """
    store.prepare(landing)
    store.sweep(landing)
    where = drop.where
    try:
        look = _look(drop, expected)
    except NotThere:
        look = None
    if look is None or look.is_bare:
        quiet.forget(where, landing, now())
        seen = "does not exist yet" if look is None else "holds none of the expected files"
        return NotYet(sentence(f"The drop {where} {seen}", Mover.DISTRICT))

    def still_changing() -> bool:
        left = quiet.seconds_left(where, look.entries, quiet=quiet_seconds, landing=landing, now=now())
        return left > 0

    told = look.is_marked or look.is_vouched_for
    if not told and still_changing():
        return _not_quiet(look, quiet_seconds)
    _refuse_wrong_files(look, max_bytes)

    waited = not told and quiet_seconds * 1e9 >= drop.grain_ns
    twice = any(_hides_changes(file, drop, waited=waited, now=now()) for file in look.files)
    with ExitStack() as stack:
        incoming = {file.name: stack.enter_context(store.Incoming(landing)) for file in look.files}
        _copy(drop, look.files, incoming)
        digests = {name: copy.sha256 for name, copy in incoming.items()}
        if twice and _digests(drop, look.files) != digests:
            raise touched(where, "its files", "their content changed")
        _refuse_changes(drop, look)
        if broken := look.broken_promise(digests):
            if still_changing():
                return _not_quiet(look, quiet_seconds)
            raise _wrong_manifest(where, broken)
        landed = tuple(
            Landed(
                entity=entity,
                name=file.name,
                bytes=file.size,
                sha256=digests[file.name],
                path=incoming[file.name].name(),
                declared_records=look.promised_records(file),
            )
            for entity, file in look.chosen
        )
        store.settle(landing)
    quiet.forget(where, landing, now())
    return landed


@dataclass(frozen=True, slots=True)
class _Look:
    """One listing of a drop, and what it means.

    `chosen` are the expected files, by entity. `promises` is the manifest, None without one; `flaw` says what
    in the listing (or in itself) keeps it from being kept. `is_marked` is None without a marker, else
    whether the marker is the newest.
    """

    where: str
    expected: Expected
    entries: tuple[Entry, ...]
    chosen: tuple[tuple[str, Entry], ...]
    promises: Mapping[str, manifest.Promise] | None
    flaw: str | None
    is_marked: bool | None

    @property
    def files(self) -> tuple[Entry, ...]:
        """The files to copy."""
        return tuple(file for _, file in self.chosen)

    @property
    def is_bare(self) -> bool:
        """Nothing of ours is there."""
        return not self.chosen and self.promises is None and self.is_marked is None

    @property
    def is_vouched_for(self) -> bool:
        """A manifest is kept, and it speaks of every file that we would take."""
        if self.promises is None or self.flaw:
            return False
        return all(manifest.plain(file.name) in self.promises for file in self.files)

    def watched(self, entries: Iterable[Entry]) -> frozenset[Entry]:
        """Return those of `entries` that may not change while the drop is read."""
        names = {manifest.MANIFEST, *(self.promises or {})}
        return frozenset(
            entry
            for entry in entries
            if manifest.plain(entry.name) in names or self.expected.entity(entry.name) is not None
        )

    def broken_promise(self, digests: Mapping[str, str]) -> str | None:
        """Say which file's content is not what the manifest promises."""
        for name, digest in digests.items():
            promise = (self.promises or {}).get(manifest.plain(name))
            if promise and promise.sha256 not in {None, digest}:
                return f"{name} has another SHA-256 than it says"
        return None

    def promised_records(self, file: Entry) -> int | None:
        """Return how many records the manifest says a file has."""
        promise = (self.promises or {}).get(manifest.plain(file.name))
        return promise.records if promise else None


def _look(drop: Drop, expected: Expected) -> _Look:
    entries = drop.entries()
    _refuse_odd_entries(drop.where, entries, expected)
    order = [*expected.names, *expected.endings.values()]
    found = [(entity, entry) for entry in entries if (entity := expected.entity(entry.name))]
    promises, flaw = _promises(drop, entries)
    return _Look(
        where=drop.where,
        expected=expected,
        entries=entries,
        chosen=tuple(sorted(found, key=lambda pair: (order.index(pair[0]), pair[1].name))),
        promises=promises,
        flaw=flaw,
        is_marked=_is_marked(entries, expected),
    )


def _promises(
    drop: Drop, entries: Iterable[Entry]
) -> tuple[Mapping[str, manifest.Promise] | None, str | None]:
    files = {manifest.plain(entry.name): entry for entry in entries if entry.kind == "file"}
    letter = files.get(manifest.MANIFEST)
    if letter is None:
        return None, None
    if letter.size > manifest.MOST_BYTES:
        return {}, f"it has more than {manifest.MOST_BYTES} bytes"
    try:
        promises = manifest.read(b"".join(chunk for _, chunk in drop.fetch((letter,))))
    except Touched:
        return {}, "it is being written"
    except manifest.Unreadable as unreadable:
        return {}, str(unreadable)
    return promises, _unkept({name: file.size for name, file in files.items()}, promises)


def _unkept(sizes: Mapping[str, int], promises: Mapping[str, manifest.Promise]) -> str | None:
    for number, (name, promise) in enumerate(promises.items(), start=1):
        if name not in sizes:
            return f"its file {number} is not in the drop"
        if sizes[name] != promise.bytes:
            return f"its file {number} has another size than it says"
    return None


def _is_marked(entries: Iterable[Entry], expected: Expected) -> bool | None:
    files = [entry for entry in entries if entry.kind == "file"]
    markers = [file for file in files if manifest.is_marker(file.name) and not expected.entity(file.name)]
    if not markers:
        return None
    newest = max(file.mtime_ns for file in files)
    return max(marker.mtime_ns for marker in markers) >= newest


def _not_quiet(look: _Look, quiet_seconds: float) -> NotYet:
    flaw = f"; its {manifest.MANIFEST} is not kept yet: {look.flaw}" if look.flaw else ""
    return NotYet(
        sentence(
            f"The drop {look.where} is not quiet yet: it must stand unchanged for {quiet_seconds:g} s{flaw}",
            Mover.DISTRICT,
        )
    )


def _refuse_odd_entries(where: str, entries: Iterable[Entry], expected: Expected) -> None:
    for entry in entries:
        known = expected.entity(entry.name) is not None or entry.name == manifest.MANIFEST
        if entry.kind == "file" or (entry.kind == "folder" and not known):
            continue
        what = {"link": "a link", "folder": "a folder"}.get(entry.kind, "no regular file")
        raise PermanentFault(
            tried=f"Listing the drop {where}",
            seen=f"{entry.name if known else 'an entry'} is {what}",
            todo="Put regular files into the drop and nothing else",
            mover=Mover.DISTRICT,
        )


def _refuse_wrong_files(look: _Look, max_bytes: int) -> None:
    if look.flaw:
        raise _wrong_manifest(look.where, look.flaw)
    entities = [entity for entity, _ in look.chosen]
    twice = [file.name for entity, file in look.chosen if entities.count(entity) > 1]
    large = [file.name for file in look.files if file.size > max_bytes]
    if not look.chosen:
        seen, todo = "it is marked as whole and holds none of the expected files", "Upload the files"
    elif twice:
        seen, todo = f"several files for the same records: {', '.join(twice)}", "Leave only the current one"
    elif large:
        seen, todo = f"more than {max_bytes} bytes in {', '.join(large)}", "Check what the export wrote"
    else:
        return
    raise PermanentFault(tried=f"Reading the drop {look.where}", seen=seen, todo=todo, mover=Mover.DISTRICT)


def _wrong_manifest(where: str, flaw: str) -> PermanentFault:
    return PermanentFault(
        tried=f"Checking {manifest.MANIFEST} of the drop {where}",
        seen=flaw,
        todo="Upload the files again, and the manifest that belongs to them last",
        mover=Mover.DISTRICT,
    )


def _refuse_changes(drop: Drop, look: _Look) -> None:
    try:
        changed = look.watched(look.entries) ^ look.watched(drop.entries())
    except NotThere:
        raise touched(look.where, "its files", "the drop was removed") from None
    if changed:
        raise touched(look.where, "its files", "one was added, changed, renamed or removed")


def _copy(drop: Drop, files: Sequence[Entry], incoming: Mapping[str, store.Incoming]) -> None:
    # Closed on the side: a disk makes several files durable in about the time of one.
    with ThreadPoolExecutor(_SYNCING) as pool:
        closing = []
        for file, chunk in drop.fetch(files):
            if chunk:
                incoming[file.name].write(chunk)
            else:
                closing.append(pool.submit(incoming[file.name].close))
    for closed in closing:
        closed.result()


def _hides_changes(file: Entry, drop: Drop, *, waited: bool, now: float) -> bool:
    """Say whether a change of the file while it is read may not show in its time; two reads must then agree.

    A rewrite within the tick of the change before it shows no new time, unless we waited for longer than a tick.
    """
    return file.mtime_ns <= 0 or (not waited and now * 1e9 - file.mtime_ns < drop.grain_ns)


def _digests(drop: Drop, files: Sequence[Entry]) -> dict[str, str]:
    sums = {file.name: hashlib.sha256() for file in files}
    for file, chunk in drop.fetch(files):
        sums[file.name].update(chunk)
    return {name: digest.hexdigest() for name, digest in sums.items()}
