"""Who may ask: the certificate, its areas, the year of the database, the form of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import AREAS, STUDENT_DATA, Settings
from sis_assets_tests.aeries_caller import Caller, serving

STUDENTS = "schools/101/students"
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=40) as both:
        yield both


def address(path: str, **query: object) -> str:
    return f"/aeries/api/v5/{path}?{urlencode(query)}"


@pytest.mark.parametrize("told", [{}, {"AERIES-CERT": "wrong"}, {"AERIES-CERT": ""}])
def test_without_the_right_certificate_nothing_is_told(
    town: tuple[Sandbox, Caller], told: dict[str, str]
) -> None:
    for path in (STUDENTS, "schools", "codes/STU/TG"):
        answer = town[1].sent("GET", address(path), JSON | told)
        assert (answer.status, set(answer.json)) == (401, {"Message"})


def test_the_case_of_the_certificate_counts_and_that_of_the_headers_name_does_not(
    town: tuple[Sandbox, Caller],
) -> None:
    sandbox, caller = town
    assert caller.sent("GET", address("schools"), JSON | {"aeries-cert": sandbox.certificate}).status == 200
    other = sandbox.certificate.swapcase()
    assert caller.sent("GET", address("schools"), JSON | {"AERIES-CERT": other}).status == 401


def test_system_info_needs_no_certificate(town: tuple[Sandbox, Caller]) -> None:
    told = town[1].sent("GET", address("systeminfo"), JSON).json
    assert told["DatabaseYear"] == "2026-2027"
    assert told["AvailableDatabaseYears"] == ["2026-2027", "2025-2026"]
    assert told["LocalTimeZoneName"] == "(UTC-08:00) Pacific Time (US & Canada)"
    assert told["CurrentDateTime"] == "2026-10-01T18:00:00.000-07:00"


def test_a_certificate_in_the_address_is_accepted_and_stands_in_the_log(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.log.clear()
    caller.get("schools")
    assert sandbox.told_in_address == ()
    answer = caller.sent("GET", address("schools", cert=sandbox.certificate), JSON)
    assert answer.status == 200
    (leak,) = sandbox.told_in_address
    assert leak.path == "/aeries/api/v5/schools"


@pytest.mark.parametrize(("bad", "missing"), [(401, 403), (403, 401)])
def test_what_a_wrong_certificate_and_a_missing_area_meet_is_a_switch(bad: int, missing: int) -> None:
    settings = Settings(bad_certificate_status=bad, missing_area_status=missing)  # type: ignore[arg-type]
    with serving(students=10, settings=settings, areas=AREAS - {STUDENT_DATA}) as (sandbox, caller):
        refused = caller.get(STUDENTS)
        assert (refused.status, refused.json) == (missing, {"Message": "No permission to Student Data"})
        assert caller.get(f"{STUDENTS}/0/extended").status == missing
        assert caller.get("courses").status == 200
        sandbox.grant(AREAS)
        assert caller.get(STUDENTS).status == 200
        assert caller.sent("GET", address(STUDENTS), JSON).status == bad


@pytest.mark.parametrize(
    ("area", "path"),
    [
        ("Student Data", STUDENTS),
        ("Enrollment History", "enrollment/0/year/2026"),
        ("Class Schedules/History", "schools/101/sections/101/students"),
        ("Class Schedules/History", "schools/101/classes/91000001"),
        ("Master Schedule", "schools/101/sections"),
        ("Course Data", "courses/0090"),
        ("Staff Data", "staff"),
    ],
)
def test_each_area_opens_its_own_resources_and_no_other(
    town: tuple[Sandbox, Caller], area: str, path: str
) -> None:
    sandbox, caller = town
    try:
        sandbox.grant(frozenset({area}))
        assert caller.get(path).status == 200
        sandbox.grant(AREAS - {area})
        assert caller.get(path).status == 403
    finally:
        sandbox.grant(AREAS)


def test_the_certificate_alone_opens_schools_terms_and_codes() -> None:
    with serving(students=10, areas=frozenset()) as (_, caller):
        for path in ("schools", "schools/101", "schools/101/terms", "schools/101/calendar", "codes/STU/TG"):
            assert caller.get(path).status == 200
        assert caller.get(STUDENTS).status == 403


def test_an_area_whose_flag_is_off_is_not_implemented() -> None:
    with serving(students=10, settings=Settings(off=frozenset({STUDENT_DATA}))) as (_, caller):
        assert caller.get(STUDENTS).status == 501
        assert caller.get("courses").status == 200


def test_a_year_that_is_missing_or_invalid_is_the_default_one_without_a_word(
    town: tuple[Sandbox, Caller],
) -> None:
    caller = town[1]
    this = caller.get(STUDENTS).content
    last = caller.get(STUDENTS, DatabaseYear=2025).content
    assert this != last
    for year in (None, "", "1999", "2026-2027", "zzz"):
        answer = caller.get(STUDENTS, DatabaseYear=year)
        assert (answer.status, answer.content == this) == (200, True)
    told = caller.get("systeminfo", DatabaseYear=2025).json["DatabaseYear"]
    assert told == "2025-2026"


def test_the_default_may_still_be_the_year_before() -> None:
    with serving(students=40, settings=Settings(default_year="previous")) as (_, caller):
        last = caller.get(STUDENTS, DatabaseYear=2025).content
        assert caller.get(STUDENTS, DatabaseYear=None).content == last
        assert caller.get(STUDENTS).content != last
        assert caller.get("systeminfo", DatabaseYear=None).json["DatabaseYear"] == "2025-2026"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", None])
def test_who_does_not_ask_for_json_gets_xml(town: tuple[Sandbox, Caller], accept: str | None) -> None:
    sandbox, caller = town
    headers = {"AERIES-CERT": sandbox.certificate} | ({} if accept is None else {"Accept": accept})
    answer = caller.sent("GET", address("schools"), headers)
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert answer.content.startswith(b"<?xml")
    assert b"<SchoolCode>101</SchoolCode>" in answer.content


def test_whoever_takes_anything_may_be_given_json() -> None:
    with serving(students=10, settings=Settings(any_accept="json")) as (sandbox, caller):
        answer = caller.sent("GET", address("schools"), {"AERIES-CERT": sandbox.certificate, "Accept": "*/*"})
        assert answer.json[0]["SchoolCode"] == 0


def test_elsewhere_there_is_a_page_and_no_json(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    headers = JSON | {"AERIES-CERT": sandbox.certificate}
    for wrong in ("/api/v5/schools", "/aeries/schools", "/aeries/api/v9/schools"):
        answer = caller.sent("GET", wrong, headers)
        assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert caller.get("zzz").status == 404
    assert caller.call("DELETE", "schools").status == 405


def test_the_site_path_is_the_districts_own() -> None:
    with serving(students=10, settings=Settings(site_path="admin")) as (sandbox, caller):
        assert sandbox.url.endswith("/admin")
        caller.site = "/admin"
        assert caller.get("schools").status == 200
