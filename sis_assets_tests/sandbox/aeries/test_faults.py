"""Every fault, switched on while the server runs, by its object and over HTTP; and LEAs that are away."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from sis_assets.sandbox.aeries.faults import SCENARIOS, Effects, Fault, Faults, Kind
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import COURSES, STUDENT_DATA
from sis_assets_tests.aeries_caller import Caller, serving

STUDENTS = "schools/101/students"
LISTED = "/students$"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=80) as both:
        yield both


@pytest.fixture
def town(served: tuple[Sandbox, Caller]) -> Iterator[tuple[Sandbox, Caller]]:
    yield served
    served[0].faults.clear()


def window(caller: Caller, start: int, size: int = 20) -> list[int]:
    rows = caller.get(STUDENTS, StartingRecord=start, EndingRecord=start + size - 1).json
    return [row["StudentNumber"] for row in rows]


def whole(caller: Caller) -> list[int]:
    return [row["StudentNumber"] for row in caller.get(STUDENTS).json]


def test_a_certificate_is_revoked_after_some_requests(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.REVOKED, after=2))
    assert [caller.get(STUDENTS).status for _ in range(4)] == [200, 200, 401, 401]
    assert caller.get("systeminfo").status == 200
    sandbox.faults.clear()
    assert caller.get(STUDENTS).status == 200


@pytest.mark.parametrize(("kind", "status"), [(Kind.MISSING_AREA, 403), (Kind.FEATURE_OFF, 501)])
def test_an_area_is_taken_away_in_mid_reading(town: tuple[Sandbox, Caller], kind: Kind, status: int) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(kind, area=COURSES, after=1))
    assert caller.get("courses").status == 200
    assert caller.get("courses/0090").status == status
    assert caller.get(STUDENTS).status == 200


def test_another_years_data_are_answered_without_a_word(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    this, last = caller.get(STUDENTS).content, caller.get(STUDENTS, DatabaseYear=2025).content
    sandbox.faults.arm(Fault(Kind.WRONG_YEAR, path="/students"))
    answer = caller.get(STUDENTS)
    assert (answer.status, answer.content) == (200, last)
    assert caller.get(STUDENTS, DatabaseYear=2025).content == this
    assert caller.get("systeminfo").json["DatabaseYear"] == "2026-2027"
    sandbox.faults.arm(Fault(Kind.WRONG_YEAR, path="/systeminfo"))
    assert caller.get("systeminfo").json["DatabaseYear"] == "2025-2026"


@pytest.mark.parametrize("retry_after", [None, "0", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_storm_ends_after_so_many_requests(
    town: tuple[Sandbox, Caller], status: int, retry_after: str | None
) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.STATUS, status=status, retry_after=retry_after, after=1, times=2))
    answers = [caller.get(STUDENTS, EndingRecord=1) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, status, status, 200]
    assert {answer.headers.get("retry-after") for answer in answers[1:3]} == {retry_after}
    assert set(answers[1].json) == {"Message"}


def test_a_school_is_not_found_while_it_stands_in_the_list(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(*SCENARIOS["school_not_found"])
    assert caller.get(STUDENTS).status == 404
    assert 101 in {row["SchoolCode"] for row in caller.get("schools").json}


def test_a_window_lacks_rows_at_its_end_and_the_next_does_not_have_them(
    town: tuple[Sandbox, Caller],
) -> None:
    sandbox, caller = town
    all_ = whole(caller)
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path=LISTED, start=21, rows=3))
    assert window(caller, 1) == all_[:20]
    assert window(caller, 21) == all_[20:37]
    assert window(caller, 41) == all_[40:60]


def test_a_list_without_windows_is_short_too(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    courses = caller.get("courses").json
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path="/courses$", rows=5, times=1))
    assert caller.get("courses").json == courses[:-5]
    assert caller.get("courses").json == courses
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path="/courses$", rows=len(courses) + 5))
    assert caller.get("courses").json == []


def test_rows_stand_in_a_window_twice(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    all_ = whole(caller)
    sandbox.faults.arm(Fault(Kind.DUPLICATE_ROWS, path=LISTED, rows=2, start=21))
    assert window(caller, 21) == all_[20:22] + all_[20:40]


def test_a_row_that_goes_moves_the_others_to_the_window_before(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    all_ = whole(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_DELETED, path=LISTED, after=1))
    assert window(caller, 1) + window(caller, 21) == all_[:20] + all_[21:41]


def test_a_row_that_comes_shows_one_of_the_window_before_again(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    all_ = whole(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_INSERTED, path=LISTED, after=1))
    assert window(caller, 1) + window(caller, 21) == all_[1:21] + all_[20:40]


def test_rows_move_between_windows_and_none_is_lost(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    all_ = whole(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_MOVED, path=LISTED, after=1, rows=2))
    assert window(caller, 1) == all_[:20]
    assert window(caller, 21) == all_[22:42]
    assert sorted(whole(caller)) == sorted(all_)


def test_a_reset_comes_in_mid_body(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.RESET, path=LISTED, times=1))
    with pytest.raises(ConnectionResetError):
        caller.get(STUDENTS)
    assert caller.get(STUDENTS).status == 200


def test_a_truncated_body_ends_before_its_length(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    size = len(caller.get(STUDENTS).content)
    sandbox.faults.arm(Fault(Kind.TRUNCATED, path=LISTED, times=1))
    with pytest.raises(http.client.IncompleteRead) as broken:
        caller.get(STUDENTS)
    assert len(broken.value.partial) == size // 2


def test_json_that_breaks_off_comes_with_a_right_length(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.INVALID_JSON, path=LISTED))
    answer = caller.get(STUDENTS)
    assert answer.status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(answer.content)


def test_a_sign_in_page_comes_with_status_200(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.HTML))
    answer = caller.get(STUDENTS)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.content.startswith(b"<!DOCTYPE html>")


def test_a_slow_answer_takes_its_time_and_holds_nobody_up(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(
        Fault(Kind.SLOW, path="/enrollment/0$", seconds=0.3),
        Fault(Kind.STATUS, path="/enrollment/0$", status=504),
    )
    begun = time.monotonic()
    assert caller.get("enrollment/0").status == 504
    assert time.monotonic() - begun >= 0.3
    begun = time.monotonic()
    assert caller.get("enrollment/0/year/2026").status == 200
    assert time.monotonic() - begun < 0.3


def test_the_clock_is_skewed_in_the_date_header_and_in_the_system_info(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.CLOCK_SKEW, seconds=-7200.0))
    answer = caller.get("systeminfo")
    assert answer.json["CurrentDateTime"] == "2026-10-01T16:00:00.000-07:00"
    skewed = parsedate_to_datetime(answer.headers["date"]) - dt.datetime.now(dt.UTC)
    assert -7260 < skewed.total_seconds() < -7140


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_is_switched_on_and_off_over_http(town: tuple[Sandbox, Caller], name: str) -> None:
    told = town[1].control("POST", "faults", {"scenario": name})
    assert (told.status, len(told.json["faults"])) == (200, len(SCENARIOS[name]))
    assert town[1].control("DELETE", "faults").json["faults"] == []


def test_a_fault_over_http_is_the_fault_of_the_object(town: tuple[Sandbox, Caller]) -> None:
    fault = {"kind": "status", "status": 418, "path": LISTED, "start": 21, "times": 1}
    assert town[1].control("POST", "faults", {"faults": [fault]}).status == 200
    statuses = [town[1].get(STUDENTS, StartingRecord=start).status for start in (1, 21, 21)]
    assert statuses == [200, 418, 200]
    (on,) = town[1].control("GET", "faults").json["faults"]
    assert on["seen"] == 2
    assert on.items() >= fault.items()


@pytest.mark.parametrize(
    "told", [{"scenario": "zzz"}, {"faults": [{"kind": "zzz"}]}, {"faults": [{"kind": "slow", "zzz": 1}]}, {}]
)
def test_a_fault_that_is_none_is_refused(town: tuple[Sandbox, Caller], told: object) -> None:
    assert town[1].control("POST", "faults", told).status == 400
    assert town[0].faults.told() == []


def test_every_kind_of_fault_does_something() -> None:
    for kind in Kind:
        faults = Faults()
        faults.arm(Fault(kind, after=int(kind is Kind.ROWS_INSERTED)))
        assert faults.effects("/aeries/api/v5/schools", 1) != Effects(), kind
        assert faults.effects("/elsewhere", 1) == Effects()
    assert all(re.compile(fault.path) for faults_ in SCENARIOS.values() for fault in faults_)


def test_several_leas_share_one_certificate() -> None:
    with serving(students=900, leas=3) as (sandbox, caller):
        truth = sandbox.truth()
        leas = {row["SchoolCode"]: row["StateDistrictID"] for row in caller.get("schools").json}
        assert {leas[code] for code in truth.schools["code"]} == {"99901", "99902", "99903"}
        assert [truth.of_lea(lea).height for lea in (1, 2, 3)] == [
            sum(
                row["InactiveStatusCode"] == ""
                for code in truth.schools["code"]
                if leas[code] == f"9990{lea}"
                for row in caller.get(f"schools/{code}/students").json
            )
            for lea in (1, 2, 3)
        ]
        assert min(truth.of_lea(lea).height for lea in (1, 2, 3)) > 250


def test_an_lea_that_is_absent_is_in_no_list() -> None:
    with serving(students=90, leas=3) as (sandbox, caller):
        codes = {row["SchoolCode"] for row in caller.get("schools").json}
        history = caller.get("enrollment/0/year/2026").json
        sandbox.faults.arm(Fault(Kind.LEA_ABSENT, lea=2))
        assert {row["SchoolCode"] for row in caller.get("schools").json} == codes - {102}
        assert caller.get("schools/102/students").status == 404
        assert caller.get("enrollment/0/year/2026").json == [
            row for row in history if row["SchoolCode"] != 102
        ]
        assert caller.get(STUDENTS).status == 200


def test_an_lea_that_is_forbidden_is_listed_and_tells_nothing() -> None:
    with serving(students=90, leas=3) as (sandbox, caller):
        codes = {row["SchoolCode"] for row in caller.get("schools").json}
        sandbox.faults.arm(Fault(Kind.LEA_FORBIDDEN, lea=3))
        assert {row["SchoolCode"] for row in caller.get("schools").json} == codes
        assert caller.get("schools/103/students").status == 403
        assert caller.get("schools/103/students/1").status == 403
        assert {row["SchoolCode"] for row in caller.get("enrollment/0/year/2026").json} == {101, 102}
        assert caller.get("schools/102/students").status == 200


def test_the_default_area_of_a_fault_is_student_data() -> None:
    assert Fault(Kind.MISSING_AREA).area == STUDENT_DATA
