"""What the guard's verdict makes of a proposal: sets, accounts and the yardstick of the next extract (DESIGN §6)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sis_assets.model.schema import CHANGE_KINDS
from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.stage import Outcome, Status
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import Nights, Row, district, in_memory, student

Opened = Callable[..., Nights]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with in_memory() as opened:
        yield opened


@pytest.fixture
def opened(warehouse: Warehouse) -> Opened:
    """A district of its own for every test, after a first night of these students."""

    def open_with(students: list[Row], **settings: Any) -> Nights:
        nights = Nights(warehouse, district(f"d{next(_NUMBERS)}", **settings))
        assert nights.night(students).status is Status.APPLIED
        return nights

    return open_with


def everybody(count: int, **fields: Any) -> list[Row]:
    return [student(number, **fields) for number in range(count)]


def counted(outcome: Outcome) -> list[tuple[str, str, dict[str, int]]]:
    """Number, status and the counts that are not zero of the outcome's sets."""
    for change_set in outcome.change_sets:
        assert tuple(change_set.counts) == CHANGE_KINDS
    return [
        (found.id.rpartition(".")[2], found.status, {kind: n for kind, n in found.counts.items() if n})
        for found in outcome.change_sets
    ]


def active(nights: Nights) -> int:
    return sum(row["is_active"] for row in nights.accounts())


def test_what_trips_is_split_off_and_the_rest_is_applied(opened: Opened) -> None:
    nights = opened(everybody(100))
    outcome = nights.night([*everybody(88), student(88, email=None), student(500)])
    assert outcome.status is Status.HELD
    assert counted(outcome) == [
        ("1", "applied", {"create": 1, "update": 1}),
        ("2", "held", {"deactivate": 11}),
    ]
    assert outcome.reason.startswith(
        "deactivate: 11 in the district, where 100 accounts are active (held above 10 % and from 10)"
    )
    assert outcome.reason.endswith("Next move: engineer.")
    assert active(nights) == 101
    assert outcome.rows["lifecycle/accounts"] == 101
    applied, held = nights.sets()[1:]
    assert (applied.status, applied.decided_by, applied.reasons) == ("applied", "guard", ())
    assert (held.status, held.decided_by, held.decided_at) == ("held", None, None)
    assert " ".join(held.reasons) == outcome.reason
    assert (held.unchanged, held.rejected, held.protected) == (88, 0, 0)


def test_one_tenth_of_the_accounts_may_leave_in_a_night(opened: Opened) -> None:
    nights = opened(everybody(100))
    assert counted(nights.night(everybody(90))) == [("1", "applied", {"deactivate": 10})]
    assert active(nights) == 90


def test_shares_are_of_the_accounts_active_before_the_sync(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(90))
    outcome = nights.night([*everybody(80), *(student(n) for n in range(200, 240))])
    assert counted(outcome)[1] == ("2", "held", {"deactivate": 10})
    assert "where 90 accounts are active" in outcome.reason


def test_a_school_that_trips_splits_off_its_own_rows_only(opened: Opened) -> None:
    north, south = everybody(200), [student(n, school_id="27") for n in range(200, 250)]
    nights = opened(north + south)
    outcome = nights.night(north[:195] + south[:40])
    assert counted(outcome) == [("1", "applied", {"deactivate": 5}), ("2", "held", {"deactivate": 10})]
    assert "school 27, where 50 accounts" in outcome.reason
    assert {row["school_from"] for row in nights.changes("%.2")} == {"27"}


def test_a_transfer_counts_at_the_school_that_it_leaves(opened: Opened) -> None:
    north, south = everybody(100), [student(n, school_id="27") for n in range(100, 400)]
    nights = opened(north + south)
    outcome = nights.night([student(n, school_id="27" if n < 50 else "16") for n in range(100)] + south)
    assert counted(outcome) == [("1", "held", {"transfer": 50})]
    assert "school 16, where 100 accounts" in outcome.reason


def test_a_create_counts_at_the_school_that_it_comes_to(opened: Opened) -> None:
    north = everybody(400)
    nights = opened(north)
    outcome = nights.night([*north, *(student(n, school_id="27") for n in range(400, 450)), student(450)])
    assert counted(outcome) == [("1", "applied", {"create": 1}), ("2", "held", {"create": 50})]
    assert "school 27, where 0 accounts" in outcome.reason


