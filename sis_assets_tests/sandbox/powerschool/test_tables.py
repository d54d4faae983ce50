"""The table API as the contract describes it (PowerSchool §1.6, §1.11)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from sis_assets.sandbox.powerschool.faults import Fault, Kind
from sis_assets.sandbox.powerschool.plugin import Rights
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets_tests.powerschool_caller import Caller, serving

TABLE = "/ws/schema/table"


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=320, seed=7) as served:
        yield served


def test_every_value_is_text_and_nothing_is_null(town: tuple[Sandbox, Caller]) -> None:
    for table in (
        "students",
        "courses",
        "terms",
        "cc",
        "storedgrades",
        "gradreq",
        "sections",
        "school_course",
    ):
        record = town[1].get(f"{TABLE}/{table}", projection="*").json["record"][0]
        assert set(record) == {"id", "tables"}
        assert isinstance(record["id"], int)
        values = record["tables"][table]
        assert {type(value) for value in values.values()} == {str}
        assert values["dcid"] == str(record["id"])
        assert all(name == name.lower() for name in values)


def test_null_is_empty_text_flags_are_digits_dates_iso_and_whole_numbers_without_a_point(
    town: tuple[Sandbox, Caller],
) -> None:
    students = town[1].records(
        "students", projection="middle_name,dob,student_number,sched_scheduled,grade_level"
    )
    assert "" in {row["middle_name"] for row in students}
    assert {row["sched_scheduled"] for row in students} == {"1"}
    assert {row["student_number"] for row in students} == {
        str(114_000 + n) for n in range(1, len(students) + 1)
    }
    assert {len(row["dob"].split("-")) for row in students} == {3}
    assert "-1" in {row["grade_level"] for row in students}
    hours = {row["credit_hours"] for row in town[1].records("courses", projection="credit_hours")}
    assert hours == {"0", "0.5", "1"}


def test_a_table_holds_what_the_truth_says(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth()
    names = caller.records("students", projection="dcid,id,last_name")
    assert {(int(row["dcid"]), int(row["id"]), row["last_name"]) for row in names} == set(
        truth.students.select("dcid", "id", "last_name").iter_rows()
    )
    courses = caller.records(
        "courses", projection="course_number,credit_hours,reggradelevels,sched_department"
    )
    assert {
        (r["course_number"], float(r["credit_hours"]), int(r["reggradelevels"]), r["sched_department"])
        for r in courses
    } == set(truth.courses.select("course_number", "credits", "grade", "department").iter_rows())


def test_a_projection_chooses_columns_in_any_case_and_with_the_tables_name(
    town: tuple[Sandbox, Caller],
) -> None:
    record = (
        town[1].get(f"{TABLE}/Students", projection="DCID,students.last_name", pagesize=1).json["record"][0]
    )
    assert list(record["tables"]["students"]) == ["dcid", "last_name"]
    everything = town[1].get(f"{TABLE}/students", projection="students.*", pagesize=1).json["record"][0]
    assert len(everything["tables"]["students"]) > 30


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("students", 400, "projection is required"),
        ("students?projection=zzz", 400, "Invalid field specified: zzz is not valid column for table: students"),
        ("students?projection=dcid&q=zzz==1", 400, "Invalid field specified: zzz is not valid column for table: students"),
        ("students?projection=dcid&sort=zzz", 400, "Invalid field specified: zzz is not valid column for table: students"),
        ("students?projection=dcid&q=grade_level==x", 400,
         "Invalid number 'x' passed for comparison to number field grade_level"),
        ("students?projection=dcid&q=guardianemail==x", 400, "Querying not supported against clob or blob field types"),
        ("students?projection=dcid&q=grade_level", 400, "Invalid query"),
        ("nonsense?projection=dcid", 404, "Resource not found"),
        ("students/5?projection=dcid", 404, "Resource not found"),
        ("students/x?projection=dcid", 404, "Resource not found"),
        ("teachers?projection=dcid", 405, "GET, POST and PUT are not allowed on table"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_with_powerschools_message(
    town: tuple[Sandbox, Caller], path: str, status: int, message: str
) -> None:
    answer = town[1].get(f"{TABLE}/{path}")
    assert (answer.status, answer.json) == (status, {"message": message})


def test_counts_have_a_shape_of_their_own(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth()
    assert caller.get(f"{TABLE}/students/count").json == {"count": truth.students.height}
    high = truth.active.filter(pl.col("grade") >= 9).height
    assert caller.get(f"{TABLE}/students/count", q="enroll_status==0;grade_level=ge=9").json == {
        "count": high
    }
    others = truth.students.filter(pl.col("status_code") != 0).height
    assert caller.get(f"{TABLE}/students/count", q="students.enroll_status!=0").json == {"count": others}


def test_a_comparison_holds_for_no_null(town: tuple[Sandbox, Caller]) -> None:
    def rows(q: str) -> int:
        found: int = town[1].get(f"{TABLE}/students/count", q=q).json["count"]
        return found

    total = town[0].truth().students.height
    assert 0 < rows("middle_name==Middle-*") < total
    assert rows("middle_name!=Nobody") == rows("middle_name!=Nob*") == rows("middle_name==Middle-*")
    assert rows("middle_name!=Middle-*") == 0


def test_one_record_has_no_list(town: tuple[Sandbox, Caller]) -> None:
    answer = town[1].get(f"{TABLE}/students/1003", projection="id").json
    assert answer == {"id": 1003, "name": "students", "tables": {"students": {"id": "1004"}}}


def test_rows_can_be_sorted_either_way(town: tuple[Sandbox, Caller]) -> None:
    def names(**query: object) -> list[str]:
        return [row["lastfirst"] for row in town[1].records("students", projection="lastfirst", **query)]

    assert names(sort="lastfirst") == sorted(names())
    assert names(sort="lastfirst", sortdescending="true") == sorted(names(), reverse=True)


@pytest.mark.parametrize(("how", "expected"), [("list", {"name", "record"}), ("absent", {"name"})])
def test_an_empty_answer_has_an_empty_list_or_none(how: Any, expected: set[str]) -> None:
    with serving(students=10, settings=Settings(empty_records=how)) as (_, caller):
        assert set(caller.get(f"{TABLE}/students", projection="dcid", page=9).json) == expected


def test_pages_are_capped_by_the_schema_limit() -> None:
    with serving(students=30, settings=Settings(page_sizes={"schema_table_query": 9})) as (_, caller):
        assert len(caller.get(f"{TABLE}/students", projection="dcid", pagesize=50).json["record"]) == 9
        assert len(caller.records("students", projection="dcid")) > 30


def test_columns_without_a_grant_are_named_and_unknown_ones_come_first() -> None:
    rights = Rights(fields={"students": {"dcid": "ViewOnly", "id": "ViewOnly"}})
    with serving(students=10, rights=rights) as (_, caller):
        assert caller.get(f"{TABLE}/students", projection="dcid,id").status == 200
        refused = caller.get(f"{TABLE}/students", projection="dcid,dob,gender")
        assert refused.status == 403
        assert refused.json == {
            "message": "At least one column lacks sufficient permission",
            "errors": [
                {"code": "NoAccess", "field": "dob", "resource": "students"},
                {"code": "NoAccess", "field": "gender", "resource": "students"},
            ],
        }
        assert caller.get(f"{TABLE}/students", projection="dob,zzz").status == 400
        assert caller.get(f"{TABLE}/students", projection="dcid", q="gender==F").status == 403
        assert caller.get(f"{TABLE}/students", projection="*").status == 403
        assert caller.get(f"{TABLE}/students/count").status == 200
        assert caller.get(f"{TABLE}/students/count", q="gender==F").status == 403
        assert caller.get("/ws/v1/student/1001", expansions="demographics").status == 200


def test_metadata_tells_access_column_by_column() -> None:
    rights = Rights(fields={"students": {"dcid": "ViewOnly"}})
    with serving(students=10, rights=rights) as (_, caller):
        columns = caller.get(f"{TABLE}/students/metadata", expansions="access").json["columns"]
        access = {column["name"].lower(): column["access"] for column in columns}
        assert access["dcid"] == "ViewOnly"
        assert set(access.values()) == {"ViewOnly", "NoAccess"}
        assert "access" not in caller.get(f"{TABLE}/students/metadata").json["columns"][0]


def test_the_catalogue_names_every_table(town: tuple[Sandbox, Caller]) -> None:
    names = {record["tables"]["name"] for record in town[1].get(TABLE).json["record"]}
    assert {"students", "courses", "reenrollments", "schedulerequests"} <= names


def request_body(**columns: str) -> dict[str, object]:
    return {"tables": {"schedulerequests": columns}}


GOOD = {
    "studentid": "1008",
    "student_number": "114007",
    "coursenumber": "ENG07",
    "schoolid": "1001",
    "yearid": "37",
}


@pytest.mark.parametrize(("mode", "status"), [("405", 405), ("403", 403), ("works", 200)])
def test_course_requests_meet_what_the_server_is_set_to(mode: Any, status: int) -> None:
    with serving(students=10, settings=Settings(schedule_requests=mode)) as (_, caller):
        before = caller.get(f"{TABLE}/schedulerequests/count").json["count"]
        assert caller.post(f"{TABLE}/schedulerequests", request_body(**GOOD)).status == status
        after = caller.get(f"{TABLE}/schedulerequests/count").json["count"]
        assert after - before == (status == 200)


def test_a_course_request_that_works_is_read_back_and_a_wrong_one_fails_inside_a_200() -> None:
    with serving(students=10, settings=Settings(schedule_requests="works")) as (_, caller):
        done = caller.post(f"{TABLE}/schedulerequests", request_body(**GOOD)).json
        assert (done["insert_count"], done["result"][0]["status"]) == (1, "SUCCESS")
        dcid = done["result"][0]["success_message"]["id"]
        row = caller.get(f"{TABLE}/schedulerequests/{dcid}", projection="*").json["tables"][
            "schedulerequests"
        ]
        assert row.items() >= GOOD.items()
        for change, code in (
            ({"coursenumber": "ART07-INTRO"}, "INVALID_LENGTH"),
            ({"coursenumber": "NONE"}, "INVALID_COURSE"),
            ({"studentid": "1"}, "INVALID_STUDENT"),
        ):
            answer = caller.post(f"{TABLE}/schedulerequests", request_body(**(GOOD | change)))
            assert answer.status == 200
            assert answer.json["insert_count"] == 0
            assert answer.json["result"][0]["error_message"]["error"]["error_code"] == code
        assert caller.post(f"{TABLE}/schedulerequests", request_body(zzz="1")).status == 400
        assert caller.post(f"{TABLE}/schedulerequests", [1]).status == 400
        assert caller.post(f"{TABLE}/students", {"tables": {"students": {}}}).status == 405


def test_writing_needs_full_access() -> None:
    columns = dict.fromkeys(GOOD, "ViewOnly")
    rights = Rights(fields={"schedulerequests": columns})
    with serving(students=10, rights=rights, settings=Settings(schedule_requests="works")) as (_, caller):
        assert caller.post(f"{TABLE}/schedulerequests", request_body(**GOOD)).status == 403


@pytest.mark.parametrize(("as_term", "year"), [(False, "37"), (True, "3700")])
def test_the_year_of_a_request_has_either_form(*, as_term: bool, year: str) -> None:
    with serving(students=60, settings=Settings(schedule_year_as_term=as_term)) as (_, caller):
        assert {row["yearid"] for row in caller.records("schedulerequests", projection="yearid")} == {year}


def test_a_grant_can_be_taken_away_while_the_server_runs() -> None:
    with serving(students=10) as (sandbox, caller):
        assert caller.get(f"{TABLE}/students", projection="dcid,dob").status == 200
        sandbox.faults.arm(Fault(Kind.DENY_COLUMNS, columns=("students.dob",)))
        refused = caller.get(f"{TABLE}/students", projection="dcid,dob")
        assert refused.status == 403
        assert json.dumps(refused.json).count("dob") == 1
        sandbox.faults.clear()
        assert caller.get(f"{TABLE}/students", projection="dcid,dob").status == 200
