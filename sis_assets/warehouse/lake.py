"""The lake as the stages use it: snapshots to read, transactions to write, several processes at once.

A writer takes the catalog's lock, so that writers queue instead of losing each other's work; readers are never blocked.
What still collides (somebody attached to the lake without our lock) is retried as a whole transaction.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from sis_assets.warehouse.opening import LAKE, open_lake
from sis_assets.warehouse.trouble import gave_up, is_contention, trouble

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.model.schema import Table
    from sis_assets.warehouse.home import Home
    from sis_assets.warehouse.locks import Lock

T = TypeVar("T")

#: From how many rows on a statement gains more from a second core than it loses to the first meeting it.
WIDE_ROWS = 200_000

PATIENCE_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 1.0
#: A snapshot is taken at a transaction's first look into the catalog, so a reader looks at once.
_LOOK = f"SELECT 1 FROM duckdb_schemas() WHERE database_name = '{LAKE}' LIMIT 1"


@contextmanager
def wide(connection: DuckDBPyConnection, rows: int = WIDE_ROWS) -> Iterator[None]:
    """Run the block's statements on all cores when there are many rows to work on; without `rows`, in any case.

    The lake plans each statement, and commits, with many small queries to its catalog; on one core they take half as long.
    """
    if rows < WIDE_ROWS:
        yield
        return
    connection.execute("RESET threads")
    try:
        yield
    finally:
        with suppress(Exception):  # a connection that broke is closed, and what broke it is raised
            connection.execute("SET threads = 1")


class Warehouse:
    """One process's way into the lake; opened at first use, with the tables created or migrated.

    Threads take turns. `patience` is for how many seconds a writer waits for other processes before it gives up. A reader
    with a `snapshot` (see `history`) sees every table as it was then.
    """

    def __init__(
        self,
        home: Home,
        tables: Sequence[Table],
        *,
        read_only: bool = False,
        snapshot: int | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.home = home
        self.tables = tuple(tables)
        self.read_only = read_only
        self.snapshot = snapshot
        self.patience = patience
        self._connection: DuckDBPyConnection | None = None
        self._lock: Lock
        self._deadline = 0.0
        self._turn = RLock()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def read(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection with one consistent snapshot for the time of the block; what is written is rolled back.

        Raises NeedsPerson when there is no warehouse to read, TransientFault when the catalog cannot be reached or the disk
        is full, at the beginning or in the block.
        """
        import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

        with self._turn:
            self._patiently(self._connected)
            try:
                with self._session() as session:
                    session.execute("BEGIN")
                    session.execute(_LOOK)
                    try:
                        yield session
                    finally:
                        with suppress(Exception):
                            session.execute("ROLLBACK")
            except duckdb.Error as error:
                if (fault := trouble(error)) is None:
                    raise
                raise fault from None

    def write(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        """Run `work` in one transaction and commit it; run it again from the start when another writer got in between.

        Raises TransientFault when others keep the catalog for longer than the patience, when it cannot be reached, or
        when the disk is full; anything else that `work` raises passes through. In all these cases nothing was written.
        """
        with self._turn:
            return self._patiently(lambda: self._once(work))

    def _once(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        self._connected()
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
            session.execute("SET enable_progress_bar = false")  # it would be drawn on standard output
            yield session
        finally:
            session.close()

    def _connected(self) -> DuckDBPyConnection:
        if self._connection is None:
            self._connection, self._lock = open_lake(
                self.home,
                self.tables,
                read_only=self.read_only,
                deadline=self._deadline,
                snapshot=self.snapshot,
            )
        return self._connection

    def _exclusive(self) -> AbstractContextManager[None]:
        return self._lock(self._deadline)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Make the attempt until it meets no other process or the time is over; every attempt begins anew."""
        import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

        self._deadline = time.monotonic() + self.patience
        for number in itertools.count():
            try:
                return attempt()
            except (duckdb.Error, OSError) as error:
                self.close()
                if not is_contention(error):
                    if (fault := trouble(error)) is None:
                        raise
                    raise fault from None
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise gave_up(self.patience) from None
            time.sleep(min(0.05 * 2**number, _LONGEST_PAUSE_SECONDS, left))
        raise AssertionError
