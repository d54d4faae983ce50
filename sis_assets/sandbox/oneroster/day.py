"""How a made-up district changes: an ordinary day, and the change of the school year.

Whatever changes of a record, its `dateLastModified` is that day's: a delta tells the truth, as long as its tombstones last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict

from sis_assets.sandbox.oneroster.district import (
    ACTIVE,
    FIRST_GRADE,
    GRADES,
    LAST_GRADE,
    LEFT,
    OUTSIDE,
    PRE_REGISTERED,
    STAYS,
    STUDENT,
    District,
    entered,
    first_day,
    numbered,
    placed,
    teaching,
)


@dataclass(frozen=True, slots=True)
class Churn:
    """What happens on one day, in numbers of people.

    days               how many days later it is
    arrivals, leavers, returners, transfers, pre_registrations   students who come, go, come back, change the school
    second_schools     students who belong to another school as well from now on
    renamed, readdressed   people whose family name, or whose address, is another one
    """

    days: int = 1
    arrivals: int = 0
    leavers: int = 0
    returners: int = 0
    transfers: int = 0
    pre_registrations: int = 0
    second_schools: int = 0
    renamed: int = 0
    readdressed: int = 0

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def after_a_day(district: District, churn: Churn) -> District:
    """Return the district a day later, or so many as the churn says.

    Returners are leavers who are active again; transfers go to another school of their level (where there is one);
    pre-registered students whose entry date has come are active.
    """
    today = district.today + timedelta(days=churn.days)
    district = replace(district, today=today, step=district.step + 1)
    attends = _attending()
    several = teaching(district).filter(pl.col("peers") > 1)["number"].to_list()
    elsewhere = attends & pl.col("school").is_in(several)
    leavers = _picked(district, attends, churn.leavers, "leave")
    movers = _picked(district, elsewhere & ~_among(leavers), churn.transfers, "transfer")
    returners = _picked(
        district,
        (pl.col("state") == LEFT)
        & (pl.col("ended") >= district.year_start)
        & (pl.col("class_of") >= district.year),
        churn.returners,
        "return",
    )
    busy = leavers + movers + returners
    added = _picked(
        district, elsewhere & pl.col("second").is_null() & ~_among(busy), churn.second_schools, "second"
    )
    arriving = (pl.col("state") == PRE_REGISTERED) & (pl.col("entry") <= today)
    stays_on = (pl.col("state") == ACTIVE) & ~_among(leavers)
    renamed = _picked(district, stays_on, churn.renamed, "rename")
    readdressed = _picked(district, stays_on, churn.readdressed, "address")
    # A guardian's record names the student, as long as there is one.
    touched = _among(busy + added + renamed + readdressed) | arriving | _among(leavers + returners, "charge")
    district = _closed(district, _among(leavers + movers), today)
    people = _with_peers(district).with_columns(
        state=pl.when(_among(leavers))
        .then(pl.lit(LEFT))
        .when(_among(returners) | arriving)
        .then(pl.lit(ACTIVE))
        .otherwise("state"),
        ended=pl.when(_among(leavers)).then(today).when(~_among(returners)).then("ended"),
        entry=pl.when(_among(movers + returners)).then(today).otherwise("entry"),
        school=pl.when(_among(movers)).then("peer").otherwise("school"),
        second=pl.when(_among(added))
        .then("peer")
        .when(~_among(movers) | (pl.col("second") != pl.col("peer")))
        .then("second"),
        second_entry=pl.when(_among(added)).then(today).otherwise("second_entry"),
        family=pl.col("family") + _among(renamed).cast(pl.Int64),
        mailbox=pl.col("mailbox") + _among(readdressed).cast(pl.Int64),
        modified=pl.when(touched).then(today).otherwise("modified"),
    )
    district = replace(district, people=people.select(district.people.columns))
    grade = district.chance("grade") % GRADES + FIRST_GRADE
    district = _arrived(district, churn.arrivals, ACTIVE, grade, today)
    return _arrived(
        district, churn.pre_registrations, PRE_REGISTERED, pl.lit(0, pl.Int64), today + timedelta(days=14)
    )


def after_the_summer(district: District) -> District:
    """Return the district on the first day of its next school year.

    Every student is a grade higher, at the next school where the old one ends, and at no second school; the last grade
    has left; as many have come to pre-kindergarten. Sessions, classes and enrolments are new ones.

    Raises ValueError where that day is past.
    """
    if district.today > first_day(district.year + 1):
        raise ValueError(f"the school year {district.year + 1} has begun already")
    attends = _attending()
    year = replace(district, year=district.year + 1, step=district.step + 1)
    year = _closed(replace(year, today=year.year_start), attends, date(district.year, 6, 6))
    year = replace(year, stays=year.stays.filter(pl.col("year") >= district.year))
    leaves = attends & (pl.col("grade") == LAST_GRADE)
    goes_on = attends & ~leaves
    changes = goes_on & (pl.col("grade") == pl.col("high")) & pl.col("feeds").is_not_null()
    arriving = (pl.col("state") == PRE_REGISTERED) & (pl.col("entry") <= year.today)
    graduates = year.people.filter(leaves)["number"].to_list()
    people = (
        year.people.join(
            year.schools.select("high", "feeds", school="number"),
            on="school",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            state=pl.when(leaves).then(pl.lit(LEFT)).when(arriving).then(pl.lit(ACTIVE)).otherwise("state"),
            grade=pl.col("grade") + goes_on.cast(pl.Int64),
            school=pl.when(changes).then("feeds").otherwise("school"),
            second=pl.when(~attends).then("second"),
            second_entry=pl.when(~attends).then("second_entry"),
            entry=pl.when(goes_on | arriving).then(year.today).otherwise("entry"),
            ended=pl.when(leaves).then(year.today).otherwise("ended"),
            modified=pl.when(attends | arriving | _among(graduates, "charge"))
            .then(year.today)
            .otherwise("modified"),
        )
        .select(year.people.columns)
    )
    return _arrived(
        replace(year, people=people), len(graduates), ACTIVE, pl.lit(FIRST_GRADE, pl.Int64), year.today
    )


def _attending() -> pl.Expr:
    """Whether somebody is an active student of the district's own schools."""
    return (pl.col("kind") == STUDENT) & (pl.col("state") == ACTIVE) & (pl.col("school") != OUTSIDE)


