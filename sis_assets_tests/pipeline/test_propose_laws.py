"""The laws of DESIGN §5, for any accounts and any extract, many districts at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.model.schema import TRACKED
from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.stage import Outcome, Status
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import (
    Nights,
    Row,
    as_payload,
    district,
    in_memory,
    replayed,
    student,
)

_NUMBERS = itertools.count(1)
STATUSES = ["active", "active", "active", "pre_registered", "inactive", "graduated"]
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=3)


@dataclass(frozen=True)
class Extract:
    """Students of an extract, and the keys of the records that were rejected."""

    students: tuple[Row, ...]
    rejected: tuple[str | None, ...]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    number = draw(st.integers(0, 4))
    fields: dict[str, Any] = {
        "student_id": draw(st.sampled_from([f"{1000 + number}", f"{1000 + number}", f"{2000 + number}"])),
        "sis_key": draw(st.sampled_from([f"K{number:04}", f"K{number:04}", None, "", "K0000"])),
        "state_id": draw(st.sampled_from([f"S{number:04}", f"S{number:04}", None, "", "S0000"])),
        "former_student_id": draw(st.sampled_from([None, None, None, "1000", f"{1000 + number}"])),
        "grade_level": draw(st.sampled_from(["KG", "09", "10", "UG"])),
        "school_id": draw(st.sampled_from(["16", "27"])),
        "status": draw(st.sampled_from(STATUSES)),
        "exit_reason": draw(st.sampled_from([None, "no_show"])),
        "birth_date": draw(st.sampled_from(["2011-03-09", "2012-02-29", None])),
        "graduation_year": draw(st.sampled_from([None, 2029])),
        "next_school_id": draw(st.sampled_from([None, "27"])),
    }
    if draw(st.booleans()):
        fields |= {"first_name": draw(names), "middle_name": draw(names), "email": draw(st.none() | names)}
    return student(number, **fields)


@st.composite
def extracts(draw: st.DrawFn) -> Extract:
    students = draw(st.lists(rows(), max_size=6, unique_by=lambda row: row["student_id"]))
    there = {row["student_id"] for row in students}
    keys = st.sampled_from([f"{thousand + n}" for thousand in (1000, 2000) for n in range(5)])
    rejected = draw(st.lists(keys.filter(lambda key: key not in there), max_size=2, unique=True))
    return Extract(tuple(students), tuple(rejected))


def histories(districts: int) -> st.SearchStrategy[list[list[Extract]]]:
    """Two or three extracts for each of some districts: one comparison serves them all, so that an example is many."""
    return st.lists(st.lists(extracts(), min_size=2, max_size=3), min_size=1, max_size=districts)


def quick(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def warehouses() -> Iterator[tuple[Warehouse, Warehouse]]:
    with in_memory() as one, in_memory() as another:
        yield one, another


def opened(warehouse: Warehouse, count: int, first: int) -> list[Nights]:
    return [Nights(warehouse, district(f"d{first + number}")) for number in range(count)]


def together(nights: Sequence[Nights]) -> dict[str, Outcome]:
    return propose(nights[0].stage, [each.district for each in nights])


def by_id(accounts: Sequence[Row]) -> dict[str, Row]:
    return {row["student_id"]: row for row in accounts}


def tracked(row: Row) -> list[Any]:
    return [str(row[name]) if name == "birth_date" and row[name] else row[name] for name in TRACKED]


def check_applied(nights: Nights, extract: Extract, before: Sequence[Row], outcome: Outcome) -> None:
    assert outcome.status in {Status.APPLIED, Status.UNCHANGED}
    was, now = by_id(before), by_id(nights.accounts())
    there = by_id(extract.students)
    old_ids = {row["student_id"] for row in before if row["is_active"]}
    rekeyed = {
        row["student_id"]: row["previous_id"]
        for row in nights.rows(
            "SELECT student_id, json_extract_string(changed, '$.student_id.from') AS previous_id FROM lifecycle.changes"
            " WHERE district_id = ? AND kind = 'rekey' AND change_set_id LIKE ?",
            nights.name,
            f"{outcome.extract_id}.%",
        )
    }
    stays = {
        student_id
        for student_id, row in there.items()
        if row["status"] == "pre_registered" and rekeyed.get(student_id, student_id) in old_ids
    }
    protected = old_ids & set(extract.rejected)
    expected = {row["student_id"] for row in extract.students if row["status"] == "active"} | stays
    assert {row["student_id"] for row in now.values() if row["is_active"]} == expected | protected
    for student_id in expected:
        assert tracked(now[student_id]) == tracked(there[student_id])
    for student_id in protected:
        assert now[student_id] == was[student_id]
    assert set(was) - set(rekeyed.values()) <= set(now), "no account is ever lost"
    left = {
        row["student_id"] for row in nights.changes(f"{outcome.extract_id}.%") if row["kind"] == "deactivate"
    }
    assert left.isdisjoint(extract.rejected)


@quick(4)
@given(histories(5))
def test_applying_gives_the_active_students_and_undoing_the_accounts_before(
    warehouses: tuple[Warehouse, Warehouse], histories: list[list[Extract]]
) -> None:
    every = opened(warehouses[0], len(histories), next(_NUMBERS) * 10)
    now: dict[str, list[Row]] = {nights.name: [] for nights in every}
    before: dict[str, list[Row]] = {}
    for step in range(3):
        going = [
            (nights, told[step]) for nights, told in zip(every, histories, strict=True) if step < len(told)
        ]
        if not going:
            break
        for nights, extract in going:
            nights.read(extract.students, rejected=extract.rejected, content=f"{step}")
        outcomes = together([nights for nights, _ in going])
        for nights, extract in going:
            outcome = outcomes[nights.name]
            check_applied(nights, extract, now[nights.name], outcome)
            before |= {change_set.id: now[nights.name] for change_set in outcome.change_sets}
            now[nights.name] = nights.accounts()
            nights.read(extract.students[::-1], rejected=extract.rejected, content=f"{step} again")
        for outcome in together([nights for nights, _ in going]).values():
            assert (outcome.status, outcome.change_sets) == (Status.UNCHANGED, ())
    for nights in every:
        for change_set in reversed(nights.sets()):
            nights.decide(Decision.UNDO, change_set.change_set_id)
            assert nights.accounts() == before[change_set.change_set_id]
        seen = nights.outbox()
        assert [row["sequence"] for row in seen] == list(range(1, len(seen) + 1))
        assert len({row["idempotency_key"] for row in seen}) == len(seen)
        assert replayed(row["payload"] for row in seen) == as_payload(nights.accounts()) == {}


@quick(3)
@given(histories(3), st.randoms(use_true_random=False))
def test_a_district_fares_the_same_alone_among_others_and_in_any_order_of_rows(
    warehouses: tuple[Warehouse, Warehouse], histories: list[list[Extract]], random: Any
) -> None:
    first = next(_NUMBERS) * 10
    among, alone = (opened(warehouse, len(histories), first) for warehouse in warehouses)
    for step in range(2):
        for number, told in enumerate(histories):
            shuffled = list(told[step].students)
            random.shuffle(shuffled)
            for nights, students in ((among[number], told[step].students), (alone[number], shuffled)):
                nights.read(students, rejected=told[step].rejected, sha256=f"bytes {step}")
        outcomes = together(among)
        for nights in alone:
            outcome = nights.propose()
            assert outcome == outcomes[nights.name]
            assert nights.propose().status is Status.UNCHANGED
    for one, another in zip(among, alone, strict=True):
        assert one.everything() == another.everything()
