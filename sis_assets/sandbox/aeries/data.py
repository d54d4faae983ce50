"""A made-up district as Aeries would keep it: who has which record at which school on one day, and what was before.

Nobody in it exists: names are `Given-0001 Family-0001` (a few hold what breaks careless readers), addresses end in
example.org. The same seed and the same steps give the same rows on every machine; all work is done on whole columns.

Contract: Aeries §2.3 (students, status, grades) and §2.5 (what a careless reader confuses).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time

import polars as pl

from sis_assets.sandbox.chance import chance

#: School codes that are no schools: the district itself, one where left students are put, one for the summer.
DISTRICT_SCHOOL, INACTIVE_SCHOOL, SUMMER_SCHOOL = 0, 99, 998
#: A school that is closed.
CLOSED_SCHOOL = 97
_FIRST_SCHOOL = 101
LOWEST_GRADE, KINDERGARTEN, FIRST_HIGH_SCHOOL_GRADE, LAST_GRADE, AFTER_LAST_GRADE = -2, 0, 9, 12, 13
GRADES = LAST_GRADE - LOWEST_GRADE + 1

#: STU.TG, the status of a record: blank and `*` are Aeries' own, the others this district's.
ACTIVE, PRE_ENROLLED, LEFT, NO_SHOW, MOVED, COMPLETED = "", "*", "I", "N", "T", "G"
#: A status code of the district that is no longer used, and stands on no record.
RETIRED_TAG = "X"

#: Why an enrolment ended: code, description.
EXIT_CODES = (
    ("E1", "Left the district"),
    ("E2", "Moved to another district"),
    ("E3", "Moved within the district"),
    ("E4", "End of the year"),
    ("E5", "Did not appear"),
    ("E6", "Completed school"),
)
LEFT_DISTRICT, OTHER_DISTRICT, WITHIN_DISTRICT, END_OF_YEAR, NOT_APPEARED, SCHOOL_COMPLETED = (
    code for code, _ in EXIT_CODES
)
#: SchoolCompletionStatusCode of somebody who is through with high school.
GRADUATED = "100"
#: EndOfYearStatusCode of somebody who will leave over the summer.
LEAVES_IN_SUMMER = "E2"

#: The time of day at which a step ends unless it says otherwise.
EVENING = time(18)
SECTION_SEATS = 25
_ONE_SCHOOL_BELOW = 300
_LEVELS = (
    # name, lowest grade, highest grade, students a school holds
    ("Elementary", LOWEST_GRADE, 5, 500),
    ("Middle", 6, 8, 800),
    ("High", FIRST_HIGH_SCHOOL_GRADE, 18, 1500),
)

PEOPLE = {
    "number": pl.Int64,
    "student_id": pl.Int64,
    "old_student_id": pl.Int64,
    "lea": pl.Int64,
    "class_of": pl.Int64,
    "district_enter": pl.Date,
    "family": pl.Int64,
    "mailbox": pl.Int64,
    "shift": pl.Int64,
    "shifted_on": pl.Date,
}
RECORDS = {
    "number": pl.Int64,
    "school": pl.Int64,
    "sn": pl.Int64,
    "main": pl.Boolean,
    "tag": pl.String,
    "grade": pl.Int64,
    "enter": pl.Date,
    "leave": pl.Date,
    "completion_code": pl.String,
    "completion_date": pl.Date,
    "end_of_year_code": pl.String,
    "summer_code": pl.String,
    "summer_leave": pl.Date,
}
ENROLLMENTS = {
    "number": pl.Int64,
    "school": pl.Int64,
    "sn": pl.Int64,
    "year": pl.Int64,
    "grade": pl.Int64,
    "enter": pl.Date,
    "leave": pl.Date,
    "exit_code": pl.String,
}
COURSE_EDITS = {"course": pl.String, "edits": pl.Int64}
SECTION_EDITS = {"school": pl.Int64, "section": pl.Int64, "edits": pl.Int64}
STAFF_EDITS = {"staff": pl.Int64, "edits": pl.Int64}


@dataclass(frozen=True, slots=True)
class District:
    """Made-up LEAs in one Aeries as they are at one moment. Every step gives a new one and leaves the old as it was.

    now          the server's clock: local time of the district, without a zone
    year         the year in which the school year begins, as `DatabaseYear` names it
    step         how many steps were taken since the beginning
    arrived      how many people have ever been entered; numbers are given once and never again
    schools      code, name, low, high, level, rank, peers, feeds (code of the next school), lea (from 1), places
                 (sections of a course for each grade); without the codes that are no schools
    people       one row a person who ever attended; columns of PEOPLE
    records      one row a person and school (STU); columns of RECORDS. One of a person's is `main`
    enrollments  every enrolment, the open ones without `leave` (ENR); columns of ENROLLMENTS
    *_edits      how often a course, a section, an entry of the staff was rewritten
    before       the year before as it ended: another database
    """

    seed: int
    now: datetime
    year: int
    step: int
    arrived: int
    schools: pl.DataFrame
    people: pl.DataFrame
    records: pl.DataFrame
    enrollments: pl.DataFrame
    course_edits: pl.DataFrame
    section_edits: pl.DataFrame
    staff_edits: pl.DataFrame
    before: District | None

    @property
    def today(self) -> date:
        """The day of the district's clock."""
        return self.now.date()

    @property
    def year_start(self) -> date:
        """The first day of the school year."""
        return date(self.year, 8, 18)

    @property
    def year_end(self) -> date:
        """The last day of the school year."""
        return date(self.year + 1, 6, 4)

    def database(self, year: int) -> District | None:
        """Return the district as the database of that year has it; None where there is none."""
        if year == self.year:
            return self
        return self.before.database(year) if self.before is not None else None

    @property
    def years(self) -> tuple[int, ...]:
        """The years that have a database, the newest first."""
        return (self.year, *(self.before.years if self.before is not None else ()))

    def chance(self, purpose: str, *, lasting: bool = False) -> pl.Expr:
        """Return a number for each person's `number`: of this step, or the same on every day."""
        return chance(pl.col("number"), self.seed, "" if lasting else self.step, purpose)


