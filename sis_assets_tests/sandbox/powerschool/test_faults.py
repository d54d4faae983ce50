"""Every fault, switched on while the server runs, by its object and over HTTP."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from sis_assets.sandbox.powerschool.faults import SCENARIOS, Fault, Faults, Kind
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets_tests.powerschool_caller import Caller, serving

STUDENTS = "/ws/v1/district/student"
LISTED = f"{STUDENTS}$"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=80, seed=7, settings=Settings(page_sizes={"student": 20})) as both:
        yield both


@pytest.fixture
def town(served: tuple[Sandbox, Caller]) -> Iterator[tuple[Sandbox, Caller]]:
    yield served
    served[0].faults.clear()
    served[1].authorize()


def ids(caller: Caller, page: int) -> list[int]:
    content = caller.get(STUDENTS, page=page).json["students"].get("student", [])
    return [row["id"] for row in (content if isinstance(content, list) else [content])]


def all_ids(caller: Caller) -> list[int]:
    return [row["id"] for row in caller.rows(STUDENTS)]


def count(caller: Caller) -> int:
    found: int = caller.get(f"{STUDENTS}/count").json["resource"]["count"]
    return found


def test_a_token_is_revoked_in_mid_paging(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.REVOKE_TOKEN, path=LISTED, after=2, times=1))
    statuses = [caller.get(STUDENTS, page=page).status for page in (1, 2, 3)]
    assert statuses == [200, 200, 401]
    caller.authorize()
    assert caller.get(STUDENTS, page=3).status == 200


@pytest.mark.parametrize("retry_after", [None, "0", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_storm_ends_after_so_many_requests(
    town: tuple[Sandbox, Caller], status: int, retry_after: str | None
) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.STATUS, status=status, retry_after=retry_after, after=1, times=3))
    answers = [caller.get(STUDENTS) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, status, status, status, 200]
    assert {answer.headers.get("retry-after") for answer in answers[1:4]} == {retry_after}


def test_one_page_of_one_entity_always_fails(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.STATUS, status=500, path=LISTED, page=2))
    assert [caller.get(STUDENTS, page=page).status for page in (1, 2, 3, 2)] == [200, 500, 200, 500]
    assert caller.get("/ws/v1/school/3/term", page=2).status == 200


def test_a_deleted_row_moves_the_others_to_the_page_before(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    whole = all_ids(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_DELETED, path=STUDENTS, after=1))
    read = ids(caller, 1) + ids(caller, 2)
    assert read == whole[:20] + whole[21:41]
    assert count(caller) == len(whole) - 1
    assert all_ids(caller) == whole[1:]


def test_an_inserted_row_shows_one_of_the_page_before_again(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    whole = all_ids(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_INSERTED, path=STUDENTS, after=2))
    assert count(caller) == len(whole) - 1
    read = ids(caller, 1) + ids(caller, 2)
    assert read == whole[1:21] + whole[20:40]
    assert count(caller) == len(whole)
    assert all_ids(caller) == whole


@pytest.mark.parametrize(("rows", "second"), [(1, slice(21, 41)), (-1, slice(19, 39))])
def test_a_row_that_moves_within_leaves_the_total_as_it_was(
    town: tuple[Sandbox, Caller], rows: int, second: slice
) -> None:
    sandbox, caller = town
    whole = all_ids(caller)
    sandbox.faults.arm(Fault(Kind.ROWS_MOVED, path=LISTED, after=1, rows=rows))
    assert ids(caller, 1) == whole[:20]
    assert ids(caller, 2) == whole[second]
    assert count(caller) == len(whole)
    assert sorted(all_ids(caller)) == whole


def test_totals_change(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    before = count(caller)
    sandbox.faults.arm(Fault(Kind.TOTAL_CHANGES, path="/count$", after=1, rows=5))
    assert [count(caller), count(caller)] == [before, before + 5]


def test_a_page_is_short_or_has_rows_twice(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    whole = ids(caller, 2)
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path=LISTED, page=2, rows=3, times=1))
    assert ids(caller, 2) == whole[:-3]
    sandbox.faults.arm(Fault(Kind.DUPLICATE_ROWS, path=LISTED, page=2, rows=2, times=1))
    assert ids(caller, 2) == whole[:2] + whole
    assert ids(caller, 2) == whole


def test_rows_of_tables_are_twisted_too(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path="/table/students$", rows=4))
    total = caller.get("/ws/schema/table/students/count").json["count"]
    assert (
        len(caller.get("/ws/schema/table/students", projection="dcid").json["record"]) == min(total, 100) - 4
    )


def test_a_reset_comes_in_mid_body(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.RESET, path=LISTED, times=1))
    with pytest.raises(ConnectionResetError):
        caller.get(STUDENTS)
    assert caller.get(STUDENTS).status == 200


def test_a_truncated_body_ends_before_its_length(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    whole = len(caller.get(STUDENTS).content)
    sandbox.faults.arm(Fault(Kind.TRUNCATED, path=LISTED, times=1))
    with pytest.raises(http.client.IncompleteRead) as broken:
        caller.get(STUDENTS)
    assert len(broken.value.partial) == whole // 2
    assert caller.get(STUDENTS).status == 200


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
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert answer.content.startswith(b"<!DOCTYPE html>")


def test_v1_or_one_entity_is_without_rights(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.FORBIDDEN, path="/section$"))
    assert caller.get("/ws/v1/school/3/section").status == 403
    assert caller.get("/ws/v1/school/3/term").status == 200
    sandbox.faults.arm(Fault(Kind.NO_V1_RIGHT, path="^/ws/v1/"))
    refused = caller.get(STUDENTS)
    assert (refused.status, "www-authenticate" in refused.headers) == (401, False)
    assert caller.get("/ws/schema/table/students/count").status == 200


def test_a_slow_page_takes_its_time_and_holds_nobody_up(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.SLOW, path=LISTED, seconds=0.3))
    begun = time.monotonic()
    assert caller.get("/ws/v1/district").status == 200
    assert time.monotonic() - begun < 0.3
    begun = time.monotonic()
    assert caller.get(STUDENTS).status == 200
    assert time.monotonic() - begun >= 0.3


def test_the_clock_is_skewed_in_the_date_header_and_in_time(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    now = dt.datetime.now(dt.UTC)
    assert abs((parsedate_to_datetime(caller.get(STUDENTS).headers["date"]) - now).total_seconds()) < 60
    sandbox.faults.arm(Fault(Kind.CLOCK_SKEW, seconds=-7200.0))
    skewed = parsedate_to_datetime(caller.get(STUDENTS).headers["date"])
    assert -7260 < (skewed - now).total_seconds() < -7140
    told = dt.datetime.fromisoformat(caller.get("/ws/v1/time").json["time"]["current_time"])
    assert -7260 < (told - now).total_seconds() < -7140


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_is_switched_on_and_off_over_http(town: tuple[Sandbox, Caller], name: str) -> None:
    told = town[1].post("/_sandbox/faults", {"scenario": name})
    assert (told.status, len(told.json["faults"])) == (200, len(SCENARIOS[name]))
    assert town[1].call("DELETE", "/_sandbox/faults").json["faults"] == []


def test_a_fault_over_http_is_the_fault_of_the_object(town: tuple[Sandbox, Caller]) -> None:
    fault = {"kind": "status", "status": 418, "path": LISTED, "page": 2, "times": 1}
    assert town[1].post("/_sandbox/faults", {"faults": [fault]}).status == 200
    assert [town[1].get(STUDENTS, page=page).status for page in (1, 2, 2)] == [200, 418, 200]
    (on,) = town[1].get("/_sandbox/faults").json["faults"]
    assert on["seen"] == 2
    assert on.items() >= fault.items()
    denied = {"kind": "deny_columns", "columns": ["students.dob"]}
    assert town[1].post("/_sandbox/faults", {"faults": [denied]}).status == 200
    assert town[1].get("/ws/schema/table/students", projection="dob").status == 403


@pytest.mark.parametrize(
    "told",
    [
        {"scenario": "zzz"},
        {"faults": [{"kind": "zzz"}]},
        {"faults": [{"status": 500}]},
        {"faults": [{"kind": "status", "zzz": 1}]},
        {"faults": [{"kind": "deny_columns", "columns": "students.dob"}]},
        {"faults": [{"kind": "status", "path": "("}]},
        {"faults": [{"kind": "status", "times": "many"}]},
        {"faults": [{"kind": "html"}, {"kind": "zzz"}]},
        {},
        [],
    ],
)
def test_a_fault_that_is_none_is_refused_and_leaves_the_others(
    town: tuple[Sandbox, Caller], told: object
) -> None:
    town[0].faults.arm(Fault(Kind.HTML))
    assert town[1].post("/_sandbox/faults", told).status == 400
    assert [fault["kind"] for fault in town[0].faults.told()] == ["html"]


def test_every_kind_of_fault_does_something() -> None:
    nothing = Faults().effects("/ws/v1/district/student", 1)
    for kind in Kind:
        faults = Faults()
        faults.arm(Fault(kind, columns=("students.dob",), after=int(kind is Kind.ROWS_INSERTED)))
        assert faults.effects("/ws/v1/district/student", 1) != nothing, kind
        assert faults.effects("/oauth/access_token", 1) == nothing
    assert all(re.compile(fault.path) for faults_ in SCENARIOS.values() for fault in faults_)
