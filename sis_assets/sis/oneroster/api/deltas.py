"""Reading only what changed, laid over the newest complete extract (contract OneRoster §4.3, eSchoolPLUS §1.6).

A delta never says that something is gone by leaving it out: only a record that is `tobedeleted` goes. Providers show such
a record for some days; after a longer gap, and on schedule whatever the deltas said, everything is read. The rows of a
collection are always those that a full read lands: laid over, sorted alike, and both without tombstones that have expired.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

from sis_assets.districts import EschoolplusApi, OneRosterApi
from sis_assets.sis.documents import values
from sis_assets.sis.documents.lines import NO_TEXT, OTHERS
from sis_assets.sis.reading import Past, SourceFile
from sis_assets.transport.landing import Incoming

Settings = OneRosterApi | EschoolplusApi

_GONE: Final = "tobedeleted"
_Row = tuple[values.Object, bytes]
#: Whether a record is taken.
Wanted = Callable[[values.Object], bool]


def may_be_laid_over(past: Past, settings: Settings, read_under: str) -> bool:
    """Tell whether a delta may be laid over the newest extract.

    It may when that was read alike, recently enough for every tombstone to be still there, and in the same period of
    `full_every_days` days: the first read of a period is a full one.
    """
    if settings.deltas is None or past.read_at is None or past.read_under != read_under:
        return False
    gap = past.now - past.read_at
    longest = timedelta(days=settings.tombstone_days, minutes=-settings.deltas.overlap_minutes)
    days = settings.deltas.full_every_days
    periods = {moment.toordinal() // days for moment in (past.read_at, past.now)}
    return timedelta() <= gap < longest and len(periods) == 1


def since(base: Path, past: Past, overlap: timedelta) -> datetime | None:
    """Return from when on changes are to be asked for, None where the rows of the base tell no times.

    It is the newest change that was seen, less the overlap: a change may be stored later than its time says. A time that
    lies behind the read itself is a wrong clock's.
    """
    newest = max((moment for row, _ in _rows(base) if (moment := _changed(row))), default=None)
    if newest is None or past.read_at is None:
        return None
    return min(newest, past.read_at) - overlap


def changed_since(moment: datetime) -> str:
    """Return the standard's filter of what changed after a moment, in UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"dateLastModified>'{text}'"


def is_expired(row: values.Object, oldest: datetime) -> bool:
    """Tell whether a record is a tombstone from before `oldest`: some providers forget it by then, others never do."""
    if row.get("status") != _GONE:
        return False
    changed = _changed(row)
    return changed is not None and changed < oldest


def lay_over(base: Path, changes: SourceFile, landing: Path, wanted: Wanted) -> SourceFile:
    """Lay changes over the rows of the base, and land those of the result that are `wanted`.

    The landed file of the changes is removed. Raises TransientFault when the disk does not take the result.
    """
    with Incoming(landing) as incoming:
        for row, line in _latest(_rows(base), _rows(changes.path)):
            if wanted(row):
                incoming.write(memoryview(line))
        incoming.close()
        result = SourceFile(changes.entity, changes.name, incoming.size, incoming.sha256, incoming.name())
    # An empty file may be another collection's too.
    if changes.bytes and changes.path not in {result.path, base}:
        changes.path.unlink(missing_ok=True)
    return result


def _rows(path: Path) -> Iterator[_Row]:
    """Give the landed rows, each as the server gave it and as the line it is."""
    with path.open("rb") as lines:
        for line in lines:
            landed = values.as_object(values.parse(line))
            row = values.as_object(json.loads(landed[NO_TEXT])) if NO_TEXT in landed else landed
            yield {**row.pop(OTHERS, {}), **row}, line


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


def _changed(row: values.Object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(values.text(row.get("dateLastModified")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
