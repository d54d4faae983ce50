"""Requests by Aeries' API: once each, with their alternates, and deleted when withdrawn (contract: Aeries §2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sis_assets.model.faults import NeedsPerson, TransientFault
from sis_assets.pipeline.requests.confirm import confirm
from sis_assets.sandbox.aeries.faults import Fault, Kind
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import AREAS, COURSE_REQUESTS, Settings
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets_tests.aeries_caller import Caller, caller_of
from sis_assets_tests.builders import student
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.requests_line import Asking, course, request

CERTIFICATE = "TOWN_CERTIFICATE"
COURSES = ("0090", "0091", "0100")
HERE, FLEXIBLE = "101", "102"


@dataclass
class Town:
    """An Aeries, and the requests of two of its students."""

    sandbox: Sandbox
    caller: Caller
    asking: Asking
    students: tuple[str, str]

    def wish(self, which: int = 0, code: str = "0090", **fields: str) -> dict[str, str]:
        return request(course=code) | {"student_id": self.students[which], "school_id": HERE} | fields

    def alternate(self, code: str, main: str = "0090", priority: str = "1") -> dict[str, str]:
        return self.wish(0, code, kind="alternate", alternate_for=main, priority=priority)

    def writes(self) -> int:
        """How many requests changed something, or tried to."""
        return sum(entry.method != "GET" for entry in self.sandbox.log.asked)

    def holds(self) -> dict[tuple[str, str], list[str]]:
        """What the server holds: student and course, with the courses of the alternates in their order."""
        rows = self.caller.get(f"schools/{HERE}/scheduling/courserequests").json
        found = {
            (str(row["StudentID"]), row["CourseID"]): [
                each["CourseID"] for each in row["AlternateCourseRequests"]
            ]
            for row in rows
        }
        assert len(found) == len(rows), "a request stands there twice"
        return found


@pytest.fixture
def opened(
    tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Town]]:
    monkeypatch.setattr(http, "Patience", lambda **_: HURRIED)
    with ExitStack() as stack:

        def town(**settings: Any) -> Town:
            settings = {"duplicate_requests": "accept", **settings}
            sandbox = stack.enter_context(Sandbox(students=400, settings=Settings(**settings)))
            monkeypatch.setenv(CERTIFICATE, sandbox.certificate)
            at = sandbox.truth().records.filter((pl.col("school") == int(HERE)) & (pl.col("tag") == ""))
            here = (str(at["student_id"][0]), str(at["student_id"][1]))
            sis = {
                "kind": "aeries",
                "url": f"http://127.0.0.1:{sandbox.port}/aeries",
                "certificate": {"env": CERTIFICATE},
                "database_year": sandbox.database_year,
                "requests": {"mode": "api"},
            }
            asking = Asking(tmp_path, readers, sis=sis)
            schools = [HERE, FLEXIBLE]
            asking.core(
                [student(number, student_id=each, school_id=HERE) for number, each in enumerate(here)],
                [course(code) for code in COURSES],
                [(school, code) for school in schools for code in COURSES],
            )
            return Town(sandbox, caller_of(sandbox), asking, here)

        yield town


def test_requests_and_alternates_are_written_once_and_found_again(opened: Callable[..., Town]) -> None:
    town = opened()
    first, second = town.students
    town.asking.take_in(
        town.alternate("0100", priority="2"), town.alternate("0091"), town.wish(), town.wish(1, "0100")
    )
    done = town.asking.export()
    assert (done.records, done.refused) == (4, 0)
    expected = {(first, "0090"): ["0091", "0100"], (second, "0100"): []}
    assert town.holds() == expected
    before = town.writes()
    town.asking.export()
    assert town.holds() == expected
    assert town.writes() == before, "the second time nothing needs to be written"
    found = confirm(town.asking.stage, town.asking.district)
    assert found.counts == {"confirmed": 4, "missing": 0, "changed": 0, "extra": 0}


def test_what_is_there_already_is_not_written_again(opened: Callable[..., Town]) -> None:
    town = opened()
    first = town.students[0]
    town.caller.call("POST", f"schools/{HERE}/students/{first}/courserequests", {"CourseID": "0090"})
    town.asking.take_in(town.wish())
    assert town.asking.export().records == 1
    assert town.holds() == {(first, "0090"): []}


def test_what_was_withdrawn_after_it_was_sent_is_deleted(opened: Callable[..., Town]) -> None:
    town = opened()
    first = town.students[0]
    town.asking.take_in(town.wish(), town.wish(0, "0091"))
    town.asking.export()
    town.asking.take_in(town.wish(kind="withdrawn", requested_at="2027-01-17T10:00:00Z"))
    town.asking.export()
    assert town.holds() == {(first, "0091"): []}
    town.asking.export()
    assert town.holds() == {(first, "0091"): []}


@pytest.mark.parametrize("after", [2, 3])
def test_an_answer_that_is_lost_doubles_nothing(opened: Callable[..., Town], after: int) -> None:
    town = opened()
    first, second = town.students
    town.asking.take_in(town.wish(), town.wish(1))
    # The first two requests about requests read the school, the others write.
    town.sandbox.faults.arm(Fault(Kind.TRUNCATED, path="courserequests", after=after, times=1))
    assert town.asking.export().records == 2
    assert town.holds() == {(first, "0090"): [], (second, "0090"): []}


def test_a_server_that_stays_away_leaves_what_was_not_done_to_be_sent(opened: Callable[..., Town]) -> None:
    town = opened()
    town.asking.take_in(town.wish(), town.wish(1))
    town.sandbox.faults.arm(Fault(Kind.STATUS, path="students/.*courserequests", status=503, after=1))
    with pytest.raises(TransientFault):
        town.asking.export()
    assert sorted(status for status, _ in town.asking.judged()) == ["sent", "valid"]
    town.sandbox.faults.clear()
    town.asking.export()
    assert [status for status, _ in town.asking.judged()] == ["sent", "sent"]
    assert len(town.holds()) == 2


def test_an_alternate_that_was_made_and_not_linked_is_linked_later_and_not_made_again(
    opened: Callable[..., Town],
) -> None:
    town = opened()
    first = town.students[0]
    town.asking.take_in(town.wish(), town.alternate("0091"))
    town.sandbox.faults.arm(Fault(Kind.STATUS, path="courserequests/[0-9]+$", status=503, times=1))
    assert town.asking.export().records == 2
    assert town.holds() == {(first, "0090"): ["0091"]}
    assert len(town.caller.get(f"schools/{HERE}/scheduling/alternatecourserequests").json) == 1


def test_a_row_that_aeries_refuses_is_told_and_the_others_are_written(opened: Callable[..., Town]) -> None:
    town = opened(flexible_schools=frozenset({int(FLEXIBLE)}))
    at = town.sandbox.truth().records.filter((pl.col("school") == int(FLEXIBLE)) & (pl.col("tag") == ""))
    there = str(at["student_id"][0])
    town.asking.core(
        [
            student(1, student_id=town.students[0], school_id=HERE),
            student(2, student_id=there, school_id=FLEXIBLE),
        ],
        [course("0090")],
        [(HERE, "0090"), (FLEXIBLE, "0090")],
    )
    town.asking.take_in(town.wish(), town.wish(student_id=there, school_id=FLEXIBLE))
    done = town.asking.export()
    assert (done.records, done.refused) == (1, 1)
    assert town.asking.judged() == [("sent", None), ("valid", "refused_by_sis")]


def test_a_feature_that_is_off_and_a_missing_area_say_whose_move_it_is(opened: Callable[..., Town]) -> None:
    town = opened(off=frozenset({COURSE_REQUESTS}))
    town.asking.take_in(town.wish())
    with pytest.raises(NeedsPerson, match="501") as told:
        town.asking.export()
    assert "mode to file" in told.value.todo
    assert town.asking.judged() == [("valid", "refused_by_sis")]


def test_a_missing_area_is_the_districts_to_open(opened: Callable[..., Town]) -> None:
    town = opened()
    town.asking.take_in(town.wish())
    town.sandbox.grant(AREAS - {COURSE_REQUESTS})
    with pytest.raises(NeedsPerson, match="Student Scheduling Schedules"):
        town.asking.export()
    assert town.asking.judged() == [("valid", None)]
