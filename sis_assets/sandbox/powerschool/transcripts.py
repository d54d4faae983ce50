"""What students of a made-up district have behind them and before them: marks, graduation requirements, requests.

Column names are PowerSchool's, in lower case; contract: PowerSchool §1.10, §1.11.
"""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.powerschool.data import REQUESTS, STUDENT_NUMBER, District, seated
from sis_assets.sandbox.powerschool.rosters import FIRST_MARKED_GRADE, SUBJECTS, catalogue

#: So many courses of the next grade are asked for.
_REQUESTS = 2
_MARKS = ("A", "B", "C", "D", "F")


def stored_grades(district: District) -> pl.DataFrame:
    """Return up to four past years' final marks of every active student in a grade with marks (StoredGrades)."""
    ago = pl.DataFrame({"ago": [4, 3, 2, 1]})
    names = district.schools.filter(pl.col("rank") == 0).select(
        "low", "high", taken_at="number", schoolname="name"
    )
    taken = (
        seated(district)
        .join(ago, how="cross")
        .with_columns(now="grade", grade=pl.col("grade") - pl.col("ago"))
        .filter(pl.col("grade") >= FIRST_MARKED_GRADE)
        .join(catalogue(), on="grade")
        .join_where(names, pl.col("grade") >= pl.col("low"), pl.col("grade") <= pl.col("high"))
        .sort("number", "grade", "course_number")
    )
    mark = district.chance("mark", lasting=True) + pl.col("position") * 7 + pl.col("grade")
    passed = mark % len(_MARKS) < len(_MARKS) - 1
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return taken.select(
        dcid=row + 40_000,
        id=row + 40_001,
        studentid="id",
        course_number="course_number",
        course_name="course_name",
        storecode=pl.lit("Y1"),
        termid=(pl.lit(district.year_id, pl.Int64) - pl.col("ago")) * 100,
        schoolid="taken_at",
        schoolname="schoolname",
        grade=pl.lit(list(_MARKS)).list.get(mark % len(_MARKS)),
        percent=95.5 - (mark % len(_MARKS)) * 10,
        earnedcrhrs=pl.when(passed).then("credit_hours").otherwise(0.0),
        potentialcrhrs="credit_hours",
        credit_type="credittype",
        grade_level="grade",
        datestored=pl.date(pl.lit(district.year) - pl.col("ago"), 6, 5),
        excludefromtranscripts=pl.lit(value=False),
        excludefromgraduation=pl.lit(value=False),
    )


def requirement_sets() -> pl.DataFrame:
    """Return the two graduation requirement sets (GradReqSets)."""
    return pl.DataFrame({"dcid": [11, 12], "id": [1, 2], "name": ["Standard Diploma", "Honors Diploma"]})


def requirements(district: District) -> pl.DataFrame:
    """Return the credits each set asks for in each subject (GradReq)."""
    subjects = pl.DataFrame(
        [(position, name, kind) for position, (name, kind, _, _) in enumerate(SUBJECTS)],
        schema=["position", "name", "credittype"],
        orient="row",
    )
    last = district.schools.sort("high", "number")["number"].last()
    return (
        requirement_sets()
        .select(gradreqsetid="id")
        .join(subjects, how="cross")
        .select(
            dcid=pl.int_range(pl.len(), dtype=pl.Int64) + 21,
            id=pl.int_range(pl.len(), dtype=pl.Int64) + 22,
            gradreqsetid="gradreqsetid",
            name="name",
            reqcrhrs=(pl.col("gradreqsetid") + 4 - pl.col("position")).cast(pl.Float64) / 2,
            credittype="credittype",
            coursesource=pl.lit("C"),
            courselistt=pl.lit(None, pl.String),
            schoolid=pl.lit(last, pl.Int64),
        )
    )


def request_rows(district: District, *, year_as_term: bool) -> pl.DataFrame:
    """Return the course requests PowerSchool holds: those of every third student going on, then those sent in.

    year_as_term  how YearID is written, which is unconfirmed: 3700 where True, 37 where False (contract §1.11)
    """
    year = (district.year_id + 1) * (100 if year_as_term else 1)
    courses = (
        catalogue()
        .filter(pl.col("position") < _REQUESTS)
        .select("course_number", "position", for_grade="grade")
    )
    made = (
        seated(district)
        .filter(pl.col("number") % 3 == 0)
        .with_columns(for_grade=pl.col("grade") + 1)
        .filter(pl.col("for_grade") > FIRST_MARKED_GRADE)
        .join(courses, on="for_grade")
        .join(district.schools.select("high", "feeds", school="number"), on="school")
        .sort("number", "position")
        .select(
            dcid=pl.int_range(pl.len(), dtype=pl.Int64) + 60_000,
            studentid="id",
            student_number=STUDENT_NUMBER,
            coursenumber="course_number",
            schoolid=pl.when(pl.col("grade") < pl.col("high")).then("school").otherwise("feeds"),
            yearid=pl.lit(year, pl.Int64),
            globalalternatecourse=pl.lit(0, pl.Int64),
            alternatepriority=pl.lit(0, pl.Int64),
            creationcode=pl.lit(1, pl.Int64),
        )
    )
    return pl.concat([made, district.requests], how="diagonal").select(*REQUESTS)
