"""The files of the Career Cruising utility and of Xello's file integration, as eSchoolPLUS districts send them.

Contract: eSchoolPLUS §1.1 (School.txt, CourseMaster.txt) and Xello files §2.2–2.5 (Student, School, CourseCodes,
StudentCourses). Columns are matched by header name; what the contract does not confirm is a district's setting
(`sis.files`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sis_assets.model.schema import DISTRICT, TEXT, WHOLE, Column, Table


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a file: our name for it (the contract's), other headers that mean it, and what it holds."""

    name: str
    description: str
    required: bool = False
    pii: bool = False
    also: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header under which the column may stand."""
        return (self.name, *self.also)


@dataclass(frozen=True, slots=True)
class File:
    """One logical file: its entity, the names under which it may come, its columns and the one that is its key."""

    entity: str
    names: tuple[str, ...]
    description: str
    key: str
    fields: tuple[Field, ...]
    always: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Our names of its columns."""
        return tuple(field.name for field in self.fields)

    @property
    def raw(self) -> Table:
        """The raw table that keeps this file's records as text."""
        return Table(
            "raw",
            f"eschoolplus_{self.entity}",
            f"{self.description} Exactly as sent: text, one set of rows an extract.",
            (
                DISTRICT,
                Column("extract_id", TEXT, "The extract that brought the record."),
                Column(
                    "row_number", WHOLE, "Number of the record in its file, from 1, the header not counted."
                ),
                *(Column(field.name, TEXT, field.description, field.pii) for field in self.fields),
                Column(
                    "other_columns", TEXT, "JSON of the columns that the contract does not know.", pii=True
                ),
            ),
        )


SCHOOL = File(
    "schools",
    ("School.txt", "School.csv"),
    "School.txt: all buildings of the district.",
    "SchoolCode",
    (
        Field("SchoolCode", "The building's code (reg_building.building).", required=True),
        Field("Name", "The building's name.", required=True),
        Field(
            "SchoolType",
            "1 high or secondary, 2 elementary or middle, 3 other; empty where never set up.",
            required=True,
        ),
    ),
    always=True,
)
COURSE = File(
    "courses",
    ("CourseMaster.txt", "CourseCodes.txt", "CourseMaster.csv", "CourseCodes.csv"),
    "CourseMaster.txt or CourseCodes.txt: every active course of every school.",
    "CourseCode",
    (
        Field("SchoolCode", "The building that offers it (schd_course.building).", required=True),
        Field("CourseCode", "The course's code (schd_course.course).", required=True),
        Field("CourseName", "The course's name.", required=True),
        Field("CreditValue", "Credits (schd_course.credit).", required=True),
        Field("GradeLower", "Lowest grade; often blank.", also=("GradeLowerInt",)),
        Field("GradeUpper", "Highest grade; often blank.", also=("GradeUpperInt",)),
    ),
)
STUDENT = File(
    "students",
    ("Student.txt", "Student.csv"),
    "Student.txt: the district's active students.",
    "StudentID",
    (
        Field("StudentID", "The student's id, unique in the district.", required=True, pii=True),
        Field("FirstName", "First name.", required=True, pii=True),
        Field("MiddleName", "Middle name, where the district sends one.", pii=True),
        Field("LastName", "Last name.", required=True, pii=True),
        Field("Gender", "M, F, N or X.", required=True),
        Field("DateOfBirth", "Date of birth.", pii=True),
        Field("CurrentGrade", "Grade; 0 is kindergarten.", required=True),
        Field("CurrentSchoolCode", "The school attended now.", required=True),
        Field("PreRegSchoolCode", "The school of next year; blank means the same.", required=True),
        Field("StateProvNumber", "The state's student id.", pii=True),
        Field("Email", "School e-mail address.", pii=True),
        Field("GraduationYear", "Graduation year, where the district sends one."),
    ),
    always=True,
)
STUDENT_COURSE = File(
    "student_courses",
    ("StudentCourses.txt", "StudentCourse.txt", "StudentCourses.csv", "StudentCourse.csv"),
    "StudentCourses.txt: completed, current and scheduled courses of every student.",
    "StudentID",
    (
        Field("StudentID", "The student.", required=True, pii=True),
        Field("CourseCode", "The course's code.", required=True),
        Field("CourseName", "The course's name.", required=True),
        Field("GradeLevel", "Grade in which it was taken."),
        Field("GradeMark", "Final mark; 0 while in progress or when transferred.", required=True, pii=True),
        Field("CreditValue", "Credits earned; 0 when failed.", required=True),
        Field("DateCourseComplete", "Date of completion."),
        Field("HSCourse", "1 for a high-school course taken in middle school."),
        Field("CoursePart", "Part of the course; unused."),
    ),
)

FILES = (SCHOOL, COURSE, STUDENT, STUDENT_COURSE)
RAW_TABLES = tuple(file.raw for file in FILES)
