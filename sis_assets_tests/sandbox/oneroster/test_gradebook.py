"""The gradebook that clients pass grades back to (contract: OneRoster §4.3, gradebook)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sis_assets_tests.oneroster_caller import Answer, Caller, scopes, serving

PLACES = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/gradebook/v1p2"}
NAMES = ("roster-core.readonly", "gradebook.readonly", "gradebook.createput", "gradebook.delete")


@pytest.fixture(params=["1.1", "1.2"])
def town(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with serving(request.param, users=30) as (_, caller):
        caller.authorize(scopes(caller.version, *NAMES))
        yield caller


def call(caller: Caller, method: str, path: str, body: object = None) -> Answer:
    text = None if body is None else json.dumps(body)
    return caller.call(method, f"{PLACES[caller.version]}/{path}", body=text)


def line_item(caller: Caller, **changed: object) -> dict[str, Any]:
    one = caller.rows("classes")[0]["sourcedId"]
    return {
        "sourcedId": "li-1",
        "title": "Quiz",
        "class": {"sourcedId": one},
        "resultValueMax": 10,
        **changed,
    }


def result(caller: Caller, **changed: object) -> dict[str, Any]:
    student = caller.rows("students")[0]["sourcedId"]
    return {
        "sourcedId": "re-1",
        "lineItem": {"sourcedId": "li-1"},
        "student": {"sourcedId": student},
        "scoreStatus": "fully graded",
        "score": 12,
        **changed,
    }


@pytest.mark.conformance("provider", "gradebook.put")
def test_a_put_creates_and_then_updates_and_a_deleted_record_is_gone(town: Caller) -> None:
    item, score = line_item(town), result(town)
    one = item["class"]["sourcedId"]
    assert [call(town, "PUT", "lineItems/li-1", {"lineItem": item}).status for _ in range(2)] == [201, 200]
    assert [call(town, "PUT", "results/re-1", {"result": score}).status for _ in range(2)] == [201, 200]
    (told,) = call(town, "GET", f"classes/{one}/lineItems").json["lineItems"]
    assert told.items() >= item.items()
    (told,) = call(town, "GET", f"classes/{one}/lineItems/li-1/results").json["results"]
    assert told.items() >= score.items()
    assert call(town, "GET", "results/re-1").json["result"] == told
    assert call(town, "DELETE", "results/re-1").status == 204
    assert [call(town, method, "results/re-1").status for method in ("GET", "DELETE")] == [404, 404]
    assert call(town, "GET", f"classes/{one}/lineItems/li-1/results").json["results"] == []
    town.sandbox.change(delete_status=200)
    assert call(town, "DELETE", "lineItems/li-1").status == 200
    assert call(town, "GET", f"classes/{one}/lineItems/li-1/results").status == 404


@pytest.mark.conformance("provider", "gradebook.extremes")
def test_a_long_title_extra_credit_and_an_exemption_are_taken(town: Caller) -> None:
    assert call(town, "PUT", "lineItems/li-1", {"lineItem": line_item(town, title="x" * 1000)}).status == 201
    for changed in ({"score": 1e6}, {"scoreStatus": "exempt", "score": None}):
        assert call(town, "PUT", "results/re-1", {"result": result(town, **changed)}).status in (200, 201)


def test_what_makes_no_sense_is_refused(town: Caller) -> None:
    assert call(town, "PUT", "lineItems/li-1", {"pets": {}}).status == 400
    assert town.call("PUT", f"{PLACES[town.version]}/lineItems/li-1", body="{").status == 400
    for changed in (
        {"sourcedId": "li-2"},
        {"title": ""},
        {"class": {"sourcedId": "nowhere"}},
        {"class": None},
    ):
        assert call(town, "PUT", "lineItems/li-1", {"lineItem": line_item(town, **changed)}).status == 422
    call(town, "PUT", "lineItems/li-1", {"lineItem": line_item(town)})
    for changed in (
        {"lineItem": {"sourcedId": "li-9"}},
        {"student": {"sourcedId": "nobody"}},
        {"scoreStatus": "eaten"},
    ):
        assert call(town, "PUT", "results/re-1", {"result": result(town, **changed)}).status == 422
    assert call(town, "GET", "classes/nowhere/lineItems").status == 404


def test_categories_have_a_weight_in_1_2(town: Caller) -> None:
    one = line_item(town)["class"]["sourcedId"]
    told = call(town, "GET", f"classes/{one}/categories").json["categories"]
    assert {"weight" in category for category in told} == {town.version == "1.2"}


def test_reading_putting_and_deleting_need_scopes_of_their_own(town: Caller) -> None:
    body = {"lineItem": line_item(town)}
    call(town, "PUT", "lineItems/li-1", body)
    tried = {"gradebook.readonly": "GET", "gradebook.createput": "PUT", "gradebook.delete": "DELETE"}
    for name, allowed in tried.items():
        town.authorize(scopes(town.version, name))
        seen = {method: call(town, method, "lineItems/li-1", body).status for method in tried.values()}
        assert {method for method, status in seen.items() if status != 403} == {allowed}
    town.authorize(scopes(town.version, *NAMES))
    assert call(town, "POST", "lineItems/li-1", body).status == 405
    one = body["lineItem"]["class"]["sourcedId"]
    assert call(town, "PUT", f"classes/{one}/lineItems", body).status == 405
