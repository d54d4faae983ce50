"""The runbooks of docs/operations.md: their commands, run as they stand there, on a home that has the trouble."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from sis_assets.pipeline.fleet import Kind
from sis_assets_tests.commands import Run, Said
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.requests_line import as_csv, request
from sis_assets_tests.webhooks import Webhook

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
NAME = "mockford"


def chapters() -> dict[str, list[str]]:
    """The commands of each runbook, by its kind of trouble; "" for those before the first."""
    found: dict[str, list[str]] = {"": []}
    kind = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (\w+):", line):
            kind = heading[1]
            found[kind] = []
        elif line.startswith("    sis-assets "):
            found[kind].append(line.strip())
    return found


class Duty:
    """A district with some trouble, and the person on call."""

    def __init__(self, home: TestHome, run: Run) -> None:
        self.home = home
        self._run = run
        self._left: Iterator[str] = iter(())
        home.add(NAME)
        self.drop(30)

    def drop(self, count: int) -> None:
        self.home.drop(NAME, [student(number) for number in range(count)])

    @property
    def file(self) -> Path:
        return self.home.root / "districts" / f"{NAME}.yaml"

    def sync(self) -> Said:
        return self._run("sync", NAME, "--json")

    @property
    def states(self) -> list[str]:
        [line] = self._run("status", "--json").lines
        return [condition["kind"] for condition in line["conditions"]]

    def begin(self, kind: str) -> None:
        """Open the runbook; the trouble must be there."""
        assert kind in self.states
        self._left = iter(chapters()[kind])

    def next(self) -> Said:
        """Run the runbook's next command."""
        _, *arguments = shlex.split(next(self._left))
        return self._run(*arguments)

    def end(self) -> None:
        """All commands were run, and the trouble is over."""
        assert next(self._left, None) is None
        assert not self.states


@pytest.fixture
def duty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Duty:
    home = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(home.root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Duty(home, run)


def test_every_kind_of_trouble_has_a_runbook_and_no_other() -> None:
    assert set(chapters()) - {""} == {str(kind) for kind in Kind}


def test_broken_file(duty: Duty) -> None:
    duty.sync()
    whole = duty.file.read_text()
    duty.file.write_text(whole + "gaurd: {}\n")
    duty.begin("broken_file")
    said = duty.next()
    assert said.code == 2
    assert "guard" in said.out
    duty.file.write_text(whole)
    assert duty.next().code == 0
    assert duty.next().code == 0
    duty.end()


def test_failing(duty: Duty) -> None:
    duty.sync()
    roster = duty.home.drops / NAME / "School.txt"
    kept = roster.read_text()
    roster.unlink()
    assert duty.sync().code == 3
    duty.begin("failing")
    assert "School.txt" in duty.next().out
    assert "School.txt" in duty.next().out
    roster.write_text(kept)
    assert duty.next().code == 0
    duty.end()


def test_stale(duty: Duty) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=40)):
        duty.sync()
    duty.begin("stale")
    assert duty.next().code == 0
    duty.drop(31)
    assert duty.next().code == 0
    duty.end()


def test_held(duty: Duty) -> None:
    duty.drop(200)
    duty.sync()
    duty.drop(170)
    assert duty.sync().lines[0]["status"] == "held"
    duty.begin("held")
    said = duty.next()
    assert "mockford-000002.1" in said.out
    assert "30" in duty.next().out
    assert duty.next().code == 0
    duty.end()


def test_unconfirmed_requests(duty: Duty, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    year = datetime.now(UTC).year
    duty.file.write_text(
        duty.file.read_text() + f"calendar: {{year_start: {year}-08-12, year_end: {year + 1}-06-04}}\n"
        "freshness: {within_hours: 8784}\n"
    )
    drop = duty.home.drops / NAME
    duty.home.drop(NAME, [student(1001)])
    (drop / "CourseMaster.txt").write_text(
        "SchoolCode|CourseCode|CourseName|CreditValue\n16|E101|English|1.0\n"
    )
    (tmp_path / "requests.csv").write_text(as_csv([request(1, school_year=f"{year + 2}")]))
    with time_machine.travel(datetime.now(UTC) - timedelta(days=3)):
        duty.sync()
        assert run("requests", "import", "requests.csv", "--district", NAME).code == 0
        assert run("requests", "export", "--district", NAME, "--out", "sent").code == 0
    duty.begin("unconfirmed_requests")
    (drop / "course_requests.held.csv").write_text("STUDENT_ID,COURSE\n1001,E101\n")
    for _ in range(3):
        assert duty.next().code == 0
    duty.end()


def test_access_renewal(duty: Duty) -> None:
    duty.sync()
    whole = duty.file.read_text()
    soon = (datetime.now(UTC) + timedelta(days=20)).date()
    duty.file.write_text(f"{whole}access: {{expires: {soon}}}\n")
    duty.begin("access_renewal")
    assert duty.next().lines[0]["renew_by"]
    duty.file.write_text(f"{whole}access: {{expires: {soon.replace(year=soon.year + 1)}}}\n")
    duty.end()


def test_access_expired(duty: Duty) -> None:
    duty.sync()
    whole = duty.file.read_text()
    ended = (datetime.now(UTC) - timedelta(days=3)).date()
    duty.file.write_text(f"{whole}access: {{expires: {ended}}}\n")
    duty.begin("access_expired")
    duty.file.write_text(whole)
    assert duty.next().code == 0
    assert duty.next().code == 0
    duty.end()


@pytest.mark.parametrize("kind", ["job", "tick"])
def test_dagsters_own_troubles(duty: Duty, run: Run, kind: str) -> None:
    duty.sync()
    for command in chapters()[kind]:
        assert run(*shlex.split(command)[1:]).code == 0


def test_channel(duty: Duty, webhook: Webhook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    [command] = chapters()["channel"]
    monkeypatch.setenv("SIS_ASSETS_ALERTS", f"{webhook.url}/broken")
    said = run(*shlex.split(command)[1:])
    assert said.code == 3
    assert "no" in said.out
    monkeypatch.setenv("SIS_ASSETS_ALERTS", f"{webhook.url}/team")
    assert run(*shlex.split(command)[1:]).code == 0
