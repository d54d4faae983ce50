"""Whole syncs of a district of 5,000 students: warm, cold, a hundred in one run, and the same bytes again.

Prints medians of five rounds of this run, in seconds or milliseconds a district, beside their targets. A round is a night
on which about one percent of the students changed: every layer is written and Dagster's events are stored.
Run: python -m bench.nights [rounds] [districts]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import instance_of, sync
from sis_assets.sandbox.districts import Churn, SampleDistrict, after_a_day, founded, write
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home

STUDENTS = 5_000
CHURN = Churn(arrivals=12, leavers=10, transfers=10, renamed=10, readdressed=10)


def main(rounds: int, many: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-nights-") as folder:
        root = Path(folder)
        os.environ["SIS_ASSETS_HOME"] = str(root / "home")
        os.environ.pop("DAGSTER_HOME", None)
        home = Home.from_environment()
        names = [f"bench-{number:03}" for number in range(many)]
        nights = _two_nights(STUDENTS)
        for name in names:
            _district_file(home, name, root / "drops" / name)
        with Readers() as readers, instance_of(home) as instance, Platform(home, readers=readers) as platform:

            def run(districts: Sequence[str]) -> None:
                platform.outcomes.clear()
                outcomes = sync(platform, instance, districts)
                assert {str(outcome.status) for outcome in outcomes.values()} <= {"applied", "unchanged"}, (
                    outcomes
                )

            one = names[:1]
            _drop(root, one, nights[0])
            run(one)
            print(f"district of {STUDENTS:,} students, four files, {rounds} rounds, medians")
            warm = _median(rounds, lambda n: _drop(root, one, nights[(n + 1) % 2]), lambda: run(one))
            print(f"  sync, warm in process          {warm:6.2f} s          (target 1.0 s)")
            same = _median(rounds, lambda _: None, lambda: run(one))
            print(f"  the same bytes, one by itself  {same:6.2f} s")
        cold = _median(
            rounds,
            lambda n: _drop(root, one, nights[n % 2]),
            lambda: subprocess.run(
                [sys.executable, "-c", "from sis_assets.cli import main; main()", "sync", *one],
                check=True,
                capture_output=True,
            ),
        )
        print(f"  sync, cold command             {cold:6.2f} s          (target 5 s)")
        with Readers() as readers, instance_of(home) as instance, Platform(home, readers=readers) as platform:

            def run_all() -> None:
                platform.outcomes.clear()
                outcomes = sync(platform, instance, names)
                assert {str(outcome.status) for outcome in outcomes.values()} <= {"applied", "unchanged"}, (
                    outcomes
                )

            _drop(root, names, nights[0])
            first = _median(1, lambda _: None, run_all)
            print(f"  {many} in one run, first night   {first / many * 1e3:6.0f} ms a district")
            together = _median(rounds, lambda n: _drop(root, names, nights[(n + 1) % 2]), run_all)
            print(
                f"  {many} in one run, 1 % changed   {together / many * 1e3:6.0f} ms a district (target 100 ms)"
            )
            again = _median(rounds, lambda _: None, run_all)
            print(
                f"  {many} in one run, same bytes    {again / many * 1e3:6.0f} ms a district (target 50 ms)"
            )


def _two_nights(students: int) -> tuple[SampleDistrict, SampleDistrict]:
    before = founded(students=students, seed=7, school_year=2027)
    return before, after_a_day(before, CHURN)


def _drop(root: Path, names: Sequence[str], night: SampleDistrict) -> None:
    for name in names:
        write(night, root / "drops" / name)


def _district_file(home: Home, name: str, drop: Path) -> None:
    home.districts.mkdir(parents=True, exist_ok=True)
    (home.districts / f"{name}.yaml").write_text(
        f"district: {name}\nname: Bench {name}\ntimezone: America/Chicago\nstate: AR\n"
        f"sis:\n  kind: eschoolplus_files\n  dropzone: {{folder: {drop}, quiet_seconds: 0}}\n"
    )


def _median(rounds: int, prepare: Callable[[int], object], run: Callable[[], object]) -> float:
    times = []
    for number in range(rounds):
        prepare(number)
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
