"""JSON of both versions becomes the contract's tables of text; what is not needed is not kept (contract §4.2, §4.3)."""

from __future__ import annotations

import json
import threading

import pytest

from sis_assets.transport.visit import HoursOverError, Visit
from sis_assets_tests.oneroster_district import Served, ids
from sis_assets_tests.oneroster_server import collections_of, student_11
from sis_assets_tests.powerschool_district import rows

UNWANTED = ("canary-password", "parent-1", "white")


def test_a_reference_is_its_sourced_id_and_a_list_stays_a_list(served: Served):
    found = served().tables()
    assert rows(found["orgs"], "sourcedId", "type", "identifier", "parentSourcedId") == [
        ("district-1", "district", None, None),
        ("school-1", "school", "11", "district-1"),
    ]
    assert rows(found["enrollments"], "userSourcedId", "classSourcedId", "schoolSourcedId")[0] == (
        "s0001",
        "class-1",
        "school-1",
    )
    ((terms,),) = rows(found["classes"], "termSourcedIds")
    assert [each["sourcedId"] for each in json.loads(terms)] == ["year-1"]
    assert rows(found["demographics"], "birthDate", "sex")[0] == ("2010-02-03", "female")


def test_people_of_1_1_have_a_role_and_organisations(served: Served):
    users = served().tables()["users"]
    assert rows(users, "role", "grades", "enabledUser")[0] == ("student", '["09"]', "true")
    ((orgs,), *_) = rows(users, "orgSourcedIds")
    assert [each["sourcedId"] for each in json.loads(orgs)] == ["school-1"]


def test_people_of_1_2_have_roles_at_organisations(served: Served):
    users = served(version="1.2").tables()["users"]
    ((roles, primary), *_) = rows(users, "roles", "primaryOrgSourcedId")
    (role,) = json.loads(roles)
    assert (role["roleType"], role["role"], role["org"]["sourcedId"]) == ("primary", "student", "school-1")
    assert primary == "school-1"


def test_what_is_not_needed_lands_nowhere(served: Served):
    for file in served().fetch().files:
        content = file.path.read_text()
        assert not [name for name in UNWANTED if name in content]


def test_what_the_contract_does_not_know_is_kept_beside(served: Served):
    roster = served()
    roster.server.collections["users"] = [student_11("s0001", metadata={"ext:house": "Red"})]
    found = roster.tables()["users"]
    assert found.unknown_columns == ("metadata.ext:house",)
    assert rows(found, "other_columns") == [('{"metadata":{"ext:house":"Red"}}',)]


def test_a_read_whose_hours_end_goes_on_where_it_was(served: Served):
    roster = served(collections=collections_of("1.1", 9), cap=3)
    kept: dict[bytes, tuple[int, dict[str, str], bytes]] = {}
    lock = threading.Lock()

    class Ending(Visit):
        """A visit that ends after so many answers, and keeps them."""

        def __init__(self, most: int) -> None:
            super().__init__()
            self._most = most

        def go_on(self) -> None:
            if len(kept) >= self._most:
                raise HoursOverError

        def answer(self, question):
            return kept.get(question)

        def keep(self, question, status, headers, body):
            with lock:
                kept[question] = (status, dict(headers), body)

    with pytest.raises(HoursOverError):
        roster.fetch(Ending(8))
    roster.server.asked.clear()
    assert ids(roster.fetch(Ending(1000)), "users") == [f"s{number:04}" for number in range(1, 10)]
    assert not roster.server.reads("orgs")
    assert not [body for _, _, body in kept.values() if b"access_token" in body]
