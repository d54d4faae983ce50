"""A made-up district as PowerSchool would keep it: who is there on one day, and where everybody was before.

Nobody in it exists: names are `Given-0001 Family-0001` (a few hold what breaks careless readers), addresses end in
example.org. The same seed and the same steps give the same rows on every machine; all work is done on whole columns.

Contract: PowerSchool §1.4 (statuses, grades, identifiers) and §1.12 (what a careless reader confuses).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from sis_assets.sandbox.chance import chance
from sis_assets.sandbox.names import family_name

#: School_Number of the pseudo-school that holds the graduates.
GRADUATED_STUDENTS = 999_999
GRADUATED_STUDENTS_DCID = 2
PRE_KINDERGARTEN, FIRST_HIGH_SCHOOL_GRADE, LAST_GRADE = -1, 9, 12
#: What stands in place of a next grade for somebody who has none.
NO_GRADE = 99

ACTIVE, PRE_REGISTERED, INACTIVE, TRANSFERRED, GRADUATED, HISTORICAL, OTHER_INACTIVE = 0, -1, 1, 2, 3, 4, -2

#: A person's three identifiers. DCID and ID are neighbours on purpose: whoever takes one for the other finds somebody,
#: but the wrong one.
STUDENT_DCID, STUDENT_ID, STUDENT_NUMBER = (pl.col("number") + base for base in (1000, 1001, 114_000))

_AGE_AT_GRADUATION = 18
#: Of 11 people, the one that the state has given no number.
_WITHOUT_STATE_ID = 5
GRADES = LAST_GRADE - PRE_KINDERGARTEN + 1
_ONE_SCHOOL_BELOW = 300
_LEVELS = (
    # name, lowest grade, highest grade, students a school holds
    ("Elementary", PRE_KINDERGARTEN, 5, 500),
    ("Middle", 6, 8, 800),
    ("High", FIRST_HIGH_SCHOOL_GRADE, LAST_GRADE, 1500),
)
_SHARES = {
    PRE_REGISTERED: 0.03,
    TRANSFERRED: 0.04,
    INACTIVE: 0.02,
    OTHER_INACTIVE: 0.002,
    GRADUATED: 0.08,
    HISTORICAL: 0.01,
}

PEOPLE = {
    "number": pl.Int64,
    "status": pl.Int64,
    "grade": pl.Int64,
    "school": pl.Int64,
    "last_school": pl.Int64,
    "entry": pl.Date,
    "exit": pl.Date,
    "entry_code": pl.String,
    "exit_code": pl.String,
    "district_entry": pl.Date,
    "school_entry": pl.Date,
    "class_of": pl.Int64,
    "family": pl.Int64,
    "mailbox": pl.Int64,
}
ENROLLMENTS = {
    "number": pl.Int64,
    "school": pl.Int64,
    "grade": pl.Int64,
    "entry": pl.Date,
    "exit": pl.Date,
    "entry_code": pl.String,
    "exit_code": pl.String,
}
REQUESTS = {
    "dcid": pl.Int64,
    "studentid": pl.Int64,
    "student_number": pl.Int64,
    "coursenumber": pl.String,
    "schoolid": pl.Int64,
    "yearid": pl.Int64,
    "alternategroupcode": pl.String,
    "globalalternatecourse": pl.Int64,
    "alternatepriority": pl.Int64,
    "alternatecoursenumber1": pl.String,
    "alternatecoursenumber2": pl.String,
    "alternatecoursenumber3": pl.String,
    "creationcode": pl.Int64,
    "registreq_id": pl.Int64,
    "sectiontypecode": pl.String,
}

#: Entry and exit codes: code, description. One is digits after a zero and one digits alone, as districts have them.
ENTRY_CODES = (
    ("E1", "New to the district"),
    ("E2", "Promoted"),
    ("01", "From another school"),
    ("11", "Back again"),
)
EXIT_CODES = (
    ("W1", "Withdrawn"),
    ("T1", "Moved to another district"),
    ("S1", "Moved within the district"),
    ("05", "Did not appear"),
    ("22", "End of year"),
    ("G1", "Graduated"),
)


@dataclass(frozen=True, slots=True)
class District:
    """A made-up district as it is on one day. Every step gives a new one and leaves the old as it was.

    year         the year in which the school year ends
    step         how many steps were taken since the beginning
    arrived      how many people have ever been entered; numbers are given once and never again
    schools      number (School_Number), dcid, name, low, high, level, rank, peers, feeds (number of the next school)
    people       one row a person who ever attended, current state only; columns of PEOPLE
    enrollments  every enrolment but the current one; columns of ENROLLMENTS
    requests     course requests that were sent in; columns of REQUESTS
    """

    seed: int
    today: date
    year: int
    step: int
    arrived: int
    schools: pl.DataFrame
    people: pl.DataFrame
    enrollments: pl.DataFrame
    requests: pl.DataFrame

    @property
    def year_start(self) -> date:
        """The first day of the school year."""
        return date(self.year - 1, 8, 20)

    @property
    def year_end(self) -> date:
        """The last day of the school year."""
        return date(self.year, 6, 5)

    @property
    def year_id(self) -> int:
        """PowerSchool's YearID: 36 for the year that begins in 2026 (contract §1.4)."""
        return self.year - 1991

    def chance(self, purpose: str, *, lasting: bool = False) -> pl.Expr:
        """Return a number for each person's `number`: of this step, or the same on every day."""
        return chance(pl.col("number"), self.seed, "" if lasting else self.step, purpose)


