"""`/ws/v1` as the contract describes it, quirk by quirk (PowerSchool §1.2-§1.5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from sis_assets.sandbox.powerschool.data import founded
from sis_assets.sandbox.powerschool.day import Churn, after_a_day
from sis_assets.sandbox.powerschool.plugin import Rights
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets_tests.powerschool_caller import Caller, caller_of, serving

EXPANSIONS = (
    "demographics,addresses,alerts,phones,school_enrollment,ethnicity_race,contact,contact_info,"
    "initial_enrollment,schedule_setup,fees,lunch"
)


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Sandbox, Caller]]:
    """A district with several schools of a level, in which nothing is changed."""
    with serving(students=1200, seed=7) as served:
        yield served


def as_text(value: object) -> str | None:
    return None if value is None else str(value)


def student(caller: Caller, dcid: int, **query: object) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/ws/v1/student/{dcid}", **query).json["student"]
    return found


def test_metadata_and_time_need_no_token(town: tuple[Sandbox, Caller]) -> None:
    anonymous = Caller(town[0].port, "", "")
    metadata = anonymous.get("/ws/v1/metadata").json["metadata"]
    assert metadata["student_max_page_size"] == metadata["schema_table_query_max_page_size"] == 100
    assert metadata["powerschool_version"]
    assert anonymous.get("/ws/v1/time").status == 200
    assert anonymous.get("/ws/v1/district").status == 401


def test_every_student_of_every_status_is_listed_once_and_is_who_the_truth_says(
    town: tuple[Sandbox, Caller],
) -> None:
    sandbox, caller = town
    rows = caller.rows("/ws/v1/district/student", expansions=EXPANSIONS)
    truth = sandbox.truth().students
    assert caller.get("/ws/v1/district/student/count").json == {"resource": {"count": truth.height}}
    assert len(rows) == truth.height
    for row, expected in zip(rows, truth.sort("dcid").iter_rows(named=True), strict=True):
        enrollment = row["school_enrollment"]
        assert (row["id"], row["local_id"]) == (expected["dcid"], expected["student_number"])
        assert as_text(row.get("state_province_id")) == expected["state_id"]
        assert row["name"].get("middle_name") == expected["middle_name"]
        assert (row["name"]["first_name"], row["name"]["last_name"]) == (
            expected["first_name"],
            expected["last_name"],
        )
        assert enrollment["enroll_status_code"] == expected["status_code"]
        assert (enrollment["grade_level"], enrollment["school_number"]) == (
            expected["grade"],
            expected["school_number"],
        )
        assert enrollment["school_id"] == expected["school_dcid"]
        assert enrollment["entry_date"] == expected["entry_date"].isoformat()
        assert as_text(enrollment.get("exit_code")) == expected["exit_code"]
        contact = row["contact_info"]
        assert (contact["email"] if contact else None) == expected["email"]
        assert row["schedule_setup"]["next_school"] == expected["next_school"]
        assert row["schedule_setup"]["sched_next_year_grade"] == expected["next_grade"]
        assert row["demographics"].get("gender") == expected["gender"]
        assert dt.date.fromisoformat(row["demographics"]["birth_date"]) == expected["birth_date"]


def test_status_letters_go_with_their_codes(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].rows("/ws/v1/district/student", expansions="school_enrollment")
    letters = {
        (row["school_enrollment"]["enroll_status_code"], row["school_enrollment"]["enroll_status"])
        for row in rows
    }
    assert letters == {(0, "A"), (-1, "P"), (1, "I"), (-2, "I"), (2, "T"), (3, "G"), (4, "H")}


def test_a_list_of_one_is_an_object_of_none_has_no_key_and_of_two_is_a_list(
    town: tuple[Sandbox, Caller],
) -> None:
    caller = town[1]

    def students(**query: object) -> dict[str, Any]:
        found: dict[str, Any] = caller.get("/ws/v1/district/student", **query).json["students"]
        return found

    assert isinstance(students(pagesize=2)["student"], list)
    assert isinstance(students(pagesize=1)["student"], dict)
    assert set(students(q="local_id==1")) == {"@expansions", "@extensions"}
    assert set(students(page=9999)) == {"@expansions", "@extensions"}


def test_nested_lists_collapse_too(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].rows("/ws/v1/district/student", expansions="ethnicity_race")
    assert {type(row["ethnicity_race"]["races"]) for row in rows} == {dict, list}
    schools = [school["id"] for school in town[1].rows("/ws/v1/district/school")]
    staff = [
        row
        for school in schools
        for row in town[1].rows(f"/ws/v1/school/{school}/staff", expansions="school_affiliations")
    ]
    kinds = {type(row["school_affiliations"]["school_affiliation"]) for row in staff}
    assert kinds == {dict, list}


def test_an_empty_element_is_empty_text(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].rows("/ws/v1/district/student", expansions="addresses,phones,contact_info,alerts,fees")
    assert {row["alerts"] for row in rows} == {row["fees"] for row in rows} == {""}
    for name in ("addresses", "phones", "contact_info"):
        assert {type(row[name]) for row in rows} == {str, dict}
        assert {row[name] for row in rows if isinstance(row[name], str)} == {""}
    located = next(row["addresses"] for row in rows if row["addresses"])
    assert located["physical"] == located["mailing"]
    assert set(located["physical"]) == {"street", "city", "state_province", "postal_code"}


def test_a_missing_value_has_no_key(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].rows("/ws/v1/district/student", expansions="demographics,school_enrollment")
    assert {"middle_name" in row["name"] for row in rows} == {True, False}
    assert {"state_province_id" in row for row in rows} == {True, False}
    assert {"exit_code" in row["school_enrollment"] for row in rows} == {True, False}
    assert b"null" not in town[1].get("/ws/v1/district/student", expansions=EXPANSIONS).content


def test_the_json_type_follows_the_value(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].rows("/ws/v1/district/student", expansions="addresses,school_enrollment,lunch")
    codes = {row["addresses"]["physical"]["postal_code"] for row in rows if row["addresses"]}
    assert codes == {95001, "02118"}
    assert {type(row.get("state_province_id", 0)) for row in rows} == {int, str}
    assert {row["school_enrollment"]["entry_code"] for row in rows} == {"E1", "E2", "01", 11}
    assert {row["lunch"]["balance_1"] for row in rows} == {"0.00"}
    numbers = {row["section_number"] for row in town[1].rows("/ws/v1/school/5/section")}
    assert {type(number) for number in numbers} == {int, str}
    staff = town[1].rows("/ws/v1/school/3/staff")
    assert {type(person["local_id"]) for person in staff} == {int, str}
    courses = {row["course_number"] for row in town[1].rows("/ws/v1/school/5/course")}
    assert {type(number) for number in courses} == {int, str}


def test_negative_numbers_are_text_where_the_server_is_set_so() -> None:
    with serving(students=10, settings=Settings(signed_numbers=False)) as (_, caller):
        rows = caller.rows("/ws/v1/district/student", expansions="school_enrollment")
        assert "-1" in {row["school_enrollment"]["enroll_status_code"] for row in rows}
        assert 0 in {row["school_enrollment"]["enroll_status_code"] for row in rows}


def test_attributes_have_their_own_separators(town: tuple[Sandbox, Caller]) -> None:
    students = town[1].get("/ws/v1/district/student", pagesize=1).json["students"]
    assert students["@expansions"].startswith("demographics, addresses")
    assert students["@extensions"] == "studentcorefields,u_demo_x"
    assert set(town[1].get("/ws/v1/school/3/course", pagesize=1).json["courses"]) == {"@extensions", "course"}


def test_expansions_come_only_where_asked_for(town: tuple[Sandbox, Caller]) -> None:
    plain = student(town[1], 1001)
    assert set(plain) - {"state_province_id"} == {
        "@expansions", "@extensions", "id", "local_id", "student_username", "name",
    }  # fmt: skip
    assert set(student(town[1], 1001, expansions="lunch,fees")) - set(plain) == {"lunch", "fees"}


def test_extensions_hold_text_and_unknown_ones_are_ignored(town: tuple[Sandbox, Caller]) -> None:
    one = student(town[1], 1001, extensions="u_demo_x,u_unknown")["_extension_data"]["_table_extension"]
    assert one["name"] == "u_demo_x"
    assert one["_field"][0]["value"] == "1"
    both = student(town[1], 1001, extensions="u_demo_x,studentcorefields")["_extension_data"][
        "_table_extension"
    ]
    assert [table["name"] for table in both] == ["studentcorefields", "u_demo_x"]
    assert "_extension_data" not in student(town[1], 1001, extensions="u_unknown")


def test_an_unknown_expansion_is_ignored_or_refused_as_the_server_is_set(
    town: tuple[Sandbox, Caller],
) -> None:
    assert town[1].get("/ws/v1/student/1001", expansions="nonsense").status == 200
    with serving(students=10, settings=Settings(unknown_expansion="reject")) as (_, caller):
        assert caller.get("/ws/v1/student/1001", expansions="nonsense").status == 400


def test_a_page_is_as_long_as_the_resources_own_limit() -> None:
    limits = Settings(page_sizes={"student": 7, "term": 2})
    with serving(students=30, settings=limits) as (_, caller):
        assert caller.get("/ws/v1/metadata").json["metadata"]["student_max_page_size"] == 7
        assert len(caller.get("/ws/v1/district/student").json["students"]["student"]) == 7
        assert len(caller.get("/ws/v1/district/student", pagesize=50).json["students"]["student"]) == 7
        assert len(caller.get("/ws/v1/school/3/term").json["terms"]["term"]) == 2
        pages = [
            caller.get("/ws/v1/district/student", page=page).json["students"]["student"] for page in (1, 2)
        ]
        assert pages[0][-1]["id"] + 1 == pages[1][0]["id"]


def test_a_page_size_above_the_limit_is_refused_where_the_server_is_set_so() -> None:
    with serving(students=10, settings=Settings(above_page_size="reject")) as (_, caller):
        assert caller.get("/ws/v1/district/student", pagesize=101).status == 400
        assert caller.get("/ws/v1/district/student", pagesize=100).status == 200


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"pagesize": 0}, {"pagesize": "-1"}])
def test_a_page_that_is_none_is_refused(town: tuple[Sandbox, Caller], query: dict[str, object]) -> None:
    assert town[1].get("/ws/v1/district/student", **query).status == 400


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("school_enrollment.enroll_status==A", pl.col("status_code") == 0),
        ("school_enrollment.enroll_status==a", pl.col("status_code") == 0),
        ("school_enrollment.enroll_status_code=lt=0", pl.col("status_code") < 0),
        ("school_enrollment.enroll_status_code==-1", pl.col("status_code") == -1),
        ("local_id==114007", pl.col("student_number") == 114_007),
        ("id=ge=1100;id=lt=1110", pl.col("dcid").is_between(1100, 1109)),
        ("name.last_name==Family-01*", pl.col("last_name").str.starts_with("Family-01")),
        ("name.first_name==*-0012", pl.col("first_name") == "Given-0012"),
        ("state_province_id==0041000002", pl.col("state_id") == "0041000002"),
        ("school_enrollment.entry_date=gt=2026-09-01", pl.col("entry_date") > dt.date(2026, 9, 1)),
    ],
)
def test_a_filter_keeps_what_it_says(town: tuple[Sandbox, Caller], q: str, expected: pl.Expr) -> None:
    sandbox, caller = town
    wanted = set(sandbox.truth().students.filter(expected)["dcid"])
    assert wanted
    assert {row["id"] for row in caller.rows("/ws/v1/district/student", q=q)} == wanted
    assert caller.get("/ws/v1/district/student/count", q=q).json == {"resource": {"count": len(wanted)}}


@pytest.mark.parametrize(
    "q",
    [
        "demographics.gender==F",
        "nonsense",
        "local_id==x",
        "local_id!=1",
        "school_enrollment.entry_date==soon",
    ],
)
def test_a_filter_that_is_not_understood_is_refused(town: tuple[Sandbox, Caller], q: str) -> None:
    assert town[1].get("/ws/v1/district/student", q=q).status == 400


def test_the_schools_are_listed_without_the_pseudo_school(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    rows = caller.rows("/ws/v1/district/school")
    assert [(row["id"], row["school_number"], row["name"]) for row in rows] == list(
        sandbox.truth().schools.select("dcid", "school_number", "name").iter_rows()
    )
    assert caller.get("/ws/v1/district/school/count").json == {"resource": {"count": len(rows)}}
    assert caller.get("/ws/v1/school/3").json["school"]["name"] == rows[0]["name"]


def test_the_pseudo_school_may_be_listed_but_is_not_counted() -> None:
    with serving(students=10, settings=Settings(graduated_school_listed=True)) as (_, caller):
        assert 999999 in [row["school_number"] for row in caller.rows("/ws/v1/district/school")]
        assert caller.get("/ws/v1/district/school/count").json == {"resource": {"count": 1}}


def test_what_belongs_to_a_school_is_listed_by_its_dcid_and_adds_up(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth()
    numbers = dict(truth.schools.select("dcid", "school_number").iter_rows())
    students, sections, offered = set(), set(), set()
    for dcid, number in numbers.items():
        students |= {(row["id"], number) for row in caller.rows(f"/ws/v1/school/{dcid}/student")}
        sections |= {(row["id"], number) for row in caller.rows(f"/ws/v1/school/{dcid}/section")}
        courses = caller.rows(f"/ws/v1/school/{dcid}/course")
        assert [str(row["course_number"]) for row in courses] == sorted(
            str(row["course_number"]) for row in courses
        )
        assert all(set(row) == {"id", "course_number", "course_name"} for row in courses)
        offered |= {(str(row["course_number"]), number) for row in courses}
        count = caller.get(f"/ws/v1/school/{dcid}/course/count").json["resource"]["count"]
        assert count == len(courses)
        terms = caller.rows(f"/ws/v1/school/{dcid}/term")
        order = [(row["portion"], row["start_date"]) for row in terms]
        assert order == sorted(order)
        assert {row["school_id"] for row in terms} == {dcid}
    at_schools = truth.students.filter(pl.col("school_number") != 999999)
    assert students == set(at_schools.select("dcid", "school_number").iter_rows())
    assert sections == set(truth.sections.select("dcid", "school_number").iter_rows())
    assert offered == set(truth.school_courses.select("course_number", "school_number").iter_rows())
    assert caller.get("/ws/v1/school/1001/student").status == 404


def test_a_schools_students_are_active_ones_only_where_the_server_is_set_so() -> None:
    with serving(students=40, settings=Settings(school_students="active")) as (sandbox, caller):
        assert len(caller.rows("/ws/v1/school/3/student")) == sandbox.truth().active.height == 40
        assert len(caller.rows("/ws/v1/district/student")) > 40


def test_sections_and_their_enrolments_name_dcids_throughout(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth()
    numbers = dict(truth.students.select("dcid", "student_number").iter_rows())
    for section in caller.rows("/ws/v1/school/3/section", expansions="term")[:5]:
        assert section["term"]["id"] == section["term_id"]
        assert caller.get(f"/ws/v1/term/{section['term_id']}").json["term"]["school_id"] == 3
        assert caller.get(f"/ws/v1/course/{section['course_id']}").status == 200
        assert caller.get(f"/ws/v1/staff/{section['staff_id']}").status == 200
        rows = caller.rows(f"/ws/v1/section/{section['id']}/section_enrollment")
        expected = truth.seats.filter(pl.col("section_dcid") == section["id"])
        assert {(row["id"], numbers[row["student_id"]]) for row in rows} == set(
            expected.select("dcid", "student_number").iter_rows()
        )
        count = caller.get(f"/ws/v1/section/{section['id']}/section_enrollment/count").json
        assert count == {"resource": {"count": len(rows)}}
    single = caller.get("/ws/v1/section_enrollment/5000").json["section_enrollment"]
    assert single["dropped"] in (True, False)


def test_a_schools_staff_are_those_who_still_work_there(town: tuple[Sandbox, Caller]) -> None:
    caller = town[1]
    places = caller.records("schoolstaff", projection="users_dcid,schoolid,status")
    assert {row["status"] for row in places} == {"1", "2"}
    for school in caller.rows("/ws/v1/district/school"):
        here = [row for row in places if row["schoolid"] == str(school["school_number"])]
        listed = {str(row["id"]) for row in caller.rows(f"/ws/v1/school/{school['id']}/staff")}
        assert listed == {row["users_dcid"] for row in here if row["status"] == "1"}
        assert caller.get(f"/ws/v1/school/{school['id']}/staff/count").json == {
            "resource": {"count": len(listed)}
        }


def test_flags_are_text_where_the_server_is_set_so() -> None:
    with serving(students=10, settings=Settings(flags_as_text=True)) as (_, caller):
        assert caller.get("/ws/v1/section_enrollment/5000").json["section_enrollment"]["dropped"] in (
            "true",
            "false",
        )


def test_the_districts_codes_come_by_expansion(town: tuple[Sandbox, Caller]) -> None:
    assert "exit_codes" not in town[1].get("/ws/v1/district").json["district"]
    district = town[1].get("/ws/v1/district", expansions="entry_codes,exit_codes").json["district"]
    exits = district["exit_codes"]["exit_code"]
    assert {code["code"] for code in exits} == {"W1", "T1", "S1", "05", 22, "G1"}
    assert set(exits[0]) == {"id", "code", "description", "sort_order"}
    assert len(district["entry_codes"]["entry_code"]) == 4


@pytest.mark.parametrize(
    "path",
    [
        "/ws/v1/student/1", "/ws/v1/school/999/student", "/ws/v1/nothing/1", "/ws/v1/district/course",
        "/ws/v1/district/nothing/count", "/ws/v1/section/900/student", "/ws/v1/school/3/section_enrollment",
        "/ws/v1/x", "/ws/v1/student/x", "/ws/v2/student",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(town: tuple[Sandbox, Caller], path: str) -> None:
    assert town[1].get(path).status == 404


@pytest.mark.parametrize("level", ["NONE", None])
def test_a_missing_v1_right_is_a_401_that_speaks_of_a_right_and_not_of_a_token(level: str | None) -> None:
    with serving(students=10, rights=Rights(v1=level)) as (_, caller):
        answer = caller.get("/ws/v1/district/student")
        assert answer.status == 401
        assert "www-authenticate" not in answer.headers
        message = "Plugin is missing required accessLevelV1Api READ permission"
        assert answer.json == {"errorMessage": {"message": message}}
        assert caller.get("/ws/schema/table/students/count").status == 200


@pytest.mark.parametrize("accept", [None, "*/*", "application/xml"])
def test_without_accept_json_the_answer_is_xml(town: tuple[Sandbox, Caller], accept: str | None) -> None:
    headers = {"Authorization": f"Bearer {town[1].token}"} | ({} if accept is None else {"Accept": accept})
    for path in (
        "/ws/v1/district/student?pagesize=100&expansions=addresses",
        "/ws/schema/table/students/count",
    ):
        answer = town[1].call("GET", path, headers=headers)
        assert answer.headers["content-type"].startswith("application/xml")
        assert ET.fromstring(answer.content).tag in ("students", "count")


@pytest.mark.parametrize("students", [10, 101])
def test_counts_of_ten_and_of_a_hundred_and_one_page_to_the_end(students: int) -> None:
    with serving(district=founded(students=students, seed=4)) as (sandbox, caller):
        rows = caller.rows("/ws/v1/district/student", q="school_enrollment.enroll_status==A")
        assert len(rows) == students == sandbox.truth().active.height


def test_a_day_that_passes_shows_in_the_next_read() -> None:
    with serving(students=1200) as (sandbox, caller):
        before = {row["id"]: row for row in caller.rows("/ws/v1/district/student", expansions=EXPANSIONS)}
        sandbox.evolve(
            lambda district: after_a_day(district, Churn(arrivals=4, leavers=3, transfers=2, renamed=2))
        )
        after = {row["id"]: row for row in caller.rows("/ws/v1/district/student", expansions=EXPANSIONS)}
        assert len(after) == len(before) + 4
        left = [
            dcid
            for dcid in before
            if before[dcid]["school_enrollment"]["enroll_status"] == "A"
            and after[dcid]["school_enrollment"]["enroll_status"] in ("T", "I")
        ]
        assert len(left) == 3
        renamed = [dcid for dcid in before if before[dcid]["name"] != after[dcid]["name"]]
        assert len(renamed) == 2


def test_two_callers_of_two_servers_do_not_share_tokens() -> None:
    with serving(students=10) as (_, one), Sandbox(students=10) as other:
        assert Caller(other.port, "", "", token=one.token).get("/ws/v1/district").status == 401
        assert caller_of(other).get("/ws/v1/district").status == 200
