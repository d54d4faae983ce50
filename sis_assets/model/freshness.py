"""When a district's data is too old, and when its silence is expected (DESIGN §7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sis_assets.model.calendar import Mode, Span, Window, closing, next_opening


def stale_since(
    now: datetime,
    last_good: datetime,
    *,
    within: timedelta,
    window: Window | None,
    spans: Iterable[Span],
    zone: ZoneInfo,
) -> datetime | None:
    """Return since when the newest good data of a district is too old at `now`, None while it is not. Times are aware.

    It may be `within` old. A pause of the calendar does not count, and where an API may be read in a `window` only, a whole
    one must have passed since.
    """
    begins = last_good
    for span in sorted(spans, key=lambda span: span.first):
        first, end = (
            datetime.combine(day, time(), zone) for day in (span.first, span.last + timedelta(days=1))
        )
        if span.mode is Mode.PAUSE and first <= now and end > begins:
            begins = end
    due = begins + within
    if window is not None:
        opens = next_opening(begins, window, zone)
        due = max(due, closing(opens, window, zone) or opens)
    return due if due < now else None
