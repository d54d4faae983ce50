"""How a made-up PowerSchool district changes: an ordinary day, and the change of the school year.

Contract: PowerSchool §1.12, 9-11: a student's row holds the current enrolment only; a move within the district
overwrites its school and dates, and the enrolment before goes to ReEnrollments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict

from sis_assets.sandbox.powerschool.data import (
    ACTIVE,
    ENROLLMENTS,
    GRADES,
    GRADUATED,
    GRADUATED_STUDENTS,
    INACTIVE,
    LAST_GRADE,
    PEOPLE,
    PRE_KINDERGARTEN,
    PRE_REGISTERED,
    TRANSFERRED,
    District,
    placed,
)


@dataclass(frozen=True, slots=True)
class Churn:
    """What happens on one day, in numbers of students."""

    arrivals: int = 0
    leavers: int = 0
    returners: int = 0
    transfers: int = 0
    pre_registrations: int = 0
    renamed: int = 0
    readdressed: int = 0

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def after_a_day(district: District, churn: Churn) -> District:
    """Return the district a day later.

    Leavers end, half of them as transferred out; returners are leavers who are active again; transfers go to another
    school of their level (where there is one); pre-registered students whose entry date has come are active.
    """
    today = district.today + timedelta(days=1)
    district = replace(district, today=today, step=district.step + 1)
    active, away = pl.col("status") == ACTIVE, pl.col("status").is_in([TRANSFERRED, INACTIVE])
    leavers = _picked(district, active, churn.leavers, "leave")
    returners = _picked(district, away, churn.returners, "return")
    several = district.schools.filter(pl.col("peers") > 1)["number"].to_list()
    movers = _picked(
        district, active & pl.col("school").is_in(several) & ~_among(leavers), churn.transfers, "transfer"
    )
    arriving = (pl.col("status") == PRE_REGISTERED) & (pl.col("entry") <= today)
    remaining = active & ~_among(leavers)
    district = _closed(district, _among(movers), today, "S1")
    district = _closed(district, _among(returners), None, None)
    people = _at_another_school(district, movers)
    even = pl.col("number") % 2 == 0
    people = people.with_columns(
        status=pl.when(_among(leavers))
        .then(pl.when(even).then(TRANSFERRED).otherwise(INACTIVE))
        .when(_among(returners) | arriving)
        .then(ACTIVE)
        .otherwise("status"),
        entry=pl.when(_among(movers + returners)).then(today).otherwise("entry"),
        entry_code=pl.when(_among(movers))
        .then(pl.lit("01"))
        .when(_among(returners))
        .then(pl.lit("11"))
        .otherwise("entry_code"),
        school_entry=pl.when(_among(movers)).then(today).otherwise("school_entry"),
        exit=pl.when(_among(leavers))
        .then(today)
        .when(_among(returners))
        .then(_planned_end(district))
        .otherwise("exit"),
        exit_code=pl.when(_among(leavers))
        .then(pl.when(even).then(pl.lit("T1")).otherwise(pl.lit("W1")))
        .when(~_among(returners))
        .then("exit_code"),
        family=pl.col("family")
        + _among(_picked(district, remaining, churn.renamed, "rename")).cast(pl.Int64),
        mailbox=pl.col("mailbox")
        + _among(_picked(district, remaining, churn.readdressed, "address")).cast(pl.Int64),
    )
    district = replace(district, people=people)
    grade = district.chance("grade") % GRADES + PRE_KINDERGARTEN
    district = _arrived(district, churn.arrivals, ACTIVE, grade, today)
    return _arrived(
        district, churn.pre_registrations, PRE_REGISTERED, pl.lit(0, pl.Int64), today + timedelta(days=14)
    )


def after_the_summer(district: District) -> District:
    """Return the district on the first day of its next school year.

    Everybody active has a past enrolment more and is a grade higher, at the next school where the old one ends; the
    last grade is graduated and at the pseudo-school; as many have come to pre-kindergarten as there were graduates.
    """
    ended = district.year_end + timedelta(days=1)
    active = pl.col("status") == ACTIVE
    district = _closed(district, active, ended, "22")
    year = replace(district, year=district.year + 1, step=district.step + 1)
    year = replace(year, today=year.year_start)
    before = year.people
    leaves = active & (pl.col("grade") == LAST_GRADE)
    stays = active & ~leaves
    changes = stays & (pl.col("grade") == pl.col("high"))
    arriving = (pl.col("status") == PRE_REGISTERED) & (pl.col("entry") <= year.today)
    people = (
        before.join(
            year.schools.select("high", "feeds", school="number"),
            on="school",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            status=pl.when(leaves).then(GRADUATED).when(arriving).then(ACTIVE).otherwise("status"),
            grade=pl.col("grade") + stays.cast(pl.Int64),
            school=pl.when(leaves).then(GRADUATED_STUDENTS).when(changes).then("feeds").otherwise("school"),
            last_school=pl.when(changes).then("feeds").otherwise("last_school"),
            entry=pl.when(leaves).then(ended).when(stays).then(year.today).otherwise("entry"),
            entry_code=pl.when(active).then(pl.lit("E2")).otherwise("entry_code"),
            exit=pl.when(leaves)
            .then(ended)
            .when(stays | arriving)
            .then(_planned_end(year))
            .otherwise("exit"),
            exit_code=pl.when(leaves).then(pl.lit("G1")).otherwise("exit_code"),
            school_entry=pl.when(changes).then(year.today).otherwise("school_entry"),
        )
        .select(before.columns)
    )
    graduates = before.select(leaves.sum()).item()
    return _arrived(
        replace(year, people=people), graduates, ACTIVE, pl.lit(PRE_KINDERGARTEN, pl.Int64), year.today
    )


def _planned_end(district: District) -> date:
    return district.year_end + timedelta(days=1)


def _among(numbers: list[int]) -> pl.Expr:
    return pl.col("number").is_in(pl.Series(numbers, dtype=pl.Int64).implode())


def _picked(district: District, eligible: pl.Expr, count: int, purpose: str) -> list[int]:
    """Return the numbers of `count` of the eligible people (all, where there are fewer), by this step's chances."""
    people = district.people.filter(eligible).sort(district.chance(purpose), "number")
    return people["number"].head(count).to_list()


