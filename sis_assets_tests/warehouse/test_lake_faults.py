"""A full disk, a missing or damaged catalog, a database that is away: said plainly, and nothing is half written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sis_assets.model.faults import NeedsPerson, TransientFault
from sis_assets.warehouse import Home
from sis_assets_tests import postgres
from sis_assets_tests.lakes import add, finished, held, notes, process, put

LIMITED = """
import resource, signal
from sis_assets.model.faults import TransientFault
with lake.read():
    pass
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    lake.write(lambda c: c.execute("INSERT INTO core.notes SELECT 'd' || x % 3, x, md5(x::VARCHAR) FROM range(300_000) r(x)"))
except TransientFault as fault:
    print(fault.reason, end="")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
add(lake, ("d1", 2, "after"))
"""
FULL = (
    "Writing to the warehouse: the disk is full. Free space below SIS_ASSETS_HOME and run the same command again;"
    " nothing was half written. Next move: engineer."
)


def test_a_write_that_finds_no_room_leaves_everything_as_it_was(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "before"))
        assert finished(process(LIMITED, home)) == FULL
        assert held(warehouse) == [("d1", 1, "before"), ("d1", 2, "after")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only, where that is permitted")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_once_there_is_room_the_same_write_succeeds(small_disk: Path) -> None:
    home = Home.at(small_disk / "home")
    ballast = small_disk / "ballast"
    rows = [("d1", number, os.urandom(1500).hex()) for number in range(1500)]
    with notes(home) as warehouse:
        add(warehouse, ("d1", -1, "before"))
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 1_000_000))
        with pytest.raises(TransientFault) as caught:
            add(warehouse, *rows)
        assert caught.value.reason == FULL
        assert held(warehouse) == [("d1", -1, "before")]
        ballast.unlink()
        add(warehouse, *rows)
        assert len(held(warehouse)) == 1501


def test_a_reader_of_a_warehouse_that_is_not_there_is_told_so(home: Home) -> None:
    with (
        notes(home, read_only=True) as warehouse,
        pytest.raises(NeedsPerson, match="there is none yet"),
        warehouse.read(),
    ):
        pass


def test_a_damaged_catalog_is_a_persons_affair(sqlite_home: Home) -> None:
    catalog = Path(sqlite_home.catalog.removeprefix("ducklake:sqlite:"))
    catalog.parent.mkdir(parents=True)
    catalog.write_bytes(b"this is no database " * 1000)
    with notes(sqlite_home) as warehouse, pytest.raises(NeedsPerson, match="damaged"):
        add(warehouse, ("d1", 1, "x"))


@pytest.mark.parametrize("catalog", ["sqlite:x", "ducklake:sqlite:", "ducklake:oracle:x", "nonsense"])
def test_a_setting_that_names_no_catalog_is_refused(tmp_path: Path, catalog: str) -> None:
    home = Home.from_environment({"SIS_ASSETS_HOME": str(tmp_path), "SIS_ASSETS_CATALOG": catalog})
    with notes(home) as warehouse, pytest.raises(NeedsPerson, match="SIS_ASSETS_CATALOG"):
        add(warehouse, ("d1", 1, "x"))


def test_a_database_that_is_away_is_waited_for_by_a_person_and_its_password_is_not_told(
    tmp_path: Path,
) -> None:
    catalog = f"ducklake:postgres:host={tmp_path} user=sis dbname=lake password=Geheimnis"
    home = Home.from_environment({"SIS_ASSETS_HOME": str(tmp_path), "SIS_ASSETS_CATALOG": catalog})
    for read_only in (False, True):
        with (
            notes(home, read_only=read_only) as warehouse,
            pytest.raises(TransientFault) as caught,
            warehouse.read(),
        ):
            pass
        assert "did not answer" in caught.value.reason
        assert "Geheimnis" not in str(caught.value)


def test_a_database_that_cuts_us_off_is_told_of_or_made_up_for(
    server: postgres.Server, tmp_path: Path
) -> None:
    conninfo = server.fresh()
    home = Home.from_environment(
        {"SIS_ASSETS_HOME": str(tmp_path), "SIS_ASSETS_CATALOG": f"ducklake:postgres:{conninfo}"}
    )
    name = conninfo.rpartition("dbname=")[2]
    cut_off = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    expected = [("d1", 1, "before")]

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        put(connection, [("d1", 2, "in between")])
        server.run("psql", "-d", "postgres", "-c", cut_off)

    with notes(home) as warehouse:
        add(warehouse, *expected)
        reason = ""
        try:
            warehouse.write(work)
            expected.append(("d1", 2, "in between"))
        except TransientFault as fault:
            reason = fault.reason
        assert not reason or "did not answer" in reason
        add(warehouse, ("d1", 3, "after"))
        assert held(warehouse) == [*expected, ("d1", 3, "after")]
