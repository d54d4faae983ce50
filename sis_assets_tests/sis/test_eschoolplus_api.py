"""eSchoolPLUS by its API is OneRoster with a profile: what it withholds, whom it includes (contract eSchoolPLUS §1.4)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis.eschoolplus.api import client
from sis_assets_tests.oneroster_district import Roster, Served, ids
from sis_assets_tests.oneroster_server import BASES, student_11
from sis_assets_tests.powerschool_server import Answer

LATER = "2026-11-25T13:00:00.000Z"
MARKED = {"field": "metadata.enrollment", "values": ["P", "X"]}


def plus(served: Served, **settings: Any) -> Roster:
    roster = served(auth="oauth1", signature="HMAC-SHA1")
    roster.client = client
    roster.settings |= {"kind": "eschoolplus_api"} | settings
    return roster


def test_a_district_is_read_below_the_base_of_its_consumer(served: Served):
    roster = plus(served)
    base = f"{BASES['1.1']}"
    roster.settings["url"] = f"{roster.server.url}/plus360api/v1/abc"
    roster.server.fault = lambda _: Answer(404, {})
    roster.fault()
    assert roster.server.asked[-1].path == f"/plus360api/v1/abc{base}/orgs"


def test_a_missing_subscription_names_the_profile(served: Served):
    roster = plus(served)
    roster.server.fault = lambda asked: Answer(403, {}) if asked.path.endswith("/classes") else None
    fault = roster.fault()
    assert fault.todo.startswith("Subscribe the API profile (Administration > Utilities")
    assert fault.todo.endswith("OneRoster's classes")


@pytest.mark.parametrize("withheld", ["absent", "null", "blank", "no record"])
def test_a_birth_date_that_nobody_has_is_withheld(served: Served, withheld: str):
    roster = plus(served)
    rows = roster.server.collections["demographics"]
    for row in rows:
        if withheld == "absent":
            del row["birthDate"]
        else:
            row["birthDate"] = None if withheld == "null" else ""
    if withheld == "no record":
        rows.clear()
    fault = roster.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert "Endpoint Advanced Settings" in fault.todo
    assert "birthDate" in fault.seen


def test_a_birth_date_that_one_person_has_is_let_out(served: Served):
    roster = plus(served)
    for row in roster.server.collections["demographics"][1:]:
        del row["birthDate"]
    assert len(ids(roster.fetch(), "demographics")) == 3


def test_what_is_withheld_for_good_is_not_expected(served: Served):
    roster = plus(served, expects=[])
    for row in roster.server.collections["demographics"]:
        del row["birthDate"]
    assert len(ids(roster.fetch(), "demographics")) == 3


@pytest.mark.parametrize("spelling", ["birthDate", "birthdate"])
def test_a_birth_date_is_one_in_the_older_spelling_too(served: Served, spelling: str):
    roster = plus(served, expects=["birthDate", "sex"])
    for row in roster.server.collections["demographics"]:
        row[spelling] = row.pop("birthDate")
    assert len(ids(roster.fetch(), "demographics")) == 3


@pytest.mark.parametrize("field", ["email", "identifier", "grades"])
def test_fields_of_people_may_be_expected_too(served: Served, field: str):
    roster = plus(served, expects=[field])
    assert len(ids(roster.fetch(), "users")) == 3
    for row in roster.server.collections["users"]:
        row[field] = [] if field == "grades" else ""
    assert f"Reading users: no record has {field}" in roster.fault().reason


def test_fields_that_the_profile_withholds_are_no_matter_of_other_kinds(served: Served):
    roster = served()
    roster.server.collections["demographics"] = []
    assert ids(roster.fetch(), "demographics") == []


def populated(roster: Roster) -> None:
    roster.server.collections["users"] += [
        student_11("s0004", metadata={"enrollment": "P"}),
        student_11("s0005", metadata={"enrollment": "A"}),
        student_11("s0006", metadata={"enrollment": None}),
        student_11("s0007", metadata={"enrollment": ["P"]}),
        student_11("s0008", metadata="P"),
    ]


@pytest.mark.parametrize("switch", ["pre_registered", "out_of_district"])
def test_students_whom_the_district_leaves_out_are_told_by_the_mark_of_their_records(
    served: Served, switch: str
):
    roster = plus(served)
    populated(roster)
    assert "s0004" in ids(roster.fetch(), "users")
    roster.settings[switch] = {"include": False} | MARKED
    assert ids(roster.fetch(), "users")[3:] == ["s0005", "s0006", "s0007", "s0008"]


def test_a_student_who_is_marked_later_goes_with_the_delta_that_says_so(served: Served):
    roster = plus(served, deltas={}, out_of_district={"include": False} | MARKED)
    populated(roster)
    roster.later(hours=6)
    roster.server.collections["users"][0] |= {"metadata": {"enrollment": "X"}, "dateLastModified": LATER}
    by_delta = roster.fetch()
    assert ids(by_delta, "users") == ["s0002", "s0003", "s0005", "s0006", "s0007", "s0008"]
    assert by_delta.content_sha256 == roster.anew().content_sha256


@pytest.mark.parametrize("switch", ["pre_registered", "out_of_district"])
def test_a_switch_that_is_turned_is_followed_by_a_full_read(served: Served, switch: str):
    roster = plus(served, deltas={}, **{switch: {"include": False} | MARKED})
    populated(roster)
    roster.server.collections["users"][3]["dateLastModified"] = "2026-07-01T00:00:00.000Z"
    roster.later(hours=6)
    roster.settings[switch] = {"include": True}
    assert "s0004" in ids(roster.fetch(), "users")


def test_nothing_of_a_student_who_is_left_out_stays_in_the_landing_folder(served: Served):
    roster = plus(served, deltas={}, out_of_district={"include": False} | MARKED)
    populated(roster)
    roster.fetch()
    landed = [path.read_bytes() for path in (roster.home.landing / "sample").iterdir()]
    assert not [content for content in landed if b"s0004@x.test" in content]


def test_who_is_to_be_left_out_must_be_known(served: Served):
    roster = plus(served, pre_registered={"include": False})
    with pytest.raises(ValidationError, match="needs field and values"):
        _ = roster.district