def _closed(district: District, who: pl.Expr, ended: date | None, code: str | None) -> District:
    """Return the district with the current enrolments among the past ones; ended as they were where `ended` is None."""
    past = district.people.filter(who).with_columns(
        *(() if ended is None else (pl.lit(ended).alias("exit"), pl.lit(code).alias("exit_code")))
    )
    return replace(district, enrollments=pl.concat([district.enrollments, past.select(*ENROLLMENTS)]))


def _at_another_school(district: District, movers: list[int]) -> pl.DataFrame:
    places = district.schools.select("level", "rank", "peers", school="number")
    moved = (
        district.people.filter(_among(movers))
        .join(places, on="school")
        .with_columns(
            rank=(pl.col("rank") + 1 + district.chance("to") % (pl.col("peers") - 1)) % pl.col("peers")
        )
        .join(places.select("level", "rank", to="school"), on=["level", "rank"])
        .select("number", "to")
    )
    return (
        district.people.join(moved, on="number", how="left", maintain_order="left")
        .with_columns(
            school=pl.coalesce("to", "school"),
            last_school=pl.coalesce("to", "last_school"),
        )
        .select(district.people.columns)
    )


def _arrived(district: District, count: int, status: int, grade: pl.Expr, entry: date) -> District:
    numbers = pl.int_range(district.arrived + 1, district.arrived + count + 1, dtype=pl.Int64, eager=True)
    newcomers = placed(district, numbers.alias("number").to_frame().with_columns(grade=grade)).with_columns(
        status=pl.lit(status),
        last_school="school",
        entry=pl.lit(entry),
        exit=pl.lit(_planned_end(district)),
        entry_code=pl.lit("E1"),
        exit_code=pl.lit(None),
        district_entry=pl.lit(entry),
        school_entry=pl.lit(entry),
        class_of=district.year + LAST_GRADE - pl.col("grade"),
        family="number",
        mailbox=pl.lit(1),
    )
    people = pl.concat(
        [district.people, newcomers.select(pl.col(name).cast(kind) for name, kind in PEOPLE.items())]
    )
    return replace(district, people=people, arrived=district.arrived + count)
