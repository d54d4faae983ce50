"""What a made-up district teaches and who sits where: terms, courses, sections, seats.

Every frame has PowerSchool's own column names, in lower case, with real types; contract: PowerSchool §1.10.
Sections and seats follow from who is there, so they move with the people.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from sis_assets.sandbox.powerschool.data import (
    LAST_GRADE,
    STUDENT_DCID,
    District,
    seated,
)
from sis_assets.sandbox.powerschool.staff import WORKING, teachers

#: Below this grade a class has one course, its home room; from it on, five subjects with marks.
FIRST_MARKED_GRADE = 6
_SEATS = 25
_MATHEMATICS, _HISTORY, _ART = 1, 3, 4
# name, credit type, credits, how the course number is written; one has the 11 characters a request cannot hold
SUBJECTS = (
    ("English", "ENG", 1.0, "ENG{}"),
    ("Mathematics", "MAT", 1.0, "0{}10"),
    ("Science", "SCI", 1.0, "3{}20"),
    ("History", "SOC", 0.5, "HIS-{}.1"),
    ("Art", "ELE", 0.5, "ART{}-INTRO"),
)


def terms(district: District) -> pl.DataFrame:
    """Return this year's and last year's terms of every school: a year and two semesters. TermID is YearID x 100 + n."""
    parts = pl.DataFrame(
        [
            (district.year - year, n, portion, name, first, last)
            for year in (district.year - 1, district.year)
            for n, portion, name, first, last in (
                (0, 1, f"{year - 1}-{year}", date(year - 1, 8, 20), date(year, 6, 5)),
                (1, 2, "Semester 1", date(year - 1, 8, 20), date(year, 1, 15)),
                (2, 2, "Semester 2", date(year, 1, 18), date(year, 6, 5)),
            )
        ],
        schema=["ago", "n", "portion", "name", "first", "last"],
        orient="row",
    )
    year_id = pl.lit(district.year_id) - pl.col("ago")
    return (
        district.schools.select(schoolid="number", school_dcid="dcid")
        .join(parts, how="cross")
        .sort("schoolid", "ago", "portion", "n", descending=[False, True, False, False])
        .with_row_index("row")
        .select(
            dcid=pl.col("row").cast(pl.Int64) + 200,
            id=year_id * 100 + pl.col("n"),
            yearid=year_id,
            schoolid="schoolid",
            abbreviation=pl.when(pl.col("n") == 0)
            .then(pl.col("name").str.slice(2, 3) + pl.col("name").str.slice(7, 2))
            .otherwise(pl.format("S{}", "n")),
            name="name",
            firstday="first",
            lastday="last",
            isyearrec=pl.col("n") == 0,
            portion="portion",
            school_dcid="school_dcid",
        )
    )


def catalogue() -> pl.DataFrame:
    """Return every course with its `grade` and `position` among the courses of a grade, beside PowerSchool's columns."""
    grades = [(grade, f"{grade:02d}") for grade in range(FIRST_MARKED_GRADE, LAST_GRADE + 1)]
    subjects = [
        (grade, position, number.format(digits), f"Sample {name} {grade}", credits_, kind, name)
        for grade, digits in grades
        for position, (name, kind, credits_, number) in enumerate(SUBJECTS)
    ]
    rooms = [
        (grade, 0, f"HR{label}", f"Home Room {label}", 0.0, None, "Home Room")
        for grade, label in (
            (-1, "PK"),
            (0, "K"),
            *((grade, str(grade)) for grade in range(1, FIRST_MARKED_GRADE)),
        )
    ]
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return pl.DataFrame(
        rooms + subjects,
        schema=[
            "grade",
            "position",
            "course_number",
            "course_name",
            "credit_hours",
            "credittype",
            "sched_department",
        ],
        orient="row",
    ).select(
        dcid=row + 74,
        id=row + 75,
        course_number="course_number",
        course_name="course_name",
        credit_hours="credit_hours",
        credittype="credittype",
        maxcredit=pl.col("credit_hours") * 2,
        code=pl.lit(None, pl.String),
        schoolid=pl.lit(0, pl.Int64),
        status=pl.lit(0, pl.Int64),
        prerequisites=pl.when(
            (pl.col("position") == _MATHEMATICS) & (pl.col("grade") > FIRST_MARKED_GRADE)
        ).then(pl.col("course_number").shift(len(SUBJECTS))),
        corequisites=pl.lit(None, pl.String),
        reggradelevels=pl.col("grade").cast(pl.String),
        regavailable=pl.col("position") != _ART,
        regcoursegroup=pl.lit("ALL"),
        sched_department="sched_department",
        sched_globalsubstitution1=pl.lit(None, pl.String),
        sched_globalsubstitution2=pl.lit(None, pl.String),
        sched_globalsubstitution3=pl.lit(None, pl.String),
        sched_substitutionallowed=pl.col("position") == _ART,
        sched_fullcatalogdescription=pl.format('A made-up course: "{}"\nGrade {}.', "course_name", "grade"),
        termsoffered=pl.lit("Year"),
        grade="grade",
        position="position",
    )


