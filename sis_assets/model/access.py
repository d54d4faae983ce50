"""The end of our access to a SIS: until when its renewal must be asked for, and how near that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

#: So many days before the last day of filing a renewal is spoken of, first and again.
NEAR = (30, 14, 7, 3, 1, 0)
_DAY = timedelta(days=1)


def file_by(expires: date, working_days: int, is_working: Callable[[date], bool]) -> date:
    """Return the last working day on which a renewal that takes `working_days` working days is filed in time.

    It is granted in time when so many working days lie between the filing and the end of `expires`, the last day of access.
    """
    day = expires
    while working_days:
        working_days -= is_working(day)
        day -= _DAY
    while not is_working(day):
        day -= _DAY
    return day


def nearness(today: date, last_day: date) -> int | None:
    """Return how near the last day of filing is: one of NEAR, -1 when it has passed, None while there is time."""
    left = (last_day - today).days
    if left < 0:
        return -1
    return min((near for near in NEAR if left <= near), default=None)