def _among(numbers: list[int], column: str = "number") -> pl.Expr:
    return pl.col(column).is_in(pl.Series(numbers, dtype=pl.Int64).implode())


def _picked(district: District, eligible: pl.Expr, count: int, purpose: str) -> list[int]:
    """Return the numbers of `count` of the eligible people (all, where there are fewer), by this step's chances."""
    people = district.people.filter(eligible).sort(district.chance(purpose), "number")
    return people["number"].head(count).to_list()


def _closed(district: District, who: pl.Expr, ended: date) -> District:
    """Return the district with the current stays of these people among the past ones, second schools too."""
    leaving = district.people.filter(who).with_columns(
        year=pl.lit(_year_of(district, ended), pl.Int64), ended=pl.lit(ended)
    )
    second = leaving.filter(pl.col("second").is_not_null()).with_columns(
        school="second", entry="second_entry", grade=pl.lit(None, pl.Int64)
    )
    past = [
        frame.select(pl.col(name).cast(kind) for name, kind in STAYS.items()) for frame in (leaving, second)
    ]
    return replace(district, stays=pl.concat([district.stays, *past]))


def _year_of(district: District, day: date) -> int:
    return district.year if day >= district.year_start else district.year - 1


def _with_peers(district: District) -> pl.DataFrame:
    """Return the people with `peer`, another school of their own's level; null where there is none."""
    places = teaching(district).select("level", "rank", "peers", school="number")
    return (
        district.people.join(places, on="school", how="left", maintain_order="left")
        .with_columns(
            rank=pl.when(pl.col("peers") > 1).then(
                (pl.col("rank") + 1 + district.chance("to") % (pl.col("peers") - 1).clip(1)) % pl.col("peers")
            )
        )
        .join(
            places.select("level", "rank", peer="school"),
            on=["level", "rank"],
            how="left",
            maintain_order="left",
        )
    )


def _arrived(district: District, count: int, state: str, grade: pl.Expr, entry: date) -> District:
    newcomers = numbered(district, count).with_columns(kind=pl.lit(STUDENT), grade=grade)
    return entered(
        district, placed(district, newcomers).with_columns(state=pl.lit(state), entry=pl.lit(entry))
    )
