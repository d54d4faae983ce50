"""What DuckDB may do while it reads an untrusted file: read that file and write its table, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sis_assets.sis.delimited.table import Sandbox, connect
from sis_assets_tests.delimited_files import students


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    (tmp_path / "Student.txt").write_bytes(students(3))
    (tmp_path / "other.txt").write_bytes(students(3))
    made = connect()
    with Sandbox(made, tmp_path / "Student.txt", tmp_path / "out.parquet"):
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
