"""Hours in which an API may be read: kept by hand as by schedule, overridden only by name, and the override stays known."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets_tests.commands import Run

IN_THE_DAY = "2026-10-15T15:00:00-07:00"
AT_NIGHT = "2026-10-15T21:00:00-07:00"


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
