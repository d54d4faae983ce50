"""Collections, what is nested in them, single records and pages, in both versions (contract: OneRoster §4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets_tests.oneroster_caller import Caller, serving

#: Collections, what their answers are called, and what one of them is called.
KEYS = {
    "academicSessions": ("academicSessions", "academicSession"),
    "terms": ("academicSessions", "academicSession"),
    "gradingPeriods": ("academicSessions", "academicSession"),
    "orgs": ("orgs", "org"),
    "schools": ("orgs", "org"),
    "courses": ("courses", "course"),
    "classes": ("classes", "class"),
    "enrollments": ("enrollments", "enrollment"),
    "users": ("users", "user"),
    "students": ("users", "user"),
    "teachers": ("users", "user"),
    "demographics": ("demographics", "demographics"),
}


@pytest.fixture(scope="module", params=["1.1", "1.2"])
def town(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with serving(request.param, users=500, seed=7) as (_, caller):
        yield caller


@pytest.mark.conformance("provider", "rest.collections")
@pytest.mark.parametrize("name", KEYS)
def test_a_collection_is_called_by_what_it_is_made_of_and_each_record_can_be_read_alone(
    town: Caller, name: str
) -> None:
    many, one = KEYS[name]
    answer = town.get(name, limit=2)
    assert (answer.status, list(answer.json)) == (200, [many])
    for record in answer.json[many]:
        alone = town.get(f"{name}/{quote(record['sourcedId'], safe='')}")
        assert (alone.status, alone.json) == (200, {one: record})


@pytest.mark.conformance("provider", "rest.unknown_object")
@pytest.mark.parametrize(
    "path", ["users/nobody", "students/U-500001", "schools/D-1", "schools/nowhere/classes"]
)
def test_a_record_that_is_not_there_is_an_unknown_object(town: Caller, path: str) -> None:
    answer = town.get(path)
    assert (answer.status, answer.minor) == (404, "unknownobject")


@pytest.mark.parametrize("path", ["", "zzz", "users/U-500001/zzz", "users/U-500001/classes/x"])
def test_a_path_that_leads_nowhere_is_not_found(town: Caller, path: str) -> None:
    assert town.get(path).status == 404


def test_references_lead_to_what_they_name(town: Caller) -> None:
    seat = town.rows("enrollments", limit=50)[0]
    for name in ("user", "class", "school"):
        path = seat[name]["href"].partition(town.base)[2].lstrip("/")
        (found,) = town.get(path).json.values()
        assert found["sourcedId"] == seat[name]["sourcedId"]
        assert set(seat[name]) == {"href", "sourcedId", "type"}


def test_an_id_with_a_slash_is_encoded_in_addresses(town: Caller) -> None:
    seat = next(row for row in town.rows("enrollments") if "/" in row["class"]["sourcedId"])
    one, school = seat["class"]["sourcedId"], seat["school"]["sourcedId"]
    assert seat["class"]["href"].endswith(f"{town.base}/classes/{quote(one, safe='')}")
    alone = town.get(f"classes/{quote(one, safe='')}")
    assert (alone.status, alone.json["class"]["sourcedId"]) == (200, one)
    assert town.get(f"classes/{one}").status == 404
    students = f"classes/{quote(one, safe='')}/students"
    assert town.ids(f"schools/{school}/{students}") == town.ids(students) != []
    assert quote(one, safe="") in town.get(students, limit=1).headers["link"]


@pytest.mark.conformance("provider", "rest.nested")
def test_what_is_nested_in_a_school_a_class_or_a_term_is_what_belongs_to_it(town: Caller) -> None:
    def of(collection: str, keep: Any) -> set[str]:
        return {row["sourcedId"] for row in town.rows(collection) if keep(row)}

    school, term = "S-2001", "T2027-1"
    at = of("classes", lambda row: row["school"]["sourcedId"] == school)
    assert set(town.ids(f"schools/{school}/classes")) == at
    here = of("enrollments", lambda row: row["school"]["sourcedId"] == school)
    assert set(town.ids(f"schools/{school}/enrollments")) == here
    taught = {row["course"]["sourcedId"] for row in town.rows(f"schools/{school}/classes")}
    assert set(town.ids(f"schools/{school}/courses")) == taught
    assert town.ids(f"schools/{school}/terms") == ["T2027-1", "T2027-2"]
    belongs = (
        (lambda row: school in [org["sourcedId"] for org in row["orgs"]])
        if town.version == "1.1"
        else (lambda row: school in [role["org"]["sourcedId"] for role in row["roles"]])
    )
    for role in ("students", "teachers"):
        assert set(town.ids(f"schools/{school}/{role}")) == of(role, belongs)
    held = of("classes", lambda row: term in [each["sourcedId"] for each in row["terms"]])
    assert set(town.ids(f"terms/{term}/classes")) == held
    assert town.ids(f"terms/{term}/gradingPeriods") == ["G2027-1", "G2027-2"]
    one = min(at)
    for role in ("student", "teacher"):
        seated = {
            row["user"]["sourcedId"]
            for row in town.rows("enrollments")
            if row["class"]["sourcedId"] == one and row["role"] == role and row["status"] == "active"
        }
        assert set(town.ids(f"classes/{one}/{role}s")) == seated
        assert set(town.ids(f"schools/{school}/classes/{one}/{role}s")) == seated
    seats = of("enrollments", lambda row: row["class"]["sourcedId"] == one)
    assert set(town.ids(f"schools/{school}/classes/{one}/enrollments")) == seats
    assert town.get(f"schools/S-1001/classes/{one}/students").status == 404


@pytest.mark.conformance("provider", "rest.paging")
@pytest.mark.parametrize("limit", [1, 7, 100, 5000])
def test_pages_make_the_whole_whatever_their_size(town: Caller, limit: int) -> None:
    whole = town.ids("courses")
    assert town.ids("courses", limit=limit) == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.conformance("provider", "rest.default_limit")
def test_a_page_has_a_hundred_records_unless_told(town: Caller) -> None:
    assert len(town.get("users").json["users"]) == 100


@pytest.mark.conformance("provider", "rest.total_and_links")
def test_total_and_links_tell_how_it_goes_on(town: Caller) -> None:
    answer = town.get("users", limit=200, offset=200)
    total = int(answer.headers["x-total-count"])
    assert total == len(town.ids("users"))
    links = {
        relation: address
        for address, relation in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["link"])
    }
    assert set(links) == {"first", "prev", "next", "last"}
    assert all("limit=200" in address for address in links.values())
    path = links["next"].partition(town.base)[2].lstrip("/")
    assert town.get(path).json["users"] == town.rows("users")[400:600]
    assert "prev" not in town.get("users").headers["link"]
    assert "next" not in town.get("users", offset=total - 1).headers["link"]


def test_a_page_that_is_just_full_is_the_last(town: Caller) -> None:
    links = town.get("courses", limit=59).headers["link"]
    assert 'rel="next"' not in links
    assert links.count("offset=0") == 2


@pytest.mark.parametrize(
    ("query", "status", "count"),
    [
        ({"limit": -1}, 400, 0),
        ({"limit": "x"}, 400, 0),
        ({"offset": -1}, 400, 0),
        ({"limit": "9" * 40}, 200, 59),
        ({"limit": "9" * 5000}, 400, 0),
        ({"offset": "9" * 5000}, 400, 0),
        ({"limit": 10, "offset": "9" * 40}, 200, 0),
        ({"limit": 0}, 200, 0),
    ],
)
@pytest.mark.conformance("provider", "rest.limits")
def test_limits_may_be_nothing_negative_or_huge(
    town: Caller, query: dict[str, Any], status: int, count: int
) -> None:
    answer = town.get("courses", **query)
    assert answer.status == status
    if status == 200:
        assert len(answer.json["courses"]) == count
        assert answer.headers["x-total-count"] == "59"
    else:
        assert answer.minor == "invaliddata"


def test_a_provider_caps_or_refuses_a_greater_limit_and_an_empty_page_by_switch() -> None:
    with serving(users=50, settings=Settings(maximum_limit=20)) as (sandbox, caller):
        assert [len(caller.get("courses", limit=limit).json["courses"]) for limit in (19, 20, 21)] == [
            19,
            20,
            20,
        ]
        sandbox.change(above_maximum="reject", zero_limit="reject")
        assert [caller.get("courses", limit=limit).status for limit in (20, 21, 0)] == [200, 400, 400]
        sandbox.change(zero_limit="default", default_limit=5)
        assert len(caller.get("courses", limit=0).json["courses"]) == 5


def test_a_provider_tells_neither_total_nor_links_by_switch() -> None:
    with serving(users=50, settings=Settings(total_count=False, links=False)) as (_, caller):
        assert not {"x-total-count", "link"} & set(caller.get("users").headers)


def test_only_the_versions_that_are_served_answer() -> None:
    with serving("1.1", users=20, settings=Settings(versions=("1.1",))) as (sandbox, caller):
        assert caller.get("orgs").status == 200
        assert Caller(sandbox, "1.2", caller.token).get("orgs").status == 404
