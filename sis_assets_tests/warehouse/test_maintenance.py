"""Upkeep: fewer files, the same data, and readers that notice nothing."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from sis_assets.warehouse import Home
from sis_assets.warehouse.maintenance import maintain, sweep_scratch
from sis_assets_tests.lakes import add, files, held, notes

NOW, WEEK = timedelta(0), timedelta(days=7)


def test_small_files_become_few_and_hold_the_same(home: Home) -> None:
    with notes(home) as warehouse:
        for night in range(8):
            add(warehouse, *((f"d{district}", night, f"{night} {district}") for district in range(3)))
        before, many = held(warehouse), len(files(home))
        upkeep = maintain(warehouse, older_than=NOW)
        assert held(warehouse) == before
        assert upkeep.merged >= 24
        assert upkeep.files_removed >= 24
        assert upkeep.snapshots_expired >= 8
        assert len(files(home)) < many / 4
        with warehouse.read() as connection:
            plan = connection.execute("EXPLAIN ANALYZE FROM core.notes WHERE district_id = 'd1'").fetchall()[
                0
            ][1]
        assert "Total Files Read: 1" in plan, "a district still has files of its own"
        assert all(path.read_bytes()[:4] == b"PARE" for path in files(home)), "and they are still encrypted"
        again = maintain(warehouse, older_than=NOW)
        assert (again.merged, again.rewritten) == (0, 0)


def test_files_of_deleted_rows_vanish_from_the_disk(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, *(("gone", number, "x") for number in range(50)))
        owned = set(files(home))
        add(warehouse, *(("stays", number, "x") for number in range(50)))
        with warehouse.read() as connection:
            mine = {
                Path(row[0])
                for row in connection.execute(
                    "SELECT data_file FROM ducklake_list_files('lake', 'notes', schema => 'core')"
                ).fetchall()
            }
        mine &= owned
        assert mine
        warehouse.write(
            lambda c: c.execute("DELETE FROM core.notes WHERE district_id = 'gone' OR number < 40")
        )
        upkeep = maintain(warehouse, older_than=NOW)
        assert upkeep.rewritten >= 1
        assert not mine & set(files(home))
        assert held(warehouse) == [("stays", number, "x") for number in range(40, 50)]
        with warehouse.read() as connection:
            listed = connection.execute(
                "SELECT delete_file FROM ducklake_list_files('lake', 'notes', schema => 'core')"
            ).fetchall()
        assert listed == [(None,)]


@pytest.mark.parametrize("older_than", [timedelta(minutes=1), WEEK])
def test_a_reader_in_the_middle_of_its_snapshot_notices_nothing(home: Home, older_than: timedelta) -> None:
    with notes(home) as warehouse, notes(home, read_only=True) as reader:
        for night in range(4):
            add(warehouse, ("d1", night, "x"))
        with reader.read() as connection:
            warehouse.write(lambda c: c.execute("DELETE FROM core.notes WHERE number = 0"))
            upkeep = maintain(warehouse, older_than=older_than)
            assert upkeep.snapshots_expired == upkeep.files_removed == 0
            assert connection.execute("SELECT count(*), sum(number) FROM core.notes").fetchall() == [(4, 6)]
        assert len(held(reader)) == 3


def test_files_that_a_killed_writer_left_go_and_young_ones_stay(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "x"))
        [folder] = {path.parent for path in files(home) if "notes" in str(path)}
        old, young = folder / "ducklake-old.parquet", folder / "ducklake-young.parquet"
        for path in (old, young):
            path.write_bytes(b"PARE")
        then = time.time() - 9 * 86_400
        os.utime(old, (then, then))
        upkeep = maintain(warehouse, older_than=WEEK)
        assert (upkeep.orphans_removed, old.exists(), young.exists()) == (1, False, True)
        assert held(warehouse) == [("d1", 1, "x")]


def test_what_crashed_processes_left_in_the_scratch_folder_is_swept(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    (home.scratch / "read-old").mkdir(parents=True)
    (home.scratch / "read-old" / "students.parquet").write_bytes(b"x")
    (home.scratch / "rejected-old").write_bytes(b"x")
    (home.scratch / "read-new").mkdir()
    (home.scratch / "kept.duckdb_extension").symlink_to("/nowhere")
    then = time.time() - 2 * 86_400
    for name in ("read-old", "rejected-old"):
        os.utime(home.scratch / name, (then, then))
    sweep_scratch(home, older_than=timedelta(days=1))
    assert sorted(path.name for path in home.scratch.iterdir()) == ["kept.duckdb_extension", "read-new"]


def test_a_home_without_a_scratch_folder_has_nothing_to_sweep(tmp_path: Path) -> None:
    sweep_scratch(Home.at(tmp_path), older_than=timedelta(days=1))
