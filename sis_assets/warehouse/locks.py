"""One writer at a time: a lock beside a SQLite catalog, an advisory lock in a PostgreSQL one.

Both go with their process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

#: Takes the lock for the time of a `with`, trying until the given time of the monotonic clock. What it raises when that
#: has passed is contention (see `trouble`).
Lock = Callable[[float], AbstractContextManager[None]]

GATE = "gate"
_ADVISORY_KEY = 7_305_477_419
_PAUSE_SECONDS = 0.01


def file_lock(path: Path) -> Lock:
    """Return the lock that the file stands for."""

    @contextmanager
    def held(deadline: float) -> Iterator[None]:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _taken(descriptor):
                if time.monotonic() >= deadline:
                    raise LockedError
                time.sleep(_PAUSE_SECONDS)
            yield
        finally:
            os.close(descriptor)

    return held


def advisory_lock(connection: DuckDBPyConnection) -> Lock:
    """Return the lock of the PostgreSQL database that the connection has attached as `gate`."""

    @contextmanager
    def held(deadline: float) -> Iterator[None]:
        milliseconds = max(1, int(1000 * (deadline - time.monotonic())))
        holder = connection.cursor()
        try:
            holder.execute("BEGIN")
            for call in (
                f"set_config(''lock_timeout'', ''{milliseconds}ms'', true)",
                f"pg_advisory_xact_lock({_ADVISORY_KEY})::text",
            ):
                holder.execute(f"SELECT * FROM postgres_query('{GATE}', 'SELECT {call}')").fetchall()
            yield
        finally:
            with suppress(Exception):
                holder.execute("ROLLBACK")
            holder.close()

    return held


class LockedError(OSError):
    """The lock stayed with another process until the deadline."""


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
