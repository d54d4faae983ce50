"""Keeps the lake small and quick: merges files, rewrites those with many deleted rows, and forgets old snapshots.

What is current never changes. A reader keeps its files for as long as snapshots are kept.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, TransientFault
from sis_assets.warehouse.lake import wide
from sis_assets.warehouse.migration import literal
from sis_assets.warehouse.opening import LAKE, split_catalog
from sis_assets.warehouse.statistics import fit
from sis_assets.warehouse.trouble import is_contention, trouble

if TYPE_CHECKING:
    from typing import Any

    from duckdb import DuckDBPyConnection

    from sis_assets.warehouse.home import Home
    from sis_assets.warehouse.lake import Warehouse

#: A file is written anew when more than this share of its rows is deleted.
DELETED_SHARE = 0.25
#: No stage runs for as long as this: what lies longer in the scratch folder is a crashed process's.
SCRATCH_KEPT = timedelta(days=1)
#: For so long a catalog is waited for that others use.
CATALOG_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a round of maintenance did. `rewritten` and `merged` count files that gave way to newer, fewer ones."""

    rewritten: int
    merged: int
    snapshots_expired: int
    files_removed: int
    orphans_removed: int


def maintain(warehouse: Warehouse, *, older_than: timedelta) -> Upkeep:
    """Compact every table, expire snapshots of days before `older_than` ago, and unlink files that nothing needs any more.

    A file goes once it has been out of use, or without an owner, for that long; a reader that stays in one snapshot for
    longer loses its files. Nothing is kept when `older_than` is zero: for when nobody reads. Writers wait for one table
    at a time. Raises TransientFault as `Warehouse.write`.
    """
    rewritten = merged = 0
    for schema, table in _tables(warehouse):
        target = f"{literal(table)}, schema => {literal(schema)}"
        rewritten += _processed(
            _call(warehouse, "rewrite_data_files", f"{target}, delete_threshold => {DELETED_SHARE}")
        )
        merged += _processed(_call(warehouse, "merge_adjacent_files", target))
    warehouse.write(fit)
    before = f"older_than => {_limit(older_than)}" if older_than else "older_than => now()"
    unneeded = before if older_than else "cleanup_all => true"
    upkeep = Upkeep(
        rewritten=rewritten,
        merged=merged,
        snapshots_expired=len(_call(warehouse, "expire_snapshots", before)),
        files_removed=len(_call(warehouse, "cleanup_old_files", unneeded)),
        orphans_removed=len(_call(warehouse, "delete_orphaned_files", unneeded)),
    )
    sweep_scratch(warehouse.home, older_than=SCRATCH_KEPT)
    return upkeep


def forget(warehouse: Warehouse) -> None:
    """Leave on the disk nothing but what is current: no deleted row, no old snapshot, no file or page that held them.

    For after a purge; readers lose their snapshots. Raises TransientFault as `Warehouse.write`, or when another process
    keeps the catalog's pages from being overwritten.
    """
    for schema, table in _tables(warehouse):
        _call(
            warehouse,
            "rewrite_data_files",
            f"{literal(table)}, schema => {literal(schema)}, delete_threshold => 0.0",
        )
    _call(warehouse, "expire_snapshots", "older_than => now()")
    _call(warehouse, "cleanup_old_files", "cleanup_all => true")
    _call(warehouse, "delete_orphaned_files", "cleanup_all => true")
    warehouse.write(fit)
    compact_catalog(warehouse.home)
    sweep_scratch(warehouse.home, older_than=SCRATCH_KEPT)


def compact_catalog(home: Home) -> None:
    """Write a SQLite catalog anew, so that it keeps no smallest or largest value of a file that is gone.

    A PostgreSQL catalog is left to its own vacuum. Raises TransientFault when another process is in the way or the disk is full.
    """
    kind, address = split_catalog(home.catalog)
    if kind != "sqlite":
        return
    try:
        with closing(sqlite3.connect(address, timeout=CATALOG_PATIENCE_SECONDS)) as catalog:
            catalog.execute(
                "PRAGMA temp_store = MEMORY"
            )  # else the old pages lie in the system's temporary folder
            catalog.execute("VACUUM")
            [(busy, *_)] = catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        if is_contention(error):
            raise _read_by_others() from None
        if (fault := trouble(error)) is None:
            raise
        raise fault from None
    if busy:
        raise _read_by_others()


def _read_by_others() -> TransientFault:
    return TransientFault(
        tried="Writing the catalog anew without what was removed",
        seen=f"other processes used it for over {CATALOG_PATIENCE_SECONDS:.0f} seconds",
        todo="Run the same command again when they have ended",
        mover=Mover.ENGINEER,
    )


def _limit(older_than: timedelta) -> str:
    """Return the end of the day before that time, in UTC.

    In a SQLite catalog DuckLake compares times as text in which any time of a day comes before the day's limit; the end
    of a day means the same there as anywhere.
    """
    day = (datetime.now(UTC) - older_than).replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{literal((day - timedelta(microseconds=1)).isoformat())}::TIMESTAMPTZ"


def sweep_scratch(home: Home, *, older_than: timedelta) -> None:
    """Remove what crashed processes left in the scratch folder."""
    oldest = (datetime.now(UTC) - older_than).timestamp()
    for entry in home.scratch.glob("*"):
        if entry.is_symlink() or entry.stat().st_mtime > oldest:
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _tables(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.read() as connection:
        return connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY ALL"
        ).fetchall()


def _call(warehouse: Warehouse, function: str, arguments: str) -> list[tuple[Any, ...]]:
    """Call one of DuckLake's maintenance functions in a transaction of its own."""
    query = f"CALL ducklake_{function}('{LAKE}', {arguments})"

    def call(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        with wide(connection):
            return connection.execute(query).fetchall()

    return warehouse.write(call)


def _processed(rows: list[tuple[Any, ...]]) -> int:
    return sum(files for _, _, files, _ in rows)
