"""Made-up districts of any size, how they change from day to day, and the files that they would send.

Layouts: School.txt and CourseMaster.txt (contract: eSchoolPLUS §1.1), Student.txt and StudentCourses.txt (contract:
Xello files §2.2, §2.5). Nobody in them exists: names are `Given-0001 Family-0001`, addresses end in example.org.

A district is a value: every step gives a new one and leaves the old as it was. The same seed and the same steps give
the same bytes on every machine. All work is done on whole columns, so that 200,000 students take a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from sis_assets.sandbox.chance import chance

_SUBJECTS = ("English", "Mathematics", "Science", "History", "Art")
_MARKS = ("A", "B", "C", "D", "F")
_LAST_GRADE = 12
#: Students take courses with marks from this grade on.
_FIRST_MARKED_GRADE = 6
#: Below this size one school teaches every grade.
_ONE_SCHOOL_BELOW = 300


@dataclass(frozen=True, slots=True)
class _Level:
    """A kind of school: its grades, the contract's SchoolType, and how many students one holds."""

    name: str
    low: int
    high: int
    type: int
    holds: int


_ALL_GRADES = _Level("School", 0, _LAST_GRADE, 3, _ONE_SCHOOL_BELOW)
_LEVELS = (
    _Level("Elementary", 0, 5, 2, 500),
    _Level("Middle", 6, 8, 2, 800),
    _Level("High", 9, _LAST_GRADE, 1, 1500),
)


@dataclass(frozen=True, slots=True)
class SampleDistrict:
    """A made-up district as it is on one day.

    school_year  the year in which the school year ends
    step         how many steps were taken since the beginning; every step has chances of its own
    arrived      how many students have ever arrived; numbers are given once and never again
    schools      school_id, name, type, level, low, high, rank (within its level, from 0), peers (schools of its level),
                 feeds (the school_id that its leavers go on to, null where there is none)
    students     number, grade (0 is kindergarten), school_id, family, mailbox (the latter two change by corrections)
    """

    seed: int
    school_year: int
    step: int
    arrived: int
    schools: pl.DataFrame
    students: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Churn:
    """What happens on one day, in numbers of students."""

    arrivals: int = 0
    leavers: int = 0
    transfers: int = 0
    renamed: int = 0
    readdressed: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """How a district writes its files. The names decide which of the two header spellings the course file has."""

    delimiter: str = "|"
    encoding: str = "utf-8"
    courses: str = "CourseMaster.txt"
    student_courses: str = "StudentCourses.txt"
    final_newline: bool = True


def founded(*, students: int, seed: int, school_year: int) -> SampleDistrict:
    """Return a district of so many students, spread evenly over the grades."""
    schools = _schools(students)
    district = SampleDistrict(seed, school_year, 0, 0, schools, _no_students())
    return _with_arrivals(district, students, pl.col("number") % (_LAST_GRADE + 1))


def after_a_day(district: SampleDistrict, churn: Churn) -> SampleDistrict:
    """Return the district a day later: leavers gone, transfers moved, corrections made, arrivals there.

    A student who leaves does nothing else that day. Only a school with others of its level can be changed.
    """
    district = replace(district, step=district.step + 1)
    students = district.students.join(
        _picked(district, district.students, churn.leavers, "leave"), on="number", how="anti"
    )
    several = students.join(district.schools.filter(pl.col("peers") > 1), on="school_id", how="semi")
    students = _moved(district, students, _picked(district, several, churn.transfers, "transfer"))
    for column, count in (("family", churn.renamed), ("mailbox", churn.readdressed)):
        chosen = pl.col("number").is_in(_picked(district, students, count, column)["number"].implode())
        students = students.with_columns(pl.when(chosen).then(pl.col(column) + 1).otherwise(pl.col(column)))
    district = replace(district, students=students.sort("number"))
    return _with_arrivals(district, churn.arrivals, _chance(district, "grade") % (_LAST_GRADE + 1))


def after_the_summer(district: SampleDistrict) -> SampleDistrict:
    """Return the district in its next school year.

    The last grade has left, everybody else is a grade higher and at the next school where the old one ends, and as
    many kindergarteners have come as students left.
    """
    district = replace(district, step=district.step + 1, school_year=district.school_year + 1)
    before = district.students
    students = (
        before.filter(pl.col("grade") < _LAST_GRADE)
        .join(district.schools.select("school_id", "high", "feeds"), on="school_id", how="left")
        .with_columns(
            pl.when(pl.col("grade") < pl.col("high")).then("school_id").otherwise("feeds").alias("school_id"),
            pl.col("grade") + 1,
        )
        .select(before.columns)
        .sort("number")
    )
    return _with_arrivals(replace(district, students=students), before.height - students.height, pl.lit(0))


