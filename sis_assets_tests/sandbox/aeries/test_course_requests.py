"""Course requests and alternates: statuses and body rules as the contract has them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import AREAS, COURSE_REQUESTS, Settings
from sis_assets_tests.aeries_caller import Caller, serving

FLEXIBLE, BY_STAFF = 102, 103


@pytest.fixture
def town() -> Iterator[tuple[Sandbox, Caller]]:
    settings = Settings(flexible_schools=frozenset({FLEXIBLE}), section_staff_schools=frozenset({BY_STAFF}))
    with serving(students=400, settings=settings) as both:
        yield both


def student_at(sandbox: Sandbox, school: int) -> tuple[int, int]:
    row = sandbox.truth().records.filter((pl.col("school") == school) & (pl.col("tag") == ""))
    return int(row["student_id"][0]), int(row["student_number"][0])


@pytest.fixture
def path(town: tuple[Sandbox, Caller]) -> str:
    return f"schools/101/students/{student_at(town[0], 101)[0]}/courserequests"


def test_a_request_is_created_read_changed_and_removed(town: tuple[Sandbox, Caller], path: str) -> None:
    caller = town[1]
    created = caller.call("POST", path, {"CourseID": "0090"})
    assert created.status == 201
    assert created.json["SequenceNumber"] == 1
    assert (created.json["CourseID"], created.json["RejectCode"]) == ("0090", "")
    assert caller.get(path).json == [created.json]
    assert caller.get(f"{path}/1").json == created.json
    changed = caller.call("PUT", f"{path}/1", {"SectionNumber": 101})
    assert (changed.status, changed.json) == (200, created.json | {"SectionNumber": 101})
    removed = caller.call("DELETE", f"{path}/1")
    assert (removed.status, removed.content) == (204, b"")
    assert caller.get(path).json == []
    assert caller.call("DELETE", f"{path}/1").status == 404
    assert caller.get(f"{path}/1").status == 404


def test_a_put_where_nothing_was_creates(town: tuple[Sandbox, Caller], path: str) -> None:
    answer = town[1].call("PUT", f"{path}/7", {"CourseID": "0091"})
    assert (answer.status, answer.json["SequenceNumber"]) == (201, 7)
    assert town[1].call("POST", path, {"CourseID": "0090"}).json["SequenceNumber"] == 8
    assert town[1].call("PUT", f"{path}/9", {"SectionNumber": 1}).status == 400


def test_the_whole_school_and_the_student_number_show_the_same(
    town: tuple[Sandbox, Caller], path: str
) -> None:
    sandbox, caller = town
    row = caller.call("POST", path, {"CourseID": "0090"}).json
    assert caller.get("schools/101/scheduling/courserequests").json == [row]
    assert caller.get("schools/102/scheduling/courserequests").json == []
    by_number = f"schools/101/students/sn/{student_at(sandbox, 101)[1]}/courserequests"
    assert caller.get(by_number).json == [row]
    assert caller.get(f"{by_number}/1").json == row
    assert list(sandbox.requests.requests.kept) == [(101, row["StudentID"])]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "CourseID"),
        ({"CourseID": "90"}, "CourseID"),
        ({"CourseID": "0000090"}, "CourseID"),
        ({"CourseID": 90}, "CourseID"),
        ({"CourseID": "0090", "SectionNumber": "1"}, "SectionNumber"),
        ({"CourseID": "0090", "RejectCode": "abc"}, "RejectCode"),
        ({"CourseID": "0090", "PermanentLockCode": "abc"}, "PermanentLockCode"),
        ({"CourseID": "0090", "AlternateTag": "Y"}, "AlternateTag"),
        ({"CourseID": "0090", "ActualPrimaryCourseID": "0091"}, "ActualPrimaryCourseID"),
        (
            {"CourseID": "0090", "AlternateTag": "X", "ActualPrimaryCourseID": "zz"},
            "ActualPrimaryCourseID",
        ),
        ({"CourseID": "0090", "PreferredStaffID": 5}, "PreferredStaffID"),
        ({"CourseID": "0090", "SequenceNumber": 0}, "SequenceNumber"),
        ({"CourseID": "0090", "AlternateCourseRequestReferences": [4]}, "SequenceNumber 4"),
        ({"CourseID": "0090", "AlternateCourseRequestReferences": "4"}, "list"),
        ({"CourseID": "0090", "Zzz": 1}, "Zzz"),
        ([], "object"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_and_nothing_is_written(
    town: tuple[Sandbox, Caller], path: str, body: object, said: str
) -> None:
    answer = town[1].call("POST", path, body)
    assert answer.status == 400
    assert said in answer.json["Message"]
    assert town[1].get(path).json == []


def test_a_body_that_is_no_json_is_refused(town: tuple[Sandbox, Caller], path: str) -> None:
    sandbox, caller = town
    headers = {"AERIES-CERT": sandbox.certificate, "Accept": "application/json"}
    assert caller.sent("POST", f"/aeries/api/v5/{path}", headers, "{").status == 400


def test_a_preferred_teacher_or_staff_depends_on_the_school(town: tuple[Sandbox, Caller], path: str) -> None:
    sandbox, caller = town
    by_staff = f"schools/{BY_STAFF}/students/{student_at(sandbox, BY_STAFF)[0]}/courserequests"
    assert caller.get(f"schools/{BY_STAFF}").json["UsingSectionStaffInScheduling"] is True
    assert caller.call("POST", by_staff, {"CourseID": "0090", "PreferredTeacherNumber": 3}).status == 400
    assert caller.call("POST", by_staff, {"CourseID": "0090", "PreferredStaffID": 3}).status == 201
    assert caller.call("POST", path, {"CourseID": "0090", "PreferredTeacherNumber": 3}).status == 201


def test_at_a_flexible_school_requests_are_read_and_not_written(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    at = f"schools/{FLEXIBLE}/students/{student_at(sandbox, FLEXIBLE)[0]}/courserequests"
    assert caller.get(f"schools/{FLEXIBLE}").json["ScheduleType"] == "Flexible"
    assert caller.get(at).json == []
    for method, where in (("POST", at), ("PUT", f"{at}/1"), ("DELETE", f"{at}/1")):
        assert caller.call(method, where, {"CourseID": "0090"}).status == 400


def test_a_student_of_another_school_is_not_found(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    elsewhere = student_at(sandbox, 103)[0]
    assert caller.get(f"schools/101/students/{elsewhere}/courserequests").status == 404
    assert (
        caller.call("POST", f"schools/101/students/{elsewhere}/courserequests", {"CourseID": "0090"}).status
        == 404
    )


def test_the_same_course_twice_is_refused_or_not_by_switch(town: tuple[Sandbox, Caller], path: str) -> None:
    caller = town[1]
    assert caller.call("POST", path, {"CourseID": "0090"}).status == 201
    assert caller.call("POST", path, {"CourseID": "0090"}).status == 400
    with serving(students=20, settings=Settings(duplicate_requests="accept")) as (sandbox, other):
        at = f"schools/101/students/{student_at(sandbox, 101)[0]}/courserequests"
        assert [other.call("POST", at, {"CourseID": "0090"}).status for _ in range(2)] == [201, 201]


def test_alternates_have_a_priority_and_requests_refer_to_them(
    town: tuple[Sandbox, Caller], path: str
) -> None:
    caller = town[1]
    alternates = path.replace("courserequests", "alternatecourserequests")
    first = caller.call("POST", alternates, {"CourseID": "0091", "RelativePrioritySortOrder": 2})
    assert (first.status, first.json["PrioritySortOrder"]) == (201, 20)
    second = caller.call("POST", alternates, {"CourseID": "0100", "RelativePrioritySortOrder": 1}).json
    assert caller.get(alternates).json == [second, first.json]
    assert caller.get("schools/101/scheduling/alternatecourserequests").json == [second, first.json]
    third = caller.call("POST", alternates, {"CourseID": "0101"}).json
    assert third["PrioritySortOrder"] == 30
    refused = {"CourseID": "0101", "RelativePrioritySortOrder": 0}
    assert caller.call("POST", alternates, refused).status == 400
    told = {"CourseID": "0090", "AlternateCourseRequestReferences": [1]}
    request = caller.call("POST", path, told).json
    assert request["AlternateCourseRequests"] == [first.json]
    more = {"AlternateCourseRequestReferences": [2]}
    assert caller.call("PUT", f"{path}/1", more).status == 400
    option = "AlternateCourseRequestUpdateOptions"
    appended = caller.call("PUT", f"{path}/1", more | {option: "append"}).json
    assert [each["SequenceNumber"] for each in appended["AlternateCourseRequests"]] == [1, 2]
    replaced = caller.call("PUT", f"{path}/1", more | {option: "replace"}).json
    assert [each["SequenceNumber"] for each in replaced["AlternateCourseRequests"]] == [2]
    assert caller.call("PUT", f"{alternates}/2", {"CourseID": "0110"}).json["PrioritySortOrder"] == 10
    assert caller.call("DELETE", f"{alternates}/2").status == 204
    assert caller.get(f"{path}/1").json["AlternateCourseRequests"] == []
    assert caller.call("PUT", f"{alternates}/2", {"CourseID": "0110"}).status == 201
    assert caller.get(f"{path}/1").json["AlternateCourseRequests"] == []


def test_requests_need_their_area_and_their_flag(town: tuple[Sandbox, Caller], path: str) -> None:
    sandbox, caller = town
    sandbox.grant(AREAS - {COURSE_REQUESTS})
    assert caller.call("POST", path, {"CourseID": "0090"}).status == 403
    with serving(students=10, settings=Settings(off=frozenset({COURSE_REQUESTS}))) as (_, other):
        assert other.get("schools/101/scheduling/courserequests").status == 501
