"""Reading only what changed gives what a full read gives, and nothing is gone by being left out (contract §4.3, §1.6)."""

from __future__ import annotations

from typing import Any

import pytest

from sis_assets.districts import Access
from sis_assets.sis.oneroster.api.client import read_under
from sis_assets.sis.reading import Delivery
from sis_assets_tests.oneroster_district import NOW, Roster, Served, ids, landed
from sis_assets_tests.oneroster_server import collections_of, record, student_11

#: An hour after the first read of these tests, as the server writes it.
CHANGED = "2026-11-25T13:00:00.000Z"


def with_deltas(served: Served, **options: Any) -> Roster:
    roster = served(collections=options.pop("collections", None) or collections_of("1.1", 5), **options)
    roster.settings["deltas"] = {}
    return roster


def people(roster: Roster) -> dict[str, dict[str, Any]]:
    return {row["sourcedId"]: row for row in roster.server.collections["users"]}


def filters(roster: Roster, collection: str = "users") -> list[str | None]:
    return [asked.query.get("filter") for asked in roster.server.reads(collection)]


def is_full(roster: Roster, collection: str = "users") -> bool:
    return filters(roster, collection)[0] is None


def hashes(delivery: Delivery) -> dict[str, str]:
    return {file.entity: file.sha256 for file in delivery.files}


def test_without_the_setting_everything_is_read_every_time(served: Served):
    roster = served()
    roster.later(days=1)
    roster.fetch()
    assert filters(roster) == [None, None]


def test_the_second_read_asks_for_what_changed_since_the_newest_change_less_the_overlap(served: Served):
    roster = with_deltas(served)
    people(roster)["s0002"]["dateLastModified"] = "2026-11-20T10:00:00-06:00"
    roster.later(hours=6)
    roster.fetch()
    assert set(filters(roster)) == {"dateLastModified>'2026-11-20T15:00:00.000Z'"}


def test_a_delta_laid_over_is_byte_for_byte_a_full_read(served: Served):
    roster = with_deltas(served)
    roster.later(hours=6)
    people(roster)["s0003"] |= {"givenName": "Other", "dateLastModified": CHANGED}
    people(roster)["s0001"] |= {"status": "tobedeleted", "dateLastModified": CHANGED}
    roster.server.collections["users"].append(student_11("s0000", dateLastModified=CHANGED))
    by_delta = roster.fetch()
    assert not is_full(roster)
    assert ids(by_delta, "users") == ["s0000", "s0001!", "s0002", "s0003", "s0004", "s0005"]
    assert landed(by_delta, "users")[3]["givenName"] == "Other"
    assert hashes(by_delta) == hashes(roster.anew())


def test_nothing_is_gone_by_being_left_out_of_a_delta(served: Served):
    roster = with_deltas(served)
    first = roster.later(hours=6)
    roster.server.collections["users"] = []
    assert hashes(roster.fetch()) == hashes(first)


def test_what_is_gone_without_a_tombstone_goes_with_the_next_full_read(served: Served):
    roster = with_deltas(served)
    roster.later(hours=6)
    del roster.server.collections["users"][0]
    assert ids(roster.later(days=7), "users")[0] == "s0001"
    assert ids(roster.fetch(), "users")[0] == "s0002"


def test_a_record_that_comes_back_is_active_again(served: Served):
    roster = with_deltas(served)
    people(roster)["s0001"]["status"] = "tobedeleted"
    people(roster)["s0001"]["dateLastModified"] = "2026-11-25T11:00:00.000Z"
    assert ids(roster.later(hours=6), "users")[0] == "s0001!"
    people(roster)["s0001"] |= {"status": "active", "dateLastModified": CHANGED}
    assert ids(roster.fetch(), "users")[0] == "s0001"


def test_a_tombstone_expires_alike_whether_the_provider_forgets_it_or_not(served: Served):
    roster = with_deltas(served)
    roster.settings["deltas"] = {"full_every_days": 366}
    roster.settings["tombstone_days"] = 3
    people(roster)["s0001"] |= {"status": "tobedeleted", "dateLastModified": "2026-11-24T11:00:00Z"}
    assert "s0001!" in ids(roster.later(days=1), "users")
    roster.later(days=1)
    by_delta = roster.fetch()
    assert not is_full(roster)
    assert "s0001!" not in ids(by_delta, "users")
    assert hashes(by_delta) == hashes(roster.anew())
    del roster.server.collections["users"][0]
    assert hashes(by_delta) == hashes(roster.anew())


@pytest.mark.parametrize(
    ("hours", "full"), [(46.9, False), (47.1, True), (48, True), (24 * 30, True), (-1, True)]
)
def test_after_a_gap_in_which_a_tombstone_may_have_gone_everything_is_read(
    served: Served, hours: float, full: bool
):
    roster = with_deltas(served)
    roster.settings["tombstone_days"] = 2
    roster.settings["deltas"] = {"full_every_days": 366}
    roster.later(hours=hours)
    roster.fetch()
    assert is_full(roster) is full


