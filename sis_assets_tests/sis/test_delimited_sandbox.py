"""What DuckDB may do while it reads an untrusted file: read that file and write its table, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from sis_assets.sis.delimited.header import Header
from sis_assets.sis.delimited.table import Clean, Sandbox, connect
from sis_assets_tests.delimited_files import HEADER, students


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    (tmp_path / "Student.txt").write_bytes(students(3))
    (tmp_path / "other.txt").write_bytes(students(3))
    made = connect()
    with (
        closing(Sandbox(made, tmp_path)) as sandbox,
        sandbox.on(tmp_path / "Student.txt", tmp_path / "out.parquet"),
    ):
        yield made


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('{folder}/other.txt')",
        "SELECT * FROM read_text('{folder}/*.txt')",
        "SELECT * FROM read_text('{folder}/../{name}/other.txt')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{folder}/other.txt')",
        "SELECT * FROM read_text('http://127.0.0.1/')",
        "COPY (SELECT 1) TO '{folder}/new.csv'",
        "ATTACH '{folder}/new.duckdb'",
        "EXPORT DATABASE '{folder}/new'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET lock_configuration = false",
        "SET threads = 1",
    ],
)
def test_nothing_else_can_be_opened_or_set(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, statement: str
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=tmp_path, name=tmp_path.name))
    assert sorted(tmp_path.iterdir()) == before


def test_a_sandbox_that_serves_many_files_never_shows_one_the_other(tmp_path: Path) -> None:
    header = Header(tuple(HEADER), {"StudentID": 0}, 0, ())
    clean = Clean(delimiter="|", skip=1)
    with closing(Sandbox(connect(), tmp_path)) as sandbox:
        for number in (3, 5, 4):
            source, into = tmp_path / "Student.txt", tmp_path / f"{number}.parquet"
            source.write_bytes(students(number))
            with sandbox.on(source, into):
                assert sandbox.write_parquet(clean, header) == number
            assert duckdb.read_parquet(str(into)).count("*").fetchall() == [(number,)]
        with pytest.raises(duckdb.Error):
            sandbox.write_parquet(clean, header)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "3.parquet",
        "4.parquet",
        "5.parquet",
        "Student.txt",
    ]


def test_a_folder_whose_name_looks_like_a_pattern_is_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / "[ab]*"
    folder.mkdir()
    (tmp_path / "Student.txt").write_bytes(students(3))
    with (
        closing(Sandbox(connect(), folder)) as sandbox,
        sandbox.on(tmp_path / "Student.txt", folder / "out.parquet"),
    ):
        written = sandbox.write_parquet(
            Clean(delimiter="|", skip=1), Header(tuple(HEADER), {"StudentID": 0}, 0, ())
        )
    assert written == 3
