"""Whole syncs of districts of 5,000 students: warm, cold, a hundred in one run, and the same bytes again.

Prints medians of five rounds of this run, in seconds or milliseconds a district, beside their targets. A round is a night
on which about one percent of the students changed: every layer is written and Dagster's events are stored. Measured for
districts that send what every district must (School.txt, Student.txt) and the course catalogue, and for districts that
send 25,000 rows of student courses every night as well.
Run: python -m bench.nights [rounds] [districts]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import instance_of, sync
from sis_assets.sandbox.districts import Churn, SampleDistrict, after_a_day, founded, write
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home

STUDENTS = 5_000
CHURN = Churn(arrivals=12, leavers=10, transfers=10, renamed=10, readdressed=10)


@dataclass
class Nights:
    """A home with districts, the two nights between which they change, and whether student courses are sent."""

    root: Path
    names: Sequence[str]
    nights: tuple[SampleDistrict, SampleDistrict]
    with_courses: bool

    @property
    def home(self) -> Home:
        """The home, as the environment names it."""
        return Home.at(self.root / "home")

    def drop(self, names: Sequence[str], number: int) -> None:
        """Let these districts send a night's files."""
        for name in names:
            folder = self.root / "drops" / name
            write(self.nights[number % 2], folder)
            if not self.with_courses:
                (folder / "StudentCourses.txt").unlink()

    @contextmanager
    def opened(self) -> Iterator[Callable[[Sequence[str]], None]]:
        """Give a function that syncs districts in this process, with everything warm that a long run keeps warm."""
        with (
            Readers() as readers,
            instance_of(self.home) as instance,
            Platform(self.home, readers=readers) as platform,
        ):

            def run(districts: Sequence[str]) -> None:
                platform.outcomes.clear()
                outcomes = sync(platform, instance, districts)
                ended = {str(outcome.status) for outcome in outcomes.values()}
                assert ended <= {"applied", "unchanged"}, outcomes

            yield run


def main(rounds: int, many: int) -> None:
    """Measure and print."""
    for with_courses in (False, True):
        with tempfile.TemporaryDirectory(prefix="bench-nights-") as folder:
            root = Path(folder)
            os.environ["SIS_ASSETS_HOME"] = str(root / "home")
            os.environ.pop("DAGSTER_HOME", None)
            names = [f"bench-{number:03}" for number in range(many)]
            measured = Nights(root, names, _two_nights(STUDENTS), with_courses)
            for name in names:
                _district_file(measured.home, name, root / "drops" / name)
            sent = "with 25,000 student courses" if with_courses else "with schools and courses"
            print(f"districts of {STUDENTS:,} students {sent}, {rounds} rounds, medians")
            _one(measured, rounds)
            _many(measured, rounds)


def _one(measured: Nights, rounds: int) -> None:
    one = measured.names[:1]
    with measured.opened() as run:
        measured.drop(one, 0)
        run(one)
        warm = _median(rounds, lambda n: measured.drop(one, n + 1), lambda: run(one))
        same = _median(rounds, lambda _: None, lambda: run(one))
    command = [sys.executable, "-c", "from sis_assets.cli import main; main()", "sync", *one]
    cold = _median(
        rounds,
        lambda n: measured.drop(one, n + rounds),
        lambda: subprocess.run(command, check=True, capture_output=True),
    )
    print(f"  one, warm in process           {warm:6.2f} s             (target 1.0)")
    print(f"  one, the same bytes again      {same:6.2f} s")
    print(f"  one, cold command              {cold:6.2f} s             (target 5)")


def _many(measured: Nights, rounds: int) -> None:
    names, many = measured.names, len(measured.names)
    with measured.opened() as run:
        measured.drop(names, 0)
        first = _median(1, lambda _: None, lambda: run(names))
        changed = _median(rounds, lambda n: measured.drop(names, n + 1), lambda: run(names))
        same = _median(rounds, lambda _: None, lambda: run(names))
    print(f"  {many} in one run, first night   {first / many * 1e3:6.0f} ms a district")
    print(f"  {many} in one run, 1 % changed   {changed / many * 1e3:6.0f} ms a district (target 100)")
    print(f"  {many} in one run, same bytes    {same / many * 1e3:6.0f} ms a district (target 50)")


def _two_nights(students: int) -> tuple[SampleDistrict, SampleDistrict]:
    before = founded(students=students, seed=7, school_year=2027)
    return before, after_a_day(before, CHURN)


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
