"""Collections are read whole or not at all, whatever the server tells of its pages (contract OneRoster §4.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sis_assets.model.faults import PermanentFault, TransientFault
from sis_assets.sis.documents.pages import READS
from sis_assets_tests.oneroster_district import Roster, Served, ids, landed
from sis_assets_tests.oneroster_server import collections_of, record, student_11
from sis_assets_tests.powerschool_server import Answer, Asked


def everybody(count: int) -> list[str]:
    return [f"s{number:04}" for number in range(1, count + 1)]


def offsets(roster: Roster, collection: str = "users") -> list[int]:
    return [int(asked.query["offset"]) for asked in roster.server.reads(collection)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 10])
@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("link", [True, False])
def test_so_many_people_are_read_with_and_without_total_and_link(
    served: Served, count: int, total: bool, link: bool
):
    roster = served(collections=collections_of("1.1", count), cap=3, total=total, link=link)
    assert ids(roster.fetch(), "users") == everybody(count)


@pytest.mark.parametrize("limit", [1, 2, 3, 5000])
def test_the_limit_is_the_district_files(served: Served, limit: int):
    roster = served(collections=collections_of("1.1", 7))
    roster.settings["limit"] = limit
    assert ids(roster.fetch(), "users") == everybody(7)
    assert roster.server.reads("users")[0].query["limit"] == str(limit)


def test_a_capped_server_is_asked_by_its_own_pages(served: Served):
    roster = served(collections=collections_of("1.1", 7), cap=3)
    roster.fetch()
    asked = {(asked.query["offset"], asked.query["limit"]) for asked in roster.server.reads("users")}
    assert asked == {("0", "5000"), ("3", "3"), ("6", "3"), ("7", "3")}


def test_an_untold_total_ends_at_an_empty_page_and_not_at_a_short_one(served: Served):
    roster = served(collections=collections_of("1.1", 7), cap=3, total=False, link=False)
    roster.fetch()
    assert offsets(roster)[:4] == [0, 3, 6, 9]
    assert sorted(offsets(roster)[4:]) == [0, 3, 6]


def test_a_total_is_not_believed_before_a_look_behind_it(served: Served):
    roster = served(collections=collections_of("1.1", 5), cap=3)

    def short(asked: Asked) -> Answer | None:
        """A server that counts the rows of the page and calls it the total."""
        if not asked.path.endswith("/users"):
            return None
        offset, limit = int(asked.query["offset"]), min(int(asked.query["limit"]), 3)
        rows = roster.server.collections["users"][offset : offset + limit]
        return Answer(200, {"users": rows}, {"X-Total-Count": str(len(rows))})

    roster.server.fault = short
    fault = roster.fault()
    assert isinstance(fault, TransientFault)
    assert "behind the total of 3" in fault.reason


@pytest.mark.parametrize("status", [200, 404])
def test_what_stands_behind_the_last_page_may_be_empty_or_not_there(served: Served, status: int):
    roster = served(collections=collections_of("1.1", 6), cap=3)

    def behind(asked: Asked) -> Answer | None:
        if asked.query.get("offset") != "6" or not asked.path.endswith("/users"):
            return None
        return Answer(status, {"users": []} if status == 200 else {}, {"X-Total-Count": "0"})

    roster.server.fault = behind
    assert ids(roster.fetch(), "users") == everybody(6)


@pytest.mark.parametrize("total", ["many", "", "-1", "3.0"])
def test_a_total_that_is_no_number_is_none(served: Served, total: str):
    roster = served(collections=collections_of("1.1", 5), cap=3, total=False)

    def told(asked: Asked) -> Answer | None:
        answer = roster.server._listed(asked.path.rpartition("/")[2], asked)
        return Answer(200, answer.body, {"X-Total-Count": total})

    roster.server.fault = lambda asked: told(asked) if asked.path.endswith("/users") else None
    assert ids(roster.fetch(), "users") == everybody(5)


def moving(roster: Roster, when: str, act: Callable[[], object], times: int = 1) -> None:
    """Change the district before the page of people at the offset `when` is given, so many times."""
    left = [act] * times

    def struck(asked: Asked) -> None:
        if asked.path.endswith("/users") and asked.query["offset"] == when and left:
            left.pop()()

    roster.server.fault = struck


@pytest.mark.parametrize("total", [True, False])
def test_a_person_who_is_removed_between_two_pages_costs_nobody_else(served: Served, total: bool):
    roster = served(collections=collections_of("1.1", 9), cap=3, total=total, link=False)
    people = roster.server.collections["users"]
    moving(roster, "3", lambda: people.pop(0))
    assert ids(roster.fetch(), "users") == everybody(9)[1:]


@pytest.mark.parametrize("total", [True, False])
def test_a_person_who_comes_between_two_pages_doubles_nobody(served: Served, total: bool):
    roster = served(collections=collections_of("1.1", 9), cap=3, total=total, link=False)
    people = roster.server.collections["users"]
    moving(roster, "6", lambda: people.insert(0, student_11("s0000")))
    assert ids(roster.fetch(), "users") == ["s0000", *everybody(9)]


def test_a_total_that_is_another_one_at_the_end_is_noticed(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=3)
    people = roster.server.collections["users"]
    moving(roster, "9", lambda: people.pop(0))
    assert ids(roster.fetch(), "users") == everybody(9)[1:]


def test_people_who_keep_moving_fail_the_read(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=3)
    people = roster.server.collections["users"]
    moving(roster, "6", lambda: people.pop(0), times=READS)
    fault = roster.fault()
    assert isinstance(fault, TransientFault)
    assert f"{READS} times" in fault.reason


def test_an_empty_page_that_names_a_next_one_is_no_end(served: Served):
    roster = served(collections=collections_of("1.1", 5), cap=3, total=False)
    link = {"Link": '<https://x.test?offset=9>; rel="next"'}
    roster.server.fault = lambda asked: (
        Answer(200, {"users": []}, link)
        if asked.path.endswith("/users") and asked.query["offset"] == "6"
        else None
    )
    assert "names a next one" in roster.fault().reason


def test_a_short_page_with_rows_behind_it_is_no_end(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=3, total=False, link=False)
    people = roster.server.collections["users"]
    roster.server.fault = lambda asked: (
        Answer(200, {"users": people[3:5]})
        if asked.path.endswith("/users") and asked.query["offset"] == "3"
        else None
    )
    assert "is not full" in roster.fault().reason


def test_a_server_that_knows_no_offset_is_found_out(served: Served):
    roster = served(collections=collections_of("1.1", 5), total=False, link=False)
    people = roster.server.collections["users"]
    roster.server.fault = lambda asked: (
        Answer(200, {"users": people[:3]}) if asked.path.endswith("/users") else None
    )
    assert "page 2 is page 1 again" in roster.fault().reason


def test_pages_are_asked_for_in_the_order_of_ids_unless_the_server_knows_no_order(served: Served):
    roster = served(collections=collections_of("1.1", 5), cap=2)
    roster.server.collections["users"].reverse()
    assert ids(roster.fetch(), "users") == everybody(5)
    first = roster.server.reads("users")[0].query
    assert (first["sort"], first["orderBy"]) == ("sourcedId", "asc")
    roster.server.asked.clear()
    roster.settings["sort"] = "none"
    assert ids(roster.fetch(), "users") == everybody(5)
    assert "sort" not in roster.server.reads("users")[0].query


def test_one_id_twice_on_a_page_is_the_sources_and_both_rows_land(served: Served):
    roster = served()
    roster.server.collections["orgs"] += [
        record("school-2", name="One", type="school"),
        record("school-2", name="Two", type="school"),
    ]
    delivery = roster.fetch()
    assert [row["name"] for row in landed(delivery, "orgs")][2:] == ["One", "Two"]


@pytest.mark.parametrize("cap", [100, 1])
def test_a_record_without_an_id_lands_too(served: Served, cap: int):
    roster = served(cap=cap)
    nameless = [{"name": "No Id", "type": "school"}, {"sourcedId": "", "name": "Blank Id", "type": "school"}]
    roster.server.collections["orgs"] += nameless
    assert sorted(row["name"] for row in landed(roster.fetch(), "orgs"))[:2] == ["Blank Id", "No Id"]


def test_no_people_are_no_empty_district(served: Served):
    roster = served()
    roster.server.collections["users"] = []
    fault = roster.fault()
    assert isinstance(fault, PermanentFault)
    assert "Reading users: the server has none" in fault.reason


def test_no_courses_are_a_summer(served: Served):
    roster = served()
    roster.server.collections["courses"] = []
    assert ids(roster.fetch(), "courses") == []


def test_the_same_records_give_the_same_bytes_in_whatever_pages(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=4)
    first = roster.fetch().content_sha256
    roster.server.cap, roster.server.total = 3, False
    roster.server.collections["users"].reverse()
    assert roster.fetch().content_sha256 == first


def test_what_the_provider_does_not_give_is_not_asked_for(served: Served):
    roster = served()
    roster.settings["without"] = ["demographics", "classes"]
    assert {file.entity for file in roster.fetch().files} == {
        "orgs",
        "academic_sessions",
        "courses",
        "enrollments",
        "users",
    }
    assert not roster.server.reads("demographics")


@pytest.mark.parametrize(
    ("version", "base_path", "expected"),
    [
        ("1.1", None, "/ims/oneroster/v1p1"),
        ("1.2", None, "/ims/oneroster/rostering/v1p2"),
        ("1.1", "/v1p1", "/v1p1"),
    ],
)
def test_the_base_path_is_that_of_the_version_or_the_district_files(
    served: Served, version: str, base_path: str | None, expected: str
):
    roster = served(version=version)
    roster.settings["base_path"] = base_path
    roster.server.fault = lambda asked: None if asked.path == "/token" else Answer(404, {})
    roster.fault()
    assert roster.server.asked[-1].path == f"{expected}/orgs"
