"""A made-up district at the beginning: a year that has ended, a summer, and what an autumn brings."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from sis_assets.sandbox.aeries.data import (
    ACTIVE,
    EVENING,
    GRADES,
    LOWEST_GRADE,
    District,
    empty_district,
)
from sis_assets.sandbox.aeries.day import Churn, after, after_the_summer
from sis_assets.sandbox.aeries.enrolling import arrived

_KNOWN_FOR_YEARS = 5


def founded(*, students: int, seed: int, today: date = date(2026, 10, 1), leas: int = 1) -> District:
    """Return a district with so many active students, some of every other status, and last year's database.

    today  between August 18 and June
    leas   so many local education agencies share the Aeries
    """
    year = today.year - (today.month < 7)  # noqa: PLR2004 - a school year begins after June
    before = empty_district(
        students=students,
        seed=seed,
        leas=leas,
        now=datetime.combine(date(year, 6, 4), EVENING),
        year=year - 1,
    )
    before = arrived(
        before,
        students,
        tag=ACTIVE,
        grade=pl.col("number") % GRADES + LOWEST_GRADE,
        enter=before.year_start,
        known_for=_KNOWN_FOR_YEARS,
    )
    few, some = -(-students // 100), -(-students // 30)
    spring = Churn(leavers=some, planned_leavers=few)
    begun = after_the_summer(after(before, spring, passed=timedelta()), no_shows=few)
    autumn = Churn(
        leavers=some,
        completions=few,
        transfers=some,
        concurrent=few,
        pre_enrollments=some,
        planned_leavers=few,
        rekeys=few,
        class_changes=some,
    )
    grown = after(begun, autumn, passed=datetime.combine(today, EVENING) - begun.now)
    active = grown.records.select((pl.col("main") & (pl.col("tag") == ACTIVE)).sum()).item()
    return after(grown, Churn(arrivals=max(0, students - active)), passed=timedelta())
