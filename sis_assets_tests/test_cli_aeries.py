"""An Aeries district by the command line: a sync, what a doctor says, and that neither certificate nor student gets anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sis_assets.transport import http
from sis_assets_tests.aeries_server import AREAS, ZONE, AeriesServer
from sis_assets_tests.commands import Run
from sis_assets_tests.homes import TestHome
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_server import serve


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AeriesServer]:
    home = TestHome(tmp_path / "home", tmp_path / "drops")
    server = AeriesServer(now=datetime.now(ZONE))
    monkeypatch.setenv("SIS_ASSETS_HOME", str(home.root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("SIS_ASSETS_ADDRESSES", raising=False)
    monkeypatch.setenv("AERIESTOWN_CERTIFICATE", server.certificate)
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    (home.root / "districts").mkdir(parents=True)
    with serve(server):
        (home.root / "districts" / "aeriestown.yaml").write_text(
            "district: aeriestown\nname: Aeriestown\ntimezone: America/Los_Angeles\nstate: CA\n"
            f"sis:\n  kind: aeries\n  url: {server.site}/api/v5/\n  certificate: {{env: AERIESTOWN_CERTIFICATE}}\n"
            "  database_year: 2025\n"
        )
        yield server


def test_a_district_is_synced_and_nothing_personal_is_printed(town: AeriesServer, run: Run) -> None:
    said = run("sync", "aeriestown", "--json")
    assert '"status": "applied"' in said.out or '"status":"applied"' in said.out
    for word in (town.certificate, "Sample99400001", "99400001"):
        assert word not in said.out + said.err


def test_a_doctor_names_the_missing_area_and_what_to_tick(town: AeriesServer, run: Run) -> None:
    town.areas = AREAS - {"Transcripts"}
    said = run("doctor", "aeriestown")
    assert 'tick Read of "Transcripts"' in " ".join(said.out.split())
    assert town.certificate not in said.out + said.err


def test_a_doctor_tells_which_addresses_a_district_must_let_through(
    town: AeriesServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "set SIS_ASSETS_ADDRESSES" in " ".join(run("doctor", "aeriestown").out.split())
    monkeypatch.setenv("SIS_ASSETS_ADDRESSES", "192.0.2.10, 192.0.2.11")
    said = " ".join(run("doctor", "aeriestown").out.split())
    assert "must let 192.0.2.10, 192.0.2.11 through on port 443" in said
