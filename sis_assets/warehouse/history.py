"""The warehouse as it was: which snapshot of the lake a moment or an extract means.

Every transaction leaves a snapshot, and `maintain` forgets the old ones. A snapshot's time is that of this machine's
clock when it was written, not the business clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.warehouse.opening import LAKE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def snapshot_at(connection: DuckDBPyConnection, moment: datetime) -> int:
    """Return the snapshot that was current at the moment; one to come means the newest.

    Raises NeedsPerson when the moment is before the oldest snapshot that is kept.
    """
    kept = _kept(connection)
    before = [number for number, taken in kept if taken <= moment]
    if not before:
        raise _too_old(f"{_told(moment)} is before that", kept[0][1])
    return before[-1]


def snapshot_after(connection: DuckDBPyConnection, extract_id: str) -> int:
    """Return the snapshot that the extract's comparison with the accounts left, with what the guard let pass applied.

    Of an extract that was compared several times (under another district file, or after a pause) it is the last time. For
    one that never was (failed, unchanged, paused) it is the snapshot in which it was recorded. Raises NeedsPerson when
    there is no such extract, or that was before the oldest snapshot that is kept.
    """
    [recorded] = connection.execute(
        "SELECT count(*) FROM ops.extracts WHERE extract_id = ?", [extract_id]
    ).fetchall()
    if not recorded[0]:
        raise NeedsPerson(
            tried=f"Looking for {extract_id}",
            seen="it is no time with its offset, and there is no such extract",
            todo="Look at ops.extracts, or give a time such as 2026-09-01T20:00:00-07:00",
            mover=Mover.ENGINEER,
        )
    compared = connection.execute(
        "SELECT max(number) FROM ops.proposals WHERE extract_id = ?", [extract_id]
    ).fetchall()[0][0]
    if compared is None:
        question = "SELECT 1 FROM ops.extracts AT (VERSION => {}) WHERE extract_id = ?"
        values: list[object] = [extract_id]
    else:
        question = "SELECT 1 FROM ops.proposals AT (VERSION => {}) WHERE extract_id = ? AND number = ?"
        values = [extract_id, compared]
    kept = _kept(connection)
    place = _first(
        [number for number, _ in kept], lambda number: _holds(connection, question, values, number)
    )
    if place == 0:
        raise _too_old(f"what {extract_id} left is older", kept[0][1])
    return kept[place][0]


def _kept(connection: DuckDBPyConnection) -> list[tuple[int, datetime]]:
    return connection.execute(
        f"SELECT snapshot_id, snapshot_time FROM ducklake_snapshots('{LAKE}') ORDER BY snapshot_id"
    ).fetchall()


def _holds(connection: DuckDBPyConnection, question: str, values: Sequence[object], number: int) -> bool:
    import duckdb  # noqa: PLC0415 - heavy, only when the lake is used

    try:
        return bool(connection.execute(question.format(number), list(values)).fetchall())
    except duckdb.CatalogException:  # the table was made later
        return False


def _first(numbers: list[int], holds: Callable[[int], bool]) -> int:
    """Return the place of the first number for which it holds; it holds for the last one, and goes on to hold."""
    low, high = 0, len(numbers) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(numbers[middle]) else (middle + 1, high)
    return low


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _too_old(seen: str, oldest: datetime) -> NeedsPerson:
    return NeedsPerson(
        tried="Looking at the warehouse as it was",
        seen=f"the oldest state that is kept is of {_told(oldest)}, and {seen}",
        todo="Ask for a later state, or restore a backup; retention.yaml says for how many days states are kept",
        mover=Mover.ENGINEER,
    )
