"""DuckLake: one connection, its transactions, and the schema.

A writer takes the catalog's lock (a file lock beside a SQLite catalog, an advisory lock on PostgreSQL), so that writers
queue instead of losing each other's work; readers are never blocked. What still collides is retried as a whole
transaction. Extensions come from wheels: nothing is fetched, installed or loaded on its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.model.schema import Table
    from sis_assets.warehouse.home import Home

T = TypeVar("T")

LAKE = "lake"
LOCK_SECONDS = 120.0
BUSY_MILLISECONDS = 30_000
ATTEMPTS = 5
MEMORY_LIMIT = "1GB"
_ADVISORY_KEY = 7_305_477_419
_CONTENTION = (
    "database is locked",
    "conflict",
    "could not serialize",
    "deadlock detected",
    "database table is locked",
)
_EXTENSIONS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


class Warehouse:
    """One process's way into the lake. Not shared between threads without its lock, which `write` and `read` take."""

    def __init__(self, home: Home, tables: Sequence[Table], *, read_only: bool = False) -> None:
        self.home = home
        self.tables = tuple(tables)
        self.read_only = read_only
        self._connection: DuckDBPyConnection | None = None
        self._guard = RLock()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def read(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection with one consistent snapshot for the time of the block; what is written is rolled back."""
        with self._guard, self._session() as session:
            session.execute("BEGIN")
            try:
                yield session
            finally:
                with suppress(Exception):
                    session.execute("ROLLBACK")

    def write(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        """Run `work` in one transaction and commit it; run it again from the start when another writer got in between.

        Raises TransientFault when the catalog stays locked, or the disk is full; anything else that `work` raises
        passes through after a rollback.
        """
        import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

        with self._guard:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return self._once(work)
                except (duckdb.Error, OSError) as error:
                    fault = _as_fault(error)
                    if fault is None:
                        raise
                    self.close()
                    if attempt == ATTEMPTS or not _is_contention(error):
                        raise fault from None
                    time.sleep(0.05 * 2**attempt)
        raise AssertionError

    def _once(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        with self._exclusive(), self._session() as session:
            session.execute("BEGIN")
            try:
                result = work(session)
                session.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    session.execute("ROLLBACK")
                raise
            return result

    @contextmanager
    def _session(self) -> Iterator[DuckDBPyConnection]:
        """Give a session of its own: its temporary tables are gone with it."""
        session = self._connected().cursor()
        try:
            session.execute(f"USE {LAKE}")
            yield session
        finally:
            session.close()

    def _connected(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._connection = _open(self.home, self.tables, read_only=self.read_only)
        return self._connection

    def _exclusive(self) -> AbstractContextManager[None]:
        kind, address = _split(self.home.catalog)
        return _file_lock(Path(f"{address}.lock")) if kind == "sqlite" else _advisory_lock(self._connected())


def _open(home: Home, tables: Sequence[Table], *, read_only: bool) -> DuckDBPyConnection:
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    kind, address = _split(home.catalog)
    if kind == "sqlite":
        _check_sqlite(Path(address), read_only=read_only)
    if not read_only and "://" not in home.files:
        Path(home.files).mkdir(parents=True, exist_ok=True, mode=0o700)
    home.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(home.scratch / f"spill-{os.getpid()}"),
            "temp_file_encryption": "true",
            "memory_limit": MEMORY_LIMIT,
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for extension in ("ducklake", kind, "httpfs"):
            connection.execute(f"LOAD {_literal(_extension(extension, home))}")
        _attach(connection, home, kind, read_only=read_only)
        connection.execute(f"USE {LAKE}")
        if not read_only:
            _ensure_schema(connection, tables)
    except BaseException as error:
        connection.close()
        fault = _as_fault(error) if isinstance(error, duckdb.Error | OSError) else None
        if fault is None:
            raise
        raise fault from None
    return connection


def _attach(connection: DuckDBPyConnection, home: Home, kind: str, *, read_only: bool) -> None:
    options = [f"DATA_PATH {_literal(home.files)}", "ENCRYPTED", "DATA_INLINING_ROW_LIMIT 0"]
    if kind == "sqlite":
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}"]
    if read_only:
        options.append("READ_ONLY")
    previous = os.umask(0o077)  # the catalog keeps column minima and maxima: it is for its owner only
    try:
        connection.execute(f"ATTACH {_literal(home.catalog)} AS {LAKE} ({', '.join(options)})")
    finally:
        os.umask(previous)


def _split(catalog: str) -> tuple[str, str]:
    prefix, _, rest = catalog.partition(":")
    kind, _, address = rest.partition(":")
    if prefix != "ducklake" or kind not in _EXTENSIONS or not address:
        raise NeedsPerson(
            tried="Reading SIS_ASSETS_CATALOG",
            seen="it is neither ducklake:sqlite:PATH nor ducklake:postgres:CONNINFO",
            todo="Correct the variable or remove it for the default",
            mover=Mover.ENGINEER,
        )
    return kind, address


def _check_sqlite(path: Path, *, read_only: bool) -> None:
    if read_only and not path.exists():
        raise NeedsPerson(
            tried="Opening the warehouse for reading",
            seen="there is none yet at SIS_ASSETS_HOME",
            todo="Run `sis-assets sync` for a district first",
            mover=Mover.ENGINEER,
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def _extension(name: str, home: Home) -> str:
    """Return the path of the extension that a wheel brought; DuckDB insists on its own name for the file."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = [file for place in places for file in Path(place).rglob(f"{name}.duckdb_extension")]
    if not found:
        raise NeedsPerson(
            tried=f"Loading DuckDB's extension {name}",
            seen="its wheel is not installed",
            todo="Run `uv sync`",
            mover=Mover.ENGINEER,
        )
    wanted = _EXTENSIONS.get(name, name)
    if wanted == name:
        return str(found[0])
    link = home.scratch / f"{wanted}.duckdb_extension"
    if not link.exists():
        mine = link.with_name(f"{link.name}.{os.getpid()}")
        mine.unlink(missing_ok=True)
        mine.symlink_to(found[0])
        mine.replace(link)
    return str(link)


def _ensure_schema(connection: DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Create what is missing. A fingerprint of all definitions makes the usual case one small query."""
    fingerprint = hashlib.sha256(repr(tables).encode()).hexdigest()
    known = connection.execute(
        "SELECT table_schema || '.' || table_name, list(column_name) FROM information_schema.columns"
        f" WHERE table_catalog = '{LAKE}' GROUP BY ALL"
    ).fetchall()
    present = {name: set(columns) for name, columns in known}
    if (
        "ops.schema_versions" in present
        and connection.execute(
            "SELECT 1 FROM ops.schema_versions WHERE fingerprint = ? LIMIT 1", [fingerprint]
        ).fetchall()
    ):
        return
    connection.execute("BEGIN")
    try:
        for schema in sorted({"ops", *(table.schema for table in tables)}):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS ops.schema_versions (fingerprint VARCHAR, applied_at TIMESTAMPTZ)"
        )
        for table in tables:
            _ensure_table(connection, table, present.get(table.qualified))
        connection.execute("INSERT INTO ops.schema_versions VALUES (?, now())", [fingerprint])
        connection.execute("COMMIT")
    except BaseException:
        with suppress(Exception):
            connection.execute("ROLLBACK")
        raise


def _ensure_table(connection: DuckDBPyConnection, table: Table, present: set[str] | None) -> None:
    if present is None:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
        connection.execute(f"CREATE TABLE {table.qualified} ({columns})")
        if table.by_district:
            connection.execute(f"ALTER TABLE {table.qualified} SET PARTITIONED BY (district_id)")
        connection.execute(f"COMMENT ON TABLE {table.qualified} IS {_literal(table.description)}")
        for column in table.columns:
            connection.execute(
                f'COMMENT ON COLUMN {table.qualified}."{column.name}" IS {_literal(column.description)}'
            )
        return
    for column in table.columns:
        if column.name not in present:
            connection.execute(f'ALTER TABLE {table.qualified} ADD COLUMN "{column.name}" {column.type}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _locked() from None
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(connection: DuckDBPyConnection) -> Iterator[None]:
    holder = connection.cursor()
    holder.execute("BEGIN")
    try:
        for call in (
            f"set_config(''lock_timeout'', ''{int(LOCK_SECONDS)}s'', true)",
            f"pg_advisory_xact_lock({_ADVISORY_KEY})::text",
        ):
            holder.execute(
                f"SELECT * FROM postgres_query('__ducklake_metadata_{LAKE}', 'SELECT {call}')"
            ).fetchall()
        yield
    finally:
        with suppress(Exception):
            holder.execute("ROLLBACK")
        holder.close()


def _is_contention(error: BaseException) -> bool:
    text = str(error).lower()
    return any(mark in text for mark in _CONTENTION)


def _locked() -> TransientFault:
    return TransientFault(
        tried="Writing to the warehouse",
        seen=f"another process held the catalog for over {LOCK_SECONDS:.0f} seconds",
        todo="Run the same command again when that process has ended",
        mover=Mover.ENGINEER,
    )


def _as_fault(error: BaseException) -> TransientFault | None:
    """Tell what a later attempt can cure; the engine's own words stay out, they may quote a student's row."""
    if _is_contention(error):
        return _locked()
    text = str(error).lower()
    if (
        "no space left" in text
        or "disk quota" in text
        or "file too large" in text
        or "database or disk is full" in text
    ):
        return TransientFault(
            tried="Writing to the warehouse",
            seen="the disk is full",
            todo="Free space below SIS_ASSETS_HOME and run the same command again; nothing was half written",
            mover=Mover.ENGINEER,
        )
    return None


def sweep_scratch(home: Home, *, older_than_seconds: float = 86_400) -> None:
    """Remove what crashed processes left in the scratch folder."""
    if not home.scratch.is_dir():
        return
    for entry in home.scratch.iterdir():
        if entry.is_symlink() or time.time() - entry.stat().st_mtime < older_than_seconds:
            continue
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
