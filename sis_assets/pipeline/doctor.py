"""Looks an installation or one district over and says, check by check, what is right and what to do."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.faults import Fault
from sis_assets.model.schema import TABLES
from sis_assets.sis.eschoolplus.contract import FILES, RAW_TABLES

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.warehouse import Home

LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, whether it is right, and what was seen (with what to do when it is not)."""

    check: str
    ok: bool
    seen: str


def examine_home(home: Home) -> Iterator[Finding]:
    """Check the home, the warehouse, the engine and all district files."""
    yield Finding("home", home.root.is_dir(), _folder(home.root))
    yield _versions()
    yield _disk(home.root)
    yield _told("warehouse", lambda: _warehouse(home))
    yield _catalog_mode(home)
    yield _told("district files", lambda: _districts(home))


def examine_district(home: Home, name: str) -> Iterator[Finding]:
    """Check one district: its file, its secrets, its drop, and where it stands in the ledger."""
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    try:
        district = load_districts(home.districts).district(name)
    except Fault as fault:
        yield Finding("district file", False, fault.reason)  # noqa: FBT003 - a dataclass's field
        return
    yield Finding("district file", True, f"{district.name}, {district.sis.kind}, {district.timezone}")  # noqa: FBT003
    yield _told("drop", lambda: _drop(district))
    yield _told("ledger", lambda: _ledger(home, district))


def _told(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())  # noqa: FBT003 - a dataclass's field
    except Fault as fault:
        return Finding(check, False, fault.reason)  # noqa: FBT003 - a dataclass's field


def _folder(path: Path) -> str:
    if not path.is_dir():
        return f"{path} does not exist; set SIS_ASSETS_HOME or create it"
    return str(path) if os.access(path, os.W_OK) else f"{path} cannot be written"


def _versions() -> Finding:
    names = ("dagster", "duckdb", "duckdb-extension-ducklake", "paramiko", "polars")
    found = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return Finding("versions", True, ", ".join(found))  # noqa: FBT003 - a dataclass's field


def _disk(root: Path) -> Finding:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return Finding("disk", free >= LEAST_FREE_BYTES, f"{free / 1024**3:.1f} GiB free (2 are the least)")


def _warehouse(home: Home) -> str:
    from sis_assets.warehouse import Warehouse  # noqa: PLC0415 - DuckDB, only where needed

    with Warehouse(home, (*RAW_TABLES, *TABLES)) as warehouse:
        accounts, districts = warehouse.write(
            lambda connection: connection.execute(
                "SELECT count(*) FILTER (is_active), count(DISTINCT district_id) FROM lifecycle.accounts"
            ).fetchall()[0]
        )
    return f"can be written; {accounts:,} active accounts in {districts:,} districts"


def _catalog_mode(home: Home) -> Finding:
    kind, _, path = home.catalog.removeprefix("ducklake:").partition(":")
    if kind != "sqlite":
        return Finding("catalog", True, "on PostgreSQL; keep its disk encrypted")  # noqa: FBT003 - a dataclass's field
    mode = Path(path).stat().st_mode & 0o777 if Path(path).exists() else 0o600
    seen = f"mode {mode:04o}"
    return Finding("catalog", mode & 0o077 == 0, seen if mode & 0o077 == 0 else f"{seen}; run chmod 600 on {path}")


def _districts(home: Home) -> str:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    registry = load_districts(home.districts)
    if registry.broken:
        raise next(iter(registry.broken.values()))
    return f"{len(registry.districts)} files are right"


def _drop(district: District) -> str:
    from sis_assets.sis.eschoolplus import client  # noqa: PLC0415 - with its transports, only where needed

    names = client.names_in_drop(district)
    if not names:
        return "reachable; none of the expected files is there yet"
    missing = [file.entity for file in FILES if file.always and file.entity not in names]
    seen = f"reachable; {', '.join(sorted(names.values()))}"
    return f"{seen}; still missing: {', '.join(missing)}" if missing else seen


def _ledger(home: Home, district: District) -> str:
    from sis_assets.warehouse import Warehouse, ledger  # noqa: PLC0415 - DuckDB, only where needed

    with Warehouse(home, (*RAW_TABLES, *TABLES)) as warehouse, warehouse.read() as connection:
        state = ledger.states(connection, [district.district])[district.district]
    if state.newest is None:
        return "never read"
    held = f"; held: {', '.join(state.held)}" if state.held else ""
    failed = "; the newest read failed" if state.last_failed else ""
    return f"last complete extract {state.newest.extract_id}, {state.newest.started_at:%Y-%m-%d %H:%M} UTC{failed}{held}"
