"""What an error of the engine means: another process in between, something that passes, or none of these.

The engine's own words never leave: they may quote a student's row, or the catalog's password.
"""

from __future__ import annotations

import errno

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
_AWAY = (
    "unable to connect to postgres",
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "no connection to the server",
    "the database system is",
    'failed to execute query "rollback"',  # what is left to say when the connection is gone
)
_NO_LAKE = ("creating a new ducklake is explicitly disabled",)
_NO_CATALOG = ("file is not a database", "database disk image is malformed")


def is_contention(error: BaseException) -> bool:
    """Whether another process got in between, so that the same transaction may succeed when it is run again."""
    return isinstance(error, LockedError) or (_is_of_the_engine(error) and _says(error, _CONTENTION))


def trouble(error: BaseException) -> Fault | None:
    """Return the fault that an error means, None for one that means none of these."""
    if _is_no_room(error):
        return TransientFault(
            tried="Writing to the warehouse",
            seen="the disk is full",
            todo="Free space below SIS_ASSETS_HOME and run the same command again; nothing was half written",
            mover=Mover.ENGINEER,
        )
    if not _is_of_the_engine(error):
        return None
    if _says(error, _NO_LAKE):
        return no_warehouse()
    if _says(error, _NO_CATALOG):
        return NeedsPerson(
            tried="Opening the warehouse",
            seen="the catalog's file is damaged or no catalog",
            todo="Restore it from a backup, or correct SIS_ASSETS_CATALOG",
            mover=Mover.ENGINEER,
        )
    if _says(error, _AWAY):
        return TransientFault(
            tried="Talking to the warehouse's catalog",
            seen="its database did not answer or refused",
            todo="Check SIS_ASSETS_CATALOG and the database, and run the same command again",
            mover=Mover.ENGINEER,
        )
    return None


def gave_up(seconds: float) -> TransientFault:
    """Return the fault of a writer that waited `seconds` for its turn."""
    return TransientFault(
        tried="Writing to the warehouse",
        seen=f"other processes held the catalog for over {seconds:.0f} seconds",
        todo="Run the same command again when they have ended",
        mover=Mover.ENGINEER,
    )


def no_warehouse() -> NeedsPerson:
    """Return the fault of a reader that finds no warehouse."""
    return NeedsPerson(
        tried="Opening the warehouse for reading",
        seen="there is none yet",
        todo="Run `sis-assets sync` for a district first, or correct SIS_ASSETS_HOME",
        mover=Mover.ENGINEER,
    )


def _is_of_the_engine(error: BaseException) -> bool:
    """Whether the engine or the catalog speaks, not the data: only then may the words be searched for a meaning."""
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    return isinstance(error, duckdb.Error) and not isinstance(error, duckdb.DataError)


def _is_no_room(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM_CODES
    return _is_of_the_engine(error) and _says(error, _NO_ROOM)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)