def empty_district(*, students: int, seed: int, leas: int, now: datetime, year: int) -> District:
    """Return a district with schools for so many students, and nobody in them."""
    return District(
        seed=seed,
        now=now,
        year=year,
        step=0,
        arrived=0,
        schools=_schools(students, leas),
        people=pl.DataFrame(schema=PEOPLE),
        records=pl.DataFrame(schema=RECORDS),
        enrollments=pl.DataFrame(schema=ENROLLMENTS),
        course_edits=pl.DataFrame(schema=COURSE_EDITS),
        section_edits=pl.DataFrame(schema=SECTION_EDITS),
        staff_edits=pl.DataFrame(schema=STAFF_EDITS),
        before=None,
    )


def placed(district: District, newcomers: pl.DataFrame) -> pl.DataFrame:
    """Return the newcomers (number, lea, grade, …) with `school`, one of their LEA that teaches their grade."""
    levels = district.schools.select("lea", "level", "low", "high", "peers").unique()
    return (
        newcomers.join(levels, on="lea")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .with_columns(rank=district.chance("school", lasting=True) % pl.col("peers"))
        .join(
            district.schools.select("lea", "level", "rank", school="code"),
            on=["lea", "level", "rank"],
        )
        .select(*newcomers.columns, "school")
        .sort("number")
    )


def numbered(records: pl.DataFrame, newcomers: pl.DataFrame) -> pl.DataFrame:
    """Return new records (school, …) with the next free student numbers of their schools in `sn`."""
    highest = records.group_by("school").agg(highest=pl.col("sn").max())
    return (
        newcomers.join(highest, on="school", how="left", maintain_order="left")
        .with_columns(
            sn=pl.col("highest").fill_null(0) + pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("school")
        )
        .select(pl.col(name).cast(kind) for name, kind in RECORDS.items())
    )


def _schools(students: int, leas: int) -> pl.DataFrame:
    each = math.ceil(students / leas)
    levels = _LEVELS if each >= _ONE_SCHOOL_BELOW else (("School", LOWEST_GRADE, 18, _ONE_SCHOOL_BELOW),)
    taught = [min(high, LAST_GRADE) - low + 1 for _, low, high, _ in levels]
    counts = [
        max(1, math.ceil(each * grades / (GRADES * holds)))
        for (_, _, _, holds), grades in zip(levels, taught, strict=True)
    ]
    rows = [
        (
            lea,
            f"Sample {name}" + (f" {rank + 1}" if peers > 1 else "") + (f" of LEA {lea}" if leas > 1 else ""),
            low,
            high,
            level,
            rank,
            peers,
            math.ceil(each / GRADES / peers / SECTION_SEATS),
        )
        for lea in range(1, leas + 1)
        for level, ((name, low, high, _), peers) in enumerate(zip(levels, counts, strict=True))
        for rank in range(peers)
    ]
    columns = ["lea", "name", "low", "high", "level", "rank", "peers", "places"]
    schools = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        code=pl.int_range(pl.len(), dtype=pl.Int64) + _FIRST_SCHOOL
    )
    following = schools.select("lea", up="level", next_peers="peers").unique()
    return (
        schools.with_columns(up=pl.col("level") + 1)
        .join(following, on=["lea", "up"], how="left", maintain_order="left")
        .with_columns(next_rank=pl.col("rank") % pl.col("next_peers"))
        .join(
            schools.select("lea", up="level", next_rank="rank", feeds="code"),
            on=["lea", "up", "next_rank"],
            how="left",
            maintain_order="left",
        )
        .select("code", "name", "low", "high", "level", "rank", "peers", "feeds", "lea", "places")
    )
