"""What a client must have found when it has read everything: the districts, told without Aeries' JSON."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sis_assets.sandbox.aeries.data import (
    ACTIVE,
    GRADUATED,
    INACTIVE_SCHOOL,
    PRE_ENROLLED,
)
from sis_assets.sandbox.aeries.database import Database
from sis_assets.sandbox.aeries.rosters import sections

_NOWHERE = (INACTIVE_SCHOOL,)


@dataclass(frozen=True, slots=True)
class Truth:
    """Plain frames with real types; `""` is blank, null is unknown.

    records   every school record at a real school, of every status: student_id, old_student_id, school, student_number,
              tag, status (`active, pre_registered, graduated, inactive`), grade (-2 and -1 before kindergarten), enter,
              leave, names, birth_date, gender, email, state_id, next_school (0 none), next_grade, planned_to_leave,
              no_show
    active    one row an active person: the record that is primary (latest entry, then lowest school), same columns
    schools   code, name, low_grade, high_grade, lea (from 1); without the codes that are no schools
    courses   course_id, title, credits, grade, active, active_next_year
    sections  school, section, course_id
    seats     student_id, school, section, course_id, started, ended
    staff     staff_id, first_name, last_name, email, school
    enrollments  student_id, school, year (in which it begins), grade, enter, leave, exit_code
    """

    records: pl.DataFrame
    schools: pl.DataFrame
    courses: pl.DataFrame
    sections: pl.DataFrame
    seats: pl.DataFrame
    staff: pl.DataFrame
    enrollments: pl.DataFrame

    @property
    def active(self) -> pl.DataFrame:
        """The people that a product must know as active, each once."""
        return (
            self.records.filter(pl.col("tag") == ACTIVE)
            .sort("student_id", "enter", "school", descending=[False, True, False])
            .unique("student_id", keep="first", maintain_order=True)
        )

    def of_lea(self, lea: int) -> pl.DataFrame:
        """Return the active people of one LEA."""
        schools = self.schools.filter(pl.col("lea") == lea)["code"]
        return self.active.filter(pl.col("school").is_in(schools.implode()))


def truth_of(database: Database) -> Truth:
    """Return what is true of a year now."""
    district = database.district
    tag = pl.col("tag")
    status = (
        pl.when(tag == ACTIVE)
        .then(pl.lit("active"))
        .when(tag == PRE_ENROLLED)
        .then(pl.lit("pre_registered"))
        .when(pl.col("completion_code") == GRADUATED)
        .then(pl.lit("graduated"))
        .otherwise(pl.lit("inactive"))
    )
    people = district.people.select("number", "student_id")
    courses = database.frame("courses")
    return Truth(
        records=database.frame("described")
        .filter(~pl.col("school").is_in(_NOWHERE))
        .select(
            "student_id",
            "old_student_id",
            "school",
            "tag",
            "grade",
            "enter",
            "leave",
            "first_name",
            "middle_name",
            "last_name",
            "birth_date",
            "gender",
            "email",
            "state_id",
            "next_school",
            "next_grade",
            student_number="sn",
            status=status,
            planned_to_leave=pl.col("end_of_year_code") != "",
            no_show=pl.col("summer_code") != "",
        ),
        schools=district.schools.select("code", "name", "lea", low_grade="low", high_grade="high"),
        courses=courses.select(
            "grade",
            course_id="ID",
            title="Title",
            credits="CreditDefault",
            active=pl.col("InactiveStatusCode") == "",
            active_next_year=pl.col("NextYearInactiveStatusCode") == "",
        ),
        sections=sections(district).select(
            school="SchoolCode", section="SectionNumber", course_id="CourseID"
        ),
        seats=database.frame("classes").select(
            student_id="StudentID",
            school="SchoolCode",
            section="SectionNumber",
            course_id="CourseID",
            started="DateStarted",
            ended="DateEnded",
        ),
        staff=database.frame("staff").select(
            staff_id="ID",
            first_name="FirstName",
            last_name="LastName",
            email="EmailAddress",
            school="PrimaryAeriesSchool",
        ),
        enrollments=district.enrollments.join(people, on="number", maintain_order="left").select(
            "student_id", "school", "year", "grade", "enter", "leave", "exit_code"
        ),
    )
