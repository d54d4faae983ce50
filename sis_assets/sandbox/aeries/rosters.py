"""What made-up Aeries districts teach, and who sits where: courses, sections, classes.

Contract: Aeries §2.3. Column names are Aeries' own, with real types; what else is needed is in lower case. Seats follow
from who is there, so they move with the people.
"""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.aeries.data import (
    ACTIVE,
    LAST_GRADE,
    LOWEST_GRADE,
    NO_SHOW,
    PRE_ENROLLED,
    SECTION_SEATS,
    District,
)
from sis_assets.sandbox.aeries.staff import teachers

#: Below this grade a class has one course, its home room; from it on, five subjects with marks.
FIRST_MARKED_GRADE = 6
_MATHEMATICS, _ART = 1, 4
# name, department, credits, how the course id is written: text of at most six characters, some of digits after a zero
SUBJECTS = (
    ("English", "E", 10.0, "0{}0"),
    ("Mathematics", "M", 10.0, "0{}1"),
    ("Science", "S", 10.0, "3{}2A"),
    ("History", "H", 5.0, "HS{}.1"),
    ("Art", "A", 5.0, "ART{}"),
)
#: A course that is no longer taught.
RETIRED_COURSE = "0999"
_MOVED_SEQUENCE = 10


def catalogue(district: District) -> pl.DataFrame:
    """Return every course, with `grade` (null for a retired one) and `position` among the courses of its grade."""
    rooms = [
        (grade, 0, f"HR{'P' if grade < 0 else ''}{abs(grade)}", f"Home Room {grade}", "", 0.0)
        for grade in range(LOWEST_GRADE, FIRST_MARKED_GRADE)
    ]
    subjects = [
        (grade, position, written.format(f"{grade:02d}"), f'Sample "{name}" {grade}', department, credits_)
        for grade in range(FIRST_MARKED_GRADE, LAST_GRADE + 1)
        for position, (name, department, credits_, written) in enumerate(SUBJECTS)
    ]
    retired = (None, 0, RETIRED_COURSE, "Sample Latin", "L", 5.0)
    columns = ["grade", "position", "ID", "name", "department", "credits"]
    edits = pl.col("edits").fill_null(0)
    blank, zero = pl.lit(""), pl.lit(0)
    inactive = pl.col("ID") == RETIRED_COURSE
    ends = (pl.col("position") == _ART) & (pl.col("grade") == LAST_GRADE)
    return (
        pl.DataFrame([*rooms, *subjects, retired], schema=columns, orient="row")
        .join(district.course_edits.rename({"course": "ID"}), on="ID", how="left", maintain_order="left")
        .select(
            ID="ID",
            Title=pl.when(edits > 0).then(pl.format("{}, edition {}", "name", edits + 1)).otherwise("name"),
            LongDescription=blank,
            ContentDescription=blank,
            Notes=blank,
            DepartmentCode="department",
            StateCourseCode=pl.when(pl.col("credits") > 0).then(pl.lit("9246")).otherwise(blank),
            SubjectArea1Code="department",
            SubjectArea2Code=blank,
            SubjectArea3Code=blank,
            CreditDefault="credits",
            CreditMax=pl.col("credits") * 2,
            TermTypeCode=pl.lit("Y"),
            LowGrade="grade",
            HighGrade="grade",
            CollegePrepIndicatorCode=pl.when(pl.col("position") == _MATHEMATICS)
            .then(pl.lit("P"))
            .otherwise(blank),
            NonAcademicOrHonorsCode=blank,
            CourseLevelCode=blank,
            CourseTypeCode=blank,
            PrerequisiteCourse=blank,
            AlternateCourse=blank,
            NextCourse=blank,
            DefaultMaxStudents=zero,
            TermSequence=blank,
            YearSequence=blank,
            InactiveStatusCode=pl.when(inactive).then(pl.lit("I")).otherwise(blank),
            NextYearInactiveStatusCode=pl.when(inactive | ends).then(pl.lit("I")).otherwise(blank),
            InactiveDate=pl.when(inactive).then(pl.lit(district.year_start)),
            grade="grade",
            position="position",
        )
    )


def sections(district: District) -> pl.DataFrame:
    """Return SchoolCode, SectionNumber, CourseID, grade, position, place, places of every section of this year."""
    courses = catalogue(district).select("grade", "position", CourseID="ID").drop_nulls("grade")
    return (
        district.schools.select("low", "high", "places", SchoolCode="code")
        .join(courses, how="cross")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .with_columns(place=pl.int_ranges(0, pl.col("places")))
        .explode("place")
        .sort("SchoolCode", "grade", "position", "place")
        .with_columns(SectionNumber=pl.int_range(101, pl.len() + 101, dtype=pl.Int64).over("SchoolCode"))
        .select("SchoolCode", "SectionNumber", "CourseID", "grade", "position", "place", "places")
    )


