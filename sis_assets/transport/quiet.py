"""Whether a drop is quiet: nothing in it has changed for a while, by the real clock.

Two ways to know. Every time in the listing is old enough; or the same listing has been seen, over several
looks, for long enough. The second serves servers whose clock runs ahead, that tell no times, or whose
uploads carry times of their own making. What was seen is kept in `observed.json` in the landing folder,
so that looks of different processes add up. A clock that was set back only makes the wait start anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.transport.drop import Entry
from sis_assets.transport.landing import cannot_write

_FILE: Final = "observed.json"
_FORGET_SECONDS: Final = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class _Observation:
    """A listing, and since when it has been seen: seconds since 1970 UTC."""

    listing: str
    since: float


def signature(entries: Sequence[Entry]) -> str:
    """Return a digest of names, kinds, sizes and times: equal for equal listings, in any order.

    Of a folder only the name counts: what happens below it does not concern the drop.
    """
    lines = sorted(
        (e.name, e.kind) if e.kind == "folder" else (e.name, e.kind, e.size, e.mtime_ns) for e in entries
    )
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def seconds_left(where: str, entries: Sequence[Entry], *, quiet: float, landing: Path, now: float) -> float:
    """Return how long to wait until the drop `where` counts as quiet; 0 or less: it is.

    Remembers this look in `landing` when another one will be needed. Raises TransientFault when it cannot.
    """
    times = (_seconds_left(entry, quiet, now) for entry in entries if entry.kind != "folder")
    by_times = max(times, default=0.0)
    if quiet <= 0 or by_times <= 0:
        return 0.0
    listing = signature(entries)
    with _observations(landing, now) as seen:
        known = seen.get(where)
        if known is None or known.listing != listing or known.since > now:
            seen[where] = known = _Observation(listing, now)
    return min(by_times, known.since + quiet - now)


def forget(where: str, landing: Path, now: float) -> None:
    """Drop what was observed of `where`: it has been read, or is gone."""
    if (landing / _FILE).exists():
        with _observations(landing, now) as seen:
            seen.pop(where, None)


def _seconds_left(entry: Entry, quiet: float, now: float) -> float:
    if entry.mtime_ns <= 0:
        return float("inf")  # no time is not an old time
    return quiet - (now - entry.mtime_ns / 1e9)


@contextmanager
def _observations(landing: Path, now: float) -> Iterator[dict[str, _Observation]]:
    """Read, and write back when changed, under a lock of the folder: several processes look at once."""
    folder = os.open(landing, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = _load(landing / _FILE)
        seen = {place: o for place, o in before.items() if now - o.since < _FORGET_SECONDS}
        yield seen
        if seen != before:
            try:
                _save(landing / _FILE, seen)
            except OSError as error:
                raise cannot_write(landing, error) from error
    finally:
        os.close(folder)


def _load(path: Path) -> dict[str, _Observation]:
    try:
        document = json.loads(path.read_bytes())
        return {place: _Observation(str(o["listing"]), float(o["since"])) for place, o in document.items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # nothing observed, or a file that is not ours: the wait starts anew


def _save(path: Path, seen: dict[str, _Observation]) -> None:
    document = {place: {"listing": o.listing, "since": o.since} for place, o in sorted(seen.items())}
    temporary = path.with_name(f".{path.name}.new")  # one name: we hold the lock
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w") as out:
        json.dump(document, out, indent=1)
    temporary.replace(path)
