"""The tables of one district as PowerSchool keeps them, made when first asked for and kept while the day lasts.

Contract: PowerSchool §1.10. Column names are PowerSchool's, in lower case; types are real, text comes when served.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import TypeVar

import polars as pl

from sis_assets.sandbox.powerschool import rosters, staff, transcripts
from sis_assets.sandbox.powerschool.data import (
    ENTRY_CODES,
    EXIT_CODES,
    GRADUATED_STUDENTS,
    GRADUATED_STUDENTS_DCID,
    LAST_GRADE,
    STUDENT_ID,
    District,
    described,
)
from sis_assets.sandbox.powerschool.settings import Settings

_Made = TypeVar("_Made")

#: Columns that are CLOBs: the table API does not compare them (contract §1.6).
CLOBS = frozenset({"guardianemail", "prerequisites", "corequisites", "sched_fullcatalogdescription"})
#: Views: known by name, but not served as tables (contract §1.6).
VIEWS = frozenset({"teachers", "ps_schoolenrollment"})
#: Columns of the frames that PowerSchool's tables do not have.
_OURS = frozenset(
    {
        "school_dcid",
        "course_dcid",
        "staff_dcid",
        "student_dcid",
        "section_dcid",
        "dropped",
        "place",
        "places",
        "position",
    }
)


class Database:
    """One district's tables, by PowerSchool's names in lower case."""

    def __init__(self, district: District, settings: Settings) -> None:
        self.district, self.settings = district, settings
        self._makers: Mapping[str, Callable[[], pl.DataFrame]] = {
            "students": lambda: _students(self.people),
            "reenrollments": lambda: _reenrollments(district),
            "schools": lambda: _schools(district),
            "terms": lambda: rosters.terms(district),
            "courses": lambda: rosters.catalogue().drop("grade"),
            "school_course": lambda: rosters.school_courses(district),
            "sections": lambda: rosters.sections(district).rename({"grade": "grade_level"}),
            "cc": lambda: rosters.class_enrollments(district, rosters.sections(district)),
            "storedgrades": lambda: transcripts.stored_grades(district),
            "gradreqsets": transcripts.requirement_sets,
            "gradreq": lambda: transcripts.requirements(district),
            "users": lambda: staff.users(district),
            "schoolstaff": lambda: staff.school_staff(district),
            "gen": _gen,
            "schedulerequests": lambda: transcripts.request_rows(
                district, year_as_term=settings.schedule_year_as_term
            ),
        }
        self._kept: dict[Hashable, object] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that there are."""
        return tuple(self._makers)

    @cached_property
    def people(self) -> pl.DataFrame:
        """Every person as a registrar would describe them (`data.described`)."""
        return described(self.district)

    def frame(self, name: str) -> pl.DataFrame:
        """Return a table with what serving it needs beside PowerSchool's columns. Raises KeyError for another name."""
        make = self._makers[name]
        return self.kept(("frame", name), make)

    def table(self, name: str) -> pl.DataFrame:
        """Return a table with PowerSchool's columns only. Raises KeyError for another name."""
        return self.kept(("table", name), lambda: self.frame(name).drop(_OURS, strict=False))

    def kept(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return what `make` made for this key, made once as long as the day lasts."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]


def _students(people: pl.DataFrame) -> pl.DataFrame:
    text = pl.lit(None, pl.String)
    return people.select(
        dcid="dcid",
        id="id",
        student_number=pl.col("student_number").cast(pl.Float64),
        state_studentnumber="state_id",
        first_name="first_name",
        middle_name="middle_name",
        last_name="last_name",
        lastfirst=pl.format("{}, {}", "last_name", "first_name"),
        dob="birth_date",
        gender="gender",
        grade_level="grade",
        enroll_status="status",
        schoolid="school",
        enrollment_schoolid="school",
        entrydate="entry",
        entrycode="entry_code",
        exitdate="exit",
        exitcode="exit_code",
        exitcomment=text,
        transfercomment=text,
        next_school="next_school",
        sched_nextyeargrade="next_grade",
        sched_yearofgraduation="graduation_year",
        sched_scheduled=pl.lit(value=True),
        classof="graduation_year",
        gradreqsetid="requirement_set",
        graduated_schoolid=pl.when(pl.col("school") == GRADUATED_STUDENTS).then("last_school").otherwise(0),
        schoolentrydate="school_entry",
        districtentrydate="district_entry",
        track="track",
        fteid=pl.lit(1070, pl.Int64),
        home_room="home_room",
        home_phone="phone",
        guardianemail="guardian",
        student_web_id="username",
        street="street",
        city=pl.when(pl.col("street").is_not_null()).then(pl.lit("Alder")),
        state=pl.when(pl.col("street").is_not_null()).then(pl.lit("CA")),
        zip=pl.when(pl.col("street").is_not_null()).then("postal_code"),
        summerschoolid=pl.lit(0, pl.Int64),
        school_dcid="school_dcid",
    )


def _reenrollments(district: District) -> pl.DataFrame:
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return district.enrollments.select(
        dcid=row + 100_000,
        id=row + 100_001,
        studentid=STUDENT_ID,
        schoolid="school",
        entrydate="entry",
        entrycode="entry_code",
        entrycomment=pl.lit(None, pl.String),
        exitdate="exit",
        exitcode="exit_code",
        exitcomment=pl.lit(None, pl.String),
        grade_level="grade",
        fteid=pl.lit(1070, pl.Int64),
        track=pl.lit(None, pl.String),
        districtofresidence=pl.lit("0410"),
        lunchstatus=pl.lit(None, pl.String),
        type=pl.lit(0, pl.Int64),
        withdrawal_reason_code=pl.lit(None, pl.String),
    )


def _schools(district: District) -> pl.DataFrame:
    graduated = pl.DataFrame(
        {
            "dcid": [GRADUATED_STUDENTS_DCID],
            "number": [GRADUATED_STUDENTS],
            "name": ["Graduated Students"],
            "low": [0],
            "high": [0],
        }
    )
    return pl.concat([graduated, district.schools.select(graduated.columns)]).select(
        dcid="dcid",
        id="dcid",
        school_number="number",
        name="name",
        abbreviation=pl.col("name").str.slice(7, 6),
        low_grade="low",
        high_grade="high",
        alternate_school_number=pl.lit(0, pl.Int64),
        activecrslist=pl.lit(None, pl.String),
        state_excludefromreporting=pl.col("number") == GRADUATED_STUDENTS,
    )


def _gen() -> pl.DataFrame:
    rows = [("entrycodes", *code) for code in ENTRY_CODES] + [("exitcodes", *code) for code in EXIT_CODES]
    rows += [("gradelevel", str(grade), f"Grade {grade}") for grade in range(LAST_GRADE + 1)]
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return pl.DataFrame(rows, schema=["cat", "name", "valuet"], orient="row").select(
        "cat", "name", "valuet", dcid=row + 700, id=row + 701, sortorder=row + 1
    )
