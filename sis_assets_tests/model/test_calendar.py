from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.calendar import (
    Mode,
    Span,
    Window,
    closing,
    local_day,
    mode_on,
    near_year_start,
    next_opening,
)

PAUSE = Span(date(2027, 6, 2), date(2027, 7, 31), Mode.PAUSE)
ADDITIONS = Span(date(2027, 7, 15), date(2027, 8, 15), Mode.ADDITIONS_ONLY)


@pytest.mark.parametrize(
    ("day", "mode", "last"),
    [
        (date(2027, 6, 1), Mode.NORMAL, None),
        (date(2027, 6, 2), Mode.PAUSE, date(2027, 7, 31)),
        (date(2027, 7, 31), Mode.PAUSE, date(2027, 7, 31)),
        (date(2027, 8, 1), Mode.ADDITIONS_ONLY, date(2027, 8, 15)),
        (date(2027, 8, 15), Mode.ADDITIONS_ONLY, date(2027, 8, 15)),
        (date(2027, 8, 16), Mode.NORMAL, None),
    ],
)
@pytest.mark.parametrize("spans", [(PAUSE, ADDITIONS), (ADDITIONS, PAUSE)])
def test_both_ends_of_a_span_belong_to_it_and_the_strictest_wins(
    day: date, mode: Mode, last: date | None, spans: tuple[Span, ...]
) -> None:
    assert mode_on(day, spans) == (mode, last)


def test_a_span_can_make_a_day_normal_but_never_freer_than_another_span() -> None:
    normal = Span(PAUSE.first, PAUSE.last, Mode.NORMAL)
    assert mode_on(PAUSE.first, [normal]) == (Mode.NORMAL, PAUSE.last)
    assert mode_on(PAUSE.first, [normal, PAUSE])[0] is Mode.PAUSE


def test_of_two_spans_of_the_same_mode_the_longer_one_says_until_when() -> None:
    longer = Span(PAUSE.first, date(2027, 8, 31), Mode.PAUSE)
    assert mode_on(PAUSE.first, [PAUSE, longer])[1] == longer.last


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-09-02T06:59:59Z", "America/Los_Angeles", "2026-09-01"),
        ("2026-09-02T07:00:00Z", "America/Los_Angeles", "2026-09-02"),
        ("2026-03-08T07:59:59Z", "America/Los_Angeles", "2026-03-07"),  # still standard time
        ("2026-03-09T06:59:59Z", "America/Los_Angeles", "2026-03-08"),  # summer time since that morning
        ("2026-03-09T07:00:00Z", "America/Los_Angeles", "2026-03-09"),
        ("2026-11-02T07:59:59Z", "America/Los_Angeles", "2026-11-01"),  # the day of 25 hours
        ("2026-11-02T08:00:00Z", "America/Los_Angeles", "2026-11-02"),
        ("2026-09-01T22:00:00+02:00", "Pacific/Honolulu", "2026-09-01"),
        ("2026-09-01T10:00:00Z", "Pacific/Kiritimati", "2026-09-02"),
    ],
)
def test_a_day_is_the_districts_own(moment: str, zone: str, day: str) -> None:
    assert local_day(datetime.fromisoformat(moment), ZoneInfo(zone)) == date.fromisoformat(day)


@given(st.integers(1_577_836_800, 2_051_222_400), st.sampled_from(["America/Denver", "Asia/Tokyo"]))
def test_days_follow_each_other_without_a_gap_through_every_change_of_clocks(epoch: int, name: str) -> None:
    zone, moment = ZoneInfo(name), datetime.fromtimestamp(epoch, UTC)
    step = local_day(moment + timedelta(hours=1), zone) - local_day(moment, zone)
    assert step in {timedelta(0), timedelta(1)}


@pytest.mark.parametrize(
    ("distance", "near"), [(0, True), (60, True), (-60, True), (61, False), (-61, False)]
)
def test_the_sixtieth_day_before_and_after_the_year_start_is_still_near(distance: int, near: bool) -> None:
    start = date(2026, 8, 12)
    assert near_year_start(start + timedelta(distance), start, 60) is near
    assert not near_year_start(start, None, 60)


PACIFIC = ZoneInfo("America/Los_Angeles")
NIGHTS = Window(frozenset(range(5)), time(20), time(2))  # Monday to Friday, over midnight


def at(text: str) -> datetime:
    """A moment of the Pacific wall clock, the first of two."""
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "closes"),
    [
        ("2026-10-15T19:59:59", None),  # a Thursday
        ("2026-10-15T20:00", "2026-10-16T02:00"),
        ("2026-10-16T01:59:59", "2026-10-16T02:00"),
        ("2026-10-16T02:00", None),
        ("2026-10-17T01:00", "2026-10-17T02:00"),  # Friday's, on Saturday morning
        ("2026-10-17T20:00", None),
        ("2026-10-19T00:30", None),  # Monday morning would be Sunday's
        ("2026-10-31T01:30", "2026-10-31T02:00"),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(moment: str, closes: str | None) -> None:
    assert closing(at(moment), NIGHTS, PACIFIC) == (at(closes) if closes else None)


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize("autumn", [False, True])
def test_on_both_changes_of_the_clocks_the_wall_clock_decides(year: int, autumn: bool) -> None:
    change = {(2026, False): "03-08", (2026, True): "11-01", (2027, False): "03-14", (2027, True): "11-07"}[
        year, autumn
    ]
    sundays = Window(frozenset({6}), time(1, 30), time(4))
    opens, closes = at(f"{year}-{change}T01:30"), at(f"{year}-{change}T04:00")
    assert closes - opens == timedelta(hours=3.5 if autumn else 1.5)
    assert closing(opens, sundays, PACIFIC) == closes
    assert closing(closes - timedelta(seconds=1), sundays, PACIFIC) == closes
    assert closing(closes, sundays, PACIFIC) is None
    before = opens - timedelta(seconds=1)
    assert closing(before, sundays, PACIFIC) is None
    assert next_opening(before, sundays, PACIFIC) == opens
    over_midnight = Window(
        frozenset({5}), time(20), time(2, 30)
    )  # ends at a time that is skipped, or comes twice
    end = closing(at(f"{year}-{change}T01:00"), over_midnight, PACIFIC)
    assert end is not None
    assert end.astimezone(PACIFIC).hour == (2 if autumn else 3)


@given(
    moment=st.integers(0, 2 * 365 * 24 * 60).map(
        lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
    ),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    opens=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    closes=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_what_opens_next_is_open_then_and_not_a_moment_before(
    moment: datetime, days: frozenset[int], opens: time, closes: time
) -> None:
    window = Window(days, opens, closes)
    start = next_opening(moment, window, PACIFIC)
    assert moment < start <= moment + timedelta(days=8, hours=1)
    assert start.astimezone(PACIFIC).weekday() in days
    end = closing(start, window, PACIFIC)
    assert end is None or start < end <= start + timedelta(
        hours=25
    )  # None: hours that the change of clocks swallows
