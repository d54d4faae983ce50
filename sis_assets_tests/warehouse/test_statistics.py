"""The catalog's statistics after a purge: what the files say, no more and no less."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from sis_assets.warehouse import Home, Warehouse
from sis_assets.warehouse.maintenance import _call, forget, maintain
from sis_assets.warehouse.statistics import fit
from sis_assets_tests.lakes import NOTES, add, held, notes


def said(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Smallest and largest values of the notes' columns, as the catalog keeps them."""
    with warehouse.read() as connection:
        return connection.execute(
            "SELECT min_value, max_value FROM __ducklake_metadata_lake.ducklake_table_column_stats WHERE table_id ="
            " (SELECT max(table_id) FROM __ducklake_metadata_lake.ducklake_table WHERE table_name = 'notes') ORDER BY column_id"
        ).fetchall()


def delete(warehouse: Warehouse, condition: str) -> None:
    warehouse.write(lambda connection: connection.execute(f"DELETE FROM core.notes WHERE {condition}"))


def test_no_value_of_a_purged_row_stays_in_the_catalog(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "Aaron"), ("d1", 2, "Zoe"), ("d2", 3, "Mia"), ("d3", 4, "Lou"))
        delete(warehouse, "district_id = 'd1'")
        maintain(warehouse, older_than=timedelta(0))
        assert "Aaron" in str(said(warehouse)), "DuckLake itself keeps it"
        forget(warehouse)
        assert said(warehouse)[0] == ("d2", "d3")
        assert said(warehouse)[2] == ("Lou", "Mia")


def test_what_is_written_afterwards_is_found_by_every_process(home: Home) -> None:
    """Too narrow statistics give wrong results: rows that are not found, numbers that are others."""
    with notes(home) as warehouse, notes(home) as other, notes(home, read_only=True) as reader:
        add(warehouse, ("d1", 1, "Aaron"), ("d2", 261, "Mia"), ("d2", 9000, None))
        assert len(held(other)) == len(held(reader)) == 3
        delete(warehouse, "district_id = 'd1'")
        forget(warehouse)
        add(other, ("d1", 7, "Bea"))
        add(warehouse, ("d0", -7, "Aaa"), ("d9", 99_999, "Zzz"))
        add(other, ("d5", 5, "Nn"))
        expected = [
            ("d0", -7, "Aaa"), ("d1", 7, "Bea"), ("d2", 261, "Mia"), ("d2", 9000, None), ("d5", 5, "Nn"), ("d9", 99_999, "Zzz"),
        ]  # fmt: skip
        for each in (warehouse, other, reader):
            assert held(each) == expected
            with each.read() as connection:
                for district, number, text in expected:
                    found = "SELECT * FROM core.notes WHERE number = ? AND district_id = ? AND text IS NOT DISTINCT FROM ?"
                    assert connection.execute(found, [number, district, text]).fetchall() == [
                        (district, number, text)
                    ]
                assert connection.execute("SELECT min(text), max(text) FROM core.notes").fetchall() == [
                    ("Aaa", "Zzz")
                ]


def test_an_emptied_table_begins_anew(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "Aaron"), ("d1", 2, "Zoe"))
        delete(warehouse, "true")
        forget(warehouse)
        assert (said(warehouse) or [None, None, (None, None)])[2] == (None, None)
        add(warehouse, ("d2", 5, "Mia"), ("d2", 900, "Nn"))
        add(warehouse, ("d2", 6, "Lou"))
        assert [row[1] for row in held(warehouse)] == [5, 6, 900]
        assert said(warehouse)[2] == ("Lou", "Nn")


def test_a_column_of_which_a_file_does_not_tell_is_left_alone(sqlite_home: Home) -> None:
    with notes(sqlite_home) as warehouse:
        add(warehouse, ("d1", 1, "Aaron"))
        add(warehouse, ("d2", 2, "Mia"))
        delete(warehouse, "district_id = 'd1'")
        warehouse.close()
        with (
            closing(sqlite3.connect(sqlite_home.catalog.removeprefix("ducklake:sqlite:"))) as catalog,
            catalog,
        ):
            catalog.execute("UPDATE ducklake_file_column_stats SET min_value = NULL WHERE min_value = 'Mia'")
        forget(warehouse)
        assert said(warehouse)[2] == ("Aaron", "Mia")


def test_a_value_longer_than_the_catalog_keeps_is_not_cut_to_less(home: Home) -> None:
    long = "z" * 5000
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "Aaron"), ("d2", 2, long), ("d2", 3, "b"))
        delete(warehouse, "district_id = 'd1'")
        forget(warehouse)
        add(warehouse, ("d3", 4, "c"))
        with warehouse.read() as connection:
            found = connection.execute("SELECT number FROM core.notes WHERE text = ?", [long]).fetchall()
            most = connection.execute("SELECT max(text) FROM core.notes").fetchall()
        assert (found, most) == ([(2,)], [(long,)])


@pytest.mark.parametrize("times", [1, 2])
def test_fitting_again_changes_nothing(home: Home, times: int) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "Aaron"), ("d2", 2, "Mia"))
        delete(warehouse, "district_id = 'd1'")
        forget(warehouse)
        for _ in range(times):
            assert warehouse.write(fit) == 0


WIDE = [
    ("d1", -5, "c"),
    ("d1", 1, "aaa"),
    ("d1", 2, "b"),
    ("d1", 3, "c"),
    ("d1", 70_000, "zzz"),
    ("d1", 80_000, None),
]


def then(warehouse: Warehouse) -> int:
    with warehouse.read() as connection:
        return connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()[0][0]


def test_upkeep_leaves_older_states_as_they_were(home: Home) -> None:
    """DuckLake's own figures after a rewrite make 257 of 1, 251 of -5, and lose what is looked for."""
    with notes(home) as warehouse:
        add(warehouse, *WIDE)
        snapshot = then(warehouse)
        delete(warehouse, "number NOT IN (2, 3)")
        assert maintain(warehouse, older_than=timedelta(days=7)).rewritten
    with notes(home) as warehouse, warehouse.read() as connection:
        past = f"FROM core.notes AT (VERSION => {snapshot})"
        assert connection.execute(f"{past} ORDER BY number").fetchall() == WIDE
        assert connection.execute(f"{past} WHERE number = 70000").fetchall() == [WIDE[4]]
        assert connection.execute(f"{past} WHERE text IS NULL").fetchall() == [WIDE[5]]
        assert len(held(warehouse)) == 2


def test_a_reader_of_an_older_state_needs_no_statistics(home: Home) -> None:
    """They may be too narrow for a moment: between DuckLake's rewrite and ours of its figures."""
    with notes(home) as warehouse:
        add(warehouse, *WIDE)
        snapshot = then(warehouse)
        delete(warehouse, "number NOT IN (2, 3)")
        _call(warehouse, "rewrite_data_files", "'notes', schema => 'core', delete_threshold => 0.0")
    with Warehouse(home, (NOTES,), read_only=True, snapshot=snapshot) as past, past.read() as connection:
        assert connection.execute("FROM core.notes ORDER BY number").fetchall() == WIDE
        assert connection.execute("FROM core.notes WHERE number = 70000").fetchall() == [WIDE[4]]
        assert connection.execute("FROM core.notes WHERE text IS NULL").fetchall() == [WIDE[5]]
        assert connection.execute("SELECT min(number), max(text) FROM core.notes").fetchall() == [(-5, "zzz")]
