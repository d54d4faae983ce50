"""Hours in which an API may be read: kept by hand as by schedule, overridden only by name, and the override stays known."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sis_assets import cli
from sis_assets.sandbox.powerschool.server import Sandbox

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


def said(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["sis-assets", *arguments])
    capfd.readouterr()
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0), capfd.readouterr().out
    return 0, capfd.readouterr().out


def test_an_api_is_read_in_its_hours_or_by_somebody_who_says_so(
    server: Sandbox, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out = said(capfd, monkeypatch, "sync", "alder", "--at", IN_THE_DAY, "--json")
    line = json.loads(out)
    assert (code, line["status"], line["change_sets"]) == (0, "skipped", [])
    assert "2026-10-15 20:00 (America/Los_Angeles)" in line["reason"]
    assert line["reason"].endswith("Next move: engineer.")
    assert not server.log.asked

    code, out = said(capfd, monkeypatch, "sync", "alder", "--at", IN_THE_DAY, "--outside-window", "--json")
    assert (code, json.loads(out)["status"]) == (0, "applied")
    assert server.log.asked
    code, out = said(capfd, monkeypatch, "sync", "alder", "--at", AT_NIGHT, "--outside-window", "--json")
    assert (code, json.loads(out)["status"]) == (0, "unchanged")

    _, out = said(
        capfd, monkeypatch, "query", "SELECT actor, action, subject FROM ops.audit", "--format", "json"
    )
    assert json.loads(out) == [
        {"actor": getpass.getuser(), "action": "read_outside_window", "subject": "alder-000001"}
    ]
