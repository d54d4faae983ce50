"""A doctor looks at the server, the proof, each collection and the filter, and says what to tell whom."""

from __future__ import annotations

from typing import Any

import pytest

from sis_assets.model.faults import Fault
from sis_assets.sis.eschoolplus.api import client as eschoolplus
from sis_assets_tests.oneroster_district import Roster, Served
from sis_assets_tests.oneroster_server import collections_of, envelope
from sis_assets_tests.powerschool_server import Answer

COLLECTIONS = ["orgs", "academicSessions", "demographics", "users", "courses", "classes", "enrollments"]


def seen(roster: Roster) -> dict[str, str]:
    found = {}
    for name, look in roster.client.checks(roster.district, roster.home):
        try:
            found[name] = look()
        except Fault as fault:
            found[name] = f"no: {fault.reason}"
    return found


def wrong(roster: Roster) -> dict[str, str]:
    return {name: told for name, told in seen(roster).items() if told.startswith("no:")}


@pytest.mark.parametrize("auth", ["oauth1", "oauth2", "site_login"])
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_everything_about_a_district_in_order_is_looked_at(served: Served, auth: str, version: str):
    roster = served(auth=auth, version=version)
    found = seen(roster)
    assert list(found) == ["server", "credentials", *COLLECTIONS]
    assert not wrong(roster)
    assert found["users"] == "3 on the first page, 3 in all"


def test_one_page_of_each_collection_is_read_and_no_more(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=2)
    seen(roster)
    assert [len(roster.server.reads(name)) for name in COLLECTIONS[1:]] == [1] * 6


@pytest.mark.parametrize(
    ("total", "told"),
    [
        (True, "3 on the first page of 5000, 9 in all; the server gives fewer than asked"),
        (False, "3 on the first page of 5000, no total told; all, or the server gives fewer than asked"),
    ],
)
def test_a_capped_limit_and_an_untold_total_are_told(served: Served, total: bool, told: str):
    roster = served(collections=collections_of("1.1", 9), cap=3, total=total)
    assert seen(roster)["users"] == told


def test_a_refused_secret_is_told_at_the_credentials_though_an_older_token_is_kept(served: Served):
    roster = served()
    roster.fetch()
    roster.server.token_answer = Answer(401, {"error": "invalid_client"})
    assert list(wrong(roster)) == ["credentials"]


def test_a_missing_scope_is_told_at_its_collection_alone(served: Served):
    roster = served()
    roster.server.fault = lambda asked: (
        Answer(403, envelope("forbidden")) if asked.path.endswith("/demographics") else None
    )
    assert list(wrong(roster)) == ["demographics"]
    assert "roster-demographics.readonly" in wrong(roster)["demographics"]


def test_a_clock_that_is_wrong_is_told(served: Served):
    roster = served(auth="oauth1")
    roster.server.fault = lambda _: Answer(401, {}, {"Date": "Sat, 01 Aug 2026 00:00:00 GMT"})
    assert "they differ by" in wrong(roster)["server"]


def test_no_people_are_told(served: Served):
    roster = served()
    roster.server.collections["users"] = []
    assert "the server has none" in wrong(roster)["users"]


@pytest.mark.parametrize(("filters", "told"), [(True, None), (False, "does not filter orgs")])
def test_a_district_with_deltas_needs_a_server_that_filters(served: Served, filters: bool, told: str | None):
    roster = served(filters=filters)
    roster.settings["deltas"] = {}
    found = seen(roster)["deltas"]
    assert (told or "the server filters by dateLastModified") in found


def test_a_server_that_takes_a_filter_and_does_not_heed_it_is_told(served: Served):
    roster = served()
    roster.settings["deltas"] = {}

    def deaf(asked: Any) -> Answer | None:
        if "filter" not in asked.query:
            return None
        return Answer(200, {"orgs": roster.server.collections["orgs"][:1]})

    roster.server.fault = deaf
    assert "does not heed it" in wrong(roster)["deltas"]


def test_a_withheld_field_of_eschoolplus_is_told_with_the_page_to_tick_it_on(served: Served):
    roster = served()
    roster.client = eschoolplus
    roster.settings["kind"] = "eschoolplus_api"
    for row in roster.server.collections["demographics"]:
        del row["birthDate"]
    found = wrong(roster)
    assert list(found) == ["demographics"]
    assert "no record has birthDate" in found["demographics"]
    assert "Endpoint Advanced Settings" in found["demographics"]
    assert "API Profile" in found["demographics"]
