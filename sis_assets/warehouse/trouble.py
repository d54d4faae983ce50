"""What an error of the engine means: another process in between, something that passes, or none of these.

The engine's own words never leave: they may quote a student's row, or the catalog's password.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from functools import partial

from sis_assets.model.faults import Fault, Mover, NeedsPerson, TransientFault
from sis_assets.warehouse.locks import LockedError

_CONTENTION = (
    "database is locked",
    "database table is locked",
    "transaction conflict",
    "could not serialize",
    "deadlock detected",
    "lock timeout",
    "already exists",  # another process created the same table of the catalog
    "duplicate key value",
)
_NO_ROOM = ("no space left", "disk quota", "file too large", "database or disk is full")
_NO_ROOM_CODES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_FAULT = partial(
    TransientFault,
    tried="Writing to the warehouse",
    seen="the disk is full",
    todo="Free space below SIS_ASSETS_HOME and run the same command again; nothing was half written",
    mover=Mover.ENGINEER,
)
_NO_WAREHOUSE = partial(
    NeedsPerson,
    tried="Opening the warehouse for reading",
    seen="there is none yet",
    todo="Run `sis-assets sync` for a district first, or correct SIS_ASSETS_HOME",
    mover=Mover.ENGINEER,
)
#: What the engine's words mean, the most particular first.
_MEANINGS: tuple[tuple[tuple[str, ...], Callable[[], Fault]], ...] = (
    (
        ("disk i/o error",),  # what SQLite says when it cannot grow the files beside its database
        partial(
            TransientFault,
            tried="Writing below SIS_ASSETS_HOME",
            seen="the disk is full or does not work",
            todo="Free space or repair it, and run the same command again; nothing was half written",
            mover=Mover.ENGINEER,
        ),
    ),
    (
        ("does not match existing data path",),
        partial(
            NeedsPerson,
            tried="Opening the warehouse",
            seen="its catalog keeps the files in another place than SIS_ASSETS_FILES says",
            todo="Set SIS_ASSETS_FILES to what it was when the warehouse was made",
            mover=Mover.ENGINEER,
        ),
    ),
    (("creating a new ducklake is explicitly disabled",), _NO_WAREHOUSE),
    (
        ("file is not a database", "database disk image is malformed"),
        partial(
            NeedsPerson,
            tried="Opening the warehouse",
            seen="the catalog's file is damaged or no catalog",
            todo="Restore it from a backup, or correct SIS_ASSETS_CATALOG",
            mover=Mover.ENGINEER,
        ),
    ),
    (
        (
            "unable to connect to postgres",
            "server closed the connection",
            "terminating connection",
            "connection to server",
            "no connection to the server",
            "the database system is",
            'failed to execute query "rollback"',  # what is left to say when the connection is gone
        ),
        partial(
            TransientFault,
            tried="Talking to the warehouse's catalog",
            seen="its database did not answer or refused",
            todo="Check SIS_ASSETS_CATALOG and the database, and run the same command again",
            mover=Mover.ENGINEER,
        ),
    ),
)


def is_contention(error: BaseException) -> bool:
    """Whether another process got in between, so that the same transaction may succeed when it is run again."""
    return isinstance(error, LockedError) or (_is_of_the_engine(error) and _says(error, _CONTENTION))


def trouble(error: BaseException) -> Fault | None:
    """Return the fault that an error means, None for one that means none of these.

    Errors of SQLite itself count too: Dagster keeps its history there, beside the warehouse.
    """
    if _is_no_room(error):
        return _NO_ROOM_FAULT()
    if not _is_of_the_engine(error):
        return None
    return next((fault() for phrases, fault in _MEANINGS if _says(error, phrases)), None)


def gave_up(seconds: float) -> TransientFault:
    """Return the fault of a writer that waited `seconds` for its turn."""
    return TransientFault(
        tried="Writing to the warehouse",
        seen=f"other processes held the catalog for over {seconds:.0f} seconds",
        todo="Run the same command again when they have ended",
        mover=Mover.ENGINEER,
    )


def no_warehouse() -> Fault:
    """Return the fault of a reader that finds no warehouse."""
    return _NO_WAREHOUSE()


def _is_of_the_engine(error: BaseException) -> bool:
    """Whether the engine or the catalog speaks, not the data: only then may the words be searched for a meaning."""
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    if isinstance(error, sqlite3.OperationalError):
        return True
    return isinstance(error, duckdb.Error) and not isinstance(error, duckdb.DataError)


def _is_no_room(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM_CODES
    return _is_of_the_engine(error) and _says(error, _NO_ROOM)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)
