"""A night of many districts of real sizes, in batches as the schedule makes them, and what Dagster's part of it costs.

For each N: a fleet of N districts with the sizes of real ones, its first night, then the measured one, on which 1 % of the
students changed. Every batch is a run in a process of its own, as the run launcher starts it, with all layers, all events
and a Dagster instance on SQLite. The control plane is what is left of a run when its stages and quality checks are taken
away: the process's start, the definitions, the district files, runs, steps and events. Beside it some of the districts,
one run each, and the projection to all US districts.
Run: python -m bench.night [N ...]
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.fleet import Fleet, all_sizes, sizes
from sis_assets.warehouse import Home

TARGET_MS, TARGET_MB = 150, 4096
ALONE = 10
T = TypeVar("T")


@dataclass
class Clocks:
    """Wall and processor seconds of the blocks that were timed."""

    wall: float = 0.0
    processor: float = 0.0

    def timed(self, work: Callable[..., T]) -> Callable[..., T]:
        """Return `work` as it is, but timed."""

        def timing(*arguments: Any, **named: Any) -> T:
            wall, processor = time.perf_counter(), time.process_time()
            try:
                return work(*arguments, **named)
            finally:
                self.wall += time.perf_counter() - wall
                self.processor += time.process_time() - processor

        return timing


@dataclass(frozen=True)
class Run:
    """One run: how many districts, wall seconds of its process, those of its stages and checks, and what else it took."""

    districts: int
    seconds: float
    data_seconds: float
    control_processor_seconds: float
    memory_mb: float
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def control_seconds(self) -> float:
        """What is left when stages and quality checks are taken away."""
        return self.seconds - self.data_seconds


def run_here(names: Sequence[str]) -> dict[str, Any]:
    """Sync these districts in this process, as one run, and return what its parent cannot see."""
    from sis_assets.assets import core
    from sis_assets.assets.platform import Platform
    from sis_assets.automation.launch import instance_of, sync

    clocks = Clocks()
    Platform.run = clocks.timed(Platform.run)  # type: ignore[method-assign]
    core.examine = clocks.timed(core.examine)
    home = Home.from_environment()
    with instance_of(home) as instance, Platform(home, only=names) as platform:
        ended: dict[str, int] = {}
        for outcome in sync(platform, instance, names).values():
            ended[str(outcome.status)] = ended.get(str(outcome.status), 0) + 1
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return {
        "data_seconds": clocks.wall,
        "control_processor_seconds": time.process_time() - clocks.processor,
        "memory_mb": sum(peaks),
        "ended": ended,
    }


def run(names: Sequence[str]) -> Run:
    """Sync these districts as one run in a process of its own."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bench.night", "--run"], input=" ".join(names), text=True, check=False, capture_output=True
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(done.stderr)
    return Run(len(names), seconds, **json.loads(done.stdout.splitlines()[-1]))


def night(names: Sequence[str]) -> list[Run]:
    """Sync these districts in batches, as the schedule makes them, one after the other."""
    from sis_assets.automation.pulls import BATCH

    return [run(names[at : at + BATCH]) for at in range(0, len(names), BATCH)]


def events(home: Home) -> int:
    """Return how many events Dagster's index holds."""
    with closing(sqlite3.connect(home.dagster / "history" / "runs" / "index.db")) as index:
        return int(index.execute("SELECT count(*) FROM event_logs").fetchone()[0])


def per_district(runs: Sequence[Run], seconds: Callable[[Run], float]) -> float:
    """Return milliseconds a district."""
    return 1e3 * sum(map(seconds, runs)) / sum(each.districts for each in runs)


def measure(many: int) -> bool:
    """Measure a fleet of so many districts and print it; gives whether the targets are met."""
    with tempfile.TemporaryDirectory(prefix="bench-night-") as folder:
        root = Path(folder)
        os.environ["SIS_ASSETS_HOME"] = str(root / "home")
        os.environ.pop("DAGSTER_HOME", None)
        fleet = Fleet(
            Home.at(root / "home"),
            root / "drops",
            {f"bench-{number:05}": students for number, students in enumerate(sizes(many))},
        )
        fleet.found()
        names, students = fleet.names, sum(fleet.students.values())
        print(
            f"{many:,} districts, {students:,} students, the largest {max(fleet.students.values()):,}",
            flush=True,
        )
        fleet.drop(names, 0)
        _print_night("first night", night(names))
        fleet.drop(names, 1)
        before = events(fleet.home)
        runs = night(names)
        _print_night("1 % changed", runs)
        recorded = events(fleet.home) - before
        control, memory = per_district(runs, lambda r: r.control_seconds), max(r.memory_mb for r in runs)
        print(f"    events             {recorded / many:8.1f} a district")
        print(f"    control plane      {control:8.1f} ms a district (target {TARGET_MS})")
        print(f"    peak memory        {memory:8.0f} MB, a run and its largest reader (target {TARGET_MB})")
        alone = names[:: max(many // ALONE, 1)][:ALONE]
        fleet.drop(alone, 2)
        singles = [run([name]) for name in alone]
        _print_night(f"{len(alone)} of them, one run each", singles)
        print(
            f"    alone / in a batch {per_district(singles, lambda r: r.control_seconds) / control:8.1f} times the control plane"
        )
        _project(runs, singles, students)
    return control <= TARGET_MS and memory <= TARGET_MB


def _print_night(title: str, runs: Sequence[Run]) -> None:
    ended: dict[str, int] = {}
    for each in runs:
        for status, number in each.ended.items():
            ended[status] = ended.get(status, 0) + number
    assert set(ended) <= {"applied"}, ended
    print(
        f"  {title}: {sum(r.seconds for r in runs):.1f} s, {per_district(runs, lambda r: r.seconds):.1f} ms a district,"
        f" of which {per_district(runs, lambda r: r.data_seconds):.1f} stages and checks,"
        f" {per_district(runs, lambda r: r.control_seconds):.1f} control plane"
        f" ({per_district(runs, lambda r: r.control_processor_seconds):.1f} of it processor)",
        flush=True,
    )


def _project(runs: Sequence[Run], singles: Sequence[Run], students: int) -> None:
    """Print what all districts would take, one run after the other on this machine, from files that are there."""
    everyone = all_sizes()
    control, data = per_district(runs, lambda r: r.control_seconds), sum(r.data_seconds for r in runs)
    by_district = len(everyone) * data / sum(r.districts for r in runs)
    by_student = sum(everyone) * data / students
    hours = [
        (len(everyone) * control / 1e3 + seconds) / 3600 for seconds in sorted((by_district, by_student))
    ]
    print(
        f"  all {len(everyone):,} districts and {sum(everyone):,} students: {hours[0]:.2f} to {hours[1]:.2f} hours, of which the control"
        f" plane {len(everyone) * control / 3.6e6:.2f}; with one run a district the control plane alone"
        f" {len(everyone) * per_district(singles, lambda r: r.control_seconds) / 3.6e6:.1f}"
    )
    print(
        "    assuming one run at a time on this machine, files that are there already, and that a district costs what it costs"
        " here, by its number (one end) or by its students (the other)"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--run"]:
        print(json.dumps(run_here(sys.stdin.read().split())))
    else:
        met = [measure(int(many)) for many in sys.argv[1:] or ["100"]]
        sys.exit(not all(met))
