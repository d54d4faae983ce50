"""Reading only what changed, laid over what was read before (contract OneRoster §4.3, eSchoolPLUS §1.6).

A delta never says that something is gone by leaving it out: only a record that is `tobedeleted` goes. Providers show such
a record for some days; after a longer gap, and on schedule whatever the deltas said, everything is read. With deltas the
rows of a collection are always those that a full read would land: laid over, sorted alike, and without tombstones that
have expired.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

from sis_assets.districts import Deltas
from sis_assets.sis.documents import values
from sis_assets.sis.documents.lines import NO_TEXT
from sis_assets.transport.landing import Incoming, cannot_write, temporary_name

_NAME: Final = "oneroster-base.json"
_TEMPORARY: Final = ".incoming-"
_GONE: Final = "tobedeleted"


@dataclass(frozen=True, slots=True)
class Kept:
    """A collection as it was last known: its landed file, and the newest change in it, seconds since 1970; None: none is told."""

    sha256: str
    bytes: int
    newest: float | None


@dataclass(frozen=True, slots=True)
class Base:
    """What a district's deltas are laid over. `under` hashes the settings of the reads; times are seconds since 1970.

    `full_at` is when everything was last read, `read_at` when anything was.
    """

    under: str
    full_at: float
    read_at: float
    collections: Mapping[str, Kept] = field(default_factory=dict)


def load(landing: Path) -> Base | None:
    """Return the base that lies in the landing folder, None where there is none that can be read."""
    try:
        said = json.loads((landing / _NAME).read_bytes())
        kept = {name: Kept(**of) for name, of in said.pop("collections").items()}
        return Base(**said, collections=kept)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # the next read is a full one


def save(landing: Path, base: Base) -> None:
    """Keep the base (0600) for the next read. Raises TransientFault."""
    temporary = landing / temporary_name(_TEMPORARY)
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as out:
            json.dump(asdict(base), out)
        temporary.replace(landing / _NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(landing, error) from error


def usable(base: Base | None, under: str, settings: Deltas, now: float) -> Base | None:
    """Return the base when a delta may be laid over it: read alike, in time for every tombstone, and not too long ago whole."""
    if base is None or base.under != under:
        return None
    since_read, since_full = now - base.read_at, now - base.full_at
    in_time = 0 <= since_read < _days(settings.tombstone_days) - settings.overlap_minutes * 60
    return base if in_time and 0 <= since_full < _days(settings.full_every_days) else None


def since(kept: Kept, settings: Deltas, base: Base) -> str | None:
    """Return the filter of what changed after the newest change that was seen; None where the collection tells no times.

    It reaches back by the overlap: a change may be stored later than its time says. A time that lies ahead of the read
    is a wrong clock's.
    """
    if kept.newest is None:
        return None
    return changed_since(min(kept.newest, base.read_at) - settings.overlap_minutes * 60)


def changed_since(moment: float) -> str:
    """Return the standard's filter of what changed after a moment, seconds since 1970, in UTC."""
    time = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return f"dateLastModified>'{time.replace('+00:00', 'Z')}'"


def file_of(landing: Path, kept: Kept) -> Path | None:
    """Return the landed file of a collection, None when it is not there as it was kept."""
    path = landing / kept.sha256
    try:
        return path if path.stat().st_size == kept.bytes else None
    except OSError:
        return None


def lay_over(base: Path | None, new: Path, landing: Path, settings: Deltas, now: float) -> tuple[Path, Kept]:
    """Lay new rows over those of the base, without expired tombstones, and land the result. Raises TransientFault."""
    oldest = now - _days(settings.tombstone_days)
    newest: float | None = None
    with Incoming(landing) as incoming:
        for row, line in _latest(_rows(base) if base else (), _rows(new)):
            changed = _changed(row)
            if row.get("status") == _GONE and changed is not None and changed < oldest:
                continue
            if changed is not None:
                newest = changed if newest is None else max(newest, changed)
            incoming.write(memoryview(line))
        incoming.close()
        return incoming.name(), Kept(incoming.sha256, incoming.size, newest)


_Row = tuple[values.Object, bytes]


def _rows(path: Path) -> Iterator[_Row]:
    with path.open("rb") as lines:
        for line in lines:
            row = values.as_object(values.parse(line))
            yield (values.as_object(json.loads(row[NO_TEXT])) if NO_TEXT in row else row), line


def _latest(old: Iterable[_Row], new: Iterable[_Row]) -> Iterator[_Row]:
    """Give the rows of both, which are in the order of their keys; of a key that is in both, the new ones."""
    both = heapq.merge(
        ((_key(row), 0, row, line) for row, line in old),
        ((_key(row), 1, row, line) for row, line in new),
        key=itemgetter(0, 1),
    )
    for _, rows in groupby(both, key=itemgetter(0)):
        of_key = list(rows)
        newest = of_key[-1][1]
        yield from ((row, line) for _, age, row, line in of_key if age == newest)


def _key(row: values.Object) -> str:
    return values.text(row.get("sourcedId"))


def _changed(row: values.Object) -> float | None:
    try:
        moment = datetime.fromisoformat(values.text(row.get("dateLastModified")))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _days(days: int) -> float:
    return timedelta(days=days).total_seconds()
