"""The landing folder under bad luck: a full disk, a crash, what a crash leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, TransientFault
from sis_assets.transport import landing as store
from sis_assets.transport.dropzone import LocalFolder, NotYet, land
from sis_assets_tests.drops import FILES, HOUR, aged, put

LAND = """
import json, sys
from pathlib import Path
from sis_assets.model.faults import Fault
from sis_assets.transport.dropzone import Expected, LocalFolder, land
try:
    land(LocalFolder(Path(sys.argv[1])), Expected({"students": ("Student.txt",)}), quiet_seconds=0,
         landing=Path(sys.argv[2]))
except Fault as fault:
    left = [path.name for path in Path(sys.argv[2]).iterdir()]
    print(json.dumps([type(fault).__name__, fault.reason, left]))
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n" + LAND
MURDERED = LAND.replace(
    "try:",
    """
from sis_assets.transport import dropzone
class Slow(LocalFolder):
    def fetch(self, entries):
        for item in super().fetch(entries):
            yield item
            print("started", flush=True)
            sys.stdin.read()
LocalFolder = Slow
try:""",
)


def python(script: str, *arguments: Path, launcher: tuple[str, ...] = ()) -> list[str]:
    return [*launcher, sys.executable, "-c", script, *map(str, arguments)]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def told(command: list[str]) -> tuple[str, str, list[str]]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    kind, reason, left = json.loads(done.stdout)
    return kind, reason, left


def test_a_file_that_outgrows_its_limit_is_told_as_a_full_disk(tmp_path: Path, drop: Path) -> None:
    put(drop, "Student.txt", b"x" * 100_000)
    kind, reason, left = told(python(LIMITED, drop, tmp_path / "landing"))
    assert (kind, left) == ("TransientFault", [])
    assert "the disk is full" in reason
    assert reason.endswith("Next move: engineer.")


def test_a_full_disk_is_the_engineers_move_and_leaves_nothing(tmp_path: Path, drop: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("a small disk of our own needs root and a mount namespace")
    put(drop, "Student.txt", b"x" * 3_000_000)
    landing = tmp_path / "landing"
    landing.mkdir()
    mount = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(landing))
    kind, reason, left = told(python(LAND, drop, landing, launcher=mount))
    assert (kind, left) == ("TransientFault", [])
    assert "the disk is full" in reason
    assert reason.endswith("Next move: engineer.")


def test_a_landing_folder_that_cannot_be_made_is_the_engineers_move(tmp_path: Path, drop: Path) -> None:
    put(drop, "Student.txt")
    (tmp_path / "landing").touch()
    with pytest.raises(TransientFault) as caught:
        land(LocalFolder(drop), FILES, quiet_seconds=0, landing=tmp_path / "landing")
    assert caught.value.mover is Mover.ENGINEER


def test_a_killed_landing_leaves_nothing_after_the_next_one(tmp_path: Path, drop: Path) -> None:
    put(drop, "Student.txt", b"x" * 3_000_000)
    landing = tmp_path / "landing"
    with subprocess.Popen(
        python(MURDERED, drop, landing), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        alive = land(LocalFolder(drop), FILES, quiet_seconds=0, landing=landing)
        assert len(names(landing)) == 2, "the file of a living process stays"
        process.send_signal(signal.SIGKILL)
    (left,) = (name for name in names(landing) if name.startswith("."))
    assert (landing / left).stat().st_mode & 0o777 == 0o600
    again = land(LocalFolder(drop), FILES, quiet_seconds=0, landing=landing)
    assert again == alive
    assert not isinstance(again, NotYet)
    assert names(landing) == {again[0].sha256}


def test_old_leftovers_of_any_machine_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".incoming-0123456789ab-99999999-x", ".incoming-odd", "f" * 64, "observed.json"):
        put(tmp_path, name, age=23 * HOUR)
    store.sweep(tmp_path)
    assert len(names(tmp_path)) == 4, "another machine may still be writing them"
    for path in tmp_path.iterdir():
        aged(path, 25 * HOUR)
    store.sweep(tmp_path)
    assert names(tmp_path) == {"f" * 64, "observed.json"}


def test_a_file_is_named_only_when_it_is_whole(tmp_path: Path) -> None:
    with store.Incoming(tmp_path) as incoming:
        incoming.write(memoryview(b"con"))
        incoming.write(memoryview(b"tent"))
        assert len(names(tmp_path)) == 1
        incoming.close()
        path = incoming.name()
    assert path.read_bytes() == b"content"
    assert names(tmp_path) == {incoming.sha256}


def test_bytes_are_durable_before_they_are_named_and_names_before_we_say_so(
    tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    durable: list[str] = []

    def fsync(file: int) -> None:
        real(file)
        durable.append(Path(f"/proc/self/fd/{file}").readlink().name.partition("-")[0])
        durable.append(f"{sum(not name.startswith('.') for name in names(landing))} named")

    real = os.fsync
    monkeypatch.setattr(os, "fsync", fsync)
    put(drop, "Student.txt", b"1")
    put(drop, "School.txt", b"2")
    land(LocalFolder(drop), FILES, quiet_seconds=0, landing=landing)
    assert sorted(durable[:4]) == [".incoming", ".incoming", "0 named", "0 named"]
    assert durable[4:] == ["landing", "2 named"]


def test_a_file_that_is_not_named_is_removed(tmp_path: Path) -> None:
    with store.Incoming(tmp_path) as incoming:
        incoming.write(memoryview(b"content"))
        incoming.close()
    assert names(tmp_path) == set()
