"""When the API of a district is to be read next: once in each of its windows, sooner after trouble that passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sis_assets.model.calendar import Window, closing, next_opening

#: The hours of a district that names none.
NIGHT = Window(frozenset(range(7)), time(20), time(6))
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Reads:
    """What is known of a district's reads; times are aware, `failures` those since the last good one.

    `passing` says of the newest failure that a later attempt may succeed without anybody's help.
    """

    last_good: datetime | None = None
    failures: int = 0
    last_failure: datetime | None = None
    passing: bool = False


def due_at(reads: Reads, now: datetime, *, window: Window, zone: ZoneInfo, grace: timedelta) -> datetime:
    """Return from when on the district is to be read: a moment up to `now` when it is to be read now, else a later one in a window.

    A good read in a window is the one of that window; one outside, by hand, stands for the reads of the next `grace`.
    """
    if reads.last_good is None:
        at = reads.last_failure or now
    elif closing(reads.last_good, window, zone):
        at = next_opening(reads.last_good, window, zone)
    else:
        at = reads.last_good + grace
    if reads.last_failure is not None:
        pause = min(FIRST_PAUSE * 2 ** min(reads.failures - 1, 10), LONGEST_PAUSE)
        again = (
            reads.last_failure + pause if reads.passing else next_opening(reads.last_failure, window, zone)
        )
        at = max(at, again)
    return _open_from(max(at, now), window, zone) if at > now or not closing(now, window, zone) else at


def _open_from(moment: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """Return the first moment from `moment` on at which the window is open."""
    return moment if closing(moment, window, zone) else next_opening(moment, window, zone)
