"""The schema: made once, added to later, by whoever comes first."""

from __future__ import annotations

from dataclasses import replace

from sis_assets.model.schema import DATE, TABLES, TEXT, Column, Table
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.lakes import NOTES, add, finished, held, notes, process

LATER = replace(
    NOTES,
    description="Notes, told better.",
    columns=(
        *NOTES.columns[:2],
        replace(NOTES.columns[2], description="Any text."),
        Column("day", DATE, "A day."),
    ),
)
NEW = Table("extra", "things", "Other things.", (Column("name", TEXT, "A name."),), by_district=False)


def described(warehouse: Warehouse) -> dict[str, dict[str, tuple[str, str]]]:
    """Type and description of every column, and the table's description, by table."""
    with warehouse.read() as connection:
        columns = connection.execute(
            "SELECT schema_name || '.' || table_name, column_name, data_type, comment FROM duckdb_columns()"
            " WHERE database_name = 'lake' ORDER BY column_index"
        ).fetchall()
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE database_name = 'lake'"
        ).fetchall()
    found: dict[str, dict[str, tuple[str, str]]] = {name: {"": ("", text)} for name, text in tables}
    for table, column, kind, comment in columns:
        found[table][column] = (kind, comment)
    return found


def test_every_table_is_there_with_its_columns_and_descriptions(home: Home) -> None:
    with Warehouse(home, (*RAW_TABLES, *TABLES)) as warehouse:
        found = described(warehouse)
        with warehouse.read() as connection:
            types = {
                column.type: connection.execute(f"SELECT typeof(NULL::{column.type})").fetchall()[0][0]
                for table in TABLES
                for column in table.columns
            }
    for table in (*RAW_TABLES, *TABLES):
        expected = {"": ("", table.description)} | {
            column.name: (types[column.type], column.description) for column in table.columns
        }
        assert found[table.qualified] == expected
        assert list(found[table.qualified])[1:] == list(table.column_names)


def test_a_district_is_read_from_its_own_files(home: Home) -> None:
    with notes(home) as warehouse:
        for number in range(3):
            add(warehouse, *((f"d{district}", number, "x") for district in range(4)))
        with warehouse.read() as connection:
            plan = connection.execute(
                "EXPLAIN ANALYZE SELECT * FROM core.notes WHERE district_id = 'd2'"
            ).fetchall()[0][1]
    assert "Total Files Read: 3" in plan


def test_a_new_column_and_a_new_table_are_added_and_what_was_there_stays(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "before"))
    with Warehouse(home, (LATER, NEW)) as warehouse:
        warehouse.write(
            lambda connection: connection.execute(
                "INSERT INTO core.notes VALUES ('d1', 2, 'after', '2026-09-01')"
            )
        )
        with warehouse.read() as connection:
            rows = connection.execute(
                "SELECT number, text, day::VARCHAR FROM core.notes ORDER BY number"
            ).fetchall()
        found = described(warehouse)
    assert rows == [(1, "before", None), (2, "after", "2026-09-01")]
    assert found["extra.things"] == {"": ("", "Other things."), "name": ("VARCHAR", "A name.")}
    assert found["core.notes"]["day"] == ("DATE", "A day.")


def test_a_description_that_changed_is_told_anew(home: Home) -> None:
    with notes(home) as warehouse:
        add(warehouse, ("d1", 1, "x"))
    with Warehouse(home, (LATER,)) as warehouse:
        add_nothing(warehouse)
        found = described(warehouse)
    assert found["core.notes"][""] == ("", "Notes, told better.")
    assert found["core.notes"]["text"] == ("VARCHAR", "Any text.")


def test_opening_again_changes_nothing(home: Home) -> None:
    with notes(home) as warehouse:
        add_nothing(warehouse)
        before = snapshot(warehouse)
    with notes(home) as warehouse:
        add_nothing(warehouse)
        assert snapshot(warehouse) == before


def test_two_processes_that_begin_at_once_make_one_schema(home: Home) -> None:
    code = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\nadd(lake, ('d1', int(sys.argv[1]), 'x'))"
    both = [process(code, home, str(number)) for number in range(2)]
    for child in both:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in both:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in both:
        finished(child)
    with notes(home) as warehouse:
        assert held(warehouse) == [("d1", 0, "x"), ("d1", 1, "x")]
        with warehouse.read() as connection:
            assert connection.execute("SELECT count(*) FROM ops.schema_versions").fetchall() == [(1,)]


def add_nothing(warehouse: Warehouse) -> None:
    add(warehouse)


def snapshot(warehouse: Warehouse) -> int:
    with warehouse.read() as connection:
        return int(connection.execute("FROM ducklake_current_snapshot('lake')").fetchall()[0][0])
