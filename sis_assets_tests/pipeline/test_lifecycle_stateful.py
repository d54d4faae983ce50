"""Whatever happens to a district, in whatever order: the product does what the rules say, and a crash leaves no trace."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from sis_assets.model.faults import PermanentFault
from sis_assets.model.schema import CHANGE_KINDS, TABLES
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.deliver import deliver
from sis_assets.pipeline.extract import extract
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.stage import Clock, Outcome, Stage
from sis_assets.pipeline.sync import goes_on, merge
from sis_assets.sis.delimited import Readers
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.builders import (
    Crash,
    CrashingWarehouse,
    Nights,
    as_payload,
    district,
    file_row,
    in_memory,
    replayed,
    write_drop,
)
from sis_assets_tests.pipeline.lifecycle_model import (
    LIMITS,
    REJECTED,
    SHRINK,
    Account,
    Extract,
    Mode,
    Model,
    Person,
    Set,
)

STAGES = (extract, canonicalise, propose, deliver)
SCHOOLS = (("16", "North", "1"), ("27", "South", "2"))
DAYS: dict[Mode, str] = {
    "normal": "2026-10-15T20:00:00-07:00",
    "additions_only": "2027-06-30T23:59:59-07:00",
    "pause": "2027-07-01T00:00:00-07:00",
}
CALENDAR = {
    "modes": [
        {"from": "2027-06-02", "to": "2027-06-30", "mode": "additions_only"},
        {"from": "2027-07-01", "to": "2027-07-31", "mode": "pause"},
    ]
}
GUARD = {
    kind: {"percent": percent, "at_least": floor}
    for kind, (percent, floor) in {**LIMITS, "shrink": SHRINK, "rejected": REJECTED}.items()
}
CORE = ("core.students", "core.schools", "core.student_schools", "core.rejected_rows")
_NUMBERS = itertools.count(1)
somebody = st.integers(0, 27)
crashes = st.none() | st.tuples(st.sampled_from(["between", "inside"]), st.integers(0, 3))


class District(RuleBasedStateMachine):
    """A district's students come, go and change; its files are delivered well or badly; a person decides."""

    warehouse: ClassVar[Warehouse]
    readers: ClassVar[Readers]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        name = f"d{next(_NUMBERS)}"
        self.drop = self.folder / name
        self.nights = Nights(
            self.warehouse, district(name, self.drop, calendar=CALENDAR, guard=GUARD), Clock()
        )
        self.model = Model()
        self.mode: Mode = "normal"
        self.ids: dict[int, str] = {}
        self.people: dict[int, Person] = {}
        self.spoiled: set[int] = set()
        self.nameless = 0
        self.order = 1
        for number in range(20):
            self.comes(number)
        self.sync()

    # What happens in the district.

    def comes(self, number: int) -> None:
        self.ids.setdefault(number, f"{1000 + number}")
        self.people[number] = Person(number, f"S{number:04}", "16" if number % 3 else "27", "09", None)

    @rule(numbers=st.lists(somebody, min_size=1, max_size=8))
    def enrol(self, numbers: list[int]) -> None:
        for number in numbers:
            if number not in self.people:
                self.comes(number)

    @rule(numbers=st.lists(somebody, min_size=1, max_size=6))
    def leave(self, numbers: list[int]) -> None:
        for number in numbers:
            self.people.pop(number, None)

    @rule(
        numbers=st.lists(somebody, min_size=1, max_size=8),
        change=st.sampled_from(
            [
                {"email": "new@example.org"},
                {"email": None},
                {"school_id": "27"},
                {"grade_level": "10"},
                {"grade_level": "08", "school_id": "16"},
            ]
        ),
    )
    def change(self, numbers: list[int], change: dict[str, Any]) -> None:
        for number in numbers:
            if number in self.people:
                self.people[number] = replace(self.people[number], **change)

    @rule()
    def roll_over(self) -> None:
        """Promote everybody; who is in grade 12 graduates and is gone."""
        for number, person in list(self.people.items()):
            if person.grade_level == "12":
                del self.people[number]
            else:
                self.people[number] = replace(person, grade_level=f"{int(person.grade_level) + 1:02}")

    @rule(numbers=st.lists(somebody, min_size=1, max_size=3), suffix=st.sampled_from(["", "X"]))
    def get_another_id(self, numbers: list[int], suffix: str) -> None:
        for number in numbers:
            self.ids[number] = f"{1000 + number}{suffix}"

    @rule(numbers=st.sets(somebody, max_size=4), nameless=st.integers(0, 1))
    def spoil_records(self, numbers: set[int], nameless: int) -> None:
        self.spoiled, self.nameless = numbers, nameless

    @rule(mode=st.sampled_from(["normal", "normal", "additions_only", "pause"]))
    def time_passes(self, mode: Mode) -> None:
        self.mode = mode

    # What is delivered.

    def records(self) -> list[list[str]]:
        rows = []
        for number, person in self.people.items():
            row = file_row(number, student_id=self.ids[number], school=person.school_id)
            row[5] = "ZZ" if number in self.spoiled else str(int(person.grade_level))
            row[9] = person.email or ""
            rows.append(row)
        rows += [["", *file_row(99)[1:]]] * self.nameless
        return rows[:: self.order]

    def write(self) -> Extract:
        """Write the files, and return what is in them."""
        rows = self.records()
        write_drop(self.drop, rows, SCHOOLS)
        good = {self.ids[n]: person for n, person in self.people.items() if n not in self.spoiled}
        rejected = frozenset(self.ids[n] for n in self.people if n in self.spoiled)
        return Extract(json.dumps(rows), good, rejected, self.nameless, len(rows))

    @rule(crash=crashes, again=st.booleans())
    def sync(self, crash: tuple[str, int] | None = None, *, again: bool = True) -> None:
        delivered = self.write()
        if not self.people:
            return
        before = self.model.active
        if crash:
            self.crash(*crash)
        outcome = self.run()
        self.model.read(delivered)
        self.expect(outcome, before, crashed=crash is not None)
        if again:
            self.rerun(outcome)

    @rule()
    def deliver_the_same_rows_in_another_order(self) -> None:
        self.order = -self.order
        self.sync()

    @rule()
    def deliver_a_file_that_was_cut(self) -> None:
        if not self.people:
            return
        self.write()
        path = self.drop / "Student.txt"
        path.write_bytes(path.read_bytes()[:-3])
        before = self.nights.everything()
        outcome = self.run()
        self.model.read(None)
        assert outcome.status == self.model.compare(self.mode).status == "failed"
        assert propose(self.stage(), [self.nights.district])[self.nights.name].status == "failed"
        assert self.nights.everything() == before

    # What a person does.

    @rule(newest=st.integers(0, 3), decision=st.sampled_from(Decision))
    def decide(self, newest: int, decision: Decision) -> None:
        wanted = "applied" if decision is Decision.UNDO else "held"
        found = [each for each in self.model.sets if each.status == wanted]
        if not found:
            return
        chosen = found[max(len(found) - 1 - newest, 0)]
        allowed = {
            Decision.APPROVE: self.model.can_apply,
            Decision.UNDO: self.model.can_undo,
            Decision.DISCARD: lambda _: True,
        }[decision](chosen)
        if not allowed:
            before = self.nights.everything()
            with pytest.raises(PermanentFault):
                self.nights.decide(decision, chosen.id)
            assert self.nights.everything() == before
            return
        self.nights.decide(decision, chosen.id)
        if decision is Decision.APPROVE:
            self.model.apply(chosen)
        elif decision is Decision.UNDO:
            self.model.undo(chosen)
        else:
            chosen.status = "discarded"
        self.check()

    # How the product is driven and judged.

    def stage(self, warehouse: Any = None) -> Stage:
        clock = Clock(datetime.fromisoformat(DAYS[self.mode]))
        self.nights.clock = clock
        return Stage(self.warehouse.home, warehouse or self.warehouse, self.readers, clock)

    def run(self, stages: int = len(STAGES), warehouse: Any = None) -> Outcome:
        outcome: Outcome | None = None
        for number, step in enumerate(STAGES[:stages]):
            last = warehouse if number == stages - 1 else None
            if goes_on(outcome):
                found = step(self.stage(last), [self.nights.district])[self.nights.name]
                outcome = merge(outcome, found) if outcome else found
        assert outcome is not None
        return outcome

    def crash(self, where: str, number: int) -> None:
        """Die after that many stages, or inside the next one's transaction."""
        if where == "between":
            if number:
                self.run(number)
            return
        dying = CrashingWarehouse(self.warehouse)
        try:
            self.run(number + 1, dying)
        except Crash:
            assert dying.used is not None

    def rerun(self, outcome: Outcome) -> None:
        """Run every stage again on its own: nothing changes."""
        before = self.nights.everything(), self.core()
        if goes_on(outcome):
            for step in STAGES:
                step(self.stage(), [self.nights.district])
            assert (self.nights.everything(), self.core()) == before
        said = "skipped" if self.model.waiting else "unchanged"
        assert self.run().status == (said if outcome.status == "applied" else outcome.status)

    def core(self) -> list[Any]:
        name = self.nights.name
        return [self.nights.rows(f"FROM {table} WHERE district_id = ? ORDER BY ALL", name) for table in CORE]

    def expect(self, outcome: Outcome, before: dict[str, Account], *, crashed: bool) -> None:
        expected = self.model.compare(self.mode)
        status = str(outcome.status)
        if not crashed or status in {"failed", "held"}:
            assert status == expected.status
        known = {found.id for found in self.model.sets}
        fresh = [found for found in self.nights.sets() if found.change_set_id not in known]
        wanted = [("applied", expected.applied)] * bool(expected.applied)
        if expected.held is not None:
            wanted.append(("held", expected.held))
        assert [found.status for found in fresh] == [status for status, _ in wanted]
        for found, (made, rows) in zip(fresh, wanted, strict=True):
            newest = self.model.extracts[-1]
            change_set = Set(found.change_set_id, newest.bytes, rows, newest.people, made)
            newest.sets.append(change_set)
            if made == "applied":
                self.model.apply(change_set)
                leave = sum(kind == "deactivate" for _, kind in rows)
                assert leave < LIMITS["deactivate"][1] or leave * 10 <= len(before), "past the guard"
        self.check()

    def check(self) -> None:
        """Compare everything with the model."""
        accounts = self.nights.accounts()
        assert {
            row["student_id"]: Account(
                Person(
                    int(row["last_name"][-4:]),
                    row["state_id"],
                    row["school_id"],
                    row["grade_level"],
                    row["email"],
                ),
                row["is_active"],
                row["applied_change_set_id"],
            )
            for row in accounts
        } == self.model.accounts
        sets = {found.change_set_id: found for found in self.nights.sets()}
        assert {set_id: found.status for set_id, found in sets.items()} == {
            found.id: found.status for found in self.model.sets
        }
        changes = self.nights.changes()
        for found in self.model.sets:
            mine = [row for row in changes if row["change_set_id"] == found.id]
            assert {(row["student_id"], row["kind"]) for row in mine} == set(found.rows)
            counts = Counter(row["kind"] for row in mine)
            assert sets[found.id].counts == {kind: counts[kind] for kind in CHANGE_KINDS}
        outbox = self.nights.outbox()
        assert [row["sequence"] for row in outbox] == list(range(1, len(outbox) + 1))
        assert len({row["idempotency_key"] for row in outbox}) == len(outbox)
        assert replayed(row["payload"] for row in outbox) == as_payload(accounts)


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(1) as opened:
        yield opened


def explore(warehouse: Warehouse, readers: Readers, folder: Path, *, examples: int, steps: int) -> None:
    shared = {"warehouse": warehouse, "readers": readers, "folder": folder}
    run_state_machine_as_test(
        type("Explored", (District,), shared),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.reuse, Phase.generate),  # shrinking whole nights takes longer than reading them
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_sequence_of_nights_and_decisions_follows_the_rules(tmp_path: Path, readers: Readers) -> None:
    with in_memory(tmp_path) as warehouse:
        explore(warehouse, readers, tmp_path / "drops", examples=4, steps=14)


def test_any_sequence_of_nights_and_decisions_follows_the_rules_in_a_lake(
    tmp_path: Path, readers: Readers
) -> None:
    with Warehouse(Home.at(tmp_path), (*RAW_TABLES, *TABLES)) as warehouse:
        explore(warehouse, readers, tmp_path / "drops", examples=2, steps=8)
