"""The audit verified in a warehouse: chains, the heads that are kept beside it, and decisions that nobody recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sis_assets.assets.platform import ALL_TABLES
from sis_assets.model.faults import NeedsPerson
from sis_assets.pipeline.audit import heads_file, verify
from sis_assets.pipeline.decide import Decision
from sis_assets.warehouse import Home, Warehouse, ledger
from sis_assets_tests.builders import Nights, district, in_memory, student
from sis_assets_tests.commands import Run, run

__all__ = ["run"]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "warehouse").mkdir()
    with in_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def check(warehouse: Warehouse) -> Callable[[], dict[str, tuple[str, ...]]]:
    """What is wrong with each district's audit."""
    known = heads_file(warehouse.home)
    return lambda: {found.district_id: found.problems for found in verify(warehouse, known)}


def act(warehouse: Warehouse, name: str, number: int) -> None:
    warehouse.write(
        lambda connection: ledger.audit(
            connection,
            district_id=name,
            at=datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=number),
            actor="Operator",
            action="read_outside_window",
            subject=f"{name}-{number:06}",
            detail={"number": number},
        )
    )


def do(warehouse: Warehouse, statement: str) -> None:
    warehouse.write(lambda connection: connection.execute(statement))


def test_districts_have_chains_of_their_own(warehouse: Warehouse, check: Callable[..., object]) -> None:
    for number in range(3):
        act(warehouse, "north", number)
        act(warehouse, "south", number)
    assert check() == {"north": (), "south": ()}
    do(warehouse, "DELETE FROM ops.audit WHERE district_id = 'north' AND subject = 'north-000001'")
    found = check()
    assert found["south"] == ()
    assert "north-000002 by Operator" in found["north"][0]


def test_a_cut_off_end_and_a_vanished_chain_are_noticed_after_a_verification(
    warehouse: Warehouse, check: Callable[..., dict[str, tuple[str, ...]]]
) -> None:
    for number in range(3):
        act(warehouse, "north", number)
        act(warehouse, "south", number)
    check()
    do(warehouse, "DELETE FROM ops.audit WHERE subject = 'north-000002' OR district_id = 'south'")
    found = check()
    assert "the end was cut off" in found["north"][0]
    assert "the end was cut off" in found["south"][0]
    assert check() == found, "what is wrong stays wrong"
    act(warehouse, "north", 9)
    assert check()["north"], "also when the chain has grown since"


def test_a_decision_that_stands_in_no_audit_is_noticed_without_any_head(
    warehouse: Warehouse, check: Callable[..., dict[str, tuple[str, ...]]]
) -> None:
    nights = Nights(warehouse, district("d"))
    nights.night([student(number) for number in range(60)])
    nights.night([student(number) for number in range(20)])
    nights.decide(Decision.APPROVE, "%2.1")
    assert check() == {"d": ()}
    heads_file(warehouse.home).unlink()
    do(warehouse, "DELETE FROM ops.audit")
    [problem] = check()["d"]
    assert "d-000002.1 is applied by Operator, and no row of the audit says so" in problem


def test_what_is_done_after_somebody_tampered_is_still_recorded(
    warehouse: Warehouse, check: Callable[..., dict[str, tuple[str, ...]]]
) -> None:
    for number in range(4):
        act(warehouse, "north", number)
    do(warehouse, "DELETE FROM ops.audit WHERE subject = 'north-000001'")
    act(warehouse, "north", 5)
    assert "north-000002" in check()["north"][0]


def test_damaged_heads_are_a_persons_affair(warehouse: Warehouse) -> None:
    known = heads_file(warehouse.home)
    for text in ("[]", "{", ""):
        known.write_text(text)
        with pytest.raises(NeedsPerson, match="damaged"):
            verify(warehouse, known)


def test_heads_that_cannot_be_kept_are_told(warehouse: Warehouse, tmp_path: Path) -> None:
    act(warehouse, "north", 1)
    with pytest.raises(NeedsPerson, match="Let our user write there"):
        verify(warehouse, Path("/proc/nowhere") / "heads.json")
    with pytest.raises(NeedsPerson, match="cannot be read"):
        verify(warehouse, tmp_path)


def test_the_command_names_what_is_wrong_and_exits_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("SIS_ASSETS_HOME", str(tmp_path / "home"))
    with Warehouse(Home.from_environment(), ALL_TABLES) as warehouse:
        for number in range(3):
            act(warehouse, "north", number)
        act(warehouse, "south", 0)
        said = run("audit", "verify", "--json")
        assert said.code == 0
        assert [(line["district"], line["ok"], line["rows"]) for line in said.lines] == [
            ("north", True, 3),
            ("south", True, 1),
        ]
        assert json.loads(heads_file(warehouse.home).read_text())["north"] == said.lines[0]["head"]
        assert heads_file(warehouse.home).stat().st_mode & 0o777 == 0o600
        do(warehouse, "UPDATE ops.audit SET actor = 'Nobody' WHERE subject = 'north-000001'")
    assert run("audit", "verify", "--district", "south").code == 0
    said = run("audit", "verify")
    assert said.code == 3
    assert "north: 1 rows fit" in said.out
    assert "read_outside_window of north-000001 by Nobody" in said.out
    elsewhere = tmp_path / "elsewhere.json"
    assert run("audit", "verify", "--district", "south", "--heads", str(elsewhere)).code == 0
    assert list(json.loads(elsewhere.read_text())) == ["south"]


def test_a_home_in_which_nobody_did_anything_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("SIS_ASSETS_HOME", str(tmp_path / "home"))
    with Warehouse(Home.from_environment(), ALL_TABLES) as warehouse, warehouse.read():
        pass
    said = run("audit", "verify")
    assert (said.code, said.out) == (0, "Nobody has done anything that is audited yet.\n")
