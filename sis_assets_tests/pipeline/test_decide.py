"""A person's decisions: what they need, what they do to the accounts, and how they are taken back (DESIGN §6)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from sis_assets.model.faults import Fault, NeedsPerson, PermanentFault
from sis_assets.pipeline.decide import Decision, decide
from sis_assets.pipeline.stage import Clock, Status
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import (
    Crash,
    CrashingWarehouse,
    Nights,
    Row,
    as_payload,
    district,
    in_memory,
    replayed,
    student,
)

Opened = Callable[..., Nights]
_NUMBERS = itertools.count(1)
#: Two of ten students are held.
TIGHT: dict[str, Any] = {
    kind: {"percent": 10, "at_least": 2} for kind in ("deactivate", "transfer", "update", "rekey")
}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with in_memory() as opened:
        yield opened


@pytest.fixture
def opened(warehouse: Warehouse) -> Opened:
    def open_with(students: list[Row], **settings: Any) -> Nights:
        nights = Nights(warehouse, district(f"d{next(_NUMBERS)}", **({"guard": TIGHT} | settings)))
        assert nights.night(students).status is Status.APPLIED
        return nights

    return open_with


def everybody(count: int = 10, **fields: Any) -> list[Row]:
    return [student(number, **fields) for number in range(count)]


def check_outbox(nights: Nights) -> None:
    rows = nights.outbox()
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["idempotency_key"] for row in rows}) == len(rows)
    assert replayed(row["payload"] for row in rows) == as_payload(nights.accounts())


def refused(
    nights: Nights, decision: Decision, like: str, fault: type[Fault], seen: str, **options: Any
) -> None:
    """The decision is refused with these words, and nothing has changed."""
    before = nights.everything()
    with pytest.raises(fault, match=seen) as caught:
        nights.decide(decision, like, **options)
    assert re.search(r"Next move: (district|vendor|engineer)\.$", caught.value.reason)
    assert nights.everything() == before


def test_an_approval_applies_what_was_held_and_undo_takes_it_back_byte_for_byte(opened: Opened) -> None:
    nights = opened(everybody())
    assert nights.night([*everybody(7), student(500)]).status is Status.HELD
    before = nights.accounts()
    done = nights.at("2026-10-16T08:00:00-07:00").decide(Decision.APPROVE, "%.2", by=" Operator ")
    assert (done.status, done.decided_by, done.decided_at) == ("applied", "Operator", nights.clock.now())
    left = {row["student_id"] for row in nights.accounts() if not row["is_active"]}
    assert left == {"1007", "1008", "1009"}
    check_outbox(nights)
    assert nights.decide(Decision.UNDO, "%.2").status == "undone"
    assert nights.accounts() == before
    check_outbox(nights)


def test_a_discard_changes_no_account_and_sends_nothing(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    before, sent = nights.accounts(), nights.outbox()
    assert nights.decide(Decision.DISCARD, "%-000002.1").status == "discarded"
    assert (nights.accounts(), nights.outbox()) == (before, sent)


def test_a_decision_names_the_content_the_person_and_a_set_in_the_right_state(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    for decision in (Decision.APPROVE, Decision.DISCARD):
        refused(nights, decision, "%-000002.1", NeedsPerson, "another hash", sha256="0" * 64)
        refused(nights, decision, "%-000002.1", NeedsPerson, "nobody is named", by="  ")
        refused(nights, decision, "%-000001.1", NeedsPerson, "it is applied, not held")
    refused(nights, Decision.UNDO, "%-000001.1", NeedsPerson, "another hash", sha256="0" * 64)
    refused(nights, Decision.UNDO, "%-000002.1", NeedsPerson, "it is held, not applied")
    with pytest.raises(NeedsPerson, match="no such change set"):
        decide(
            nights.warehouse, nights.clock, Decision.APPROVE, "d0-000001.1", content_sha256="", by="Operator"
        )
    nights.night(everybody(), content="all back")
    for decision in Decision:
        refused(nights, decision, "%-000002.1", NeedsPerson, "it is superseded")


@pytest.mark.parametrize("decision", list(Decision))
def test_the_same_decision_again_changes_nothing_and_another_persons_is_refused(
    opened: Opened, decision: Decision
) -> None:
    nights = opened(everybody())
    nights.night(everybody(9 if decision is Decision.UNDO else 7))
    done = nights.decide(decision, "%-000002.1")
    before = nights.everything()
    assert nights.decide(decision, "%-000002.1") == done
    assert nights.everything() == before
    refused(nights, decision, "%-000002.1", NeedsPerson, f"it is {done.status}", by="Somebody Else")


def test_every_decision_is_audited_once_in_a_chain(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    held = nights.sets("%-000002.1")[0]
    for decision in (Decision.APPROVE, Decision.APPROVE, Decision.UNDO):
        decide(
            nights.warehouse,
            nights.clock,
            decision,
            held.change_set_id,
            content_sha256=held.content_sha256,
            by="Operator",
            note="asked the registrar",
        )
    rows = nights.everything()["ops.audit"]
    by_previous = {row["previous_sha256"]: row for row in rows}
    approve = by_previous[""]
    undo = by_previous[approve["sha256"]]
    assert [row["action"] for row in (approve, undo)] == ["approve", "undo"]
    assert len(rows) == 2
    assert {row["actor"] for row in rows} == {"Operator"}
    detail = json.loads(approve["detail"])
    assert detail["note"] == "asked the registrar"
    assert detail["content_sha256"] == held.content_sha256
    assert detail["counts"]["deactivate"] == 3


def renamed(number: int, **fields: Any) -> Row:
    return student(number, **{"student_id": f"{5000 + number}", "sis_key": f"N{number}"} | fields)


@pytest.mark.parametrize("held_kind", ["transfer", "update", "deactivate"])
def test_two_sets_that_write_the_same_accounts_are_undone_newest_first(
    opened: Opened, held_kind: str
) -> None:
    nights = opened(everybody(), guard=TIGHT | {"rekey": {"percent": 50}})
    several: dict[str, Row] = {
        "transfer": {"school_id": "27", "grade_level": "10"},
        "update": {"email": None, "school_id": "27"},
        "deactivate": {"status": "inactive"},
    }
    fields = several[held_kind]
    limits = TIGHT | {kind: {"percent": 90} for kind in ("rekey", "transfer", "update") if kind != held_kind}
    nights.set(guard=limits)
    states = [nights.accounts()]
    nights.night([*(renamed(n, **fields) for n in range(3)), *everybody()[3:]])
    states.append(nights.accounts())
    assert {"5000", "5001", "5002"} <= {row["student_id"] for row in states[1]}
    assert {kind for kinds in nights.kinds("%-000002.2").values() for kind in kinds} == {held_kind}
    nights.decide(Decision.APPROVE, "%-000002.2")
    now = {row["student_id"]: row for row in nights.accounts()}
    assert (now["5000"]["sis_key"], now["5000"]["is_active"]) == ("N0", held_kind != "deactivate")
    check_outbox(nights)
    refused(nights, Decision.UNDO, "%-000002.1", PermanentFault, "3 of its accounts were changed by a later")
    for like in ("%-000002.2", "%-000002.1"):
        nights.decide(Decision.UNDO, like)
        assert nights.accounts() == states.pop()
        check_outbox(nights)


def test_what_was_held_for_the_state_before_is_refused_when_that_is_gone(opened: Opened) -> None:
    nights = opened(everybody(), guard=TIGHT | {"rekey": {"percent": 50}})
    nights.night([*(renamed(n, school_id="27") for n in range(3)), *everybody()[3:]])
    nights.decide(Decision.UNDO, "%-000002.1")
    refused(nights, Decision.APPROVE, "%-000002.2", PermanentFault, "3 of its accounts")


def test_a_transfer_of_somebody_who_is_not_active_any_more_is_refused(opened: Opened) -> None:
    nights = opened(everybody())
    away = [student(0, status="inactive"), *everybody()[1:]]
    nights.night(away)
    moved = [student(n, school_id="27") for n in range(3)] + everybody()[3:]
    nights.set(guard=TIGHT).night(moved)
    assert nights.kinds("%-000003.%")["1000"] == ["reactivate", "transfer"]
    nights.decide(Decision.UNDO, "%-000003.1")
    refused(nights, Decision.APPROVE, "%-000003.2", PermanentFault, "1 of its accounts")


def test_an_undo_is_refused_when_the_old_id_is_somebody_elses_now(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night([renamed(0), *everybody()[1:]])
    assert nights.kinds("%-000002.1") == {"5000": ["rekey"]}
    newcomer = student(77, student_id="1000")
    nights.night([renamed(0), newcomer, *everybody()[1:]])
    refused(nights, Decision.UNDO, "%-000002.1", PermanentFault, "1 of its accounts")
    nights.decide(Decision.UNDO, "%-000003.1")
    nights.decide(Decision.UNDO, "%-000002.1")
    check_outbox(nights)


def test_a_shrunken_extract_without_changes_can_be_approved_and_undone(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(), records={"courses": 20}, content="1")
    nights.night(everybody(), records={"courses": 10}, content="2")
    before = nights.accounts()
    for decision in (Decision.APPROVE, Decision.UNDO):
        nights.decide(decision, "%-000003.1")
        assert nights.accounts() == before
    check_outbox(nights)


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.UNDO])
def test_a_crash_at_any_statement_of_a_decision_leaves_nothing(opened: Opened, decision: Decision) -> None:
    nights = opened(everybody())
    nights.night(everybody(7 if decision is Decision.APPROVE else 9))
    before, warehouse = nights.everything(), nights.warehouse
    sha256 = nights.sets("%-000002.1")[0].content_sha256
    dying = CrashingWarehouse(warehouse)

    def die() -> None:
        with pytest.raises(Crash):
            decide(
                dying,  # type: ignore[arg-type]
                nights.clock,
                decision,
                f"{nights.name}-000002.1",
                content_sha256=sha256,
                by="Operator",
            )

    die()
    assert dying.used is not None
    for statement in range(dying.used.count):
        dying.at = statement
        die()
    assert nights.everything() == before
    nights.decide(decision, "%-000002.1")
    check_outbox(nights)


def test_decisions_concern_one_district_and_leave_the_others(opened: Opened) -> None:
    nights, other = opened(everybody()), opened(everybody())
    for each in (nights, other):
        each.night(everybody(7))
    before = other.everything()
    nights.decide(Decision.APPROVE, "%-000002.1")
    nights.decide(Decision.UNDO, "%-000002.1")
    assert other.everything() == before


def running(nights: Nights) -> Nights:
    nights.clock = Clock()
    return nights


def test_what_is_held_can_be_approved_for_so_many_days_and_is_then_proposed_anew(opened: Opened) -> None:
    nights = opened(everybody(), guard=TIGHT | {"approve_within_days": 5})
    with time_machine.travel("2026-10-16T20:00:00-07:00", tick=False) as clock:
        running(nights).night(everybody(7))
        [held] = nights.sets("%-000002.1")
        assert held.held_until == datetime(2026, 10, 22, 3, tzinfo=UTC)
        clock.move_to("2026-10-21T20:00:00-07:00")
        assert nights.propose().status is Status.HELD
        assert [found.status for found in nights.sets("%-000002.%")] == ["held"]
        clock.move_to("2026-10-21T20:00:01-07:00")
        refused(
            nights, Decision.APPROVE, "%-000002.1", NeedsPerson, "could be approved until 2026-10-22 03:00"
        )
        assert nights.propose().status is Status.HELD
        assert [found.status for found in nights.sets("%-000002.%")] == ["superseded", "held"]
        refused(nights, Decision.APPROVE, "%-000002.1", NeedsPerson, "it is superseded, not held")
        assert nights.sets("%-000002.2")[0].content_sha256 == held.content_sha256
        assert nights.decide(Decision.APPROVE, "%-000002.2").status == "applied"


def test_what_can_be_approved_no_more_can_still_be_discarded(opened: Opened) -> None:
    nights = opened(everybody())
    with time_machine.travel("2026-10-16T20:00:00-07:00", tick=False) as clock:
        running(nights).night(everybody(7))
        clock.move_to("2026-11-16T20:00:00-08:00")
        refused(nights, Decision.APPROVE, "%-000002.1", NeedsPerson, "what it says is old")
        assert nights.decide(Decision.DISCARD, "%-000002.1").status == "discarded"


def test_what_was_held_under_a_clock_that_was_set_has_no_end(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    assert nights.sets("%-000002.1")[0].held_until is None
    with time_machine.travel("2029-10-16T20:00:00-07:00", tick=False):
        assert running(nights).decide(Decision.APPROVE, "%-000002.1").status == "applied"
