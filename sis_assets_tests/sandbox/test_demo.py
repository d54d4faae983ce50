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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sis_assets.districts import load_districts, reveal
from sis_assets.model.faults import NeedsPerson
from sis_assets.sandbox import dagster_ui, demo_home
from sis_assets.sandbox.demo import USAGE, play
from sis_assets.sandbox.players import ServerPlayer, powerschool_of
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.sftp_server import SftpServer
from sis_assets.sandbox.story import CAST, NIGHTS, TESTBURY, Day, Turn
from sis_assets.warehouse.home import Home
from sis_assets_tests.openssh import needs_sshd

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


@pytest.fixture
def powerschool(tmp_path: Path) -> Iterator[Sandbox]:
    """Testbury's, with the plugin that a home of the demo holds."""
    home = Home.at(tmp_path / "plugin-of")
    home.root.mkdir()
    with powerschool_of(TESTBURY, 4, demo_home.write_plugin(home)) as server:
        yield server


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


def synced_by_hand(home: Path, district: str) -> str:
    """The status of a sync as somebody runs it while the demo serves."""
    asked = subprocess.run(
        [COMMAND[0], "sync", district, "--json"],
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
            found = re.search(r"\(made up, http://127\.0\.0\.1:(\d+)\)", text)
            assert found
            powerschool_port = int(found[1])
            assert not dagster_ui.is_free(powerschool_port), "the districts are still there to be synced"
            assert synced_by_hand(home, "testbury") == "unchanged"
        finally:
            demo.send_signal(signal.SIGTERM)
            code = demo.wait(timeout=60)
    assert code == 0
    assert processes_naming(str(home)) == []
    assert dagster_ui.is_free(port)
    assert dagster_ui.is_free(powerschool_port)


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
    tmp_path: Path, powerschool: Sandbox
) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        demo_home.write_district_files(home, None, powerschool)
    (home.districts / "eagle-ridge.yaml").write_text("district: eagle-ridge\n")
    with pytest.raises(NeedsPerson, match=r"districts/eagle-ridge\.yaml"), demo_home.fresh(home):
        pass
    assert (home.districts / "sampleton.yaml").exists()


def test_a_second_demo_starts_from_nothing(tmp_path: Path, powerschool: Sandbox) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        demo_home.write_district_files(home, None, powerschool)
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
def test_the_district_files_are_right(tmp_path: Path, powerschool: Sandbox, by_sftp: bool) -> None:
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
        demo_home.write_district_files(home, server if by_sftp else None, powerschool)
        registry = load_districts(home.districts)
    assert registry.broken == {}
    assert set(registry.districts) == {cast.district for cast in CAST}
    drops = {
        name: district.sis.dropzone  # type: ignore[union-attr]
        for name, district in registry.districts.items()
        if name != "testbury"
    }
    assert {name for name, drop in drops.items() if drop.sftp} == (
        {"exampleville", "mockford"} if by_sftp else set()
    )
    for name, drop in drops.items():
        if not drop.sftp:
            assert Path(drop.folder).resolve() == demo_home.drops(home) / name


def test_powerschools_credentials_stand_in_files_that_only_this_account_reads(
    tmp_path: Path, powerschool: Sandbox
) -> None:
    home = Home.at(tmp_path / "demo")
    with demo_home.fresh(home):
        demo_home.write_district_files(home, None, powerschool)
        sis: Any = load_districts(home.districts).district("testbury").sis
    text = (home.districts / "testbury.yaml").read_text()
    for told, value in (
        (sis.client_id, powerschool.client_id),
        (sis.client_secret, powerschool.client_secret),
    ):
        assert reveal(told) == value
        assert value not in text
        assert told.file.stat().st_mode & 0o777 == 0o600


def test_what_goes_wrong_with_a_server_lasts_one_turn(powerschool: Sandbox) -> None:
    player = ServerPlayer(powerschool)
    player.take(Turn("failed", Day(1, 0, 0, 0), scenario="unavailable"))
    assert [fault["status"] for fault in powerschool.faults.told()] == [503]
    player.take(Turn("applied", sends=False))
    assert powerschool.faults.told() == []
    assert player.expected.shown == powerschool.truth().active.height > TESTBURY.students


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
