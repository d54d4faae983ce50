"""Removes what is older than `retention.yaml` says: raw rows and rejected rows, payloads of the outbox, landed files.

Never removed: the newest complete extract of a district, the one of which its canonical tables were made, those of held
change sets, the files of all these, and what the next read of changes builds on. An undo needs `lifecycle.changes`, which
has no age. Everything is repeatable: a run that was killed is finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.sis.aeries.last import files_needed
from sis_assets.warehouse import ledger
from sis_assets.warehouse.removal import remove, tables_of_districts
from sis_assets.warehouse.trouble import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from sis_assets.districts import Retention
    from sis_assets.pipeline.stage import Clock
    from sis_assets.warehouse import Warehouse

#: The subject of audit rows that concern all districts; no district can be named so.
ALL_DISTRICTS: Final = "*"
#: The columns by which a table holds records of extracts.
_RECORDS: Final = {"extract_id", "row_number"}

_NEEDED = """
SELECT max(extract_id) AS extract_id FROM ops.extracts WHERE status = 'complete' GROUP BY district_id
UNION SELECT max(extract_id) FROM ops.extracts WHERE status = 'complete' AND typed_under IS NOT NULL GROUP BY district_id
UNION SELECT extract_id FROM lifecycle.change_sets WHERE status = 'held'
"""
_EXPIRED = f"""
extract_id IN (SELECT extract_id FROM ops.extracts WHERE finished_at < ?) AND extract_id NOT IN (FROM ({_NEEDED}))
"""

_DELIVERED: Final = "delivered_at < ? AND payload IS NOT NULL"


@dataclass(slots=True)
class Expired:
    """What was removed, or would be: rows by table (of the outbox: payloads), and landed files."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.files)


def expire(warehouse: Warehouse, clock: Clock, keep: Retention, *, by: str, dry: bool = False) -> Expired:
    """Remove what is too old and return what it was; `dry` only counts. What was removed is audited as done `by`.

    Ages are by the business clock. The rows' bytes leave the disk with the next upkeep of the warehouse. Raises
    TransientFault as `Warehouse.write`, and when the disk is in the way.
    """
    now = clock.now()
    found = Expired()
    read, delivered = now - timedelta(days=keep.raw_days), now - timedelta(days=keep.outbox_days)
    with warehouse.read() as connection:
        for table, columns in tables_of_districts(connection).items():
            if columns >= _RECORDS:
                found.rows[table] = remove(connection, table, _EXPIRED, [read], dry=True)
        found.rows["delivery.outbox"] = remove(
            connection, "delivery.outbox", _DELIVERED, [delivered], dry=True
        )
        needed = _files_needed(connection)
    found.rows = {table: count for table, count in found.rows.items() if count}
    for table in () if dry else found.rows:  # a transaction each: writers wait for one table at a time
        warehouse.write(partial(_remove, table=table, read=read, delivered=delivered))
    for path in _old_files(warehouse.home.landing, now - timedelta(days=keep.landing_days), needed):
        found.files += 1
        found.bytes += path.lstat().st_size
        if not dry:
            _unlink(path)
    if found and not dry:
        warehouse.write(lambda connection: _audit(connection, now, by, keep, found))
    return found


def _remove(connection: DuckDBPyConnection, *, table: str, read: datetime, delivered: datetime) -> None:
    """Remove a table's old rows; those of the outbox lose their payload only, their order must stay without gaps."""
    if table == "delivery.outbox":
        connection.execute(f"UPDATE delivery.outbox SET payload = NULL WHERE {_DELIVERED}", [delivered])
    else:
        remove(connection, table, _EXPIRED, [read])


def _files_needed(connection: DuckDBPyConnection) -> dict[str, set[str]]:
    """Return the hashes of the files that extracts which are needed were made of, by district."""
    needed: dict[str, set[str]] = {}
    for district_id, sha256 in connection.execute(
        "SELECT district_id, unnest(list_transform(files, lambda f: f.sha256)) FROM ops.extracts"
        f" WHERE extract_id IN (FROM ({_NEEDED}))"
    ).fetchall():
        needed.setdefault(district_id, set()).add(sha256)
    return needed


def _old_files(landing: Path, limit: datetime, needed: dict[str, set[str]]) -> Iterator[Path]:
    for district in sorted(path for path in landing.glob("*") if path.is_dir()):
        kept = needed.get(district.name, set()) | files_needed(district)
        for path in sorted(district.rglob("*")):
            if not path.is_dir() and path.name not in kept and path.lstat().st_mtime < limit.timestamp():
                yield path


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if (fault := trouble(error)) is None:
            raise
        raise fault from None


def _audit(connection: DuckDBPyConnection, now: datetime, by: str, keep: Retention, found: Expired) -> None:
    ledger.audit(
        connection,
        district_id=ALL_DISTRICTS,
        at=now,
        actor=by,
        action="purge_expired",
        subject="retention",
        detail={"rows": found.rows, "files": found.files, "bytes": found.bytes, "keep": keep.model_dump()},
    )
