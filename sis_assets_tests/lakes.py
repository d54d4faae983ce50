"""A small table to try a warehouse on, and processes that share one with the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.schema import DISTRICT, TEXT, WHOLE, Column, Table
from sis_assets.warehouse import Home, Warehouse
from sis_assets.warehouse.rows import insert

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NOTES = Table(
    "core",
    "notes",
    "Notes of the tests.",
    (DISTRICT, Column("number", WHOLE, "A number."), Column("text", TEXT, "A text.")),
)
ROOT = Path(__file__).parents[1]


def notes(home: Home, *, read_only: bool = False, patience: float = 60.0) -> Warehouse:
    """Open a warehouse that holds nothing but the notes."""
    return Warehouse(home, (NOTES,), read_only=read_only, patience=patience)


def add(warehouse: Warehouse, *rows: tuple[str, int, str]) -> None:
    """Write notes in one transaction."""
    warehouse.write(lambda connection: put(connection, rows))


def put(connection: DuckDBPyConnection, rows: Iterable[tuple[str, int, str]]) -> None:
    names = ("district_id", "number", "text")
    insert(connection, NOTES, [dict(zip(names, row, strict=True)) for row in rows])


def held(warehouse: Warehouse) -> list[tuple[str, int, str]]:
    """Return all notes in order."""
    with warehouse.read() as connection:
        return connection.execute("FROM core.notes ORDER BY ALL").fetchall()


def files(home: Home) -> list[Path]:
    """Return every file of the lake."""
    return sorted(path for path in Path(home.files).rglob("*") if path.is_file())


def variables(home: Home) -> dict[str, str]:
    """Return the environment that names the home."""
    return {
        "SIS_ASSETS_HOME": str(home.root),
        "SIS_ASSETS_CATALOG": home.catalog,
        "SIS_ASSETS_FILES": home.files,
    }


def process(
    code: str, home: Home, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start Python on `code`, which finds the home's warehouse of notes as `lake` and says what it has to say."""
    start = "from sis_assets_tests.lakes import *\nlake = notes(Home.from_environment())\n"
    environment = {**os.environ, **variables(home), "PYTHONPATH": str(ROOT), **(more or {})}
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *arguments],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(child: subprocess.Popen[str], say: str = "") -> str:
    """Wait for a process and return what it printed; one that failed fails the test."""
    printed, errors = child.communicate(say or None, timeout=120)
    assert child.returncode == 0, errors
    return printed
