"""The district's calendar: a day's mode, the hours in which its SIS may be read, the year's start. All district-local."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Mode(StrEnum):
    """What a sync may do on a day, the freest first."""

    NORMAL = "normal"
    ADDITIONS_ONLY = "additions_only"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Span:
    """Days on which a mode holds; `last` is inclusive."""

    first: date
    last: date
    mode: Mode


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which a SIS may be read, by the wall clock. `days` are those on which it opens, 0 for Monday.

    It closes at `closes`, on the next day when that is not later than `opens`.
    """

    days: frozenset[int]
    opens: time
    closes: time


_STRICTNESS = list(Mode)
_WEEK = timedelta(days=8)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day that it is in the district at `moment` (aware)."""
    return moment.astimezone(zone).date()


def mode_on(day: date, spans: Iterable[Span]) -> tuple[Mode, date | None]:
    """Return the day's mode and the last day on which the span that set it holds; where spans overlap the strictest wins."""
    holding = [span for span in spans if span.first <= day <= span.last]
    if not holding:
        return Mode.NORMAL, None
    strictest = max(holding, key=lambda span: (_STRICTNESS.index(span.mode), span.last))
    return strictest.mode, strictest.last


def near_year_start(day: date, year_start: date | None, days: int) -> bool:
    """Whether `day` lies within `days` days of the year's start, before or after it."""
    return year_start is not None and abs((day - year_start).days) <= days


def closing(moment: datetime, window: Window, zone: ZoneInfo) -> datetime | None:
    """Return when the window that is open at `moment` (aware) closes, in UTC; None when none is open.

    A wall time that a change of the clocks skips counts as the moment an hour later, one that comes twice as its first.
    """
    today = local_day(moment, zone)
    open_now = [
        end
        for day in (today - timedelta(days=1), today)
        for start, end in _hours(day, window, zone)
        if start <= moment.astimezone(UTC) < end
    ]
    return max(open_now, default=None)


def next_opening(moment: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """Return when the window opens next after `moment` (aware), in UTC."""
    today = local_day(moment, zone)
    days = (today + timedelta(days=n) for n in range(_WEEK.days))
    return min(
        start for day in days for start, _ in _hours(day, window, zone) if start > moment.astimezone(UTC)
    )


def _hours(day: date, window: Window, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if day.weekday() not in window.days:
        return []
    last = day if window.closes > window.opens else day + timedelta(days=1)
    start, end = (
        datetime.combine(on, at, zone).astimezone(UTC)
        for on, at in ((day, window.opens), (last, window.closes))
    )
    return [(start, end)]
