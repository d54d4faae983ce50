"""What is taught in a district, in OneRoster's terms: orgs, academic sessions, courses, classes and enrolments.

Contract: OneRoster §4.1 (ends are exclusive, a school year is named by its end) and §4.2. Columns have OneRoster's
names, with real types and lists.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from sis_assets.sandbox.chance import chance
from sis_assets.sandbox.oneroster.district import (
    ACTIVE,
    FIRST_DAY,
    FIRST_GRADE,
    OUTSIDE,
    STUDENT,
    District,
    first_day,
    teaching,
)
from sis_assets.sandbox.oneroster.people import told, user_id
from sis_assets.sandbox.oneroster.records import (
    DELETED,
    DISTRICT_ID,
    LIVE,
    grade_code,
    moment,
    school_id,
    session_id,
)
from sis_assets.sandbox.oneroster.settings import Settings

HOMEROOM = "HR"
_SUBJECTS = pl.DataFrame(
    {
        "subject": ["EN", "MA", "SC", "SO", HOMEROOM],
        "name": ["English", "Mathematics", "Science", "Social Studies", "Homeroom"],
        "place": [1, 2, 3, 4, 5],
    },
    schema_overrides={"place": pl.Int64},
)
_SECOND_TEACHER_EVERY = 5
#: Month and day.
_SECOND_TERM, _AFTER_THE_LAST_DAY = (1, 8), (6, 6)
_NOTHING = pl.lit([], pl.List(pl.String))


def orgs(district: District, settings: Settings) -> pl.DataFrame:
    """Return the district and its schools; the one outside where the profile tells of it."""
    schools = district.schools if settings.out_of_district else teaching(district)
    rows = schools.select(
        sourcedId=school_id(pl.col("number")),
        name="name",
        type=pl.lit("school"),
        identifier=pl.format("0410{}", "number"),
        parentSourcedId=pl.when(pl.col("number") != OUTSIDE).then(pl.lit(DISTRICT_ID)),
    )
    top = pl.DataFrame(
        [(DISTRICT_ID, "Sample District", "district", "0410000", None)], schema=rows.schema, orient="row"
    )
    return pl.concat([top, rows]).with_columns(status=pl.lit(LIVE), **_since(first_day(district.first_year)))


def academic_sessions(district: District, _: Settings) -> pl.DataFrame:
    """Return this year's sessions, and last year's as tombstones."""
    rows = [
        (year, status, *session) for year, status in _years(district).items() for session in _sessions(year)
    ]
    names = ("schoolYear", "status", "sourcedId", "title", "type", "startDate", "endDate", "parentSourcedId")
    return pl.DataFrame(rows, schema=list(names), orient="row").with_columns(
        pl.col("schoolYear").cast(pl.String), **_since(district.year_start)
    )


def courses(district: District, settings: Settings) -> pl.DataFrame:
    """Return the courses: most are the district's, homerooms each school's own."""
    grades = range(FIRST_GRADE, int(str(teaching(district)["high"].max())) + 1)
    shared = _SUBJECTS.filter(pl.col("subject") != HOMEROOM).join(
        pl.DataFrame({"grade": [*grades]}, schema={"grade": pl.Int64}), how="cross"
    )
    code = grade_code(pl.col("grade"), settings)
    columns = {
        "title": pl.format("{} {}", "name", code),
        "courseCode": _shared_code(),
        "grades": pl.concat_list(code),
        "orgSourcedId": pl.lit(DISTRICT_ID),
        "subjects": pl.concat_list("name"),
        "subjectCodes": pl.concat_list(pl.format("0{}", "place")),
    }
    own = (
        teaching(district)
        .select("number", grade=pl.int_ranges(pl.col("low"), pl.col("high") + 1))
        .explode("grade")
        .group_by("number", maintain_order=True)
        .agg(grades=code)
        .select(
            title=pl.lit("Homeroom"),
            courseCode=pl.format("HR{}", "number"),
            grades="grades",
            orgSourcedId=school_id(pl.col("number")),
            subjects=_NOTHING,
            subjectCodes=_NOTHING,
        )
    )
    return pl.concat([shared.select(**columns), own]).with_columns(
        status=pl.lit(LIVE),
        **_since(district.year_start),
        sourcedId=pl.format("C-{}", "courseCode"),
        schoolYearSourcedId=session_id("Y", pl.lit(district.year)),
    )


def classes(district: District, settings: Settings) -> pl.DataFrame:
    """Return this year's classes, and last year's as tombstones."""
    code = grade_code(pl.col("grade"), settings)
    homeroom = pl.col("subject") == HOMEROOM
    return _offered(district).select(
        "status",
        **_since(district.year_start),
        sourcedId=_class_id(),
        title=pl.format("{} {}, {}", "name", code, "section"),
        grades=pl.concat_list(code),
        courseSourcedId=pl.format("C-{}", _course_code()),
        classCode=pl.format("{}-{}", _course_code(), "section"),
        classType=pl.when(homeroom).then(pl.lit("homeroom")).otherwise(pl.lit("scheduled")),
        location=pl.when(pl.col("section") % 4 > 0).then(pl.format("Room {}", "section")),
        schoolSourcedId=school_id(pl.col("school")),
        termSourcedIds=pl.when(_in_term(1) & _in_term(2))
        .then(pl.concat_list(_term(1), _term(2)))
        .when(_in_term(1))
        .then(pl.concat_list(_term(1)))
        .otherwise(pl.concat_list(_term(2))),
        subjects=pl.when(homeroom).then(_NOTHING).otherwise(pl.concat_list("name")),
        subjectCodes=pl.when(homeroom).then(_NOTHING).otherwise(pl.concat_list(pl.format("0{}", "place"))),
        periods=pl.concat_list(pl.col("place").cast(pl.String)),
    )


def enrollments(district: District, settings: Settings) -> pl.DataFrame:
    """Return who is in which class: students, a primary teacher each, here and there a second one."""
    return pl.concat([_students(district, settings), _teachers(district)])


def _students(district: District, settings: Settings) -> pl.DataFrame:
    people = told(district, settings)
    here = people.filter((pl.col("kind") == STUDENT) & (pl.col("state") == ACTIVE)).select(
        "number",
        "grade",
        "school",
        "entry",
        year=pl.lit(district.year, pl.Int64),
        ended=pl.lit(None, pl.Date),
    )
    past = (
        district.stays.filter(pl.col("year") >= district.year - 1)
        .drop_nulls("grade")
        .join(people.select("number"), on="number", how="semi")
        .select(here.columns)
    )
    starts, ends = pl.col("starts"), pl.col("ends")
    return (
        pl.concat([here, past])
        .join(district.schools.select("sections", school="number"), on="school")
        .filter(pl.col("sections") > 0)
        .join(_SUBJECTS, how="cross")
        .with_columns(
            section=district.chance("section", lasting=True) // pl.col("place") % pl.col("sections") + 1,
            **_span(),
        )
        .with_columns(
            begins=pl.max_horizontal("entry", starts),
            changed=pl.when(pl.col("year") < district.year)
            .then(district.year_start)
            .otherwise(pl.coalesce("ended", "entry")),
        )
        .filter(pl.col("begins") < ends)
        .select(
            status=pl.when(pl.col("ended").is_null()).then(pl.lit(LIVE)).otherwise(pl.lit(DELETED)),
            dateLastModified=moment(pl.col("changed"), pl.col("number")),
            sourcedId=pl.format("{}-{}-{}", _class_id(), "number", pl.col("entry").dt.strftime("%Y%m%d")),
            classSourcedId=_class_id(),
            schoolSourcedId=school_id(pl.col("school")),
            userSourcedId=user_id(pl.col("number")),
            role=pl.lit(STUDENT),
            primary=pl.lit(value=False),
            beginDate="begins",
            endDate=pl.when(pl.col("ended").is_not_null())
            .then(pl.max_horizontal("ended", "begins"))
            .when(pl.col("number") % 2 == 0)
            .then(ends),
        )
    )


def _teachers(district: District) -> pl.DataFrame:
    teachers = (
        district.people.filter(pl.col("kind") == "teacher")
        .select("school", teacher="number")
        .sort("teacher")
        .with_columns(
            rank=pl.int_range(pl.len(), dtype=pl.Int64).over("school"), colleagues=pl.len().over("school")
        )
    )
    chances = chance(_class_number(), district.seed, "teacher")
    offered = _offered(district).join(teachers.select("school", "colleagues").unique(), on="school")
    first = offered.with_columns(rank=chances % pl.col("colleagues"), primary=pl.lit(value=True))
    second = first.filter(
        (_class_number() % _SECOND_TEACHER_EVERY == 0) & (pl.col("colleagues") > 1)
    ).with_columns(rank=(pl.col("rank") + 1) % pl.col("colleagues"), primary=pl.lit(value=False))
    return (
        pl.concat([first, second])
        .join(teachers.drop("colleagues"), on=["school", "rank"])
        .with_columns(**_span())
        .select(
            "status",
            **_since(district.year_start),
            sourcedId=pl.format("{}-{}", _class_id(), "teacher"),
            classSourcedId=_class_id(),
            schoolSourcedId=school_id(pl.col("school")),
            userSourcedId=user_id(pl.col("teacher")),
            role=pl.lit("teacher"),
            primary="primary",
            beginDate="starts",
            endDate="ends",
        )
    )


def _offered(district: District) -> pl.DataFrame:
    """Return one row a class of this year and the last: year, status, school, grade, section and its subject."""
    years = _years(district)
    return (
        teaching(district)
        .select(
            school="number",
            grade=pl.int_ranges(pl.col("low"), pl.col("high") + 1),
            section=pl.int_ranges(1, pl.col("sections") + 1),
        )
        .explode("grade")
        .explode("section")
        .join(_SUBJECTS, how="cross")
        .join(pl.DataFrame({"year": [*years], "status": [*years.values()]}), how="cross")
    )


def _years(district: District) -> dict[int, str]:
    """Return the school years that are told, each with the status of what belongs to it."""
    before = {district.year - 1: DELETED} if district.year > district.first_year else {}
    return {district.year: LIVE, **before}


def _sessions(year: int) -> list[tuple[str, str, str, date, date, str | None]]:
    """Return the sessions of a school year: sourcedId, title, type, first day, the day after the last, parent."""
    autumn, winter, spring = date(year - 1, 10, 20), date(year, *_SECOND_TERM), date(year, 3, 20)
    begin, end = first_day(year), date(year, *_AFTER_THE_LAST_DAY)
    whole, first, second = f"Y{year}", f"T{year}-1", f"T{year}-2"
    return [
        (whole, f"{year - 1}-{year}", "schoolYear", begin, end, None),
        (first, "Term 1", "term", begin, winter, whole),
        (second, "Term 2", "term", winter, end, whole),
        (f"G{year}-1", "1", "gradingPeriod", begin, autumn, first),
        (f"G{year}-2", "2", "gradingPeriod", autumn, winter, first),
        (f"G{year}-3", "3", "gradingPeriod", winter, spring, second),
        (f"G{year}-4", "4", "gradingPeriod", spring, end, second),
    ]


def _in_term(term: int) -> pl.Expr:
    """Whether a class lasts through a term: social studies take one, in turn by grade; all others take both."""
    return (pl.col("subject") != "SO") | (pl.col("grade") % 2 == term % 2)


def _span() -> dict[str, pl.Expr]:
    """Return the first day of a class (`starts`) and the day after its last (`ends`)."""
    year = pl.col("year")
    middle = pl.date(year, *_SECOND_TERM)
    return {
        "starts": pl.when(_in_term(1)).then(pl.date(year - 1, *FIRST_DAY)).otherwise(middle),
        "ends": pl.when(_in_term(2)).then(pl.date(year, *_AFTER_THE_LAST_DAY)).otherwise(middle),
    }


def _term(part: int) -> pl.Expr:
    return session_id("T", pl.col("year"), part)


def _course_code() -> pl.Expr:
    """Return a class's course code: six digits with a nought in front, or the school's own homeroom."""
    homeroom = pl.col("subject") == HOMEROOM
    return pl.when(homeroom).then(pl.format("HR{}", "school")).otherwise(_shared_code())


def _shared_code() -> pl.Expr:
    return pl.format("0{}{}10", "place", (pl.col("grade") - FIRST_GRADE).cast(pl.String).str.zfill(2))


def _class_id() -> pl.Expr:
    """Return the sourcedIds of classes; those of homerooms hold a slash, as ids may, which an address must encode."""
    mark = pl.when(pl.col("subject") == HOMEROOM).then(pl.lit("/")).otherwise(pl.lit("."))
    return pl.format(
        "{}-{}-{}{}{}-{}", "year", "school", "subject", mark, pl.col("grade") - FIRST_GRADE, "section"
    )


def _class_number() -> pl.Expr:
    """Return a number for each class that is the same every year."""
    subject = pl.col("place") * 100 + pl.col("grade") - FIRST_GRADE
    return (pl.col("school") * 1000 + subject) * 100 + pl.col("section")


def _since(day: date) -> dict[str, pl.Expr]:
    """Return the column `dateLastModified` of records that changed on one day."""
    return {"dateLastModified": moment(pl.lit(day))}