def test_the_first_read_of_a_period_is_a_full_one_whatever_the_deltas_said(served: Served):
    roster = with_deltas(served)
    full = []
    for _ in range(15):
        roster.fetch()
        full.append(is_full(roster))
        roster.later(days=1)
    first, second, third = (at for at, each in enumerate(full) if each)
    assert first == 0
    assert third - second == 7


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "1.2"},
        {"base_path": "/ims/oneroster/v1p1"},
        {"auth": {"kind": "oauth1", "consumer_key": "k", "consumer_secret": {"env": "X"}}},
        {"without": ["courses"]},
    ],
)
def test_a_base_that_was_read_otherwise_is_none(served: Served, changed: dict[str, Any]):
    roster = with_deltas(served)
    roster.later(hours=6)
    before = roster.past.read_under
    roster.settings |= changed
    assert read_under(roster.district) != before


def test_access_that_was_granted_anew_begins_with_everything(served: Served):
    roster = with_deltas(served)
    granted = roster.district.model_copy(update={"access": Access.model_validate({"expires": "2027-06-30"})})
    assert read_under(granted) != read_under(roster.district)


def test_over_a_base_that_was_read_otherwise_no_delta_is_laid(served: Served):
    roster = with_deltas(served)
    roster.later(hours=6)
    roster.settings["without"] = ["demographics"]
    roster.fetch()
    assert is_full(roster)


def test_settings_that_change_no_row_leave_the_base_as_it_is(served: Served):
    roster = with_deltas(served)
    roster.later(hours=6)
    roster.settings |= {"limit": 10, "concurrency": 2, "sort": "none"}
    roster.fetch()
    assert not is_full(roster)


def test_a_base_whose_file_is_gone_is_none(served: Served):
    roster = with_deltas(served)
    first = roster.later(hours=6)
    next(file.path for file in first.files if file.entity == "users").unlink()
    assert hashes(roster.fetch()) == hashes(first)
    assert is_full(roster)
    assert not is_full(roster, "orgs")


def test_a_collection_without_times_is_read_whole(served: Served):
    roster = with_deltas(served)
    for row in roster.server.collections["users"]:
        row["dateLastModified"] = ""
    roster.later(hours=6)
    roster.fetch()
    assert is_full(roster)
    assert not is_full(roster, "orgs")


def test_a_time_ahead_of_the_read_is_a_wrong_clocks(served: Served):
    roster = with_deltas(served)
    people(roster)["s0002"]["dateLastModified"] = "2999-01-01T00:00:00Z"
    roster.later(hours=6)
    roster.fetch()
    assert NOW.hour == 12
    assert set(filters(roster)) == {"dateLastModified>'2026-11-25T11:00:00.000Z'"}


def test_a_server_that_does_not_filter_is_read_whole(served: Served):
    roster = with_deltas(served, filters=False)
    first = roster.later(hours=6)
    assert hashes(roster.fetch()) == hashes(first)
    assert filters(roster) == ["dateLastModified>'2026-07-31T23:00:00.000Z'", None, None]


def test_rows_of_one_id_are_replaced_together(served: Served):
    roster = with_deltas(served)
    twins = [record("school-2", name=name, type="school") for name in ("One", "Two")]
    roster.server.collections["orgs"] += twins
    roster.later(hours=6)
    for twin, name in zip(twins, ("Three", "Four"), strict=True):
        twin |= {"name": name, "dateLastModified": CHANGED}
    assert [row["name"] for row in landed(roster.fetch(), "orgs")][2:] == ["Three", "Four"]


def test_a_name_that_is_no_text_is_laid_over_by_its_id_too(served: Served):
    roster = with_deltas(served)
    people(roster)["s0002"]["givenName"] = "half \ud83d"
    roster.later(hours=6)
    people(roster)["s0002"] |= {"givenName": "Whole", "dateLastModified": CHANGED}
    by_delta = roster.fetch()
    assert hashes(by_delta) == hashes(roster.anew())
    assert len(landed(by_delta, "users")) == 5


def test_an_empty_delta_takes_no_other_collections_empty_file_away(served: Served):
    roster = with_deltas(served)
    roster.server.collections["courses"] = []
    roster.later(hours=6)
    assert ids(roster.fetch(), "courses") == []


def test_a_delta_leaves_nothing_but_what_is_delivered(served: Served):
    roster = with_deltas(served)
    before = {file.path for file in roster.later(hours=6).files}
    people(roster)["s0003"]["dateLastModified"] = CHANGED
    after = {file.path for file in roster.fetch().files}
    left = {path for path in (roster.home.landing / "sample").iterdir() if path.stat().st_size}
    assert left == before | after


def test_every_extract_says_how_it_was_read_and_what_identifies_its_records(served: Served):
    roster = with_deltas(served)
    roster.settings["ids"] = {"student": "identifier"}
    assert roster.later(hours=6).stated == {
        "read": "everything",
        "version": "1.1",
        "student_id": "identifier",
        "school_id": "sourcedId",
    }
    assert roster.fetch().stated["read"] == "what changed, laid over the extract before"
