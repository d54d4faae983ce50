"""The resources of `/ws/v1` but students: which rows, in which order, with which keys (contract: PowerSchool §1.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from sis_assets.sandbox.json_text import member, whole
from sis_assets.sandbox.powerschool.data import GRADUATED_STUDENTS
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.json_text import element
from sis_assets.sandbox.powerschool.staff import WORKING
from sis_assets.sandbox.powerschool.v1_shape import Leaves, Shape
from sis_assets.sandbox.powerschool.v1_students import STUDENTS


def _school_rows(database: Database) -> pl.DataFrame:
    numbered = pl.col("dcid").cast(pl.String)
    return (
        database.frame("schools")
        .filter((pl.col("school_number") != GRADUATED_STUDENTS) | database.settings.graduated_school_listed)
        .with_columns(
            state_id=pl.lit("0410") + numbered.str.zfill(4),
            street=pl.format("{} Sample Elm", numbered),
            city=pl.lit("Alder"),
            state=pl.lit("CA"),
            postal_code=pl.when(pl.col("dcid") % 2 == 0).then(pl.lit("02118")).otherwise(pl.lit("95001")),
            first_name=pl.format("Principal-{}", numbered),
            last_name=pl.format("Staff-{}", numbered),
            email=pl.format("principal-{}@example.org", numbered),
        )
    )


def _school_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:
    address = (leaf("street"), leaf("city"), leaf("state_province", "state"), leaf("postal_code"))
    return (
        leaf("id", "dcid"),
        leaf("name"),
        leaf("school_number"),
        leaf("state_province_id", "state_id"),
        leaf("low_grade"),
        leaf("high_grade"),
        leaf("alternate_school_number"),
        member("addresses", whole((member("physical", whole(address)),))),
        pl.lit('"phones":{"main":{"number":"555-0102"}}'),
        member(
            "principal",
            whole((member("name", whole((leaf("first_name"), leaf("last_name")))), leaf("email"))),
        ),
        *(pl.lit(f'"{name}":""') for name in SCHOOLS.expansions or () if name in expansions),
    )


def _course_rows(database: Database) -> pl.DataFrame:
    schools = database.frame("schools").select("school_number", school_dcid="dcid")
    return (
        database.frame("school_course")
        .filter(pl.col("yearid") == database.district.year_id)
        .join(schools, left_on="schoolid", right_on="school_number")
        .select("school_dcid", dcid="course_dcid")
        .join(database.frame("courses"), on="dcid")
        .sort("course_number", "dcid", "school_dcid")
    )


def _course_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:  # noqa: ARG001
    return leaf("id", "dcid"), leaf("course_number"), leaf("course_name")


def _term_rows(database: Database) -> pl.DataFrame:
    return (
        database.frame("terms")
        .with_columns(start_year=pl.col("yearid") + 1990)
        .sort("portion", "firstday", "dcid")
    )


def _term_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:  # noqa: ARG001
    return (
        leaf("id", "dcid"),
        leaf("school_id", "school_dcid"),
        leaf("start_year"),
        leaf("portion"),
        leaf("start_date", "firstday"),
        leaf("end_date", "lastday"),
        leaf("abbreviation"),
        leaf("name"),
    )


def _section_rows(database: Database) -> pl.DataFrame:
    terms = _term_rows(database).select(
        "schoolid",
        "school_dcid",
        "start_year",
        "portion",
        "firstday",
        "lastday",
        "abbreviation",
        "name",
        termid="id",
        term_dcid="dcid",
    )
    return (
        database.frame("sections").join(terms, on=["schoolid", "termid"], maintain_order="left").sort("dcid")
    )


def _section_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:
    term = (
        leaf("id", "term_dcid"),
        leaf("start_year"),
        leaf("portion"),
        leaf("start_date", "firstday"),
        leaf("end_date", "lastday"),
        leaf("abbreviation"),
        leaf("name"),
    )
    return (
        leaf("id", "dcid"),
        leaf("school_id", "school_dcid"),
        leaf("course_id", "course_dcid"),
        leaf("term_id", "term_dcid"),
        leaf("section_number"),
        leaf("expression"),
        leaf("staff_id", "staff_dcid"),
        *((element("term", term),) if "term" in expansions else ()),
    )


def _seat_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:  # noqa: ARG001
    return (
        leaf("id", "dcid"),
        leaf("section_id", "section_dcid"),
        leaf("student_id", "student_dcid"),
        leaf("entry_date", "dateenrolled"),
        leaf("exit_date", "dateleft"),
        leaf("dropped"),
    )


def _staff_rows(database: Database) -> pl.DataFrame:
    """Staff by the schools where they are active; somebody of two schools stands once for each."""
    schools = database.frame("schools").select("school_number", school_dcid="dcid")
    places = database.frame("schoolstaff").join(
        schools, left_on="schoolid", right_on="school_number", maintain_order="left"
    )
    affiliations = (
        places.with_columns(
            place=pl.concat_str(
                pl.lit('{"school_id":'), "school_dcid", pl.lit(',"type":1,"status":'), "status", pl.lit("}")
            )
        )
        .group_by("users_dcid", maintain_order=True)
        .agg("place")
        .with_columns(text=pl.col("place").list.join(","))
        .select(
            "users_dcid",
            affiliation=pl.when(pl.col("place").list.len() == 1)
            .then("text")
            .otherwise(pl.lit("[") + pl.col("text") + pl.lit("]")),
        )
    )
    return (
        places.filter(pl.col("status") == WORKING)
        .select("school_dcid", "users_dcid")
        .join(database.frame("users"), left_on="users_dcid", right_on="dcid")
        .join(affiliations, on="users_dcid")
        .rename({"users_dcid": "dcid"})
        .sort("dcid", "school_dcid")
    )


def _staff_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:
    expanded: Mapping[str, Sequence[pl.Expr]] = {
        "addresses": (),
        "emails": (leaf("work_email", "email_addr"),),
        "phones": (leaf("home_phone"),),
        "school_affiliations": (member("school_affiliation", pl.col("affiliation")),),
    }
    return (
        leaf("id", "dcid"),
        leaf("local_id", "teachernumber"),
        leaf("admin_username", "teacherloginid"),
        leaf("teacher_username", "teacherloginid"),
        member("name", whole((leaf("first_name"), leaf("last_name")))),
        *(
            element(name, members) if members else pl.lit(f'"{name}":""')
            for name, members in expanded.items()
            if name in expansions
        ),
    )


SCHOOLS = Shape(
    "school",
    "schools",
    _school_rows,
    _school_members,
    expansions=("school_boundary", "full_time_equivalencies", "school_fees_setup"),
)
COURSES = Shape("course", "courses", _course_rows, _course_members, parents={"school": "school_dcid"})
TERMS = Shape("term", "terms", _term_rows, _term_members, parents={"school": "school_dcid"})
SECTIONS = Shape(
    "section",
    "sections",
    _section_rows,
    _section_members,
    parents={"school": "school_dcid"},
    expansions=("term",),
)
STAFF = Shape(
    "staff",
    "staffs",
    _staff_rows,
    _staff_members,
    parents={"school": "school_dcid"},
    expansions=("addresses", "emails", "phones", "school_affiliations"),
)
SECTION_ENROLLMENTS = Shape(
    "section_enrollment",
    "section_enrollments",
    lambda database: database.frame("cc"),
    _seat_members,
    parents={"section": "section_dcid"},
)
SHAPES = {
    shape.one: shape for shape in (SCHOOLS, STUDENTS, COURSES, TERMS, SECTIONS, STAFF, SECTION_ENROLLMENTS)
}
