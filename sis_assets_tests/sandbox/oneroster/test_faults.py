"""Every fault, switched on while the provider serves, by its object and over HTTP."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from sis_assets.sandbox.oneroster.faults import SCENARIOS, Fault, Faults, Kind
from sis_assets.sandbox.oneroster.server import Sandbox
from sis_assets_tests.oneroster_caller import Caller, serving

Town = tuple[Sandbox, Caller]
USERS = "/users$"


@pytest.fixture(scope="module")
def served() -> Iterator[Town]:
    with serving(users=80, seed=7) as both:
        yield both


@pytest.fixture
def town(served: Town) -> Iterator[Town]:
    yield served
    served[0].faults.clear()
    served[1].authorize()


def ids(caller: Caller, page: int) -> list[str]:
    return [row["sourcedId"] for row in caller.get("users", limit=20, offset=20 * page).json["users"]]


def total(caller: Caller) -> int:
    return int(caller.get("users", limit=0).headers["x-total-count"])


def test_a_token_is_revoked_in_mid_paging(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.REVOKE_TOKEN, path=USERS, after=2, times=1))
    statuses = [caller.get("users", limit=20, offset=offset).status for offset in (0, 20, 40)]
    assert statuses == [200, 200, 401]
    caller.authorize()
    assert caller.get("users", limit=20, offset=40).status == 200


@pytest.mark.parametrize("retry_after", [None, "0", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize(
    ("status", "minor"),
    [
        (429, "server_busy"),
        (500, "internal_server_error"),
        (503, "internal_server_error"),
        (422, "invaliddata"),
    ],
)
def test_a_storm_ends_after_so_many_requests(
    town: Town, status: int, minor: str, retry_after: str | None
) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.STATUS, status=status, retry_after=retry_after, after=1, times=3))
    answers = [caller.get("users") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, status, status, status, 200]
    assert {answer.headers.get("retry-after") for answer in answers[1:4]} == {retry_after}
    assert {answer.minor for answer in answers[1:4]} == {minor}


def test_one_page_always_fails(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.STATUS, status=500, path=USERS, offset=20))
    assert [caller.get("users", limit=20, offset=offset).status for offset in (0, 20, 40, 20)] == [
        200,
        500,
        200,
        500,
    ]
    assert caller.get("orgs", limit=20, offset=20).status == 200


def test_one_collection_is_forbidden(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.FORBIDDEN, path="/enrollments$"))
    answer = caller.get("enrollments")
    assert (answer.status, answer.minor) == (403, "forbidden")
    assert caller.get("users").status == 200


def test_a_deleted_row_moves_the_others_to_the_page_before(town: Town) -> None:
    sandbox, caller = town
    whole = caller.ids("users")
    sandbox.faults.arm(Fault(Kind.ROWS_DELETED, path=USERS, after=1))
    assert ids(caller, 0) + ids(caller, 1) == whole[:20] + whole[21:41]
    assert total(caller) == len(whole) - 1


def test_an_inserted_row_shows_one_of_the_page_before_again(town: Town) -> None:
    sandbox, caller = town
    whole = caller.ids("users")
    sandbox.faults.arm(Fault(Kind.ROWS_INSERTED, path=USERS, after=2))
    assert total(caller) == len(whole) - 1
    assert ids(caller, 0) + ids(caller, 1) == whole[1:21] + whole[20:40]
    assert total(caller) == len(whole)


@pytest.mark.parametrize(("rows", "second"), [(1, slice(21, 41)), (-1, slice(19, 39))])
def test_a_row_that_moves_leaves_the_total_as_it_was(town: Town, rows: int, second: slice) -> None:
    sandbox, caller = town
    whole = caller.ids("users")
    sandbox.faults.arm(Fault(Kind.ROWS_MOVED, path=USERS, after=1, rows=rows))
    assert ids(caller, 0) == whole[:20]
    assert ids(caller, 1) == whole[second]
    assert total(caller) == len(whole)


def test_totals_change_and_the_last_link_with_them(town: Town) -> None:
    sandbox, caller = town
    before = caller.get("users", limit=20).headers
    sandbox.faults.arm(Fault(Kind.TOTAL_CHANGES, path=USERS, rows=25))
    after = caller.get("users", limit=20).headers
    assert int(after["x-total-count"]) == int(before["x-total-count"]) + 25
    assert before["link"] != after["link"]


def test_a_page_is_short_or_has_rows_twice(town: Town) -> None:
    sandbox, caller = town
    whole = ids(caller, 1)
    sandbox.faults.arm(Fault(Kind.SHORT_PAGE, path=USERS, offset=20, rows=3, times=1))
    assert ids(caller, 1) == whole[:-3]
    sandbox.faults.arm(Fault(Kind.DUPLICATE_ROWS, path=USERS, offset=20, rows=2, times=1))
    assert ids(caller, 1) == whole[:2] + whole
    assert ids(caller, 1) == whole


def test_a_reset_comes_in_mid_body(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.RESET, path=USERS, times=1))
    with pytest.raises(ConnectionResetError):
        caller.get("users")
    assert caller.get("users").status == 200


def test_a_truncated_body_ends_before_its_length(town: Town) -> None:
    sandbox, caller = town
    whole = len(caller.get("users").content)
    sandbox.faults.arm(Fault(Kind.TRUNCATED, path=USERS, times=1))
    with pytest.raises(http.client.IncompleteRead) as broken:
        caller.get("users")
    assert len(broken.value.partial) == whole // 2


def test_json_that_breaks_off_comes_with_a_right_length(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.INVALID_JSON, path=USERS))
    answer = caller.get("users")
    assert answer.status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(answer.content)


def test_a_sign_in_page_comes_with_status_200(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.HTML))
    answer = caller.get("users")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert answer.content.startswith(b"<!DOCTYPE html>")


def test_a_slow_page_takes_its_time_and_holds_nobody_up(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.SLOW, path=USERS, seconds=0.3))
    begun = time.monotonic()
    assert caller.get("orgs").status == 200
    assert time.monotonic() - begun < 0.3
    begun = time.monotonic()
    assert caller.get("users").status == 200
    assert time.monotonic() - begun >= 0.3


def test_the_clock_is_skewed_in_the_date_header(town: Town) -> None:
    sandbox, caller = town
    sandbox.faults.arm(Fault(Kind.CLOCK_SKEW, seconds=-7200.0))
    now = dt.datetime.now(dt.UTC)
    skewed = parsedate_to_datetime(caller.get("orgs").headers["date"])
    assert -7260 < (skewed - now).total_seconds() < -7140


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_is_switched_on_and_off_over_http(town: Town, name: str) -> None:
    told = town[1].control("POST", "faults", {"scenario": name})
    assert (told.status, len(told.json["faults"])) == (200, len(SCENARIOS[name]))
    assert town[1].control("DELETE", "faults").json["faults"] == []


def test_a_fault_over_http_is_the_fault_of_the_object(town: Town) -> None:
    fault = {"kind": "status", "status": 418, "path": USERS, "offset": 20, "times": 1}
    assert town[1].control("POST", "faults", {"faults": [fault]}).status == 200
    assert [town[1].get("users", offset=offset).status for offset in (0, 20, 20)] == [200, 418, 200]
    (on,) = town[1].control("GET", "faults").json["faults"]
    assert on["seen"] == 2
    assert on.items() >= fault.items()


@pytest.mark.parametrize(
    "told",
    [{"scenario": "zzz"}, {"faults": [{"kind": "zzz"}]}, {"faults": [{"kind": "html", "zzz": 1}]}, {}, []],
)
def test_a_fault_that_is_none_is_refused_and_leaves_the_others(town: Town, told: object) -> None:
    town[0].faults.arm(Fault(Kind.HTML))
    assert town[1].control("POST", "faults", told).status == 400
    assert [fault["kind"] for fault in town[0].faults.told()] == ["html"]


def test_every_kind_of_fault_does_something() -> None:
    nothing = Faults().effects("/ims/oneroster/v1p1/users", 0)
    for kind in Kind:
        faults = Faults()
        faults.arm(Fault(kind, after=int(kind is Kind.ROWS_INSERTED)))
        assert faults.effects("/ims/oneroster/v1p1/users", 0) != nothing, kind
        assert faults.effects("/token", 0) == nothing
