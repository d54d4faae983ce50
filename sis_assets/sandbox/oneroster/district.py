"""A made-up district as a OneRoster provider would know it: who is there on one day, and where everybody was before.

Nobody in it exists: names are `Given-0001 Family-0001` (a few hold what breaks careless readers), addresses end in
example.org. The same seed and the same steps give the same rows on every machine; all work is done on whole columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from sis_assets.sandbox.chance import chance

#: Grades as numbers: -1 pre-kindergarten, 0 kindergarten.
FIRST_GRADE, LAST_GRADE = -1, 12
GRADES = LAST_GRADE - FIRST_GRADE + 1
#: Month and day on which a school year begins.
FIRST_DAY = (8, 20)

ACTIVE, PRE_REGISTERED, LEFT = "active", "pre_registered", "left"
STUDENT, GUARDIAN = "student", "guardian"

#: What stands in place of a school for those who are the district's; and the school outside of the district that some
#: of its students attend.
DISTRICT, OUTSIDE = 0, 9001

#: What staff of one school are, in turn; the first is a teacher, so that every school has one.
STAFF = (
    "teacher",
    "teacher",
    "principal",
    "teacher",
    "counselor",
    "teacher",
    "aide",
    "districtAdministrator",
    "teacher",
    "teacher",
)

_STUDENTS_PER_STAFF, _USERS_PER_GUARDIAN = 15, 20
_SECTION_SEATS = 25
_ONE_SCHOOL_BELOW = 300
_LEVELS = (
    # name, lowest grade, highest grade, students a school holds
    ("Elementary", FIRST_GRADE, 5, 500),
    ("Middle", 6, 8, 800),
    ("High", 9, LAST_GRADE, 1500),
)
#: Students of other kinds, beside the active ones: their share.
_BESIDE = {"pre_registered": 0.03, "left": 0.03, "outside": 0.01}

PEOPLE = {
    "number": pl.Int64,
    "kind": pl.String,
    "state": pl.String,
    "grade": pl.Int64,
    "school": pl.Int64,
    "second": pl.Int64,
    "entry": pl.Date,
    "second_entry": pl.Date,
    "ended": pl.Date,
    "modified": pl.Date,
    "family": pl.Int64,
    "mailbox": pl.Int64,
    "charge": pl.Int64,
    "class_of": pl.Int64,
}
STAYS = {
    "number": pl.Int64,
    "kind": pl.String,
    "year": pl.Int64,
    "grade": pl.Int64,
    "school": pl.Int64,
    "entry": pl.Date,
    "ended": pl.Date,
}


@dataclass(frozen=True, slots=True)
class District:
    """A made-up district as it is on one day. Every step gives a new one and leaves the old as it was.

    year        the year in which the school year ends
    first_year  the one it began with: nothing is known of the years before
    step        how many steps were taken since the beginning
    arrived     how many people have ever been entered; numbers are given once and never again
    schools     number, name, low, high, level, rank, peers, sections (a grade has), feeds (number of the next school)
    people      one row a person who was ever there, current state only; columns of PEOPLE. `second` is another school
                that somebody belongs to as well; `charge` is the student that a guardian answers for
    stays       where students were before, in this school year and the last; columns of STAYS, without a grade where no
                classes were attended
    """

    seed: int
    today: date
    year: int
    first_year: int
    step: int
    arrived: int
    schools: pl.DataFrame
    people: pl.DataFrame
    stays: pl.DataFrame

    @property
    def year_start(self) -> date:
        """The first day of the school year."""
        return first_day(self.year)

    def chance(self, purpose: str, *, lasting: bool = False) -> pl.Expr:
        """Return a number for each person's `number`: of this step, or the same on every day."""
        return chance(pl.col("number"), self.seed, "" if lasting else self.step, purpose)


def first_day(year: int) -> date:
    """Return the first day of the school year that ends in `year`."""
    return date(year - 1, *FIRST_DAY)


