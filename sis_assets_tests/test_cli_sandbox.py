"""`sandbox serve` of each SIS as its users drive it: it tells a district file that works, and ends when told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("sis-assets"))


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIS_ASSETS_", "DAGSTER_"))
    }
    return {**kept, "SIS_ASSETS_HOME": str(home)}


def sis_assets(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment(home) | more,
        timeout=120,
    )


@contextmanager
def served(home: Path, sis: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command, and what it told."""
    command = [COMMAND, "sandbox", "serve", sis, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(home)) as process:
        try:
            assert process.stdout is not None
            told = ""
            while "sync sandbox" not in told and (line := process.stdout.readline()):
                told += line
            yield process, told
        finally:
            process.kill()


def file_of(told: str) -> str:
    """The district file that was told, as a person would copy it."""
    return told[told.index("district: ") : told.index("\n\nand run")] + "\n"


def save(home: Path, told: str) -> dict[str, str]:
    """Do what was told; gives the environment to sync with."""
    file = re.search(r"save this as (\S+)", told)
    secret = re.search(r"export (SANDBOX_SECRET)=(\S+)", told)
    assert file
    assert secret
    assert Path(file[1]) == home / "districts" / "sandbox.yaml"
    Path(file[1]).parent.mkdir(parents=True)
    Path(file[1]).write_text(file_of(told))
    return {secret[1]: secret[2]}


@pytest.mark.parametrize(
    ("sis", "with_plugin"), [("powerschool", True), ("powerschool", False), ("aeries", False)]
)
def test_the_district_file_that_is_told_reads_the_server(tmp_path: Path, sis: str, with_plugin: bool) -> None:
    home, plugin = tmp_path / "home", tmp_path / "plugin.zip"
    assert sis_assets(home, "plugin", "powerschool", "--out", str(plugin)).returncode == 0
    options = ["--plugin", str(plugin)] if with_plugin else []
    with served(home, sis, "--students", "30", "--seed", "5", *options) as (process, told):
        synced = sis_assets(home, "sync", "sandbox", "--json", **save(home, told))
        line = json.loads(synced.stdout)
        assert line["status"] == "applied", synced.stderr
        assert line["change_sets"][0]["counts"]["create"] == 30
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "Stopped.\n"


@pytest.mark.parametrize(
    ("guise", "version"), [("standard", "1.1"), ("standard", "1.2"), ("plus360", "1.2"), ("triand", "1.2")]
)
def test_the_district_file_that_is_told_reads_the_provider(tmp_path: Path, guise: str, version: str) -> None:
    home = tmp_path / "home"
    with served(home, "oneroster", "--users", "40", "--guise", guise, "--version", version) as (_, told):
        synced = sis_assets(home, "sync", "sandbox", "--json", **save(home, told))
        line = json.loads(synced.stdout)
    if guise == "plus360":
        assert line["status"] == "failed"
        assert "Endpoint Advanced Settings" in line["reason"], "the birth date is withheld until it is ticked"
    else:
        assert line["status"] == "applied", line["reason"]
        assert line["change_sets"][0]["counts"]["create"] > 20


@pytest.mark.parametrize("option", [("--guise", "nobody"), ("--version", "1.3"), ("--scenario", "nothing")])
def test_what_no_provider_has_is_refused_by_name(tmp_path: Path, option: tuple[str, str]) -> None:
    said = sis_assets(tmp_path, "sandbox", "serve", "oneroster", *option)
    assert said.returncode == 2
    assert f"There is no {option[0].removeprefix('--')} {option[1]}" in said.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("sis", "scenario", "reason"),
    [
        ("powerschool", "no_v1_right", "accessLevelV1Api"),
        ("aeries", "no_graduation_status", 'tick Read of "Graduation Status"'),
    ],
)
def test_a_scenario_is_on_from_the_beginning(tmp_path: Path, sis: str, scenario: str, reason: str) -> None:
    with served(tmp_path, sis, "--students", "10", "--scenario", scenario) as (_, told):
        synced = sis_assets(tmp_path, "sync", "sandbox", "--json", **save(tmp_path, told))
    assert synced.returncode == 3
    assert reason in json.loads(synced.stdout)["reason"]


def test_an_aeries_may_be_of_several_leas(tmp_path: Path) -> None:
    with served(tmp_path, "aeries", "--students", "30", "--leas", "2") as (_, told):
        looked = sis_assets(tmp_path, "doctor", "sandbox", "--json", **save(tmp_path, told))
    leas = next(line for line in map(json.loads, looked.stdout.splitlines()) if line["check"] == "LEAs")
    assert "list under sis.leas those that are meant" in leas["seen"]


@pytest.mark.parametrize(
    ("sis", "options", "reason"),
    [
        ("powerschool", ["--scenario", "zzz"], "no scenario zzz; there are bad_gateway, "),
        ("powerschool", ["--plugin", "nowhere.zip"], "nowhere.zip cannot be read: No such file"),
        ("powerschool", ["--plugin", __file__], "is no zip"),
        ("powerschool", ["--port", "70000"], "--port"),
        ("powerschool", ["--students", "0"], "--students"),
        ("aeries", ["--scenario", "zzz"], "no scenario zzz; there are all_years_time_out, "),
        ("aeries", ["--leas", "0"], "--leas"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_served(
    tmp_path: Path, sis: str, options: list[str], reason: str
) -> None:
    asked = sis_assets(tmp_path, "sandbox", "serve", sis, *options)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert reason in asked.stderr
    assert "Traceback" not in asked.stderr


@pytest.mark.parametrize("sis", ["powerschool", "aeries"])
def test_a_taken_port_is_told(tmp_path: Path, sis: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        asked = sis_assets(tmp_path, "sandbox", "serve", sis, "--students", "10", "--port", str(port))
    assert (asked.returncode, asked.stdout) == (2, "")
    assert f"does not start: port {port} cannot be had" in asked.stderr
