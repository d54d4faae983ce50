"""What a server says when it gives nothing: every envelope, and what a person is told (contract OneRoster §4.3, §1.6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.sis.oneroster.api import envelope as reading
from sis_assets.sis.oneroster.api.session import NotThere
from sis_assets.transport.http import Reply
from sis_assets_tests.oneroster_district import Roster, Served, ids
from sis_assets_tests.oneroster_server import envelope
from sis_assets_tests.powerschool_server import Answer, Asked

FLAT = {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_codeMinor": "invalid_data"}
FORMS: dict[str, Any] = {
    "the standard's": envelope("invaliddata"),
    "flat": FLAT,
    "a list of failures": [FLAT, envelope("forbidden")],
    "wrapped": {"imsx_statusInfo": envelope("invaliddata")},
    "wrapped in a list": {"errors": [{"imsx_statusInfo": FLAT}]},
    "one field without brackets": {
        "imsx_CodeMinor": {"imsx_codeMinorField": {"imsx_codeMinorFieldValue": "INVALID_DATA"}}
    },
}


def reply(body: Any, status: int = 400) -> Reply:
    return Reply(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_envelope_gives_its_minor_codes(form: str):
    assert "invaliddata" in reading.codes(reply(FORMS[form]))


def test_only_words_of_the_standard_are_taken():
    assert reading.codes(reply(envelope("Canary Sample"))) == ()
    assert reading.codes(Reply(500, {}, b"<html>")) == ()


def test_a_body_nested_without_end_is_no_envelope():
    deep: Any = envelope("forbidden")
    for _ in range(100):
        deep = {"inner": deep}
    assert reading.codes(reply(deep)) == ()


def at(collection: str, answer: Answer) -> Any:
    def fault(asked: Asked) -> Answer | None:
        return answer if asked.path.endswith(f"/{collection}") else None

    return fault


def failing(roster: Roster, status: int, body: Any, collection: str = "demographics") -> Fault:
    roster.server.fault = at(collection, Answer(status, body))
    return roster.fault()


@pytest.mark.parametrize(
    ("collection", "scope"),
    [
        ("demographics", "roster-demographics.readonly"),
        ("users", "roster-core.readonly or roster.readonly"),
    ],
)
def test_a_missing_right_names_the_collection_and_the_scope(served: Served, collection: str, scope: str):
    fault = failing(served(), 403, envelope("forbidden"), collection)
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert fault.seen == f"the client lacks the right to {collection} (403, forbidden)"
    assert scope in fault.todo


def test_a_collection_that_is_not_there_is_named(served: Served):
    fault = failing(served(), 404, envelope("unknownobject"))
    assert isinstance(fault, NotThere)
    assert "no demographics (404, unknownobject)" in fault.reason
    assert "sis.without" in fault.reason


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_request_says_what_may_be_wrong_with_it(served: Served, status: int):
    fault = failing(served(), status, FLAT)
    assert isinstance(fault, PermanentFault)
    assert f"({status}, invaliddata)" in fault.reason
    assert "sis.version" in fault.reason


def test_a_server_error_is_the_providers(served: Served):
    fault = failing(served(), 500, envelope("internal_server_error"))
    assert isinstance(fault, PermanentFault)
    assert fault.mover is Mover.DISTRICT
    assert "(500, internal_server_error)" in fault.reason


@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
def test_a_busy_server_is_tried_again_whatever_the_status(served: Served, status: int):
    roster = served()
    busy = [Answer(status, envelope("server_busy"))] * 2
    roster.server.fault = lambda asked: busy.pop() if asked.path.endswith("/users") and busy else None
    assert ids(roster.fetch(), "users") == ["s0001", "s0002", "s0003"]


def test_a_server_that_stays_busy_is_a_fault_that_passes(served: Served):
    fault = failing(served(), 500, envelope("server_busy"))
    assert isinstance(fault, TransientFault)
    assert "sis.limit" in fault.reason


@pytest.mark.parametrize("major", ["failure", "unsupported"])
def test_a_failure_that_comes_as_a_success_is_one(served: Served, major: str):
    fault = failing(served(), 200, {"users": [], "imsx_statusInfo": envelope("invaliddata", major)}, "users")
    assert isinstance(fault, PermanentFault)
    assert "(200, invaliddata)" in fault.reason


def test_a_success_with_a_warning_is_a_success(served: Served):
    roster = served()
    told = envelope("invalid_sort_field", "success") | {"imsx_severity": "warning"}
    roster.server.fault = at(
        "courses", Answer(200, {"courses": [], "imsx_statusInfo": told}, {"X-Total-Count": "0"})
    )
    assert ids(roster.fetch(), "courses") == []


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ({"people": []}, "users is missing"),
        ([], "an object was expected"),
        ({"users": ["s0001"]}, "a list of objects was expected"),
        (b"<html></html>", "a page of markup"),
    ],
)
def test_an_answer_in_another_form_is_no_empty_list(served: Served, body: Any, seen: str):
    fault = failing(served(), 200, body, "users")
    assert isinstance(fault, PermanentFault)
    assert seen in fault.reason


def test_an_answer_that_is_cut_off_is_tried_again(served: Served):
    roster = served()
    cut = [Answer(200, b'{"users": [{"sourcedId": "s0001"')]
    roster.server.fault = lambda asked: cut.pop() if asked.path.endswith("/users") and cut else None
    assert ids(roster.fetch(), "users") == ["s0001", "s0002", "s0003"]


def test_no_reason_quotes_what_the_server_says(served: Served):
    for status in (400, 401, 403, 404, 418, 422, 500):
        assert "Canary" not in failing(served(), status, envelope("Canary")).reason