def founded(*, users: int, seed: int, today: date = date(2026, 10, 1)) -> District:
    """Return a district with so many active users, and beside them some students who are not (yet, or any more) there."""
    staff, guardians = max(2, users // _STUDENTS_PER_STAFF), users // _USERS_PER_GUARDIAN
    students = users - staff - guardians
    year = today.year + (today.month > 6)  # noqa: PLR2004 - a school year begins after June
    empty = District(
        seed=seed,
        today=today,
        year=year,
        first_year=year,
        step=0,
        arrived=0,
        schools=_schools(students),
        people=pl.DataFrame(schema=PEOPLE),
        stays=pl.DataFrame(schema=STAYS),
    )
    beside = {name: math.ceil(students * share) for name, share in _BESIDE.items()}
    district = entered(empty, _staff(empty, staff))
    district = entered(district, _students(district, students))
    district = entered(district, _guardians(district, guardians, students))
    district = entered(district, _waiting(district, beside["pre_registered"]))
    district = entered(district, _students(district, beside["outside"]).with_columns(school=pl.lit(OUTSIDE)))
    return _left(district, beside["left"])


def entered(district: District, newcomers: pl.DataFrame) -> District:
    """Return the district with new people: `number`, `kind` and whatever else of PEOPLE is not what it mostly is."""
    usual = {
        "state": pl.lit(ACTIVE),
        "grade": pl.lit(None),
        "second": pl.lit(None),
        "entry": pl.lit(district.year_start),
        "second_entry": pl.lit(None),
        "ended": pl.lit(None),
        "modified": pl.lit(district.today if district.step else district.year_start),
        "family": pl.col("number"),
        "mailbox": pl.lit(1),
        "charge": pl.lit(None),
    }
    left_aside = {name: value for name, value in usual.items() if name not in newcomers.columns}
    people = (
        newcomers.with_columns(**left_aside)
        .with_columns(class_of=district.year + LAST_GRADE - pl.col("grade"))
        .select(pl.col(name).cast(kind) for name, kind in PEOPLE.items())
    )
    return replace(
        district,
        people=pl.concat([district.people, people]),
        arrived=district.arrived + people.height,
    )


def numbered(district: District, count: int) -> pl.DataFrame:
    """Return the next so many numbers of people."""
    return pl.int_range(
        district.arrived + 1, district.arrived + count + 1, dtype=pl.Int64, eager=True
    ).to_frame("number")


def placed(district: District, newcomers: pl.DataFrame) -> pl.DataFrame:
    """Return the newcomers (number, grade, …) with `school`, the number of a school that teaches their grade."""
    levels = teaching(district).select("level", "low", "high", "peers").unique()
    return (
        newcomers.join(levels, how="cross")
        .filter(pl.col("grade").is_between("low", "high"))
        .with_columns(rank=district.chance("school", lasting=True) % pl.col("peers"))
        .join(teaching(district).select("level", "rank", school="number"), on=["level", "rank"])
        .select(*newcomers.columns, "school")
        .sort("number")
    )


def teaching(district: District) -> pl.DataFrame:
    """Return the district's own schools."""
    return district.schools.filter(pl.col("number") != OUTSIDE)


def _students(district: District, count: int) -> pl.DataFrame:
    newcomers = numbered(district, count).with_columns(
        kind=pl.lit(STUDENT), grade=pl.col("number") % GRADES + FIRST_GRADE
    )
    second = pl.col("number") % 40 == 0
    peer = teaching(district).select(level="level", rank="rank", second="number")
    here = placed(district, newcomers).join(
        teaching(district).select("level", "rank", "peers", school="number"), on="school", how="left"
    )
    return (
        here.with_columns(rank=(pl.col("rank") + 1) % pl.col("peers"))
        .join(peer, on=["level", "rank"], how="left")
        .with_columns(second=pl.when(second & (pl.col("second") != pl.col("school"))).then("second"))
        .with_columns(second_entry=pl.when(pl.col("second").is_not_null()).then(district.year_start))
        .select(*newcomers.columns, "school", "second", "second_entry")
        .sort("number")
    )


def _staff(district: District, count: int) -> pl.DataFrame:
    """Return staff, school by school in turn; some belong to two schools."""
    schools = teaching(district)["number"]
    place = pl.col("number") - 1
    numbers, districts = schools.to_list(), pl.col("kind") == "districtAdministrator"
    return (
        numbered(district, count)
        .with_columns(
            kind=pl.lit(list(STAFF)).list.get(place // len(numbers) % len(STAFF)),
            school=pl.lit(numbers).list.get(place % len(numbers)),
            second=pl.lit(numbers).list.get((place + 1) % len(numbers)),
        )
        .with_columns(
            school=pl.when(districts).then(DISTRICT).otherwise("school"),
            second=pl.when(
                ~districts & (pl.col("number") % 8 == 0) & (pl.col("second") != pl.col("school"))
            ).then("second"),
        )
        .with_columns(second_entry=pl.when(pl.col("second").is_not_null()).then(district.year_start))
    )


def _guardians(district: District, count: int, students: int) -> pl.DataFrame:
    first = district.people.filter(pl.col("kind") == STUDENT)["number"].min()
    charges = district.people.select(charge="number", school="school")
    return (
        numbered(district, count)
        .with_columns(
            kind=pl.lit(GUARDIAN), charge=pl.lit(first) + district.chance("charge", lasting=True) % students
        )
        .join(charges, on="charge", how="left", maintain_order="left")
    )


def _waiting(district: District, count: int) -> pl.DataFrame:
    newcomers = numbered(district, count).with_columns(kind=pl.lit(STUDENT), grade=pl.col("number") % 2 - 1)
    return placed(district, newcomers).with_columns(
        state=pl.lit(PRE_REGISTERED),
        entry=pl.lit(district.today) + pl.duration(days=pl.col("number") % 30 + 3),
    )


def _left(district: District, count: int) -> District:
    """Return the district with students who left during the last three weeks."""
    left = pl.lit(district.today) - pl.duration(days=pl.col("number") % 21)
    gone = placed(
        district,
        numbered(district, count).with_columns(
            kind=pl.lit(STUDENT), grade=pl.col("number") % GRADES + FIRST_GRADE
        ),
    ).with_columns(state=pl.lit(LEFT), ended=left, modified=left)
    district = entered(district, gone)
    leavers = district.people.filter(pl.col("state") == LEFT).with_columns(
        year=pl.lit(district.year, pl.Int64)
    )
    return replace(district, stays=pl.concat([district.stays, leavers.select(*STAYS)]))


def _schools(students: int) -> pl.DataFrame:
    levels = (
        _LEVELS
        if students >= _ONE_SCHOOL_BELOW
        else (("School", FIRST_GRADE, LAST_GRADE, _ONE_SCHOOL_BELOW),)
    )
    counts = [
        max(1, math.ceil(students * (high - low + 1) / (GRADES * holds))) for _, low, high, holds in levels
    ]
    rows = [
        {
            "number": 1000 * (place + 1) + rank + 1,
            "name": f"Sample {name}" + (f" {rank + 1}" if peers > 1 else ""),
            "low": low,
            "high": high,
            "level": place,
            "rank": rank,
            "peers": peers,
            "sections": math.ceil(students / (GRADES * peers * _SECTION_SEATS)),
            "feeds": 1000 * (place + 2) + rank % counts[place + 1] + 1 if place + 1 < len(levels) else None,
        }
        for place, ((name, low, high, _), peers) in enumerate(zip(levels, counts, strict=True))
        for rank in range(peers)
    ]
    outside = {
        "number": OUTSIDE,
        "name": "Sample School Elsewhere",
        "low": FIRST_GRADE,
        "high": LAST_GRADE,
        "level": len(levels),
        "rank": 0,
        "peers": 1,
        "sections": 0,
        "feeds": None,
    }
    return pl.DataFrame([*rows, outside], schema_overrides={"feeds": pl.Int64})