def without_school(district: SampleDistrict, school_id: str) -> SampleDistrict:
    """Return the district as its files show it after an accident: the school stands there, but none of its students."""
    return replace(district, students=district.students.filter(pl.col("school_id") != school_id))


def write(district: SampleDistrict, folder: Path, form: Form | None = None) -> dict[str, Path]:
    """Write the four files into `folder`, in place of older ones; gives their paths by entity."""
    form = form or Form()
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for entity, (name, frame) in _files(district, form).items():
        text = frame.write_csv(separator=form.delimiter, quote_style="never")
        content = (text if form.final_newline else text.removesuffix("\n")).encode(form.encoding)
        written[entity] = folder / name
        written[entity].write_bytes(content)
    return written


def cut_off(path: Path, *, share: float) -> None:
    """Leave the file as an upload that broke off: its first `share`, ending within a record."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)].rstrip(b"\r\n"))


def _files(district: SampleDistrict, form: Form) -> Mapping[str, tuple[str, pl.DataFrame]]:
    return {
        "schools": ("School.txt", _school_file(district)),
        "courses": (form.courses, _course_file(district, "Int" if "Master" in form.courses else "")),
        "students": ("Student.txt", _student_file(district)),
        "student_courses": (form.student_courses, _student_course_file(district)),
    }


def _school_file(district: SampleDistrict) -> pl.DataFrame:
    return district.schools.select(SchoolCode="school_id", Name="name", SchoolType="type")


def _course_file(district: SampleDistrict, suffix: str) -> pl.DataFrame:
    """Every course of every school; as in real exports, schools without marks leave the grade limits blank."""
    grade = (
        pl.when(pl.col("grade") >= _FIRST_MARKED_GRADE)
        .then(pl.col("grade").cast(pl.String))
        .otherwise(pl.lit(""))
    )
    return (
        district.schools.join(_catalogue(), how="cross")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .sort("school_id", "course_code")
        .select(
            pl.col("school_id").alias("SchoolCode"),
            pl.col("course_code").alias("CourseCode"),
            pl.col("course").alias("CourseName"),
            pl.lit("1.0").alias("CreditValue"),
            grade.alias(f"GradeLower{suffix}"),
            grade.alias(f"GradeUpper{suffix}"),
        )
    )


def _student_file(district: SampleDistrict) -> pl.DataFrame:
    """Columns in the order of Xello's published example. The next school stands where the present one ends."""
    number = pl.col("number").cast(pl.String).str.zfill(4)
    given = pl.when(pl.col("number") % 20 == 0).then(pl.lit("Gïven-")).otherwise(pl.lit("Given-")) + number
    birth_year = district.school_year - 6 - pl.col("grade")
    goes_on = (pl.col("grade") == pl.col("high")) & pl.col("feeds").is_not_null()
    return district.students.join(district.schools, on="school_id", how="left", maintain_order="left").select(
        StudentID=_student_id(),
        FirstName=given,
        LastName=pl.lit("Family-") + pl.col("family").cast(pl.String).str.zfill(4),
        Gender=pl.lit(list("MFN")).list.get(_chance(district, "gender", step=0) % 3),
        DateOfBirth=pl.date(birth_year, 1, 1) + pl.duration(days=_chance(district, "birth", step=0) % 365),
        CurrentGrade="grade",
        CurrentSchoolCode="school_id",
        PreRegSchoolCode=pl.when(goes_on).then("feeds").otherwise(pl.lit("")),
        StateProvNumber=pl.lit("S") + (pl.col("number") + 7_000_000).cast(pl.String),
        Email=pl.format("student-{}.{}@example.org", "number", "mailbox"),
    )


def _student_course_file(district: SampleDistrict) -> pl.DataFrame:
    """Last year's courses with their marks and this year's without, for the grades that have marks."""
    years = pl.DataFrame({"ago": [1, 0]}, schema={"ago": pl.Int64})
    mark = pl.lit(list(_MARKS)).list.get(_chance(district, "mark", step=0) % len(_MARKS))
    rows = (
        district.students.join(years, how="cross")
        .with_columns(pl.col("grade") - pl.col("ago"))
        .filter(pl.col("grade") >= _FIRST_MARKED_GRADE)
        .join(_catalogue(), on="grade")
        .sort("number", "course_code")
    )
    done = pl.col("ago") == 1
    return rows.select(
        StudentID=_student_id(),
        CourseCode="course_code",
        CourseName="course",
        GradeLevel="grade",
        GradeMark=pl.when(done).then(mark).otherwise(pl.lit("0")),
        CreditValue=pl.when(done & (mark == _MARKS[-1])).then(pl.lit("0.0")).otherwise(pl.lit("1.0")),
        DateCourseComplete=pl.when(done)
        .then(pl.lit(f"{district.school_year - 1}-06-05"))
        .otherwise(pl.lit("")),
        HSCourse=pl.lit("0"),
    )


