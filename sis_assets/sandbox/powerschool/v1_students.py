"""Students as `/ws/v1` shows them, with every expansion and the extension tables (contract: PowerSchool §1.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from sis_assets.sandbox.json_text import joined, member, whole
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.json_text import element
from sis_assets.sandbox.powerschool.v1_shape import Leaves, Shape

#: Extension tables of students: name, and their fields with how a value follows from the person's number.
EXTENSIONS = ("studentcorefields", "u_demo_x")
_STATUSES = {
    0: ("A", "Active"),
    -1: ("P", "Pre-registered"),
    2: ("T", "Transferred Out"),
    3: ("G", "Graduated"),
    4: ("H", "Imported as Historical"),
}


def _student_rows(database: Database) -> pl.DataFrame:
    status = pl.col("status")
    letters = {code: letter for code, (letter, _) in _STATUSES.items()}
    words = {code: word for code, (_, word) in _STATUSES.items()}
    here = pl.col("street").is_not_null()
    return database.people.with_columns(
        status_letter=status.replace_strict(letters, default="I", return_dtype=pl.String),
        status_word=status.replace_strict(words, default="Inactive", return_dtype=pl.String),
        city=pl.when(here).then(pl.lit("Alder")),
        state=pl.when(here).then(pl.lit("CA")),
        postal_code=pl.when(here).then("postal_code"),
        first_grade=pl.lit(0, pl.Int64),
        residence=pl.lit("0410"),
        several_races=pl.col("number") % 5 == 0,
        federal=pl.lit("NO"),
        ethnicity=pl.lit("W"),
    )


def _student_members(leaf: Leaves, expansions: Collection[str]) -> Sequence[pl.Expr]:
    address = (leaf("street"), leaf("city"), leaf("state_province", "state"), leaf("postal_code"))
    white = '{"district_race_code":700,"district_race_code_description":"White","federal_race_code_category":"White"}'
    other = '{"district_race_code":"0600","district_race_code_description":"Other","federal_race_code_category":"Other"}'
    races = pl.when(pl.col("several_races")).then(pl.lit(f"[{white},{other}]")).otherwise(pl.lit(white))
    located = pl.col("street").is_not_null()
    expanded: Mapping[str, Sequence[pl.Expr]] = {
        "demographics": (
            leaf("gender"),
            leaf("birth_date"),
            leaf("projected_graduation_year", "graduation_year"),
            leaf("district_entry_date", "district_entry"),
        ),
        "addresses": tuple(
            member(kind, pl.when(located).then(whole(address))) for kind in ("physical", "mailing")
        ),
        "alerts": (),
        "phones": (member("main", pl.lit('{"number":') + leaf.value("phone") + pl.lit("}")),),
        "school_enrollment": (
            leaf("enroll_status", "status_letter"),
            leaf("enroll_status_description", "status_word"),
            leaf("enroll_status_code", "status"),
            leaf("grade_level", "grade"),
            leaf("entry_date", "entry"),
            leaf("exit_date", "exit"),
            leaf("school_number", "school"),
            leaf("school_id", "school_dcid"),
            leaf("entry_code"),
            leaf("exit_code"),
            leaf("district_of_residence", "residence"),
            leaf("track"),
            pl.lit('"full_time_equivalency":{"fteid":1070,"name":"FTE Value: 1"}'),
        ),
        "ethnicity_race": (
            leaf("federal_ethnicity", "federal"),
            leaf("scheduling_reporting_ethnicity", "ethnicity"),
            member("races", races),
        ),
        "contact": (leaf("guardian_email", "guardian"),),
        "contact_info": (leaf("email"),),
        "initial_enrollment": (
            leaf("district_entry_date", "district_entry"),
            leaf("district_entry_grade_level", "first_grade"),
            leaf("school_entry_date", "school_entry"),
            leaf("school_entry_grade_level", "grade"),
        ),
        "schedule_setup": (
            leaf("home_room"),
            leaf("next_school"),
            leaf("sched_next_year_grade", "next_grade"),
        ),
        "fees": (),
        "lunch": (
            pl.lit(
                '"balance_1":"0.00","balance_2":"0.00","balance_3":"0.00","balance_4":"0.00","lunch_id":0'
            ),
        ),
    }
    return (
        leaf("id", "dcid"),
        leaf("local_id", "student_number"),
        leaf("state_province_id", "state_id"),
        leaf("student_username", "username"),
        member("name", whole((leaf("first_name"), leaf("middle_name"), leaf("last_name")))),
        *(
            element(name, members) if members else pl.lit(f'"{name}":""')
            for name, members in expanded.items()
            if name in expansions
        ),
    )


def extension_members(names: Sequence[str]) -> list[pl.Expr]:
    """Return the members for the extension tables asked for; unknown names are ignored (contract §1.4)."""
    known = [name for name in EXTENSIONS if name in names]
    tables = [
        pl.lit('{"recordFound":')
        + pl.when(pl.col("number") % 4 > 0).then(pl.lit("true")).otherwise(pl.lit("false"))
        + pl.lit(f',"name":"{name}","_field":[')
        + pl.lit('{"name":"track_pref","type":"String","value":"')
        + (pl.col("number") % 2000).cast(pl.String)
        + pl.lit('"}]}')
        for name in known
    ]
    if not tables:
        return []
    inner = tables[0] if len(tables) == 1 else pl.lit("[") + joined(tables) + pl.lit("]")
    return [member("_extension_data", pl.lit('{"_table_extension":') + inner + pl.lit("}"))]


STUDENTS = Shape(
    "student",
    "students",
    _student_rows,
    _student_members,
    parents={"school": "school_dcid"},
    filters={
        "student_username": "username",
        "local_id": "student_number",
        "id": "dcid",
        "state_province_id": "state_id",
        "name.last_name": "last_name",
        "name.first_name": "first_name",
        "school_enrollment.enroll_status": "status_letter",
        "school_enrollment.enroll_status_code": "status",
        "school_enrollment.entry_date": "entry",
    },
    expansions=(
        "demographics",
        "addresses",
        "alerts",
        "phones",
        "school_enrollment",
        "ethnicity_race",
        "contact",
        "contact_info",
        "initial_enrollment",
        "schedule_setup",
        "fees",
        "lunch",
    ),
    extensions=EXTENSIONS,
)