def founded(*, students: int, seed: int, today: date = date(2026, 10, 1)) -> District:
    """Return a district with so many active students, and beside them some of every other status."""
    year = today.year + (today.month > 6)  # noqa: PLR2004 - a school year begins after June
    district = District(
        seed=seed,
        today=today,
        year=year,
        step=0,
        arrived=0,
        schools=_schools(students),
        people=pl.DataFrame(schema=PEOPLE),
        enrollments=pl.DataFrame(schema=ENROLLMENTS),
        requests=pl.DataFrame(schema=REQUESTS),
    )
    counts = {ACTIVE: students} | {status: math.ceil(students * share) for status, share in _SHARES.items()}
    statuses = (
        pl.Series("status", [*counts], pl.Int64).to_frame().with_columns(times=pl.Series([*counts.values()]))
    )
    newcomers = (
        statuses.select(pl.col("status").repeat_by("times").explode())
        .with_row_index("number", offset=1)
        .with_columns(pl.col("number").cast(pl.Int64))
    )
    grade = (
        pl.when(pl.col("status") == GRADUATED)
        .then(LAST_GRADE)
        .when(pl.col("status") == PRE_REGISTERED)
        .then(pl.col("number") % 2 - 1)
        .otherwise(pl.col("number") % GRADES + PRE_KINDERGARTEN)
    )
    return _with_founders(district, newcomers.with_columns(grade=grade))


def placed(district: District, newcomers: pl.DataFrame) -> pl.DataFrame:
    """Return the newcomers (number, grade, …) with `school`, the number of a school that teaches their grade."""
    levels = district.schools.select("level", "low", "high", "peers").unique()
    return (
        newcomers.join(levels, how="cross")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .with_columns(rank=district.chance("school") % pl.col("peers"))
        .join(district.schools.select("level", "rank", school="number"), on=["level", "rank"])
        .select(*newcomers.columns, "school")
        .sort("number")
    )


def described(district: District) -> pl.DataFrame:
    """Return every person as a registrar would: identifiers, names, address, plans. One row a person, by DCID."""
    number = pl.col("number")
    digits = number.cast(pl.String).str.zfill(4)
    family = family_name(pl.col("family"))
    goes_on = pl.col("grade") == pl.col("high")
    leaves = pl.col("grade") == LAST_GRADE
    planned = district.chance("plan", lasting=True) % 20 > 0
    here = pl.col("status").is_in([ACTIVE, PRE_REGISTERED])
    next_school = pl.when(leaves).then(GRADUATED_STUDENTS).when(goes_on).then("feeds").otherwise("school")
    gender = district.chance("gender", lasting=True) % 40
    born_from = pl.date(pl.col("class_of") - _AGE_AT_GRADUATION, 1, 1)
    return (
        district.people.join(
            district.schools.select("high", "feeds", school="number", school_dcid="dcid", school_name="name"),
            on="school",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            school_dcid=pl.col("school_dcid").fill_null(GRADUATED_STUDENTS_DCID),
            school_name=pl.col("school_name").fill_null("Graduated Students"),
            dcid=STUDENT_DCID,
            id=STUDENT_ID,
            student_number=STUDENT_NUMBER,
            state_id=pl.when(number % 11 == _WITHOUT_STATE_ID)
            .then(None)
            .when(number % 2 == 0)
            .then(pl.format("00{}", number + 41_000_000))
            .otherwise((number + 7_300_000_000).cast(pl.String)),
            username=pl.format("student{}", digits),
            first_name=pl.when(number % 20 == 0).then(pl.lit("Gïven-")).otherwise(pl.lit("Given-")) + digits,
            middle_name=pl.when(number % 3 > 0).then(pl.format("Middle-{}", digits)),
            last_name=family,
            gender=pl.when(gender == 0)
            .then(pl.lit("X"))
            .when(gender > 1)
            .then(pl.lit(["M", "F"]).list.get(gender % 2)),
            birth_date=born_from + pl.duration(days=district.chance("birth", lasting=True) % 365),
            email=pl.when(number % 13 > 0).then(pl.format("student-{}.{}@example.org", number, "mailbox")),
            next_school=pl.when(here & planned).then(next_school).otherwise(0).fill_null(0),
            next_grade=pl.when(~here | leaves)
            .then(NO_GRADE)
            .when(planned)
            .then(pl.col("grade") + 1)
            .otherwise(0),
            graduation_year="class_of",
            street=pl.when(number % 17 > 0).then(pl.format("{} Sample Street", number % 900 + 1)),
            postal_code=pl.when(number % 3 == 0).then(pl.lit("02118")).otherwise(pl.lit("95001")),
            phone=pl.when(number % 7 > 0).then(
                pl.format("555-{}", (number % 10_000).cast(pl.String).str.zfill(4))
            ),
            guardian=pl.format("guardian-{}@example.org", number),
            track=pl.lit(["A", "B", None]).list.get(number % 3),
            home_room=pl.format("R{}", number % 40),
            requirement_set=pl.when(pl.col("grade") >= FIRST_HIGH_SCHOOL_GRADE).then(number % 2 + 1),
        )
        .drop("high", "feeds")
    )