def test_transfers_are_free_within_sixty_local_days_of_the_year_start(opened: Opened) -> None:
    settings = {"calendar": {"year_start": "2026-08-12"}}
    nights = opened(everybody(100), **settings)
    moved = everybody(100, school_id="27")
    assert nights.at("2026-10-12T00:30:00-07:00").night(moved).status is Status.HELD
    assert nights.at("2026-10-11T23:30:00-07:00").night(moved, content="x").status is Status.APPLIED


def test_the_first_sync_creates_everybody_and_a_held_one_is_still_the_first(
    opened: Opened, warehouse: Warehouse
) -> None:
    nights = Nights(warehouse, district(f"d{next(_NUMBERS)}"))
    unreadable = nights.night(everybody(150), rejected=["9"] * 10)
    assert counted(unreadable) == [("1", "held", {"create": 150})]
    assert counted(nights.night(everybody(160))) == [("1", "applied", {"create": 160})]
    assert nights.night([*everybody(160), *(student(n) for n in range(200, 260))]).status is Status.HELD


def test_updates_and_rekeys_have_their_own_shares(opened: Opened) -> None:
    nights = opened(everybody(100))
    outcome = nights.night(
        [student(n, email=None if n < 76 else "x@example.org") for n in range(80)] + everybody(100)[80:]
    )
    assert counted(outcome) == [("1", "held", {"update": 80})]
    nights = opened(everybody(100))
    renamed = [student(n, student_id=f"{5000 + n}") for n in range(10)]
    assert counted(nights.night(renamed + everybody(100)[10:])) == [("1", "held", {"rekey": 10})]


def test_what_depends_on_a_held_change_of_id_is_held_with_it(opened: Opened) -> None:
    nights = opened(everybody(100))
    renamed = [student(n, student_id=f"{5000 + n}", grade_level="10", email=None) for n in range(10)]
    outcome = nights.night([*renamed, student(10, grade_level="10"), *everybody(100)[11:]])
    assert counted(outcome) == [
        ("1", "applied", {"promote": 1}),
        ("2", "held", {"update": 10, "promote": 10, "rekey": 10}),
    ]


def test_on_hold_all_holds_the_whole_proposal(opened: Opened) -> None:
    nights = opened(everybody(100), guard={"on_hold": "all"})
    before = nights.accounts()
    assert counted(nights.night([*everybody(89), student(500)])) == [
        ("1", "held", {"create": 1, "deactivate": 11})
    ]
    assert nights.accounts() == before
    assert counted(nights.night([*everybody(90), student(500)])) == [
        ("1", "applied", {"create": 1, "deactivate": 10})
    ]


def test_a_district_sets_its_own_thresholds(opened: Opened) -> None:
    nights = opened(everybody(100), guard={"deactivate": {"percent": 2.5, "at_least": 3}})
    assert nights.night(everybody(97)).status is Status.HELD
    assert nights.night(everybody(98)).status is Status.APPLIED


def test_a_shrunken_entity_holds_everything_and_delivers_nothing(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(100), records={"courses": 50}, content="with courses")
    before, sent = nights.accounts(), nights.outbox()
    outcome = nights.night([*everybody(100), student(500)], records={"courses": 39})
    assert counted(outcome) == [("1", "held", {"create": 1})]
    assert outcome.reason.startswith(
        "shrink: courses has 39 records, the last extract that was accepted had 50"
    )
    assert (nights.accounts(), nights.outbox()) == (before, sent)


def test_a_shrunken_extract_without_changes_is_held_until_somebody_accepts_it(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(100), records={"courses": 50}, content="1")
    held = nights.night(everybody(100), records={"courses": 39}, content="2")
    assert counted(held) == [("1", "held", {})]
    assert nights.night(everybody(100), records={"courses": 38}, content="3").status is Status.HELD
    nights.decide(Decision.APPROVE, "%-000004.1")
    assert nights.night(everybody(100), records={"courses": 37}, content="4").status is Status.UNCHANGED


def test_an_extract_of_which_all_was_held_is_no_yardstick(opened: Opened) -> None:
    nights = opened(everybody(100))
    assert nights.night(everybody(85)).status is Status.HELD
    assert (
        "shrink: students has 72 records, the last extract that was accepted had 100"
        in nights.night(everybody(72)).reason
    )