def school_courses(district: District) -> pl.DataFrame:
    """Return which school offers which course, this year and the next (School_Course)."""
    years = pl.DataFrame({"yearid": [district.year_id, district.year_id + 1]})
    return (
        _offers(district)
        .join(years, how="cross")
        .sort("schoolid", "course_number", "yearid")
        .select(
            dcid=pl.int_range(pl.len(), dtype=pl.Int64) + 300,
            id=pl.int_range(pl.len(), dtype=pl.Int64) + 301,
            courseid="id",
            schoolid="schoolid",
            yearid="yearid",
            alt_course_number=pl.lit(None, pl.String),
            course_dcid="dcid",
        )
    )


def sections(district: District) -> pl.DataFrame:
    """Return a section for every 25 active students of a grade in a school and each of their courses."""
    sizes = seated(district).group_by("school", "grade").len().rename({"school": "schoolid"})
    rows = (
        _offers(district)
        .join(sizes, on=["schoolid", "grade"])
        .with_columns(place=pl.int_ranges(0, (pl.col("len") + _SEATS - 1) // _SEATS))
        .explode("place")
        .sort("schoolid", "course_number", "place")
        .with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    )
    staff = teachers(district).filter(pl.col("status") == WORKING)
    return (
        rows.join(staff.group_by("schoolid").agg(teachers="id", users="users_dcid"), on="schoolid")
        .select(
            dcid=pl.col("row") + 900,
            id=pl.col("row") + 901,
            schoolid="schoolid",
            course_number="course_number",
            section_number=pl.when(pl.col("position") == _HISTORY)
            .then(pl.format("{}B", pl.col("place") + 1))
            .otherwise((pl.col("place") + 1).cast(pl.String)),
            termid=pl.lit(district.year_id * 100, pl.Int64),
            expression=pl.format("{}(A-F)", pl.col("position") + 1),
            teacher=pl.col("teachers").list.get(pl.col("row") % pl.col("teachers").list.len()),
            staff_dcid=pl.col("users").list.get(pl.col("row") % pl.col("users").list.len()),
            max_enrollment=pl.lit(_SEATS, pl.Int64),
            course_dcid="dcid",
            grade="grade",
            place="place",
            places=(pl.col("len") + _SEATS - 1) // _SEATS,
        )
        .sort("dcid")
    )


def class_enrollments(district: District, sections_: pl.DataFrame) -> pl.DataFrame:
    """Return the seats (CC). A dropped one has its TermID and SectionID negative (contract §1.10, inferred)."""
    by_course = sections_.select(
        "schoolid",
        "grade",
        "course_number",
        "section_number",
        "expression",
        "place",
        "places",
        section_id="id",
        section_dcid="dcid",
    )
    seats = (
        seated(district)
        .join(by_course, left_on=["school", "grade"], right_on=["schoolid", "grade"])
        .filter(district.chance("seat", lasting=True) % pl.col("places") == pl.col("place"))
        .sort("number", "course_number")
    )
    dropped = (district.chance("drop", lasting=True) % 20 == 0) & (
        pl.col("expression") == f"{_MATHEMATICS + 1}(A-F)"
    )
    sign = pl.when(dropped).then(-1).otherwise(1)
    start = pl.max_horizontal("entry", pl.lit(district.year_start))
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return seats.select(
        dcid=row + 5000,
        id=row + 5001,
        studentid="id",
        sectionid=pl.col("section_id") * sign,
        course_number="course_number",
        section_number="section_number",
        termid=pl.lit(district.year_id * 100, pl.Int64) * sign,
        dateenrolled=start,
        dateleft=pl.when(dropped)
        .then(pl.min_horizontal(start + pl.duration(days=10), pl.lit(district.year_end)))
        .otherwise(pl.date(district.year, 6, 6)),
        schoolid="school",
        expression="expression",
        student_dcid=STUDENT_DCID,
        section_dcid="section_dcid",
        dropped=dropped,
    )


def _offers(district: District) -> pl.DataFrame:
    """Every course with the schools that teach its grade."""
    return (
        district.schools.select("low", "high", schoolid="number", school_dcid="dcid")
        .join(catalogue().drop("schoolid"), how="cross")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
    )
