from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.calendar import Mode, Span, local_day, mode_on, near_year_start

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
