"""By when a renewal must be asked for, and how near that day is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.access import NEAR, file_by, nearness
from sis_assets.pipeline.fleet import working_day

DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    ("expires", "working_days", "state", "last_day"),
    [
        # Wednesday; 18 June 2027 is Juneteenth, kept on a Friday.
        (date(2027, 6, 30), 10, "AR", date(2027, 6, 15)),
        (date(2027, 6, 30), 1, "AR", date(2027, 6, 29)),
        (date(2027, 6, 30), 0, "AR", date(2027, 6, 30)),
        (date(2027, 7, 4), 0, "AR", date(2027, 7, 2)),  # a Sunday, and a holiday
        (date(2026, 11, 30), 2, "TX", date(2026, 11, 24)),  # the Friday after Thanksgiving is a holiday there
        (date(2026, 11, 30), 2, "CO", date(2026, 11, 25)),
        (date(2026, 11, 30), 3, "CO", date(2026, 11, 24)),
    ],
)
def test_so_many_working_days_lie_between_the_filing_and_the_end(
    expires: date, working_days: int, state: str, last_day: date
) -> None:
    assert file_by(expires, working_days, working_day(state)) == last_day


def test_a_states_own_holidays_count() -> None:
    friday_after_thanksgiving = date(2026, 11, 27)
    assert not working_day("TX")(friday_after_thanksgiving)
    assert working_day(None)(friday_after_thanksgiving)


@given(DAYS, st.integers(0, 60), st.sampled_from(["AR", "CA", None]))
def test_the_last_day_is_a_working_day_and_the_next_one_would_be_too_late(
    expires: date, working_days: int, state: str | None
) -> None:
    is_working = working_day(state)
    last_day = file_by(expires, working_days, is_working)

    def between(day: date) -> int:
        return sum(is_working(day + timedelta(n)) for n in range(1, (expires - day).days + 1))

    assert is_working(last_day)
    assert between(last_day) >= working_days
    following = next(day for n in range(1, 20) if is_working(day := last_day + timedelta(n)))
    assert following > expires or between(following) < working_days


@pytest.mark.parametrize(
    ("left", "near"),
    [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 3), (1, 1), (0, 0), (-1, -1)],
)
def test_a_renewal_is_spoken_of_a_month_before_and_again_as_it_nears(left: int, near: int | None) -> None:
    assert nearness(date(2027, 6, 15) - timedelta(left), date(2027, 6, 15)) == near


@given(st.integers(-5, 60))
def test_it_never_goes_back_to_a_quieter_word(left: int) -> None:
    order: Callable[[int | None], int] = lambda near: 100 if near is None else near  # noqa: E731
    last_day = date(2027, 6, 15)
    today, tomorrow = (nearness(last_day - timedelta(n), last_day) for n in (left, left - 1))
    assert order(tomorrow) <= order(today)
    assert set(NEAR) >= {near for near in (today, tomorrow) if near not in {None, -1}}
