"""`sandbox serve powerschool` as its users drive it: it tells a district file that works, and ends when told to."""

from __future__ import annotations

import json
import os
import re
import signal
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
def served(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command, and what it told."""
    command = [COMMAND, "sandbox", "serve", "powerschool", *options]
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


@pytest.mark.parametrize("with_plugin", [True, False])
def test_the_district_file_that_is_told_reads_the_server(tmp_path: Path, with_plugin: bool) -> None:
    home, plugin = tmp_path / "home", tmp_path / "plugin.zip"
    assert sis_assets(home, "plugin", "powerschool", "--out", str(plugin)).returncode == 0
    options = ["--plugin", str(plugin)] if with_plugin else []
    with served(home, "--students", "30", "--seed", "5", *options) as (process, told):
        file, secret = (
            re.search(r"save this as (\S+)", told),
            re.search(r"export (SANDBOX_SECRET)=(\S+)", told),
        )
        assert file
        assert secret
        Path(file[1]).parent.mkdir(parents=True)
        Path(file[1]).write_text(file_of(told))
        synced = sis_assets(home, "sync", "sandbox", "--json", **{secret[1]: secret[2]})
        line = json.loads(synced.stdout)
        assert (line["status"], line["change_sets"][0]["counts"]["create"]) == ("applied", 30), synced.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "Stopped.\n"


def test_a_scenario_is_on_from_the_beginning(tmp_path: Path) -> None:
    with served(tmp_path, "--students", "10", "--scenario", "no_v1_right") as (_, told):
        (tmp_path / "districts").mkdir()
        (tmp_path / "districts" / "sandbox.yaml").write_text(file_of(told))
        synced = sis_assets(tmp_path, "sync", "sandbox", "--json", SANDBOX_SECRET="sandbox-client-secret")
    assert synced.returncode == 3
    assert "accessLevelV1Api" in json.loads(synced.stdout)["reason"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--scenario", "zzz"], "no scenario zzz; there are bad_gateway, "),
        (["--plugin", "nowhere.zip"], "nowhere.zip cannot be read: No such file"),
        (["--plugin", __file__], "is no zip"),
        (["--port", "70000"], "--port"),
        (["--students", "0"], "--students"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_served(
    tmp_path: Path, options: list[str], reason: str
) -> None:
    asked = sis_assets(tmp_path, "sandbox", "serve", "powerschool", *options)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert reason in asked.stderr
    assert "Traceback" not in asked.stderr
