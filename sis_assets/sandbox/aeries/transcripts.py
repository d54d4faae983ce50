"""What students of made-up Aeries districts have behind them, and need: marks, requirements, status.

Contract: Aeries §2.3. Column names are Aeries' own; CourseGrades and SubjectAreas hold JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sis_assets.sandbox.aeries.data import ACTIVE, FIRST_HIGH_SCHOOL_GRADE, LAST_GRADE, District
from sis_assets.sandbox.aeries.listing import json_rows
from sis_assets.sandbox.aeries.rosters import FIRST_MARKED_GRADE, SUBJECTS, catalogue

#: Of an older student's years, so many are on the transcript.
_YEARS = 4
_MARKS = ("A", "B", "C", "D", "F")
#: The tracks of graduation requirements; most students are on the one without a name.
TRACKS = ("", "H")
_YEARS_REQUIRED = 4
_STUDENT = ["SchoolCode", "StudentID"]


def marks(district: District) -> pl.DataFrame:
    """Return the final marks of past years of active students, one row a student, school and course."""
    blank, zero = pl.lit(""), pl.lit(0)
    ago = pl.DataFrame({"ago": range(_YEARS, 0, -1)})
    names = district.schools.filter(pl.col("rank") == 0).select(
        "lea", "low", "high", taken="code", taken_name="name"
    )
    courses = (
        catalogue(district)
        .filter(pl.col("grade") >= FIRST_MARKED_GRADE)
        .select("grade", "position", "ID", "Title", credits="CreditDefault")
    )
    taken = (
        _studying(district)
        .join(ago, how="cross")
        .with_columns(grade=pl.col("grade") - pl.col("ago"))
        .join(courses, on="grade")
        .join(names, on="lea")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .sort("school", "student_id", "grade", "position")
    )
    mark = district.chance("mark", lasting=True) + pl.col("position") * 7 + pl.col("grade")
    passed = mark % len(_MARKS) < len(_MARKS) - 1
    year = pl.lit(district.year) - pl.col("ago")
    return taken.select(
        StudentID="student_id",
        SchoolCode="school",
        CourseID="ID",
        TranscriptCourseTitle="Title",
        Mark=pl.lit(list(_MARKS)).list.get(mark % len(_MARKS)),
        CreditAttempted="credits",
        CreditCompleted=pl.when(passed).then("credits").otherwise(0.0),
        StudentGrade="grade",
        Term=pl.lit(2),
        TermDescription=pl.lit("Spring"),
        SchoolYear=pl.format("{}-{}", year, year + 1),
        SchoolTakenID="taken",
        SchoolTakenName="taken_name",
        SchoolTakenStateID=blank,
        RepeatTagCode=blank,
        CitizenshipMark=blank,
        SequenceNumber=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("school", "student_id"),
        SectionNumber=zero,
        StaffID=zero,
        Hours=zero,
        RecordSourceCode=blank,
        DualEnrollmentCreditSchoolCode=blank,
        DateOfCompletion=pl.lit(None, pl.Date),
        CollegeCreditHours=zero,
        PassFailCreditCode=blank,
        position="position",
    )


def transcripts(marks_: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `/Transcript`: one a student and school that has any."""
    return _gathered(marks_, ["StudentID", "SchoolCode"], "CourseGrades")


def requirements(district: District) -> pl.DataFrame:
    """Return the rows of `/GraduationRequirements`: one a high school and track."""
    areas = [
        (code, name, track, float(credits_ * _YEARS_REQUIRED - 5 * place * (not track)))
        for track in TRACKS
        for place, (name, code, credits_, _) in enumerate(SUBJECTS)
    ]
    columns = ["SubjectAreaCode", "SubjectAreaDescription", "GraduationRequirementTrack", "needed"]
    rows = (
        district.schools.filter(pl.col("high") >= LAST_GRADE)
        .select(SchoolCode="code")
        .join(pl.DataFrame(areas, schema=columns, orient="row"), how="cross", maintain_order="left")
        .with_columns(
            pl.col("needed").alias(f"RequiredCreditFor{grade}thGraders")
            for grade in range(LAST_GRADE, FIRST_HIGH_SCHOOL_GRADE - 1, -1)
        )
    )
    return _gathered(rows, ["SchoolCode", "GraduationRequirementTrack"], "SubjectAreas")


def statuses(district: District, marks_: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `/GraduationStatusSummary`: one an active student of a high school, with `grade` beside it."""
    areas = [
        (code, name, credits_ * _YEARS_REQUIRED, credits_, place)
        for place, (name, code, credits_, _) in enumerate(SUBJECTS)
    ]
    columns = ["SubjectAreaCode", "SubjectAreaDescription", "CreditsRequired", "credits", "position"]
    done = marks_.group_by(*_STUDENT, "position").agg(done=pl.col("CreditCompleted").sum())
    enrolled = pl.when(pl.col("grade") <= LAST_GRADE).then("credits").otherwise(0.0)
    rows = (
        _studying(district)
        .filter(pl.col("grade") >= FIRST_HIGH_SCHOOL_GRADE)
        .select(
            "grade",
            StudentID="student_id",
            SchoolCode="school",
            GraduationRequirementTrack=pl.when(pl.col("number") % 2 == 0)
            .then(pl.lit("H"))
            .otherwise(pl.lit("")),
        )
        .sort(*_STUDENT)
        .join(pl.DataFrame(areas, schema=columns, orient="row"), how="cross", maintain_order="left")
        .join(done, on=[*_STUDENT, "position"], how="left", maintain_order="left")
        .with_columns(CreditsCompleted=pl.col("done").fill_null(0.0), CreditsCurrentlyEnrolled=enrolled)
        .select(
            *("StudentID", "SchoolCode", "GraduationRequirementTrack"),
            *("SubjectAreaCode", "SubjectAreaDescription"),
            *("CreditsRequired", "CreditsCompleted", "CreditsCurrentlyEnrolled"),
            CreditsNeeded=pl.max_horizontal(
                pl.col("CreditsRequired") - pl.col("CreditsCompleted") - pl.col("CreditsCurrentlyEnrolled"),
                0.0,
            ),
            grade="grade",
        )
    )
    return _gathered(rows, ["StudentID", "SchoolCode", "GraduationRequirementTrack", "grade"], "SubjectAreas")


def averages(district: District) -> pl.DataFrame:
    """Return the rows of `/gpas`: one an active student of a grade with marks."""
    gpa = (district.chance("mark", lasting=True) % 400).cast(pl.Float64) / 100
    return (
        _studying(district)
        .filter(pl.col("grade") >= FIRST_MARKED_GRADE)
        .sort("school", "student_id")
        .select(StudentID="student_id", SchoolCode="school", GPA_CumulativeAcademic=gpa, GPA_Total=gpa)
    )


def _studying(district: District) -> pl.DataFrame:
    people = district.people.select("number", "student_id", "lea")
    return (
        district.records.filter(pl.col("tag") == ACTIVE)
        .select("number", "school", "grade")
        .join(people, on="number", maintain_order="left")
    )


def _gathered(rows: pl.DataFrame, keys: Sequence[str], into: str) -> pl.DataFrame:
    """Return one row for each key, with the rest of its rows as an array of objects, in their order."""
    return (
        rows.select(*keys, json_rows(rows.drop(keys)).alias(into))
        .group_by(keys, maintain_order=True)
        .agg((pl.lit("[") + pl.col(into).str.join(",") + pl.lit("]")).alias(into))
    )
