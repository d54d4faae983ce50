"""Pages for review: one for each held change set and no other, for its owner alone, with what a person needs to decide."""

from __future__ import annotations

import itertools
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sis_assets.pipeline import reviews
from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.pages import review as review_module
from sis_assets.pipeline.stage import Status
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import Nights, Row, district, in_memory, student

Opened = Callable[..., Nights]
_NUMBERS = itertools.count(1)
TIGHT: dict[str, Any] = {
    kind: {"percent": 10, "at_least": 2} for kind in ("deactivate", "transfer", "update", "rekey")
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with in_memory(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
def opened(warehouse: Warehouse) -> Opened:
    def open_with(students: list[Row], name: str = "", **settings: Any) -> Nights:
        nights = Nights(warehouse, district(name or f"r{next(_NUMBERS)}", **({"guard": TIGHT} | settings)))
        assert nights.night(students).status is Status.APPLIED
        return nights

    return open_with


def everybody(count: int = 10, **fields: Any) -> list[Row]:
    return [student(number, **fields) for number in range(count)]


def pages(nights: Nights) -> dict[str, str]:
    folder = nights.warehouse.home.outbox / "reviews"
    found = sorted(folder.glob(f"{nights.name}-0*")) if folder.is_dir() else []
    return {path.stem: path.read_text() for path in found}


def text_of(page: str) -> str:
    body = page[page.index("<body>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_what_is_held_gets_a_page_for_its_owner_alone_and_what_is_applied_gets_none(opened: Opened) -> None:
    nights = opened(everybody())
    assert pages(nights) == {}
    nights.night([*everybody(7), student(500)])
    held = f"{nights.name}-000002.2"
    assert list(pages(nights)) == [held]
    path = reviews.page_of(nights.warehouse.home, held)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_page_says_why_it_is_held_what_would_happen_to_whom_and_what_to_run(opened: Opened) -> None:
    nights = opened([*everybody(10), *(student(n, school_id="27") for n in range(20, 24))])
    nights.night([*everybody(6), *(student(n, school_id="27") for n in range(20, 24))])
    [found] = nights.sets("%-000002.1")
    page = pages(nights)[found.change_set_id]
    told = text_of(page)
    for reason in found.reasons:
        assert reason in told
    assert "deactivate: 4 in the district, where 14 accounts are active" in told
    assert re.search(r"school 16 10 4 40\.0 %", told)
    assert "school 27" not in told
    for number in range(6, 10):
        assert f"{1000 + number}" in told
        assert student(number)["last_name"] in told
    assert student(5)["last_name"] not in told
    for decision in ("approve", "discard"):
        command = f"sis-assets changes {decision} {found.change_set_id} --hash {found.content_sha256} --by"
        assert command in told
    assert f"content_sha256: {found.content_sha256}" in told


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("transfer", {"school_id": "27"}, "school 16 → 27"),
        ("update", {"first_name": "Other-Given"}, "first_name Given-0003 → Other-Given"),
        ("deactivate", {"status": "inactive"}, "withdrawn, grade 09"),
    ],
)
def test_a_page_says_of_each_student_what_changes(opened: Opened, kind: str, fields: Row, said: str) -> None:
    nights = opened(everybody())
    nights.night([*everybody(3), *(student(n, **fields) for n in range(3, 10))])
    [page] = pages(nights).values()
    told = text_of(page)
    assert kind in told
    assert said in told


def test_schools_of_which_different_kinds_are_held_stand_in_one_table(opened: Opened) -> None:
    nights = opened([*everybody(5), *(student(n, school_id="27") for n in range(5, 10))])
    nights.night([*(student(n, first_name="Other") for n in range(5)), student(5, school_id="27")])
    [page] = pages(nights).values()
    told = text_of(page)
    assert "School Active now update deactivate" in told
    assert "school 16 5 5 100.0 %" in told
    assert "school 27 5 4 80.0 %" in told


def test_whatever_a_name_holds_it_stays_text_and_the_page_can_load_nothing(opened: Opened) -> None:
    hostile = "<script>alert('1')</script>&\"<img src=x onerror=y>"
    nights = opened([*everybody(7), *(student(n, last_name=hostile) for n in range(7, 10))])
    nights.night(everybody(7))
    [page] = pages(nights).values()
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&#34;&lt;img src=x onerror=y&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"", page)


def test_a_large_school_is_listed_in_part_and_the_rest_is_counted(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_module, "MOST_LISTED", 2)
    nights = opened(everybody())
    nights.night(everybody(5))
    [page] = pages(nights).values()
    told = text_of(page)
    assert "And 3 more" in told
    assert student(6)["last_name"] in told
    assert student(7)["last_name"] not in told


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.DISCARD])
def test_a_decision_takes_the_page_away_and_leaves_the_other_districts(
    opened: Opened, decision: Decision
) -> None:
    nights = opened(everybody())
    other = opened(everybody(), name=f"{nights.name}-{next(_NUMBERS)}")
    for each in (nights, other):
        each.night(everybody(7))
        assert len(pages(each)) == 1
    nights.decide(decision, "%-000002.1")
    assert pages(nights) == {}
    assert len(pages(other)) == 1


def test_a_later_sync_puts_its_own_page_in_the_place_of_the_superseded_one(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    nights.night(everybody(6))
    assert list(pages(nights)) == [f"{nights.name}-000003.1"]
    nights.night(everybody())
    assert pages(nights) == {}


def test_a_page_that_was_lost_is_written_again_by_the_next_sync(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    reviews.page_of(nights.warehouse.home, f"{nights.name}-000002.1").unlink()
    assert nights.propose().status is Status.HELD
    assert list(pages(nights)) == [f"{nights.name}-000002.1"]


def test_the_sweep_writes_what_is_missing_and_removes_what_is_over_and_nothing_else(opened: Opened) -> None:
    nights = opened(everybody())
    nights.night(everybody(7))
    reviews.sweep(nights.warehouse)
    held = reviews.page_of(nights.warehouse.home, f"{nights.name}-000002.1")
    held.unlink()
    gone = held.with_name("long-gone-000009.1.html")
    half, writing = (held.with_name(f".{gone.name}-{process}") for process in (77, 78))
    note = held.with_name("notes.txt")
    for path in (gone, half, writing, note):
        path.write_text("somebody's name")
    old = time.time() - 7200
    os.utime(half, (old, old))
    assert reviews.sweep(nights.warehouse) == reviews.Kept(written=1, removed=2)
    assert {path.exists() for path in (held, writing, note)} == {True}
    assert not {path for path in (gone, half) if path.exists()}
    writing.unlink()
    assert reviews.sweep(nights.warehouse) == reviews.Kept(written=0, removed=0)


def test_a_page_that_cannot_be_written_is_told_and_what_was_proposed_stands(
    opened: Opened, tmp_path: Path
) -> None:
    with in_memory(tmp_path) as broken:
        (tmp_path / "outbox").write_text("a file in the place of the folder")
        nights = Nights(broken, district("b", guard=TIGHT))
        nights.night(everybody())
        outcome = nights.night(everybody(7))
        assert outcome.status is Status.HELD
        [note] = outcome.notes
        assert "pages for review were not all written" in note
        nights.decide(Decision.APPROVE, "%-000002.1")
        assert nights.sets("%-000002.1")[0].status == "applied"
