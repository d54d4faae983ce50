"""Several at once: whole transactions, undisturbed readers, nothing lost."""

from __future__ import annotations

import time

import duckdb
import pytest

from sis_assets.model.faults import TransientFault
from sis_assets.warehouse import Home
from sis_assets_tests.lakes import add, finished, held, notes, process, put

NEXT = """
import sys
for _ in range(int(sys.argv[2])):
    lake.write(lambda c: c.execute("INSERT INTO core.notes SELECT 'd1', coalesce(max(number), 0) + 1, ? FROM core.notes", [sys.argv[1]]))
"""


def test_a_set_of_districts_is_written_whole_or_not_at_all(home: Home) -> None:
    def half(connection: duckdb.DuckDBPyConnection) -> None:
        put(connection, [(f"d{number}", 2, "second") for number in range(3)])
        raise ValueError("in the middle")

    with notes(home) as warehouse:
        add(warehouse, *((f"d{number}", 1, "first") for number in range(3)))
        with pytest.raises(ValueError, match="in the middle"):
            warehouse.write(half)
        assert [row[2] for row in held(warehouse)] == ["first"] * 3
        add(warehouse, *((f"d{number}", 2, "second") for number in range(3)))
        assert [row[2] for row in held(warehouse)] == ["first", "second"] * 3


def test_a_reader_stays_in_its_snapshot_while_others_write(home: Home) -> None:
    with notes(home) as writer, notes(home, read_only=True) as reader:
        add(writer, ("d1", 1, "before"))
        with reader.read() as connection:
            add(writer, ("d1", 2, "while it reads"), ("d2", 1, "as well"))
            writer.write(lambda c: c.execute("DELETE FROM core.notes WHERE text = 'before'"))
            assert connection.execute("FROM core.notes").fetchall() == [("d1", 1, "before")]
            assert connection.execute("SELECT count(*) FROM core.notes").fetchall() == [(1,)]
        assert held(reader) == [("d1", 2, "while it reads"), ("d2", 1, "as well")]


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_not_committed(home: Home) -> None:
    with notes(home) as writer, notes(home, read_only=True, patience=5) as reader:
        add(writer, ("d1", 1, "before"))

        def slow(connection: duckdb.DuckDBPyConnection) -> None:
            put(connection, [("d1", 2, "not yet")])
            assert held(reader) == [("d1", 1, "before")]

        writer.write(slow)
        assert len(held(reader)) == 2


def test_a_reader_cannot_write(home: Home) -> None:
    with notes(home) as writer, notes(home, read_only=True) as reader:
        add(writer, ("d1", 1, "x"))
        with reader.read() as connection, pytest.raises(duckdb.InvalidInputException, match="read-only"):
            put(connection, [("d1", 2, "y")])
        with writer.read() as connection:
            put(connection, [("d1", 3, "z")])
        assert held(writer) == [("d1", 1, "x")]


def test_four_processes_that_write_at_once_lose_nothing(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse)
        writers = [process(NEXT, home, f"writer {number}", "5") for number in range(4)]
        for writer in writers:
            finished(writer)
        rows = held(warehouse)
    assert [number for _, number, _ in rows] == list(range(1, 21))
    assert sorted({text for _, _, text in rows}) == [f"writer {number}" for number in range(4)]


def test_a_transaction_is_run_again_when_somebody_commits_in_between(home: Home) -> None:
    """The other one is attached to the lake by its own means and takes no lock of ours."""
    seen: list[int] = []
    with notes(home) as warehouse, notes(home) as other:
        add(warehouse, ("d1", 1, "x"))
        with other.read():
            pass
        foreign = other._connected()

        def work(connection: duckdb.DuckDBPyConnection) -> int:
            [(found,)] = connection.execute("SELECT max(number) FROM core.notes").fetchall()
            seen.append(found)
            connection.execute("UPDATE core.notes SET number = ?", [found + 1])
            if len(seen) == 1:
                foreign.execute("UPDATE lake.core.notes SET number = 10")
            return found + 1

        assert warehouse.write(work) == 11
        assert seen == [1, 10]
        assert held(warehouse) == [("d1", 11, "x")]


def test_what_the_work_raises_comes_through_and_is_not_tried_again(home: Home) -> None:
    tries: list[int] = []

    def wrong(connection: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        put(connection, [("d1", 1, "x")])
        connection.execute("SELECT 'database is locked'::INTEGER")

    with notes(home) as warehouse:
        with pytest.raises(duckdb.ConversionException):
            warehouse.write(wrong)
        assert (tries, held(warehouse)) == ([1], [])
        add(warehouse, ("d1", 2, "and it goes on"))
        assert len(held(warehouse)) == 1


def test_a_writer_that_never_ends_is_given_up_on_in_bounded_time(home: Home) -> None:
    with notes(home) as first, notes(home, patience=2) as second:
        add(second, ("d1", 1, "x"))

        def long(connection: duckdb.DuckDBPyConnection) -> float:
            put(connection, [("d1", 2, "first")])
            began = time.monotonic()
            with pytest.raises(
                TransientFault, match=r"held the catalog for over 2 seconds.*Next move: engineer"
            ):
                add(second, ("d1", 3, "second"))
            return time.monotonic() - began

        assert 1.9 < first.write(long) < 15
        assert held(second) == [("d1", 1, "x"), ("d1", 2, "first")]


LOCKED = """
import sqlite3, sys, time
catalog = sqlite3.connect(sys.argv[1], isolation_level=None)
catalog.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("opened_before", [True, False])
def test_a_catalog_that_another_program_locks_for_ten_seconds_is_waited_for(
    sqlite_home: Home, *, opened_before: bool
) -> None:
    with notes(sqlite_home) as warehouse:
        add(warehouse, ("d1", 1, "before"))
        if not opened_before:
            warehouse.close()
        catalog = sqlite_home.catalog.removeprefix("ducklake:sqlite:")
        other = process(LOCKED, sqlite_home, catalog, "10")
        assert other.stdout
        assert other.stdout.readline() == "locked\n"
        began = time.monotonic()
        assert held(warehouse) == [("d1", 1, "before")]
        assert time.monotonic() - began < 8, "a reader need not wait"
        add(warehouse, ("d1", 2, "after"))
        assert time.monotonic() - began > 8
        finished(other)
        assert len(held(warehouse)) == 2


def test_a_catalog_that_another_program_locks_for_ever_is_given_up_on(sqlite_home: Home) -> None:
    with notes(sqlite_home, patience=2) as warehouse:
        add(warehouse, ("d1", 1, "before"))
        other = process(LOCKED, sqlite_home, sqlite_home.catalog.removeprefix("ducklake:sqlite:"), "600")
        try:
            assert other.stdout
            assert other.stdout.readline() == "locked\n"
            began = time.monotonic()
            with pytest.raises(TransientFault, match="held the catalog"):
                add(warehouse, ("d1", 2, "never"))
            assert time.monotonic() - began < 20
        finally:
            other.kill()
            other.communicate()
        assert held(warehouse) == [("d1", 1, "before")]
