"""When something is proposed, and when it is proposed again (DESIGN §5–§7): calendar, district file, decisions, failures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.stage import Outcome, Status
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import (
    Crash,
    CrashingWarehouse,
    Nights,
    Row,
    district,
    in_memory,
    student,
)

Opened = Callable[..., Nights]
_NUMBERS = itertools.count(1)
SUMMER = {
    "calendar": {
        "modes": [
            {"from": "2027-06-02", "to": "2027-06-30", "mode": "additions_only"},
            {"from": "2027-07-01", "to": "2027-07-31", "mode": "pause"},
        ]
    }
}
JUNE, JULY, AUGUST = "2027-06-15T20:00:00-07:00", "2027-07-15T20:00:00-07:00", "2027-08-15T20:00:00-07:00"


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with in_memory() as opened:
        yield opened


@pytest.fixture
def opened(warehouse: Warehouse) -> Opened:
    def open_with(students: list[Row], **settings: Any) -> Nights:
        nights = Nights(warehouse, district(f"d{next(_NUMBERS)}", **settings))
        assert nights.night(students).status is Status.APPLIED
        return nights

    return open_with


def everybody(count: int, **fields: Any) -> list[Row]:
    return [student(number, **fields) for number in range(count)]


def moves(outcome: Outcome) -> str:
    found = re.search(r"Next move: (district|vendor|engineer)\.$", outcome.reason)
    assert found, outcome.reason
    return found[1]


def test_the_same_bytes_are_proposed_once(opened: Opened) -> None:
    nights = opened(everybody(3))
    before = nights.everything()
    for _ in range(2):
        outcome = nights.night(everybody(3))
        assert (outcome.status, outcome.change_sets) == (Status.UNCHANGED, ())
        moves(outcome)
    assert nights.everything() == before


def test_other_bytes_that_say_the_same_are_unchanged(opened: Opened) -> None:
    nights = opened(everybody(3))
    outcome = nights.night(everybody(3)[::-1])
    assert (outcome.status, outcome.change_sets) == (Status.UNCHANGED, ())
    assert len(nights.sets()) == 1
    assert outcome.rows == {"lifecycle/accounts": 3}


def test_what_is_held_stays_held_and_every_sync_says_so(opened: Opened) -> None:
    nights = opened(everybody(100))
    held = nights.night([*everybody(88), student(500)])
    before = nights.everything()
    again = nights.night([*everybody(88), student(500)])
    assert again.status is Status.HELD
    assert again.reason == held.reason
    assert again.change_sets == held.change_sets[1:]
    assert nights.everything() == before


def test_additions_only_applies_new_and_returning_students_only(opened: Opened) -> None:
    nights = opened(everybody(20), **SUMMER)
    nights.night(everybody(18), content="two left")
    june = [
        *everybody(15),
        student(15, school_id="27", email=None),
        student(17, student_id="2017"),
        student(18, school_id="27", grade_level="10", email=None),
        student(19, student_id="2019"),
        student(500),
    ]
    outcome = nights.at(JUNE).night(june)
    assert outcome.status is Status.APPLIED
    assert nights.kinds("%-000003.1") == {
        "1018": ["promote", "reactivate", "transfer", "update"],
        "2019": ["reactivate", "rekey"],
        "1500": ["create"],
    }
    assert "until 2027-06-30; 4 other changes wait" in outcome.reason
    assert moves(outcome) == "engineer"


def test_what_the_calendar_keeps_back_is_skipped_until_it_ends(opened: Opened) -> None:
    nights = opened(everybody(20), **SUMMER)
    left = everybody(19)
    for _ in range(2):
        outcome = nights.at(JUNE).night(left)
        assert (outcome.status, outcome.change_sets) == (Status.SKIPPED, ())
        assert "until 2027-06-30; 1 other changes wait" in outcome.reason
        moves(outcome)
    assert nights.at(AUGUST).propose().status is Status.APPLIED
    assert nights.kinds("%-000003.%") == {"1019": ["deactivate"]}


def test_a_pause_proposes_nothing_and_resumes_with_what_was_read(opened: Opened) -> None:
    nights = opened(everybody(20), **SUMMER)
    before = nights.everything()
    outcome = nights.at(JULY).night([*everybody(19), student(500)])
    assert outcome.status is Status.SKIPPED
    assert "until 2027-07-31" in outcome.reason
    assert nights.everything() == before
    assert nights.at(AUGUST).propose().status is Status.APPLIED
    assert nights.kinds("%-000002.1") == {"1019": ["deactivate"], "1500": ["create"]}


def test_a_mode_ends_with_its_last_local_day(opened: Opened) -> None:
    nights = opened(everybody(20), **SUMMER)
    nights.read(everybody(19))
    assert nights.at("2027-07-31T23:59:59-07:00").propose().status is Status.SKIPPED
    assert nights.at("2027-08-01T00:00:00-07:00").propose().status is Status.APPLIED


def test_held_changes_stay_held_through_a_pause(opened: Opened) -> None:
    nights = opened(everybody(100), **SUMMER)
    nights.night(everybody(88))
    assert nights.at(JULY).night([]).status is Status.SKIPPED
    assert [found.status for found in nights.sets("%-000002.%")] == ["held"]


def test_under_another_district_file_the_same_bytes_are_proposed_again(opened: Opened) -> None:
    nights = opened(everybody(100), guard={"deactivate": {"at_least": 50}})
    assert nights.night(everybody(85)).status is Status.APPLIED
    nights.decide(Decision.UNDO, "%-000002.1")
    nights = opened(everybody(100))
    assert nights.night(everybody(85)).status is Status.HELD
    nights.set(guard={"deactivate": {"at_least": 50}}).retype()
    outcome = nights.propose()
    assert outcome.status is Status.APPLIED
    assert [found.id[-2:] for found in outcome.change_sets] == [".2"]
    assert [found.status for found in nights.sets("%-000002.%")] == ["superseded", "applied"]


def test_tables_of_another_district_file_are_not_compared(opened: Opened) -> None:
    nights = opened(everybody(3))
    outcome = nights.set(codes={"grade": {"X": "09"}}).propose()
    assert outcome.status is Status.FAILED
    assert moves(outcome) == "engineer"


@pytest.mark.parametrize("decision", [Decision.DISCARD, Decision.UNDO])
def test_what_a_person_decided_comes_back_with_other_bytes_only(opened: Opened, decision: Decision) -> None:
    nights = opened(
        everybody(100), guard={"deactivate": {"at_least": 5 if decision is Decision.DISCARD else 50}}
    )
    nights.night(everybody(88))
    nights.decide(decision, "%-000002.1")
    before = nights.accounts()
    assert nights.night(everybody(88)).status is Status.UNCHANGED
    nights.set(guard={"deactivate": {"at_least": 6 if decision is Decision.DISCARD else 51}}).retype()
    outcome = nights.propose()
    assert (outcome.status, outcome.change_sets) == (Status.UNCHANGED, ())
    assert "discarded or undid" in outcome.reason
    assert moves(outcome) == "district"
    assert nights.accounts() == before
    assert nights.night(everybody(88), content="other").change_sets[0].counts["deactivate"] == 12
    assert nights.night(everybody(88)).status is Status.UNCHANGED


def test_a_decision_concerns_what_was_decided_and_nothing_else_of_the_same_bytes(opened: Opened) -> None:
    nights = opened(everybody(100), guard={"transfer": {"percent": 5, "at_least": 5}})
    moved = [student(n, school_id="27", grade_level="10") for n in range(10)] + everybody(100)[10:]
    nights.night(moved)
    nights.decide(Decision.DISCARD, "%-000002.2")
    nights.set(guard={"transfer": {"percent": 50}}).retype()
    assert nights.propose().status is Status.UNCHANGED
    nights.decide(Decision.UNDO, "%-000002.1")
    nights.set(guard={"transfer": {"percent": 60}}).retype()
    assert nights.propose().status is Status.UNCHANGED
    assert nights.night(moved, content="other").change_sets[0].counts["transfer"] == 10


@pytest.mark.parametrize(("was", "status"), [("2001", "active"), ("1001", "inactive")])
def test_nothing_of_a_student_is_proposed_without_the_change_of_id_or_the_return_that_was_undone(
    opened: Opened, was: str, status: str
) -> None:
    nights = opened(everybody(3))
    nights.night([student(0), student(1, status=status), student(2)], content="before")
    back = [student(0), student(1, student_id=was), student(2)]
    assert nights.night(back).status is Status.APPLIED
    nights.decide(Decision.UNDO, "%-000003.1")
    before = nights.accounts()
    back[1]["grade_level"] = "10"
    nights.set(codes={"grade": {"9": "10"}})
    nights.retype()
    nights.warehouse.write(
        lambda connection: connection.execute(
            "UPDATE core.students SET grade_level = '10' WHERE district_id = ? AND student_id = ?",
            [nights.name, was],
        )
    )
    assert (nights.propose().status, nights.accounts()) == (Status.UNCHANGED, before)


def test_a_refused_shrunken_extract_does_not_come_back_empty(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(70))
    nights.decide(Decision.DISCARD, "%-000002.1")
    nights.set(freshness={"within_hours": 31}).retype()
    assert nights.propose().change_sets == ()
    assert "had 100 (held" in nights.night(everybody(71)).reason


def test_an_undone_first_sync_comes_back_by_other_bytes_and_waits_for_a_person(opened: Opened) -> None:
    nights = opened(everybody(60))
    nights.decide(Decision.UNDO, "%-000001.1")
    assert nights.accounts() == []
    assert nights.night(everybody(60)).status is Status.UNCHANGED
    assert nights.night(everybody(60)[::-1]).status is Status.HELD
    nights.decide(Decision.APPROVE, "%-000003.1")
    assert len(nights.accounts()) == 60


@pytest.mark.parametrize("ever", [True, False])
def test_a_failed_read_leads_to_no_proposal(opened: Opened, warehouse: Warehouse, ever: bool) -> None:
    nights = opened(everybody(3)) if ever else Nights(warehouse, district(f"d{next(_NUMBERS)}"))
    before = nights.everything()
    outcome = nights.night([], status="failed")
    assert (outcome.status, outcome.change_sets) == (Status.FAILED, ())
    moves(outcome)
    assert nights.everything() == before


def test_after_a_failed_read_a_stored_extract_waits_for_a_whole_one(opened: Opened) -> None:
    nights = opened(everybody(3))
    nights.read(everybody(2))
    nights.read([], status="failed")
    assert nights.propose().status is Status.FAILED
    assert nights.night(everybody(2)).status is Status.APPLIED


def test_a_crash_at_any_statement_leaves_nothing_and_the_rerun_does_it_all(opened: Opened) -> None:
    crashing, steady = opened(everybody(100)), opened(everybody(100))
    tonight = [*everybody(88), student(88, email=None), student(500), student(89, student_id="7000")]
    for nights in (crashing, steady):
        nights.night([*everybody(80), *everybody(100)[89:]], content="something is held")
        nights.read(tonight)
    warehouse, before = crashing.warehouse, crashing.everything()
    dying = CrashingWarehouse(warehouse)
    crashing.warehouse = dying  # type: ignore[assignment]
    with pytest.raises(Crash):
        crashing.propose()
    assert dying.used is not None
    for statement in range(dying.used.count):
        dying.at = statement
        with pytest.raises(Crash):
            crashing.propose()
    crashing.warehouse = warehouse
    assert crashing.everything() == before
    assert crashing.propose().status is steady.propose().status is Status.HELD
    assert told(crashing) == told(steady)
    after = crashing.everything()
    assert crashing.propose().status is Status.HELD
    assert crashing.everything() == after


def told(nights: Nights) -> str:
    """Everything of a district with its name taken out; hashes name it too, so they go."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "", repr(nights.everything()))
    return text.replace(nights.name, "D")