def seated(district: District) -> pl.DataFrame:
    """Return the active students: number, id, grade, school, entry."""
    return district.people.filter(pl.col("status") == ACTIVE).select(
        "number", "grade", "school", "entry", id=STUDENT_ID
    )


def _with_founders(district: District, newcomers: pl.DataFrame) -> District:
    """Return the district with its first people (number, status, grade), each at a school and with dates."""
    status = pl.col("status")
    graduated, waiting = status == GRADUATED, status == PRE_REGISTERED
    left = status.is_in([TRANSFERRED, INACTIVE, OTHER_INACTIVE, HISTORICAL])
    days = district.chance("days") % 40
    since = pl.lit(district.year_start) - pl.duration(days=365 * (district.chance("since") % 5))
    entry = (
        pl.when(waiting)
        .then(pl.lit(district.today) + pl.duration(days=days + 1))
        .when(graduated)
        .then(pl.date(district.year - 1, 6, 6))
        .otherwise(pl.date(pl.lit(district.year - 1), 8, 20))
    )
    # For somebody who is here, the planned end: an exit date is the day after the last one attended.
    end = pl.date(district.year, 6, 6)
    people = placed(district, newcomers).with_columns(
        last_school="school",
        school=pl.when(graduated).then(GRADUATED_STUDENTS).otherwise("school"),
        entry=entry,
        exit=pl.when(graduated)
        .then(entry)
        .when(left)
        .then(pl.lit(district.year_start) + pl.duration(days=days % 30 + 1))
        .otherwise(end),
        entry_code=pl.lit([code for code, _ in ENTRY_CODES]).list.get(pl.col("number") % len(ENTRY_CODES)),
        exit_code=pl.when(status == TRANSFERRED)
        .then(pl.lit("T1"))
        .when(graduated)
        .then(pl.lit("G1"))
        .when(left)
        .then(pl.lit(["W1", "05"]).list.get(pl.col("number") % 2)),
        district_entry=pl.when(waiting).then(entry).otherwise(since),
        school_entry=pl.when(waiting)
        .then(entry)
        .otherwise(pl.max_horizontal(since, pl.lit(district.year_start))),
        class_of=district.year + LAST_GRADE - pl.col("grade") - graduated.cast(pl.Int64),
        family="number",
        mailbox=pl.lit(1, pl.Int64),
    )
    kept = people.select(pl.col(name).cast(kind) for name, kind in PEOPLE.items())
    return replace(district, people=kept, arrived=kept.height)


def _schools(students: int) -> pl.DataFrame:
    levels = (
        _LEVELS
        if students >= _ONE_SCHOOL_BELOW
        else (("School", PRE_KINDERGARTEN, LAST_GRADE, _ONE_SCHOOL_BELOW),)
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
            "feeds": 1000 * (place + 2) + rank % counts[place + 1] + 1 if place + 1 < len(levels) else None,
        }
        for place, ((name, low, high, _), peers) in enumerate(zip(levels, counts, strict=True))
        for rank in range(peers)
    ]
    frame = pl.DataFrame(rows, schema_overrides={"feeds": pl.Int64}).with_row_index("dcid", offset=3)
    return frame.with_columns(pl.col("dcid").cast(pl.Int64))
