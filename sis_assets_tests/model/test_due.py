"""When an API is read next: once in each window, sooner after trouble that passes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.calendar import Window, closing
from sis_assets.model.due import LONGEST_PAUSE, Reads, due_at

PACIFIC = ZoneInfo("America/Los_Angeles")
NIGHTS = Window(frozenset(range(5)), time(20), time(2))
DAY = timedelta(hours=24)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).astimezone(UTC)


def due(now: str, reads: Reads) -> datetime:
    return due_at(reads, at(now), window=NIGHTS, zone=PACIFIC, grace=DAY)


@pytest.mark.parametrize(
    ("last_good", "now", "expected"),
    [
        (None, "2026-10-15T12:00", "2026-10-15T20:00"),  # a Thursday
        (None, "2026-10-15T21:00", "2026-10-15T21:00"),
        ("2026-10-14T20:05", "2026-10-15T19:59", "2026-10-15T20:00"),
        ("2026-10-14T20:05", "2026-10-15T20:01", "2026-10-15T20:00"),
        ("2026-10-15T01:59", "2026-10-15T20:01", "2026-10-15T20:00"),
        ("2026-10-15T20:01", "2026-10-15T21:00", "2026-10-16T20:00"),
        ("2026-10-16T23:00", "2026-10-17T21:00", "2026-10-19T20:00"),  # over the weekend
        ("2026-10-12T23:00", "2026-10-15T12:00", "2026-10-15T20:00"),  # nights were missed
        (
            "2026-10-15T09:00",
            "2026-10-15T20:01",
            "2026-10-16T20:00",
        ),  # by hand in the day: stands for tonight's
        ("2026-10-15T09:00", "2026-10-16T20:01", "2026-10-16T09:00"),
    ],
)
def test_a_district_is_read_once_in_each_window(last_good: str | None, now: str, expected: str) -> None:
    reads = Reads(last_good=at(last_good) if last_good else None)
    assert due(now, reads) == at(expected)


@pytest.mark.parametrize(
    ("failures", "passing", "expected"),
    [
        (1, True, "2026-10-15T20:25"),
        (2, True, "2026-10-15T20:40"),
        (3, True, "2026-10-15T21:10"),
        (5, True, "2026-10-16T00:10"),
        (50, True, "2026-10-16T00:10"),
        (1, False, "2026-10-16T20:00"),
        (9, False, "2026-10-16T20:00"),
    ],
)
def test_trouble_that_passes_is_tried_again_with_growing_pauses_and_other_trouble_in_the_next_window(
    failures: int, passing: bool, expected: str
) -> None:
    reads = Reads(at("2026-10-14T20:05"), failures, at("2026-10-15T20:10"), passing)
    assert due("2026-10-15T20:11", reads) == at(expected)


def test_a_pause_that_ends_after_the_window_waits_for_the_next_one() -> None:
    reads = Reads(at("2026-10-14T20:05"), 5, at("2026-10-15T23:00"), passing=True)
    assert due("2026-10-15T23:01", reads) == at("2026-10-16T20:00")


MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
)


@given(
    now=MOMENTS,
    good=st.none() | st.integers(0, 20_000),
    failed=st.none() | st.integers(0, 5_000),
    failures=st.integers(1, 60),
    passing=st.booleans(),
)
def test_what_is_due_now_is_in_a_window_and_was_not_read_well_in_it(
    now: datetime, good: int | None, failed: int | None, failures: int, passing: bool
) -> None:
    ago = lambda minutes: now - timedelta(minutes=minutes)  # noqa: E731
    reads = Reads(
        None if good is None else ago(good),
        0 if failed is None else failures,
        None if failed is None else ago(failed),
        passing and failed is not None,
    )
    begins = due_at(reads, now, window=NIGHTS, zone=PACIFIC, grace=DAY)
    if begins > now:
        assert closing(begins, NIGHTS, PACIFIC)
        assert begins - now <= timedelta(days=4) + DAY + LONGEST_PAUSE
        return
    ends = closing(now, NIGHTS, PACIFIC)
    assert ends
    if reads.last_good and closing(reads.last_good, NIGHTS, PACIFIC):
        assert closing(reads.last_good, NIGHTS, PACIFIC) != ends
    if reads.last_failure and not reads.passing:
        assert closing(reads.last_failure, NIGHTS, PACIFIC) != ends
