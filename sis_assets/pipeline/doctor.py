"""Looks an installation or one district over and says, check by check, what is right and what to do."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.faults import Fault, Mover, NeedsPerson
from sis_assets.model.schema import TABLES
from sis_assets.sis.kinds import KINDS, RAW_TABLES, refuse_problems, sis_of

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.warehouse import Home

#: The environment variable that holds the addresses from which this deployment asks, separated by commas.
ADDRESSES = "SIS_ASSETS_ADDRESSES"
LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, whether it is right, and what was seen (with what to do when it is not)."""

    check: str
    ok: bool
    seen: str


def examine_home(home: Home) -> Iterator[Finding]:
    """Check the home, the warehouse, the engine and all district files. Without a home nothing is made, nor looked at."""
    yield _told("home", lambda: _folder(home.root))
    yield _versions()
    yield _disk(home.root)
    if not home.root.is_dir():
        return
    yield _told("warehouse", lambda: _warehouse(home))
    yield _catalog_mode(home)
    yield _told("district files", lambda: _districts(home))


def examine_district(home: Home, name: str) -> Iterator[Finding]:
    """Check one district: its file, its source (with every credential and right), and where it stands in the ledger.

    Raises NeedsPerson when there is no file of that name.
    """
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    registry = load_districts(home.districts)
    if name in registry.broken:
        yield Finding("district file", False, registry.broken[name].reason)  # noqa: FBT003 - a dataclass's field
        return
    district = registry.district(name)
    yield _told("district file", lambda: _file(district))
    if district.sis.kind in KINDS:
        if district.sis.by_api:
            yield Finding("allow list", True, _allow_list())  # noqa: FBT003 - a dataclass's field
        yield from _source(home, district)
    yield _told("ledger", lambda: _ledger(home, district))


def _allow_list() -> str:
    """Tell which of our addresses a district's firewall must let through; they are set where this is deployed."""
    addresses = ", ".join(os.environ.get(ADDRESSES, "").replace(",", " ").split())
    if not addresses:
        return f"set {ADDRESSES} to the addresses from which we ask, to see here what a district must let through"
    return f"the district must let {addresses} through on port 443"


def _source(home: Home, district: District) -> Iterator[Finding]:
    """Check the source; one that cannot even be asked, because a secret is not in its place, is a finding too."""
    try:
        for check, look in sis_of(district).client.checks(district, home):
            yield _told(check, look)
    except Fault as fault:
        yield Finding("source", False, fault.reason)  # noqa: FBT003 - a dataclass's field


def _told(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())  # noqa: FBT003 - a dataclass's field
    except Fault as fault:
        return Finding(check, False, fault.reason)  # noqa: FBT003 - a dataclass's field


def _wrong(tried: str, seen: str, todo: str) -> NeedsPerson:
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.ENGINEER)


def _folder(path: Path) -> str:
    if not path.is_dir():
        raise _wrong(f"Opening {path}", "there is no such folder", "Make it, or correct SIS_ASSETS_HOME")
    if not os.access(path, os.W_OK):
        raise _wrong(f"Opening {path}", "it cannot be written", "Let our user write to it")
    return str(path)


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
    return Finding(
        "catalog", mode & 0o077 == 0, seen if mode & 0o077 == 0 else f"{seen}; run chmod 600 on {path}"
    )


def _districts(home: Home) -> str:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    registry = load_districts(home.districts)
    for error in registry.broken.values():
        raise error
    for district in registry.districts.values():
        refuse_problems(district)
    return f"{len(registry.districts)} files are right"


def _file(district: District) -> str:
    refuse_problems(district)
    return f"{district.name}, {district.sis.kind}, {district.timezone}"


def _ledger(home: Home, district: District) -> str:
    from sis_assets.warehouse import Warehouse, ledger  # noqa: PLC0415 - DuckDB, only where needed

    with Warehouse(home, (*RAW_TABLES, *TABLES)) as warehouse, warehouse.read() as connection:
        state = ledger.states(connection, [district.district])[district.district]
    held = f"; held: {', '.join(state.held)}" if state.held else ""
    newest = state.newest
    last = (
        f"the last complete extract is {newest.extract_id} of {newest.started_at:%Y-%m-%d %H:%M} UTC"
        if newest
        else "no complete extract yet"
    )
    if state.last_failed:
        raise _wrong("The newest read", f"it failed; {last}{held}", "Read its reason in ops.extracts")
    return f"{last}{held}"
