"""Filters, sorting, chosen members, and how errors and records look (contract: OneRoster §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sis_assets.sandbox.oneroster.day import Churn, after_a_day
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets_tests.oneroster_caller import Caller, serving

Row = dict[str, Any]


@pytest.fixture(scope="module", params=["1.1", "1.2"])
def town(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with serving(request.param, users=400, seed=7, settings=Settings(nulls="null")) as (_, caller):
        yield caller


@pytest.mark.conformance("provider", "rest.filter")
@pytest.mark.parametrize(
    ("collection", "text", "keep"),
    [
        ("users", "givenName='Given-0031'", lambda row: row["givenName"] == "Given-0031"),
        ("users", "familyName='O''Family-0101'", lambda row: row["familyName"] == "O'Family-0101"),
        ("users", "familyName='Family-0102, \"the\" Elder'", lambda row: row["username"].endswith("0102")),
        ("users", "status!='active'", lambda row: row["status"] != "active"),
        ("users", "middleName!='Middle-0031'", lambda row: row["middleName"] != "Middle-0031"),
        ("users", "enabledUser='false'", lambda row: not row["enabledUser"]),
        ("users", "email~'student'", lambda row: "student" in (row["email"] or "")),
        ("users", "identifier>='0004100' AND identifier<'0004110'", lambda row: "0004100" <= row["identifier"] < "0004110"),
        ("users", "givenName='Given-0031' OR givenName='Given-0032'", lambda row: row["givenName"] in ("Given-0031", "Given-0032")),
        ("users", "grades~'09,10'", lambda row: set(row["grades"]) & {"09", "10"}),
        ("users", "grades='09'", lambda row: row["grades"] == ["09"]),
        ("users", "dateLastModified>'2026-09-20T00:00:00.000Z'", lambda row: row["dateLastModified"] > "2026-09-20T00"),
        ("users", "dateLastModified<='2026-09-20'", lambda row: row["dateLastModified"] < "2026-09-20T00"),
        ("users", "dateLastModified>'2026-08-19T22:20:00-05:00'", lambda row: row["dateLastModified"] > "2026-08-20T03:20:00.000Z"),
        ("users", "dateLastModified>='2026-08-20T03:20:00.000Z'", lambda row: row["dateLastModified"] >= "2026-08-20T03:20:00.000Z"),
        ("academicSessions", "startDate>'2026-10-20'", lambda row: row["startDate"] > "2026-10-20"),
        ("academicSessions", "startDate<='2026-10-20'", lambda row: row["startDate"] <= "2026-10-20"),
        ("academicSessions", "startDate<'2026-10-20'", lambda row: row["startDate"] < "2026-10-20"),
        ("academicSessions", "schoolYear='2027' AND type='term'", lambda row: row["type"] == "term"),
        ("enrollments", "role='teacher' AND primary='true'", lambda row: row["role"] == "teacher" and row["primary"]),
        ("classes", "school.sourcedId='S-2001'", lambda row: row["school"]["sourcedId"] == "S-2001"),
        ("classes", "terms.sourcedId~'T2027-2'", lambda row: "T2027-2" in [term["sourcedId"] for term in row["terms"]]),
        ("students", "status='active'", lambda row: row["status"] == "active"),
    ],
)  # fmt: skip
def test_a_filter_keeps_what_it_says(
    town: Caller, collection: str, text: str, keep: Callable[[Row], bool]
) -> None:
    whole = town.rows(collection)
    kept = [row for row in whole if keep(row)]
    assert town.rows(collection, filter=text, limit=500) == kept
    assert 0 < len(kept) < len(whole)
    assert town.get(collection, filter=text, limit=1).headers["x-total-count"] == str(len(kept))


@pytest.mark.conformance("provider", "rest.invalid_filter")
@pytest.mark.parametrize(
    "text",
    [
        "pets='1'",
        "givenName=Given",
        "givenName='a' AND familyName='b' AND email='c'",
        "givenName='a' XOR familyName='b'",
        "givenName='a' AND",
        "givenName=='a'",
        "givenName",
        "dateLastModified>'yesterday'",
        "dateLastModified>'2026-09-20T00:00:00'",
        "enabledUser='yes'",
        "grades>'09'",
    ],
)
def test_a_filter_that_is_none_is_refused(town: Caller, text: str) -> None:
    answer = town.get("users", filter=text)
    assert (answer.status, answer.minor) == (400, "invalid_filter_field")


@pytest.mark.conformance("provider", "rest.sort")
def test_a_sort_goes_up_or_down_with_nothing_last(town: Caller) -> None:
    names = [row["middleName"] for row in town.rows("users", sort="middleName", limit=70)]
    told = [name for name in names if name is not None]
    assert told == sorted(told)
    assert names[len(told) :] == [None] * (len(names) - len(told))
    down = [row["middleName"] for row in town.rows("users", sort="middleName", orderBy="desc")]
    assert down[: len(told)] == told[::-1]
    assert town.get("classes", sort="school.sourcedId", orderBy="asc").status == 200


@pytest.mark.conformance("provider", "rest.invalid_sort")
@pytest.mark.parametrize(
    "query", [{"sort": "pets"}, {"sort": "grades"}, {"sort": "givenName", "orderBy": "up"}]
)
def test_a_sort_that_is_none_is_refused(town: Caller, query: dict[str, str]) -> None:
    answer = town.get("users", **query)
    assert (answer.status, answer.minor) == (400, "invalid_sort_field")


@pytest.mark.conformance("provider", "rest.fields")
def test_members_are_chosen(town: Caller) -> None:
    for path in ("users", "users/U-500031"):
        (content,) = town.get(path, fields="sourcedId, familyName").json.values()
        for row in content if isinstance(content, list) else [content]:
            assert set(row) == {"sourcedId", "familyName"}


@pytest.mark.conformance("provider", "rest.invalid_fields")
def test_a_member_that_is_none_is_refused(town: Caller) -> None:
    answer = town.get("users", fields="sourcedId,pets")
    assert (answer.status, answer.minor) == (400, "invalid_selection_field")


def test_a_user_has_the_members_of_the_version(town: Caller) -> None:
    user = town.rows("students")[0]
    only_1_1, only_1_2 = {"role", "orgs"}, {"roles", "primaryOrg", "userMasterIdentifier", "pronouns"}
    assert (only_1_1 <= set(user)) is (town.version == "1.1")
    assert (only_1_2 <= set(user)) is (town.version == "1.2")
    if town.version == "1.2":
        (role,) = user["roles"]
        assert (role["roleType"], role["role"]) == ("primary", "student")
        assert role["org"]["sourcedId"] == user["primaryOrg"]["sourcedId"]
    sexes = {row["sex"] for row in town.rows("demographics")}
    assert sexes == (
        {"male", "female", None} | ({"other", "unspecified"} if town.version == "1.2" else set())
    )


def test_1_1_calls_every_leader_an_administrator(town: Caller) -> None:
    if town.version == "1.1":
        roles = {row["role"] for row in town.rows("users")}
        assert roles == {"administrator", "aide", "guardian", "student", "teacher"}
    else:
        roles = {role["role"] for row in town.rows("users") for role in row["roles"]}
        assert roles == {
            "aide",
            "counselor",
            "districtAdministrator",
            "guardian",
            "principal",
            "student",
            "teacher",
        }


@pytest.mark.parametrize(("flags", "value"), [("boolean", True), ("text", "true"), ("number", 1)])
def test_flags_are_written_by_switch(flags: str, value: object) -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.change(flags=flags)
        row = caller.rows("users")[0]
        assert (row["enabledUser"], type(row["enabledUser"])) == (value, type(value))


def test_an_empty_member_is_absent_or_null_by_switch() -> None:
    with serving(users=50, settings=Settings(nulls="absent")) as (sandbox, caller):
        absent = caller.rows("users") + caller.rows("demographics") + caller.rows("orgs")
        assert not any(None in row.values() for row in absent)
        sandbox.change(nulls="null")
        null = caller.rows("users") + caller.rows("demographics") + caller.rows("orgs")
        assert [
            {key: value for key, value in row.items() if value is not None}
            for row in null
            if "roles" not in row
        ] == [row for row in absent if "roles" not in row]
        assert any(None in row.values() for row in null)
        assert caller.get("users", fields="sms").json["users"][0] == {"sms": None}
        sandbox.change(nulls="absent")
        assert caller.get("users", fields="sms").json["users"][0] == {}


@pytest.mark.conformance("provider", "rest.errors")
@pytest.mark.parametrize("envelope", ["standard", "flat", "list", "wrapped"])
def test_errors_have_the_standards_envelope_or_that_of_a_real_server(envelope: str) -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.change(envelope=envelope)
        body = caller.get("users", limit=-1).json
        if envelope == "flat":
            assert (body["imsx_codeMinor"], body["imsx_codeMajor"]) == ("invalid_data", "failure")
            return
        if envelope == "list":
            (body,) = body
        if envelope == "wrapped":
            body = body["imsx_statusInfo"]
        assert (body["imsx_codeMajor"], body["imsx_severity"]) == ("failure", "error")
        assert body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"] == "invaliddata"


@pytest.mark.conformance("provider", "rest.delta")
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_delta_is_a_filter_by_date_and_its_tombstones_expire(version: str) -> None:
    with serving(version, users=400, seed=7) as (sandbox, caller):
        sandbox.evolve(lambda district: after_a_day(district, Churn(arrivals=2, leavers=3, renamed=4)))
        since = "dateLastModified>'2026-10-02T00:00:00.000Z'"
        delta = caller.rows("users", filter=since)
        assert sorted(row["status"] for row in delta) == ["active"] * 6 + ["tobedeleted"] * 3
        seats = caller.rows("enrollments", filter=since)
        assert {row["status"] for row in seats} == {"active", "tobedeleted"}
        sandbox.evolve(lambda district: after_a_day(district, Churn(days=8)))
        late = caller.rows("users", filter=since)
        assert {row["status"] for row in late} == {"active"}
