"""`query`: its formats, what it refuses, and what it never does."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sis_assets import cli
from sis_assets.model.schema import STUDENT_COURSES, STUDENTS, TABLES
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.builders import insert, student

Query = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose warehouse holds two students and a course of one."""
    home = tmp_path_factory.mktemp("query") / "home"
    rows = [student(1, last_name='Family "Q", [bold]x[/]'), student(2, birth_date=None)]
    with Warehouse(Home.at(home), (*RAW_TABLES, *TABLES)) as warehouse:
        warehouse.write(
            lambda connection: insert(connection, STUDENTS, [row | {"district_id": "a"} for row in rows])
        )
        taken = {"district_id": "a", "student_id": "1001", "course_code": "0042", "credits": "0.125"}
        warehouse.write(lambda connection: insert(connection, STUDENT_COURSES, [taken]))
    return home


@pytest.fixture
def query(root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Query:
    monkeypatch.setenv("SIS_ASSETS_HOME", str(root))

    def command(sql: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sis-assets", "query", sql, *arguments])
        try:
            cli.main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return command


def test_json_is_one_array_of_objects_with_plain_values(query: Query) -> None:
    sql = (
        "SELECT s.student_id, s.birth_date, s.middle_name, c.credits, 1.000::DECIMAL(9,3) AS whole, {'a': [DATE '2026-10-15']} AS nested,"
        " TIMESTAMPTZ '2026-10-15 20:00:00-07' AS at, TIMESTAMP '2026-10-15 20:00' AS naive, TIME '20:00' AS hour, true AS yes,"
        " 'nan'::DOUBLE AS none, MAP {1: 'x'} AS map, 'ab'::BLOB AS bytes, 170141183460469231731687303715884105727::HUGEINT AS huge,"
        " INTERVAL 1 DAY AS span FROM core.students s LEFT JOIN core.student_courses c USING (student_id) ORDER BY 1"
    )
    code, out, err = query(sql, "--format", "json")
    assert (code, err) == (0, "")
    first, second = json.loads(out)
    assert first == {
        "student_id": "1001",
        "birth_date": "2011-03-09",
        "middle_name": None,
        "credits": 0.125,
        "whole": 1,
        "nested": {"a": ["2026-10-15"]},
        "at": "2026-10-16T03:00:00+00:00",
        "naive": "2026-10-15T20:00:00",
        "hour": "20:00:00",
        "yes": True,
        "none": "nan",
        "map": {"1": "x"},
        "bytes": "6162",
        "huge": 170141183460469231731687303715884105727,
        "span": "1 day, 0:00:00",
    }
    assert (second["birth_date"], second["credits"]) == (None, None)
    assert json.loads(query("SELECT 1 AS n WHERE false", "--format", "json")[1]) == []


def test_csv_quotes_what_needs_quotes(query: Query) -> None:
    code, out, _ = query(
        "SELECT last_name, birth_date, gender FROM core.students ORDER BY student_id", "--format", "csv"
    )
    assert code == 0
    assert list(csv.reader(io.StringIO(out))) == [
        ["last_name", "birth_date", "gender"],
        ['Family "Q", [bold]x[/]', "2011-03-09", "N"],
        ["Family-0002", "", "N"],
    ]


def test_the_table_shows_values_as_they_are_and_cuts_nothing_off(query: Query) -> None:
    code, out, _ = query("SELECT last_name, repeat('x', 200) AS long FROM core.students ORDER BY student_id")
    assert code == 0
    assert out.count("x") >= 400
    assert "…" not in out
    assert "[bold]x[/]" in query("SELECT last_name FROM core.students ORDER BY student_id")[1]


def test_describe_show_and_explain_are_questions_too(query: Query) -> None:
    assert "birth_date" in query("DESCRIBE core.students")[1]
    assert "students" in query("SHOW ALL TABLES", "--format", "json")[1]
    assert query("EXPLAIN SELECT 1")[0] == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM core.students",
        "INSERT INTO core.students (district_id) VALUES ('b')",
        "CREATE TABLE core.more (a INT)",
        "COPY core.students TO '{file}'",
        "SELECT 1; COPY core.students TO '{file}'",
        "EXPORT DATABASE '{file}'",
        "ATTACH '{file}' AS other",
        "EXPLAIN ANALYZE DELETE FROM core.students",
        "SELECT nothing FROM nowhere",
        "SELEC 1",
        "",
        ";",
    ],
)
def test_what_writes_or_is_no_query_exits_2_and_changes_nothing(
    query: Query, tmp_path: Path, sql: str
) -> None:
    code, out, err = query(sql.format(file=tmp_path / "leak"), "--format", "json")
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_the_questions_above_left_the_students_alone(query: Query) -> None:
    assert json.loads(query("SELECT count(*) AS n FROM core.students", "--format", "json")[1]) == [{"n": 2}]


def test_a_value_that_cannot_be_cast_is_not_quoted(query: Query) -> None:
    code, out, err = query("SELECT CAST(last_name AS INTEGER) FROM core.students")
    assert (code, out) == (2, "")
    assert "ConversionException" in err
    assert "Family" not in err


def test_json_refuses_columns_that_would_hide_each_other(query: Query) -> None:
    code, out, err = query("SELECT 1 AS a, 2 AS a", "--format", "json")
    assert (code, out) == (2, "")
    assert "named a" in err
