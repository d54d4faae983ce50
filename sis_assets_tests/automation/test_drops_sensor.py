"""The sensor on the drops: every content once, no content never, whatever the clocks say."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg
import pytest

from sis_assets.assets.platform import Platform
from sis_assets.automation import sensors
from sis_assets.automation.launch import sync
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student


@dataclass
class Ticks:
    """Evaluates the sensor again and again, as the daemon does: the cursor is kept from tick to tick."""

    instance: dg.DagsterInstance
    cursor: str | None = None
    keys: list[str] = field(default_factory=list)

    def tick(self) -> list[str]:
        """Evaluate once; gives the districts for which a run with a new key is requested."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        answer = sensors.drops(context)
        self.cursor = context.cursor
        requests = answer.run_requests or () if isinstance(answer, dg.SensorResult) else ()
        new = [request for request in requests if request.run_key not in self.keys]
        self.keys += [request.run_key for request in new if request.run_key]
        return [str(request.partition_key) for request in new]


@pytest.fixture
def ticks(instance: dg.DagsterInstance) -> Ticks:
    return Ticks(instance)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once, so that a second look can be told from a first one."""
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", 0.0)


@pytest.fixture
def run(test_home: TestHome, instance: dg.DagsterInstance, readers: Readers) -> Callable[..., str]:
    def sync_now(*names: str) -> str:
        with Platform(Home.at(test_home.root), readers=readers) as platform:
            return str(next(iter(sync(platform, instance, names).values())).status)

    return sync_now


def test_a_new_district_file_becomes_a_partition(test_home: TestHome, ticks: Ticks) -> None:
    test_home.add("alpha")
    assert ticks.tick() == []
    assert ticks.instance.get_dynamic_partitions("districts") == ["alpha"]


def test_a_drop_is_synced_once(test_home: TestHome, ticks: Ticks, run: Callable[..., str]) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [student(n) for n in range(5)])
    assert ticks.tick() == ["alpha"]
    assert run("alpha") == "applied"
    assert ticks.tick() == []
    assert ticks.tick() == []


def test_new_content_is_synced_again_also_when_old_content_returns(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str]
) -> None:
    test_home.add("alpha")
    for count in (5, 6, 5):
        test_home.drop("alpha", [student(n) for n in range(count)])
        assert ticks.tick() == ["alpha"], count
        run("alpha")
    assert ticks.tick() == []


def test_a_file_sent_again_under_its_name_with_the_same_size_and_time_is_noticed(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str]
) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [student(n) for n in range(5)])
    path = test_home.drops / "alpha" / "Student.txt"
    before = path.stat()
    ticks.tick()
    run("alpha")
    content = path.read_text().replace("Given-0001", "Given-0009")
    path.write_text(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert ticks.tick() == ["alpha"]


@pytest.mark.usefixtures("settled")
def test_two_districts_that_arrive_in_the_same_second_are_both_synced(
    test_home: TestHome, ticks: Ticks
) -> None:
    for name in ("alpha", "beta"):
        test_home.add(name)
        test_home.drop(name, [student(n) for n in range(5)])
        for file in (test_home.drops / name).iterdir():
            os.utime(file, (1_790_000_000, 1_790_000_000))
    assert sorted(ticks.tick()) == ["alpha", "beta"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("seconds", [-400 * 86_400, 400 * 86_400])
def test_a_servers_wrong_clock_hides_no_file(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str], seconds: int
) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [student(n) for n in range(5)])
    assert ticks.tick() == ["alpha"]
    run("alpha")
    test_home.drop("alpha", [student(n) for n in range(6)])
    for file in (test_home.drops / "alpha").iterdir():
        moved = file.stat().st_mtime + seconds
        os.utime(file, (moved, moved))
    assert ticks.tick() == ["alpha"]


def test_a_growing_drop_waits(test_home: TestHome, ticks: Ticks) -> None:
    test_home.add("alpha", quiet_seconds=300)
    test_home.drop("alpha", [student(n) for n in range(5)])
    assert ticks.tick() == []


def test_a_lasting_fault_asks_for_one_run_and_not_for_one_a_tick(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str]
) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [student(1)])
    (test_home.drops / "alpha" / "School.txt").unlink()
    assert ticks.tick() == ["alpha"]
    assert run("alpha") == "failed"
    assert ticks.tick() == []
    assert ticks.tick() == []


@pytest.mark.usefixtures("settled")
def test_content_that_failed_is_not_tried_for_ever_but_better_content_is(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str]
) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [])
    assert ticks.tick() == ["alpha"]
    assert run("alpha") == "failed"
    assert ticks.tick() == []
    assert ticks.tick() == []
    test_home.drop("alpha", [student(1)])
    assert ticks.tick() == ["alpha"]


@pytest.mark.usefixtures("settled")
def test_a_run_that_died_before_the_ledger_knew_is_asked_for_again_a_bounded_number_of_times(
    test_home: TestHome, ticks: Ticks
) -> None:
    test_home.add("alpha")
    test_home.drop("alpha", [student(1)])
    assert [ticks.tick() for _ in range(5)] == [["alpha"], ["alpha"], ["alpha"], [], []]


@pytest.mark.usefixtures("settled")
def test_what_a_pause_stored_is_compared_when_the_pause_is_over(
    test_home: TestHome, ticks: Ticks, run: Callable[..., str]
) -> None:
    pause = "calendar:\n  modes: [{from: 2000-01-01, to: 2100-01-01, mode: pause}]\n"
    test_home.add("alpha", more=pause)
    test_home.drop("alpha", [student(1)])
    assert ticks.tick() == ["alpha"]
    assert run("alpha") == "skipped"
    assert ticks.tick() == []
    test_home.add("alpha")
    assert ticks.tick() == ["alpha"]
    assert run("alpha") == "applied"
    assert ticks.tick() == []


def test_a_tick_that_runs_out_of_time_begins_with_the_next_district(
    test_home: TestHome, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", "beta"):
        test_home.add(name)
        test_home.drop(name, [student(1)])
    monkeypatch.setattr(sensors, "TICK_SECONDS", -1.0)
    assert ticks.tick() == []
    monkeypatch.setattr(sensors, "TICK_SECONDS", 40.0)
    assert sorted(ticks.tick()) == ["alpha", "beta"]


def test_a_cursor_of_another_version_is_forgotten() -> None:
    assert sensors.Cursor.load('{"v": 0, "files": []}') == sensors.Cursor()
    cursor = sensors.Cursor({"alpha": sensors.Seen("l", 1.0, "c", 2, 1)}, "beta")
    assert sensors.Cursor.load(cursor.dump()) == cursor


def test_an_unexpected_error_in_a_tick_is_told_without_its_words(
    test_home: TestHome, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_home.add("alpha")

    def broken(*_: object, **__: object) -> None:
        raise ValueError("Canary-Given Canary-Family")

    monkeypatch.setattr(sensors, "look_round", broken)
    with pytest.raises(RuntimeError, match="unexpected ValueError") as caught:
        ticks.tick()
    assert "Canary" not in str(caught.value)
    assert caught.value.__cause__ is None
