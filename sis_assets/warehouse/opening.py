"""Opens the lake: DuckDB with the extensions that came as wheels, the catalog, the schema.

Nothing is fetched, installed or loaded on its own, nothing is written outside the home, and what spills to disk is
encrypted as the lake is.
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.warehouse.locks import GATE, Lock, advisory_lock, file_lock
from sis_assets.warehouse.migration import is_current, literal, migrate
from sis_assets.warehouse.trouble import no_warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.model.schema import Table
    from sis_assets.warehouse.home import Home

LAKE = "lake"
MEMORY_LIMIT = "1GB"
_BUSY_SECONDS = 30.0
#: DuckDB derives the name of an extension's entry from the file's name; these wheels name theirs otherwise.
_FILE_NAMES = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


def open_lake(
    home: Home, tables: Sequence[Table], *, read_only: bool, deadline: float, snapshot: int | None = None
) -> tuple[DuckDBPyConnection, Lock]:
    """Return a connection with the lake attached as `lake`, and the lock of its writers.

    A reader may be given a `snapshot`: it then sees every table as it was. The lake and its tables are made or migrated
    when they are not as they should be, by one process at a time. Errors of the engine pass through; raises NeedsPerson
    when a setting is wrong or there is nothing to read.
    """
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    kind, address = split_catalog(home.catalog)
    _prepare(home, kind, address, read_only=read_only)
    connection = duckdb.connect(":memory:", config=_config(home))
    try:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        for extension in ("ducklake", kind, "httpfs"):
            connection.execute(f"LOAD {literal(_extension(extension, home))}")
        connection.execute("SET allow_unsigned_extensions = false")  # for good: it cannot be turned on again
        lock = file_lock(Path(f"{address}.lock")) if kind == "sqlite" else advisory_lock(connection)
        options = [f"DATA_PATH {literal(home.files)}", "ENCRYPTED", "DATA_INLINING_ROW_LIMIT 0"]
        if kind == "sqlite":
            options.append(f"META_BUSY_TIMEOUT {_busy_milliseconds(deadline)}")
        if read_only:
            past = [] if snapshot is None else [f"SNAPSHOT_VERSION {snapshot}"]
            _attach(connection, home, [*options, *past, "READ_ONLY"])
            if (
                past
            ):  # DuckLake's statistics are of now, and values of then that they exclude would come out wrong
                connection.execute(
                    "SET disabled_optimizers = 'statistics_propagation,compressed_materialization'"
                )
            return connection, lock
        if kind == "postgres":
            connection.execute(f"ATTACH {literal(address)} AS {GATE} (TYPE postgres)")
        _attach_or_make(connection, home, options, lock, deadline)
        if not is_current(connection, tables):
            with lock(deadline):
                migrate(connection, tables)
    except BaseException:
        connection.close()
        raise
    return connection, lock


def _config(home: Home) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        # The lock file's hashes vouch for the wheels, as for DuckDB itself; its own check reads 90 MB at every start.
        "allow_unsigned_extensions": "true",
        "secret_directory": str(home.scratch / "secrets"),
        "temp_directory": str(home.scratch / f"spill-{os.getpid()}"),
        "temp_file_encryption": "true",
        "memory_limit": MEMORY_LIMIT,
        "threads": 1,  # see `lake.wide`
    }


def _attach(connection: DuckDBPyConnection, home: Home, options: Sequence[str]) -> None:
    connection.execute(f"ATTACH {literal(home.catalog)} AS {LAKE} ({', '.join(options)})")
    connection.execute(f"USE {LAKE}")


def _attach_or_make(
    connection: DuckDBPyConnection, home: Home, options: Sequence[str], lock: Lock, deadline: float
) -> None:
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    try:
        _attach(connection, home, [*options, "CREATE_IF_NOT_EXISTS false"])
    except duckdb.InvalidInputException:
        with lock(deadline):
            _attach(connection, home, options)


def _busy_milliseconds(deadline: float) -> int:
    return max(1, int(1000 * min(_BUSY_SECONDS, deadline - time.monotonic())))


def split_catalog(catalog: str) -> tuple[str, str]:
    """Return the kind (sqlite or postgres) and the address of `SIS_ASSETS_CATALOG`. Raises NeedsPerson when it is neither."""
    prefix, _, rest = catalog.partition(":")
    kind, _, address = rest.partition(":")
    if prefix != "ducklake" or kind not in _FILE_NAMES or not address:
        raise NeedsPerson(
            tried="Reading SIS_ASSETS_CATALOG",
            seen="it is neither ducklake:sqlite:PATH nor ducklake:postgres:CONNINFO",
            todo="Correct the variable or remove it for the default",
            mover=Mover.ENGINEER,
        )
    return kind, address


def _prepare(home: Home, kind: str, address: str, *, read_only: bool) -> None:
    """Make the folders and an empty SQLite catalog: for their owner only, since it keeps column minima and maxima."""
    home.scratch.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.scratch.mkdir(exist_ok=True, mode=0o700)
    catalog = Path(address)
    if read_only:
        if kind == "sqlite" and not catalog.exists():
            raise no_warehouse()
        return
    if "://" not in home.files:
        Path(home.files).mkdir(parents=True, exist_ok=True, mode=0o700)
    if kind == "sqlite":
        catalog.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(catalog, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if catalog.stat().st_size == 0:
            with closing(sqlite3.connect(catalog, timeout=_BUSY_SECONDS)) as empty:
                empty.execute(
                    "PRAGMA journal_mode = WAL"
                )  # stays with the file: readers and a writer go side by side


def _extension(name: str, home: Home) -> str:
    """Return the path of the extension that a wheel brought, under the file name that DuckDB insists on."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = next((file for place in places for file in Path(place).rglob(f"{name}.duckdb_extension")), None)
    if found is None:
        raise NeedsPerson(
            tried=f"Loading DuckDB's extension {name}",
            seen="its wheel is not installed",
            todo="Run `uv sync`",
            mover=Mover.ENGINEER,
        )
    if name not in _FILE_NAMES:
        return str(found)
    link = home.scratch / f"{_FILE_NAMES[name]}.duckdb_extension"
    if not link.is_symlink() or link.readlink() != found:
        mine = link.with_name(f"{link.name}.{os.getpid()}")
        mine.unlink(missing_ok=True)
        mine.symlink_to(found)
        mine.replace(link)
    return str(link)
