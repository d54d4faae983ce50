"""The district's calendar: which mode a day has, and how near the year's start is. Days are district-local."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
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


_STRICTNESS = list(Mode)


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
