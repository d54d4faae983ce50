"""Hours in which an API may be read: kept by hand as by schedule, overridden only by name, and the override stays known."""

from __future__ import annotations

import getpass
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sis_assets.sandbox.powerschool.faults import Fault, Kind
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets_tests.commands import Run

IN_THE_DAY = "2026-10-15T15:00:00-07:00"
AT_NIGHT = "2026-10-15T21:00:00-07:00"
NEXT_NIGHT = "2026-10-16T20:00:00-07:00"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("SIS_ASSETS_HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "districts").mkdir()
    (tmp_path / "secret").write_text("sandbox-client-secret")
    with Sandbox(students=12, seed=3) as opened:
        (tmp_path / "districts" / "alder.yaml").write_text(
            "district: alder\nname: Alder\ntimezone: America/Los_Angeles\nstate: CA\n"
            f"sis:\n  kind: powerschool\n  url: {opened.url}\n  client_id: {opened.client_id}\n"
            f"  client_secret: {{file: {tmp_path / 'secret'}}}\n"
            'pull: {days: [mon, tue, wed, thu, fri], from: "20:00", to: "02:00"}\n'
        )
        yield opened


def test_an_api_is_read_in_its_hours_or_by_somebody_who_says_so(server: Sandbox, run: Run) -> None:
    said = run("sync", "alder", "--at", IN_THE_DAY, "--json")
    [line] = said.lines
    assert (said.code, line["status"], line["change_sets"]) == (0, "skipped", [])
    assert "2026-10-15 20:00 (America/Los_Angeles)" in line["reason"]
    assert line["reason"].endswith("Next move: engineer.")
    assert not server.log.asked

    said = run("sync", "alder", "--at", IN_THE_DAY, "--outside-window", "--json")
    assert (said.code, said.lines[0]["status"]) == (0, "applied")
    assert server.log.asked
    said = run("sync", "alder", "--at", AT_NIGHT, "--outside-window", "--json")
    assert (said.code, said.lines[0]["status"]) == (0, "unchanged")

    said = run("query", "SELECT actor, action, subject FROM ops.audit", "--format", "json")
    assert json.loads(said.out) == [
        {"actor": getpass.getuser(), "action": "read_outside_window", "subject": "alder-000001"}
    ]


def before_the_end(seconds: float) -> str:
    """A moment of Friday's first hours, so long before they end."""
    return f"2026-10-16T01:59:{60 - seconds:06.3f}-07:00"


def questions(server: Sandbox) -> list[tuple[str, str]]:
    """What the server was asked since the last look, without tokens."""
    asked = sorted((asked.path, asked.query) for asked in server.log.asked if "oauth" not in asked.path)
    server.log.clear()
    return asked


@pytest.fixture
def whole(server: Sandbox, run: Run, tmp_path: Path) -> list[tuple[str, str]]:
    """What a read asks that nothing interrupts."""
    file = tmp_path / "districts" / "alder.yaml"
    other = file.with_name("whole.yaml")
    other.write_text(file.read_text().replace("alder", "whole"))
    assert run("sync", "whole", "--at", AT_NIGHT, "--json").lines[0]["status"] == "applied"
    other.unlink()
    return questions(server)


def interrupted(server: Sandbox, run: Run) -> tuple[str, list[tuple[str, str]]]:
    """Sync so that the hours end in the middle; gives the reason and what was asked."""
    server.faults.arm(Fault(Kind.SLOW, path="course", seconds=0.6))
    said = run("sync", "alder", "--at", before_the_end(1.0), "--json")
    server.faults.clear()
    [line] = said.lines
    assert (said.code, line["status"], line["change_sets"]) == (0, "skipped", [])
    return line["reason"], questions(server)


def test_a_read_stops_with_its_hours_and_goes_on_in_the_next_ones_without_asking_again(
    server: Sandbox, run: Run, tmp_path: Path, whole: list[tuple[str, str]]
) -> None:
    reason, before = interrupted(server, run)
    assert 0 < len(before) < len(whole)
    assert f"{len(before)} answers are kept and the read goes on at 2026-10-16 20:00" in reason
    assert reason.endswith("Next move: engineer.")
    said = run(
        "query", "SELECT count(*) AS n FROM ops.extracts WHERE district_id = 'alder'", "--format", "json"
    )
    assert json.loads(said.out) == [{"n": 0}]

    [line] = run("sync", "alder", "--at", NEXT_NIGHT, "--json").lines
    assert line["status"] == "applied"
    assert sorted(before + questions(server)) == whole
    assert not list((tmp_path / "landing" / "alder").glob(".answers*"))
    said = run(
        "query",
        "SELECT district_id, count(*) AS n FROM core.students GROUP BY 1 ORDER BY 1",
        "--format",
        "json",
    )
    alder, other = json.loads(said.out)
    assert alder["n"] == other["n"]


def test_after_too_long_a_pause_or_with_another_district_file_a_read_starts_anew(
    server: Sandbox, run: Run, tmp_path: Path, whole: list[tuple[str, str]]
) -> None:
    file = tmp_path / "districts" / "alder.yaml"
    file.write_text(file.read_text().replace('to: "02:00"', 'to: "02:00", resume_hours: 17'))
    reason, before = interrupted(server, run)
    assert "the read starts anew, since pull.resume_hours will have passed, at 2026-10-16 20:00" in reason
    assert before
    reason, _ = interrupted(server, run)
    file.write_text(file.read_text() + "freshness: {within_hours: 48}\n")
    assert run("sync", "alder", "--at", AT_NIGHT, "--json").lines[0]["status"] == "applied"
    assert questions(server) == whole


def test_a_fault_lets_the_next_read_start_anew(
    server: Sandbox, run: Run, whole: list[tuple[str, str]]
) -> None:
    server.faults.arm(Fault(Kind.FORBIDDEN, path="stored"))
    assert run("sync", "alder", "--at", AT_NIGHT, "--json").lines[0]["status"] == "failed"
    server.faults.clear()
    questions(server)
    assert run("sync", "alder", "--at", AT_NIGHT, "--json").lines[0]["status"] == "applied"
    assert questions(server) == whole


def test_a_read_that_was_killed_goes_on_too(server: Sandbox, run: Run, whole: list[tuple[str, str]]) -> None:
    server.faults.arm(Fault(Kind.SLOW, path="staff", seconds=20))
    command = [str(Path(sys.executable).with_name("sis-assets")), "sync", "alder", "--at", AT_NIGHT, "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
        give_up = time.monotonic() + 60
        while len(server.log.asked) < 10 and time.monotonic() < give_up and victim.poll() is None:
            time.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
    server.faults.clear()
    before = questions(server)
    [line] = run("sync", "alder", "--at", AT_NIGHT, "--json").lines
    assert line["status"] == "applied"
    after = questions(server)
    assert len(before) >= 8
    assert len(after) < len(whole) - len(before) + 8
    assert set(before) | set(after) == set(whole)
