"""Windows of rows, and what switched-on faults make of them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class RowTwist:
    """What switched-on faults do to the rows of an answer.

    hidden     so many rows at the beginning are not there
    rotated    so many rows have moved from the beginning to the end (negative: from the end to the beginning)
    missing    so many rows are left out at the end of the window
    repeated   so many rows at the beginning of the window come twice
    """

    hidden: int = 0
    rotated: int = 0
    missing: int = 0
    repeated: int = 0


def rows_between(rows: pl.Series, first: int, count: int | None, twist: RowTwist) -> list[str]:
    """Return `count` rows from the place `first` on, all of the rest where it is None; past the end there are none."""
    found: list[str] = _as_seen(rows, twist).slice(first, count).to_list()
    kept = found[: max(0, len(found) - twist.missing)]
    return kept[: twist.repeated] + kept


def _as_seen(rows: pl.Series, twist: RowTwist) -> pl.Series:
    seen = rows.slice(twist.hidden)
    if not twist.rotated or not len(seen):
        return seen
    turn = twist.rotated % len(seen)
    return pl.concat([seen.slice(turn), seen.slice(0, turn)])
