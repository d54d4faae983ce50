"""The demo: as told from beginning to end, in a home that is its own to delete, leaving no process behind."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from sis_assets.districts import load_districts, reveal
from sis_assets.model.calendar import closing
from sis_assets.model.faults import NeedsPerson
from sis_assets.sandbox import dagster_ui, demo_home
from sis_assets.sandbox.aeries.server import Sandbox as Aeries
from sis_assets.sandbox.demo import USAGE, play
from sis_assets.sandbox.oneroster.server import Sandbox as Roster
from sis_assets.sandbox.players import (
    AeriesPlayer,
    PowerSchoolPlayer,
    RosterPlayer,
    aeries_of,
    powerschool_of,
    roster_of,
)
from sis_assets.sandbox.powerschool.server import Sandbox as PowerSchool
from sis_assets.sandbox.sftp_server import SftpServer
from sis_assets.sandbox.story import (
    CAST,
    FIRST_NIGHT,
    INVENTON,
    NIGHTS,
    PRETENDALE,
    TESTBURY,
    Day,
    Summer,
    Turn,
)
from sis_assets.warehouse.home import Home
from sis_assets_tests.openssh import needs_sshd

NEXT_EVENING = FIRST_NIGHT + timedelta(days=1)
COMMAND = [str(Path(sys.executable).with_name("sis-assets")), "demo"]


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIS_ASSETS_", "DAGSTER_"))
    }
    return {**kept, "SIS_ASSETS_HOME": str(home)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Servers:
    """Testbury's, with the plugin that a home of the demo holds, Pretendale's and Inventon's."""

    powerschool: PowerSchool
    aeries: Aeries
    roster: Roster

    def write_district_files(self, home: Home, sftp: SftpServer | None = None) -> None:
        demo_home.write_district_files(home, sftp, self.powerschool, self.aeries, self.roster)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    home = Home.at(tmp_path / "plugin-of")
    home.root.mkdir()
    with (
        powerschool_of(TESTBURY, 4, demo_home.write_plugin(home)) as powerschool,
        aeries_of(PRETENDALE, 5) as aeries,
        roster_of(INVENTON, 6) as roster,
    ):
        yield Servers(powerschool, aeries, roster)


def processes_naming(text: str) -> list[str]:
    """Command lines and environments of every process but ours that hold the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and text.encode() in (
                (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            ):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def asked_of(port: int) -> list[dict[str, Any]]:
    """What a made-up server was asked."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/log", timeout=20) as answer:
        requests: list[dict[str, Any]] = json.load(answer)["requests"]
        return requests