def test_an_extract_of_which_something_was_applied_is_the_next_yardstick(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night([*everybody(84), student(500)])
    outcome = nights.night([*everybody(71), student(500)])
    assert "shrink" not in outcome.reason
    assert outcome.status is Status.HELD


def test_an_extract_that_was_undone_is_no_yardstick(opened: Opened) -> None:
    nights = opened(everybody(100))
    assert nights.night(everybody(90)).status is Status.APPLIED
    nights.decide(Decision.UNDO, "%-000002.1")
    assert "had 100 (held" in nights.night(everybody(79)).reason


def test_a_discarded_extract_is_no_yardstick(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(79))
    nights.decide(Decision.DISCARD, "%-000002.1")
    assert "had 100 (held" in nights.night(everybody(78)).reason


def test_an_approved_extract_stays_the_yardstick_when_it_is_proposed_again(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(70))
    nights.decide(Decision.APPROVE, "%-000002.1")
    nights.set(schools={"planning": {"16": "27"}}).retype()
    assert nights.propose().status is Status.UNCHANGED


def test_too_many_rejected_records_hold_everything(opened: Opened) -> None:
    nights = opened(everybody(200))
    outcome = nights.night([*everybody(189), student(500)], rejected=[f"{1000 + n}" for n in range(189, 200)])
    assert counted(outcome) == [("1", "held", {"create": 1})]
    assert outcome.reason.startswith("rejected: 11 of 201 student records were rejected")
    [held] = nights.sets("%-000002.%")
    assert (held.unchanged, held.rejected, held.protected) == (189, 11, 11)


def test_an_unreadable_key_holds_the_missing_and_nobody_else(opened: Opened) -> None:
    nights = opened(everybody(100))
    outcome = nights.night([*everybody(98), student(98, status="inactive"), student(500)], rejected=[None])
    assert counted(outcome) == [
        ("1", "applied", {"create": 1, "deactivate": 1}),
        ("2", "held", {"deactivate": 1}),
    ]
    assert [row["reason"] for row in nights.changes("%.2")] == ["missing"]
    assert outcome.reason.startswith("missing: 1 students are absent, but 1 rejected student records")


def test_a_rejected_record_protects_its_account(opened: Opened) -> None:
    nights = opened(everybody(100))
    assert nights.night(everybody(99), rejected=["1099"]).status is Status.UNCHANGED
    outcome = nights.night([*everybody(99), student(500)], rejected=["1099"])
    assert counted(outcome) == [("1", "applied", {"create": 1})]
    [applied] = nights.sets("%-000003.1")
    assert (applied.unchanged, applied.rejected, applied.protected) == (99, 1, 1)


def test_a_rejected_copy_of_a_good_record_protects_nobody(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night([student(0, email=None), *everybody(100)[1:]], rejected=["1000", "1001"])
    [applied] = nights.sets("%-000002.1")
    assert (applied.counts["update"], applied.rejected, applied.protected) == (1, 2, 0)


def test_a_later_sync_supersedes_what_is_held(opened: Opened) -> None:
    nights = opened(everybody(100))
    nights.night(everybody(88))
    assert nights.at("2026-10-16T20:00:00-07:00").night([*everybody(88), student(500)]).status is Status.HELD
    first, second = nights.sets("%-000002.%")[0], nights.sets("%-000003.2")[0]
    assert (first.status, first.decided_by) == ("superseded", "a later sync")
    assert first.decided_at == nights.clock.now()
    assert (second.status, second.content_sha256) == ("held", first.content_sha256)
    assert nights.night(everybody(100), content="back").status is Status.APPLIED
    assert {found.status for found in nights.sets("%-000003.%")} == {"applied", "superseded"}


def test_what_trips_in_one_district_holds_nothing_of_another(opened: Opened) -> None:
    trips, passes, shrinks, far = (opened(everybody(100)) for _ in range(4))
    for nights, count in ((trips, 88), (passes, 95), (shrinks, 70)):
        nights.read(everybody(count))
    far.read([], status="failed")
    every = [nights.district for nights in (trips, passes, shrinks, far)]
    outcomes = propose(trips.stage, every)
    assert [outcomes[each.district].status for each in every] == ["held", "applied", "held", "failed"]
    assert [active(nights) for nights in (trips, passes, shrinks, far)] == [100, 95, 100, 100]


def test_a_reason_holds_no_students_data(opened: Opened) -> None:
    nights = opened(everybody(100))
    outcome = nights.night(everybody(88), rejected=[None, "1099"])
    assert outcome.status is Status.HELD
    assert not re.search(r"Given|Family|example\.org|10\d\d\b|2011-", outcome.reason)