def classes(district: District) -> pl.DataFrame:
    """Return a row a student and section, with `student_number`: who sits there, and who sat there this year."""
    start = pl.lit(district.year_start)
    seated = (
        district.records.filter(
            ~pl.col("tag").is_in([PRE_ENROLLED, NO_SHOW])
            & ((pl.col("tag") == ACTIVE) | (pl.col("leave") > start))
        )
        .join(district.people.select("number", "student_id", "shift", "shifted_on"), on="number")
        .with_columns(seat=district.chance("seat", lasting=True))
    )
    seats = seated.join(
        sections(district).rename({"SchoolCode": "school"}), on=["school", "grade"], maintain_order="left"
    )
    moves = (pl.col("position") == _MATHEMATICS) & (pl.col("shift") > 0)
    here = (pl.col("seat") + pl.when(moves).then("shift").otherwise(0)) % pl.col("places") == pl.col("place")
    before = moves & ((pl.col("seat") + pl.col("shift") - 1) % pl.col("places") == pl.col("place"))
    begun = pl.max_horizontal("enter", start)
    left = pl.when(pl.col("tag") != ACTIVE).then("leave")
    sat = seats.filter(before).with_columns(
        SequenceNumber=pl.col("position") + 1, DateStarted=begun, DateEnded=pl.col("shifted_on")
    )
    sits = seats.filter(here).with_columns(
        SequenceNumber=pl.when(moves)
        .then(_MOVED_SEQUENCE + pl.col("shift"))
        .otherwise(pl.col("position") + 1),
        DateStarted=pl.when(moves).then(pl.max_horizontal("shifted_on", begun)).otherwise(begun),
        DateEnded=left,
    )
    return (
        pl.concat([sat, sits])
        .select(
            "SectionNumber",
            "CourseID",
            "DateStarted",
            "DateEnded",
            StudentID="student_id",
            SchoolCode="school",
            SequenceNumber=pl.col("SequenceNumber").cast(pl.Int64),
            student_number="sn",
        )
        .select(
            "StudentID",
            "SchoolCode",
            "SequenceNumber",
            "SectionNumber",
            "CourseID",
            "DateStarted",
            "DateEnded",
            "student_number",
        )
        .sort("SchoolCode", "StudentID", "SequenceNumber")
    )


def master_schedule(district: District, seats: pl.DataFrame) -> pl.DataFrame:
    """Return every section as `/sections` tells it; nested JSON in SectionStaffMembers.

    seats  of `classes`
    """
    taken = (
        seats.filter(pl.col("DateEnded").is_null())
        .group_by("SchoolCode", "SectionNumber")
        .agg(taken=pl.len().cast(pl.Int64))
    )
    working = (
        teachers(district)
        .filter("working")
        .group_by("school", maintain_order=True)
        .agg(teachers="staff")
        .rename({"school": "SchoolCode"})
    )
    edits = district.section_edits.rename({"school": "SchoolCode", "section": "SectionNumber"})
    blank = pl.lit("")
    number = pl.col("SectionNumber")
    teacher = pl.col("teachers").list.get(
        (number + pl.col("edits").fill_null(0)) % pl.col("teachers").list.len()
    )
    return (
        sections(district)
        .join(taken, on=["SchoolCode", "SectionNumber"], how="left", maintain_order="left")
        .join(edits, on=["SchoolCode", "SectionNumber"], how="left", maintain_order="left")
        .join(working, on="SchoolCode", maintain_order="left")
        .with_columns(teacher=teacher.cast(pl.String))
        .select(
            SchoolCode="SchoolCode",
            SectionNumber="SectionNumber",
            Period=(pl.col("position") + 1).cast(pl.String),
            PeriodBlock=pl.lit(1),
            Semester=pl.lit("Y"),
            ClassCalendar=pl.lit("MTWTF"),
            CourseID="CourseID",
            SectionStaffMembers=pl.lit('[{"StaffID":')
            + pl.col("teacher")
            + pl.lit(',"LastName":"Staff-')
            + pl.col("teacher")
            + pl.lit('","FirstName":"Teacher-')
            + pl.col("teacher")
            + pl.lit('","IsPrimaryTeacher":true,"StartDate":null,"EndDate":null,"InactiveStatusCode":""}]'),
            Room=pl.format("R{}", number % 90 + pl.col("edits").fill_null(0)),
            Credit=pl.lit(0.0),
            GenderRestriction=blank,
            LowGrade="grade",
            HighGrade="grade",
            MaxStudents=pl.lit(SECTION_SEATS + 10),
            TotalStudents=pl.col("taken").fill_null(0),
            InactiveStatusCode=blank,
            ProgramCode=blank,
            Track=blank,
        )
    )
