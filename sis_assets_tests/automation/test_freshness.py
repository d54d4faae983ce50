"""Freshness as asset checks: the fleet's, each district's when it changes, and Dagster's own coarse alarm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine

from sis_assets import definitions
from sis_assets.assets.catalog import DISTRICT_FRESH as ONE
from sis_assets.assets.catalog import DISTRICTS_FRESH as FLEET
from sis_assets.assets.platform import Platform
from sis_assets.automation import freshness as module
from sis_assets.automation.freshness import freshness
from sis_assets.automation.launch import sync
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student

READ, MORNING, LATE = (f"2026-10-{moment}:00-07:00" for moment in ("15T20:00", "16T08:00", "17T08:00"))
NAMES = ("north", "south", "west")


@pytest.fixture
def fleet(test_home: TestHome, instance: dg.DagsterInstance, readers: Readers) -> TestHome:
    """Three districts that were read in the same night; the calendar of one pauses the day after."""
    paused = "calendar: {modes: [{from: 2026-10-16, to: 2026-10-31, mode: pause}]}\n"
    for name in NAMES:
        test_home.add(name, more=paused if name == "west" else "")
        test_home.drop(name, [student(1)])
    read(test_home, instance, readers, READ, NAMES)
    return test_home


def read(
    home: TestHome, instance: dg.DagsterInstance, readers: Readers, at: str, names: tuple[str, ...]
) -> None:
    with Platform(Home.at(home.root), at=datetime.fromisoformat(at), readers=readers) as platform:
        sync(platform, instance, names)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(MORNING) as travelling:
        yield travelling


class Ticks:
    """The sensor, tick by tick, with its cursor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def __call__(self) -> list[str]:
        """Let it tick, and the run that it asks for run; gives the districts that have changed."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        said = freshness(context)
        self.cursor = context.cursor
        if isinstance(said, dg.SkipReason):
            return []
        assert isinstance(said, dg.RunRequest)
        with Platform() as platform:
            done = definitions.defs.resolve_job_def("report_freshness").execute_in_process(
                instance=self.instance, run_config=said.run_config, resources={"platform": platform}
            )
        assert done.success
        changed: list[str] = said.run_config["ops"]["report_freshness_op"]["config"]["districts"]
        return changed

    def results(self, check: dg.AssetCheckKey) -> list[dg.AssetCheckEvaluation]:
        """What was reported of a check, oldest first."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(check, limit=1000)
        return [record.evaluation for record in reversed(records) if record.evaluation]


@pytest.fixture
def ticks(instance: dg.DagsterInstance) -> Ticks:
    return Ticks(instance)


def partitions(ticks: Ticks) -> list[tuple[str | None, bool]]:
    return [(found.partition, found.passed) for found in ticks.results(ONE)]


def test_stale_districts_are_named_with_since_when_and_whose_move_it_is(
    fleet: TestHome, ticks: Ticks, clock: Any
) -> None:
    assert ticks() == []
    [first] = ticks.results(FLEET)
    assert (first.passed, first.metadata["districts"].value, first.metadata["stale"].value) == (True, 3, 0)
    clock.move_to(LATE)
    assert ticks() == ["north", "south"]
    found = ticks.results(FLEET)[-1]
    assert (found.passed, found.partition, found.severity) == (False, None, dg.AssetCheckSeverity.ERROR)
    assert found.metadata["next move: district"].value == 2
    rows = [record.data for record in found.metadata["stale districts"].records]
    assert [row["district"] for row in rows] == ["north", "south"]
    assert {row["stale since"] for row in rows} == {"2026-10-17 09:00 UTC"}
    assert {row["newest good data"] for row in rows} == {"2026-10-16 03:00 UTC"}
    assert all(row["reason"].endswith("Next move: district.") for row in rows)


def test_a_districts_own_result_is_reported_when_it_changes_and_not_again(
    fleet: TestHome, ticks: Ticks, instance: dg.DagsterInstance, readers: Readers, clock: Any
) -> None:
    ticks()
    assert partitions(ticks) == []
    clock.move_to(LATE)
    ticks()
    ticks()
    assert partitions(ticks) == [("north", False), ("south", False)]
    assert ticks.results(ONE)[0].metadata["next move"].value == "district"
    fleet.drop("south", [student(1), student(2)])
    read(fleet, instance, readers, LATE, ("south",))
    assert ticks() == ["south"]
    assert partitions(ticks) == [("north", False), ("south", False), ("south", True)]
    assert ticks() == []
    assert len(ticks.results(ONE)) == 3
    clock.shift(timedelta(hours=48))
    assert ticks() == ["south"]
    assert partitions(ticks)[3:] == [("south", False)]


def test_the_fleets_result_is_reported_on_a_change_and_once_an_hour(
    fleet: TestHome, ticks: Ticks, clock: Any
) -> None:
    ticks()
    ticks()
    assert len(ticks.results(FLEET)) == 1
    clock.shift(timedelta(minutes=59))
    ticks()
    assert len(ticks.results(FLEET)) == 1
    clock.shift(timedelta(minutes=2))
    ticks()
    assert len(ticks.results(FLEET)) == 2
    clock.move_to(LATE)
    ticks()
    clock.shift(timedelta(minutes=5))
    ticks()
    assert len(ticks.results(FLEET)) == 3


def test_a_few_stale_districts_of_many_are_a_warning(
    fleet: TestHome, ticks: Ticks, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STALE", 67)
    monkeypatch.setattr(module, "MOST_NAMED", 1)
    clock.move_to(LATE)
    ticks()
    [found] = ticks.results(FLEET)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["stale"].value == 2
    assert len(found.metadata["stale districts"].records) == 1


def test_a_stale_district_whose_file_goes_away_is_forgotten(
    fleet: TestHome, ticks: Ticks, clock: Any
) -> None:
    clock.move_to(LATE)
    ticks()
    (fleet.root / "districts" / "north.yaml").unlink()
    assert ticks() == []
    assert "north" not in (ticks.cursor or "")


def test_both_checks_can_be_run_by_hand(fleet: TestHome, instance: dg.DagsterInstance, clock: Any) -> None:
    clock.move_to(LATE)
    job = definitions.defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={FLEET, ONE}
    )
    with Platform(Home.at(fleet.root)) as platform:
        done = job.execute_in_process(
            instance=instance, partition_key="west", resources={"platform": platform}, raise_on_error=False
        )
    results = {found.check_name: found for found in done.get_asset_check_evaluations()}
    assert (results["districts_fresh"].passed, results["district_fresh"].passed) == (False, True)
    assert results["district_fresh"].partition == "west"


def test_a_sync_does_not_run_them(fleet: TestHome, ticks: Ticks) -> None:
    assert ticks.results(FLEET) == []
    assert ticks.results(ONE) == []


def test_before_there_are_districts_there_is_nothing_to_report(test_home: TestHome, ticks: Ticks) -> None:
    assert ticks() == []
    assert ticks.results(FLEET) == []


def test_raw_and_core_have_dagsters_own_policy_as_the_coarse_alarm() -> None:
    policies = {
        spec.key.path[0]: spec.freshness_policy for spec in definitions.defs.resolve_all_asset_specs()
    }
    coarse = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=102), warn_window=timedelta(hours=78))
    assert (policies["raw"], policies["core"]) == (coarse, coarse)
    assert policies["source"] is policies["lifecycle"] is policies["delivery"] is None
