"""The lake as the stages use it: snapshots to read, transactions to write, several processes at once.

A writer takes the catalog's lock, so that writers queue instead of losing each other's work; readers are never blocked.
What still collides (somebody attached to the lake without our lock) is retried as a whole transaction.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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

PATIENCE_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 1.0


class Warehouse:
    """One process's way into the lake; opened at first use, with the tables created or migrated.

    Threads take turns. `patience` is for how many seconds a writer waits for other processes before it gives up.
    """

    def __init__(
        self,
        home: Home,
        tables: Sequence[Table],
        *,
        read_only: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.home = home
        self.tables = tuple(tables)
        self.read_only = read_only
        self.patience = patience
        self._open: tuple[DuckDBPyConnection, Lock] | None = None
        self._turn = RLock()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        with self._turn:
            if self._open is not None:
                self._open[0].close()
                self._open = None

    @contextmanager
    def read(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection with one consistent snapshot for the time of the block; what is written is rolled back.

        Raises NeedsPerson when there is no warehouse to read, TransientFault when the catalog cannot be reached.
        """
        with self._turn:
            deadline = time.monotonic() + self.patience
            connection, _ = self._patiently(lambda: self._opened(deadline), deadline)
            with _session(connection) as session:
                session.execute("BEGIN")
                session.execute(
                    f"FROM ducklake_current_snapshot('{LAKE}')"
                )  # the snapshot is taken now, not at first use
                try:
                    yield session
                finally:
                    with suppress(Exception):
                        session.execute("ROLLBACK")

    def write(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        """Run `work` in one transaction and commit it; run it again from the start when another writer got in between.

        Raises TransientFault when others keep the catalog for longer than the patience, when it cannot be reached, or
        when the disk is full; anything else that `work` raises passes through. In all these cases nothing was written.
        """
        with self._turn:
            deadline = time.monotonic() + self.patience
            return self._patiently(lambda: self._once(work, deadline), deadline)

    def _once(self, work: Callable[[DuckDBPyConnection], T], deadline: float) -> T:
        connection, lock = self._opened(deadline)
        with lock(deadline), _session(connection) as session:
            session.execute("BEGIN")
            try:
                result = work(session)
                session.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    session.execute("ROLLBACK")
                raise
            return result

    def _opened(self, deadline: float) -> tuple[DuckDBPyConnection, Lock]:
        if self._open is None:
            self._open = open_lake(self.home, self.tables, read_only=self.read_only, deadline=deadline)
        return self._open

    def _patiently(self, attempt: Callable[[], T], deadline: float) -> T:
        """Make the attempt until it meets no other process or the time is over; every attempt begins anew."""
        import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

        for number in itertools.count():
            try:
                return attempt()
            except (duckdb.Error, OSError) as error:
                self.close()
                if not is_contention(error):
                    if (fault := trouble(error)) is None:
                        raise
                    raise fault from None
                if time.monotonic() >= deadline:
                    raise gave_up(self.patience) from None
            time.sleep(min(0.05 * 2**number, _LONGEST_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
        raise AssertionError


@contextmanager
def _session(connection: DuckDBPyConnection) -> Iterator[DuckDBPyConnection]:
    """Give a session of its own: its temporary tables are gone with it."""
    session = connection.cursor()
    try:
        session.execute(f"USE {LAKE}")
        yield session
    finally:
        session.close()