def synced_by_hand(home: Path, district: str, *options: str) -> str:
    """The status of a sync as somebody runs it while the demo serves."""
    asked = subprocess.run(
        [COMMAND[0], "sync", district, *options, "--json"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(home),
    )
    return str(json.loads(asked.stdout)["status"])


@needs_sshd
def test_every_night_ends_as_told_and_the_interface_leaves_no_process_behind(tmp_path: Path) -> None:
    home, port = tmp_path / "demo", free_port()
    with (tmp_path / "told").open("w+") as told:
        demo = subprocess.Popen(
            [*COMMAND, "--port", str(port)], stdout=told, stderr=told, env=environment(home)
        )
        try:
            end = time.monotonic() + 240
            while (
                "Ctrl-C" not in (tmp_path / "told").read_text()
                and demo.poll() is None
                and time.monotonic() < end
            ):
                time.sleep(0.3)
            text = (tmp_path / "told").read_text()
            assert "Every night ended as told." in text, text
            assert all(night.title in text for night in NIGHTS)
            assert "two on an SFTP server" in text
            assert "changes approve mockford-000008.2" in text
            assert "Testbury's" in text
            assert "the server answers 500" in text
            assert 'lacks the right <oauth accessLevelV1Api="READ"/>' in text
            assert not dagster_ui.is_free(port)
            assert 'tick Read of "Graduation Status"' in text
            assert " 2 rekey" in text
            servers = [int(found) for found in re.findall(r"\(made up, http://127\.0\.0\.1:(\d+)", text)]
            assert len(servers) == 3
            assert not any(map(dagster_ui.is_free, servers)), "the districts are still there to be synced"
            asked = [request["path"] for request in asked_of(servers[1])]
            assert len([path for path in asked if "/StudentDataChanges/student/" in path]) == 1
            assert synced_by_hand(home, "testbury") == "unchanged"
            assert synced_by_hand(home, "pretendale", "--outside-window") == "applied"
            assert synced_by_hand(home, "inventon") == "unchanged"
            assert "access ended on 30 June" in text
        finally:
            demo.send_signal(signal.SIGTERM)
            code = demo.wait(timeout=60)
    assert code == 0
    assert processes_naming(str(home)) == []
    assert dagster_ui.is_free(port)
    assert all(map(dagster_ui.is_free, servers))


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "districts" / "eagle-ridge.yaml"
    kept.parent.mkdir()
    kept.write_text("district: eagle-ridge\n")
    asked = subprocess.run(
        [*COMMAND, "--once"], check=False, capture_output=True, text=True, env=environment(tmp_path)
    )
    assert asked.returncode == 2
    assert "districts/eagle-ridge.yaml, which the demo did not make" in asked.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


def test_a_district_added_to_the_demos_home_keeps_it_from_being_deleted(
    tmp_path: Path, servers: Servers
) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        servers.write_district_files(home)
    (home.districts / "eagle-ridge.yaml").write_text("district: eagle-ridge\n")
    with pytest.raises(NeedsPerson, match=r"districts/eagle-ridge\.yaml"), demo_home.fresh(home):
        pass
    assert (home.districts / "sampleton.yaml").exists()


def test_a_second_demo_starts_from_nothing(tmp_path: Path, servers: Servers) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        servers.write_district_files(home)
        old = home.root / "warehouse" / "catalog.sqlite"
        old.parent.mkdir()
        old.write_bytes(b"old")
    with demo_home.fresh(home):
        assert not old.exists()
        assert not (home.root / "secrets").exists()
        assert list(home.districts.iterdir()) == []


def test_two_demos_do_not_share_a_home(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home), pytest.raises(NeedsPerson, match="another demo runs"), demo_home.fresh(home):
        pass


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"SIS_ASSETS_CATALOG": "ducklake:postgres:dbname=lake"},
        {"SIS_ASSETS_FILES": "s3://example-bucket/lake/"},
    ],
)
def test_a_warehouse_elsewhere_is_never_played_with(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    home = Home.from_environment({"SIS_ASSETS_HOME": str(tmp_path / "demo"), **elsewhere})
    with pytest.raises(NeedsPerson, match="outside the home"), demo_home.fresh(home):
        pass
    assert not home.root.exists()


@pytest.mark.parametrize("by_sftp", [True, False])
def test_the_district_files_are_right(tmp_path: Path, servers: Servers, by_sftp: bool) -> None:
    home = Home.at(tmp_path / "demo")
    server = SftpServer(
        host="127.0.0.1",
        port=2022,
        username="some one",
        host_keys=("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",),
        client_key_path=tmp_path / "key",
        folder=tmp_path,
        log=tmp_path / "log",
    )
    with demo_home.fresh(home):
        servers.write_district_files(home, server if by_sftp else None)
        registry = load_districts(home.districts)
    assert registry.broken == {}
    assert set(registry.districts) == {cast.district for cast in CAST}
    drops = {
        name: district.sis.dropzone  # type: ignore[union-attr]
        for name, district in registry.districts.items()
        if name not in {"testbury", "pretendale", "inventon"}
    }
    assert {name for name, drop in drops.items() if drop.sftp} == (
        {"exampleville", "mockford"} if by_sftp else set()
    )
    for name, drop in drops.items():
        if not drop.sftp:
            assert Path(drop.folder).resolve() == demo_home.drops(home) / name


def test_servers_credentials_stand_in_files_that_only_this_account_reads(
    tmp_path: Path, servers: Servers
) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        servers.write_district_files(home)
        registry = load_districts(home.districts)
        testbury: Any = registry.district("testbury").sis
        pretendale: Any = registry.district("pretendale").sis
    for name, told, value in (
        ("testbury", testbury.client_id, servers.powerschool.client_id),
        ("testbury", testbury.client_secret, servers.powerschool.client_secret),
        ("pretendale", pretendale.certificate, servers.aeries.certificate),
    ):
        assert reveal(told) == value
        assert value not in (home.districts / f"{name}.yaml").read_text()
        assert told.file.stat().st_mode & 0o777 == 0o600


def test_every_night_is_in_the_hours_of_the_district_that_has_hours_or_told_as_skipped(
    tmp_path: Path, servers: Servers
) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        servers.write_district_files(home)
        pull = load_districts(home.districts).district("pretendale").pull
    assert pull
    zone = ZoneInfo(PRETENDALE.timezone)
    hours = {night.title: closing(night.at, pull.window, zone) is not None for night in NIGHTS}
    assert hours == {night.title: night.turn("pretendale").ends != "skipped" for night in NIGHTS}


def test_what_goes_wrong_with_a_server_lasts_one_turn(servers: Servers) -> None:
    for player in (PowerSchoolPlayer(servers.powerschool), AeriesPlayer(servers.aeries, lambda: None)):
        before = player.server.truth().active.height
        player.take(Turn("failed", Day(1, 0, 0, 0), scenario="unavailable"), NEXT_EVENING)
        assert [fault["status"] for fault in player.server.faults.told()] == [503]
        player.take(Turn("applied", sends=False), NEXT_EVENING)
        assert player.server.faults.told() == []
        assert player.expected.shown == player.server.truth().active.height > before


def test_an_aeries_keeps_the_storys_time_and_tells_when_its_year_changes(servers: Servers) -> None:
    server, told = servers.aeries, []
    player = AeriesPlayer(server, lambda: told.append(server.database_year))
    player.take(Turn("applied", Day(0, 0, 0, 0, planned_leavers=2)), NEXT_EVENING)
    planned = server.truth().active.filter("planned_to_leave")
    assert planned.height >= 2
    assert server.district.now == NEXT_EVENING.replace(tzinfo=None)
    assert told == []
    player.take(Turn("held", Summer(no_shows=3, rekeys=2)), NEXT_EVENING + timedelta(days=90))
    assert told == [2026]
    truth = server.truth()
    assert truth.records.filter("no_show").height >= 3
    assert not set(planned["student_id"]) & set(truth.active["student_id"])
    assert (truth.records["old_student_id"] > 0).sum() >= 2


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = io.StringIO()
        home = Home.at(tmp_path / "demo")
        assert play(home, once=False, port=taken.getsockname()[1], console=Console(file=told)) == USAGE
    assert "is taken" in told.getvalue()
    assert not home.root.exists()


def test_a_webserver_that_ends_on_its_own_is_told(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.dagster.mkdir()
    (home.dagster / "dagster.yaml").write_text("no_such_setting: {}\n")
    with (
        dagster_ui.webserver(home, free_port()) as web,
        pytest.raises(dagster_ui.NoInterface, match="exit code"),
    ):
        dagster_ui.wait_until_it_answers(web, 1)


def test_a_rosters_access_ends_with_june_until_a_turn_renews_it(servers: Servers) -> None:
    told: list[date] = []
    player = RosterPlayer(servers.roster, told.append)
    assert servers.roster.settings.access_ends == date(2026, 6, 30)
    player.take(Turn("applied", Day(1, 1, 0, 0)), NEXT_EVENING)
    assert servers.roster.district.today == NEXT_EVENING.date()
    assert not told
    player.take(Turn("held", Summer(), renews=True), NEXT_EVENING.replace(month=9))
    assert told == [date(2027, 6, 30)] == [servers.roster.settings.access_ends]
    assert player.expected.shown == servers.roster.truth().active.height
