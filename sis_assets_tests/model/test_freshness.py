"""When data is too old, and what silence is expected."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.calendar import Mode, Span, Window, closing
from sis_assets.model.freshness import stale_since

PACIFIC = ZoneInfo("America/Los_Angeles")
WEEKEND_NIGHTS = Window(frozenset({4, 5}), time(20), time(2))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).astimezone(UTC)


def since(
    now: str, last_good: str, window: Window | None = None, spans: tuple[Span, ...] = ()
) -> datetime | None:
    return stale_since(
        at(now), at(last_good), within=timedelta(hours=30), window=window, spans=spans, zone=PACIFIC
    )


def test_data_is_too_old_after_its_hours_and_not_before() -> None:
    assert since("2026-10-16T02:00", "2026-10-14T20:00") is None
    assert since("2026-10-16T02:01", "2026-10-14T20:00") == at("2026-10-16T02:00")


def test_with_hours_of_its_own_an_api_is_stale_only_after_a_whole_night_was_missed() -> None:
    friday = "2026-10-16T21:00"
    assert since("2026-10-18T03:00", friday, WEEKEND_NIGHTS) is None
    assert since("2026-10-18T03:01", friday, WEEKEND_NIGHTS) == at("2026-10-18T03:00")
    saturday = "2026-10-17T21:00"
    assert since("2026-10-23T19:00", saturday, WEEKEND_NIGHTS) is None
    assert since("2026-10-24T02:01", saturday, WEEKEND_NIGHTS) == at("2026-10-24T02:00")


def test_a_pause_does_not_count() -> None:
    summer = (Span(date(2027, 6, 2), date(2027, 7, 31), Mode.PAUSE),)
    additions = (Span(date(2027, 6, 2), date(2027, 7, 31), Mode.ADDITIONS_ONLY),)
    last_good = "2027-06-01T20:00"
    assert since("2027-07-15T12:00", last_good, spans=summer) is None
    assert since("2027-08-02T05:59", last_good, spans=summer) is None
    assert since("2027-08-02T06:01", last_good, spans=summer) == at("2027-08-02T06:00")
    assert since("2027-07-15T12:00", last_good, spans=additions) == at("2027-06-03T02:00")
    assert since("2027-06-01T23:00", "2027-05-20T20:00", spans=summer) == at("2027-05-22T02:00")


@pytest.mark.parametrize("year", [2026, 2027])
@given(minutes=st.integers(0, 365 * 24 * 60), age=st.integers(0, 30 * 24 * 60))
def test_what_is_stale_missed_a_whole_window_and_its_hours(year: int, minutes: int, age: int) -> None:
    now = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    last_good = now - timedelta(minutes=age)
    stale = stale_since(
        now, last_good, within=timedelta(hours=30), window=WEEKEND_NIGHTS, spans=(), zone=PACIFIC
    )
    hours = [last_good + timedelta(hours=n) for n in range(age // 60 + 1)]
    missed = [ends for moment in hours if (ends := closing(moment, WEEKEND_NIGHTS, PACIFIC)) and ends < now]
    assert stale is None or (age > 30 * 60 and missed and last_good < stale < now)