def _student_id() -> pl.Expr:
    return (pl.col("number") + 100_000_000).cast(pl.String)


def _catalogue() -> pl.DataFrame:
    """Every course: grade, course_code (with a leading zero, as codes have), course (its name)."""
    subjects = pl.DataFrame({"subject": _SUBJECTS}).with_row_index("position", offset=1)
    grades = pl.DataFrame({"grade": range(_LAST_GRADE + 1)}, schema={"grade": pl.Int64})
    two_digits = pl.col("grade").cast(pl.String).str.zfill(2)
    return grades.join(subjects, how="cross").select(
        "grade",
        course_code=pl.lit("0") + two_digits + pl.col("position").cast(pl.String) + "0",
        course=pl.format("Sample {} {}", "subject", "grade"),
    )


def _schools(students: int) -> pl.DataFrame:
    levels = _LEVELS if students >= _ONE_SCHOOL_BELOW else (_ALL_GRADES,)
    counts = [
        max(1, -(-students * (level.high - level.low + 1) // ((_LAST_GRADE + 1) * level.holds)))
        for level in levels
    ]
    rows = [
        {
            "school_id": f"0{place + 1}{rank + 1:03d}",
            "name": f"Sample {level.name}" + (f" {rank + 1}" if peers > 1 else ""),
            "type": level.type,
            "level": place,
            "low": level.low,
            "high": level.high,
            "rank": rank,
            "peers": peers,
            "feeds": f"0{place + 2}{rank % counts[place + 1] + 1:03d}" if place + 1 < len(levels) else None,
        }
        for place, (level, peers) in enumerate(zip(levels, counts, strict=True))
        for rank in range(peers)
    ]
    return pl.DataFrame(rows, schema_overrides={"feeds": pl.String})


def _no_students() -> pl.DataFrame:
    whole = dict.fromkeys(("number", "grade"), pl.Int64)
    return pl.DataFrame(schema={**whole, "school_id": pl.String, "family": pl.Int64, "mailbox": pl.Int64})


def _with_arrivals(district: SampleDistrict, count: int, grade: pl.Expr) -> SampleDistrict:
    """Return the district with `count` new students in the grades that `grade` gives, at a school of theirs each."""
    levels = district.schools.select("level", "low", "high", "peers").unique()
    arrivals = (
        pl.DataFrame(
            {"number": range(district.arrived + 1, district.arrived + count + 1)}, schema={"number": pl.Int64}
        )
        .with_columns(grade=grade.cast(pl.Int64))
        .join(levels, how="cross")
        .filter(pl.col("grade").is_between(pl.col("low"), pl.col("high")))
        .with_columns(rank=_chance(district, "school") % pl.col("peers"))
        .join(district.schools.select("level", "rank", "school_id"), on=["level", "rank"])
        .select("number", "grade", "school_id", family="number", mailbox=pl.lit(1, pl.Int64))
        .sort("number")
    )
    return replace(
        district, arrived=district.arrived + count, students=pl.concat([district.students, arrivals])
    )


def _moved(district: SampleDistrict, students: pl.DataFrame, movers: pl.DataFrame) -> pl.DataFrame:
    """Return the students with the movers at another school of the same level."""
    places = district.schools.select("school_id", "level", "rank", "peers")
    moved = (
        movers.join(places, on="school_id")
        .with_columns(
            rank=(pl.col("rank") + 1 + _chance(district, "to") % (pl.col("peers") - 1)) % pl.col("peers")
        )
        .join(places.select("level", "rank", to="school_id"), on=["level", "rank"])
        .select("number", "to")
    )
    return students.join(moved, on="number", how="left").select(
        "number", "grade", pl.coalesce("to", "school_id").alias("school_id"), "family", "mailbox"
    )


def _picked(district: SampleDistrict, students: pl.DataFrame, count: int, purpose: str) -> pl.DataFrame:
    """Return `count` of the students (all, where there are fewer), chosen by this step's chances."""
    return students.sort(_chance(district, purpose), "number").head(count)


def _chance(district: SampleDistrict, purpose: str, *, step: int | None = None) -> pl.Expr:
    """Return the chance of each `number` for a purpose on this step."""
    return chance(pl.col("number"), district.seed, district.step if step is None else step, purpose)
