"""What a client must have found when it has read everything: the district, told without PowerSchool's JSON."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sis_assets.sandbox.powerschool.data import ACTIVE
from sis_assets.sandbox.powerschool.database import Database

_STUDENT_COLUMNS = {
    "student_number": "student_number",
    "dcid": "dcid",
    "id": "id",
    "state_id": "state_id",
    "first_name": "first_name",
    "middle_name": "middle_name",
    "last_name": "last_name",
    "birth_date": "birth_date",
    "gender": "gender",
    "email": "email",
    "status_code": "status",
    "grade": "grade",
    "school_number": "school",
    "school_dcid": "school_dcid",
    "entry_date": "entry",
    "exit_date": "exit",
    "exit_code": "exit_code",
    "next_school": "next_school",
    "next_grade": "next_grade",
    "graduation_year": "graduation_year",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """Plain frames with real types; null is unknown.

    students            everybody, of every status: student_number, dcid, id, state_id, names, birth_date, gender, email,
                        status_code, grade (-1 pre-kindergarten, 0 kindergarten), school_number, school_dcid, entry_date,
                        exit_date, exit_code, next_school (0 none), next_grade (99 none), graduation_year
    active              those of them with status 0
    schools             school_number, dcid, name, low_grade, high_grade; without the pseudo-school
    courses             course_number, name, credits, grade, department
    school_courses      school_number, course_number: what is offered this year
    sections            dcid, course_number, school_number
    seats               dcid, section_dcid, student_number, dropped
    staff               dcid, first_name, last_name, email
    past_enrollments    student_number, school_number, grade, entry_date, exit_date, exit_code
    """

    students: pl.DataFrame
    schools: pl.DataFrame
    courses: pl.DataFrame
    school_courses: pl.DataFrame
    sections: pl.DataFrame
    seats: pl.DataFrame
    staff: pl.DataFrame
    past_enrollments: pl.DataFrame

    @property
    def active(self) -> pl.DataFrame:
        """The students that a product must know as active."""
        return self.students.filter(pl.col("status_code") == ACTIVE)


def truth_of(database: Database) -> Truth:
    """Return what is true of a district today."""
    district, people = database.district, database.people
    courses = database.frame("courses")
    offered = database.frame("school_course").filter(pl.col("yearid") == district.year_id)
    numbers = people.select("number", "student_number", "dcid")
    return Truth(
        students=people.select(**_STUDENT_COLUMNS),
        schools=district.schools.select(
            "dcid", "name", school_number="number", low_grade="low", high_grade="high"
        ),
        courses=courses.select(
            "course_number",
            name="course_name",
            credits="credit_hours",
            grade=pl.col("reggradelevels").cast(pl.Int64),
            department="sched_department",
        ),
        school_courses=offered.join(courses.select("course_number", courseid="id"), on="courseid").select(
            "course_number", school_number="schoolid"
        ),
        sections=database.frame("sections").select("dcid", "course_number", school_number="schoolid"),
        seats=database.frame("cc")
        .join(numbers.select("student_number", student_dcid="dcid"), on="student_dcid")
        .select("dcid", "section_dcid", "student_number", "dropped"),
        staff=database.frame("users").select("dcid", "first_name", "last_name", email="email_addr"),
        past_enrollments=district.enrollments.join(numbers.drop("dcid"), on="number").select(
            "student_number",
            "grade",
            "exit_code",
            school_number="school",
            entry_date="entry",
            exit_date="exit",
        ),
    )
