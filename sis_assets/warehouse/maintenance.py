"""Keeps the lake small and quick: merges files, rewrites those with many deleted rows, and forgets old snapshots.

What is current never changes. A reader keeps its files for as long as snapshots are kept.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sis_assets.warehouse.migration import literal
from sis_assets.warehouse.opening import LAKE

if TYPE_CHECKING:
    from typing import Any

    from sis_assets.warehouse.home import Home
    from sis_assets.warehouse.lake import Warehouse

#: A file is written anew when more than this share of its rows is deleted.
DELETED_SHARE = 0.25
#: No stage runs for as long as this: what lies longer in the scratch folder is a crashed process's.
SCRATCH_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a round of maintenance did. `rewritten` and `merged` count files that gave way to newer, fewer ones."""

    rewritten: int
    merged: int
    snapshots_expired: int
    files_removed: int
    orphans_removed: int


def maintain(warehouse: Warehouse, *, older_than: timedelta) -> Upkeep:
    """Compact every table, expire the snapshots older than `older_than`, and unlink files that nothing needs any more.

    A file goes once it has been out of use, or without an owner, for `older_than`; a reader that stays in one snapshot
    for longer than that loses its files. Writers wait for one table at a time. Raises TransientFault as `Warehouse.write`.
    """
    before = f"older_than => {literal((datetime.now(UTC) - older_than).isoformat())}::TIMESTAMPTZ"
    rewritten = merged = 0
    for schema, table in _tables(warehouse):
        target = f"{literal(table)}, schema => {literal(schema)}"
        rewritten += _processed(
            _call(warehouse, "rewrite_data_files", f"{target}, delete_threshold => {DELETED_SHARE}")
        )
        merged += _processed(_call(warehouse, "merge_adjacent_files", target))
    upkeep = Upkeep(
        rewritten=rewritten,
        merged=merged,
        snapshots_expired=len(_call(warehouse, "expire_snapshots", before)),
        files_removed=len(_call(warehouse, "cleanup_old_files", before)),
        orphans_removed=len(_call(warehouse, "delete_orphaned_files", before)),
    )
    sweep_scratch(warehouse.home, older_than=SCRATCH_KEPT)
    return upkeep


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
    return warehouse.write(lambda connection: connection.execute(query).fetchall())


def _processed(rows: list[tuple[Any, ...]]) -> int:
    return sum(files for _, _, files, _ in rows)
