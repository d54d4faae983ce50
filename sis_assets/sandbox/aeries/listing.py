"""Rows of JSON that are made once for a whole district, and found by keys.

Contract: Aeries §2.1: text that is empty is `""`, an empty number 0, an empty date null; dates have a time and no zone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import polars as pl

from sis_assets.sandbox.json_text import member, text, whole

_Key = tuple[int | str, ...]


class Listing:
    """Rows that stand together by their keys, in the order they came in; a key of none is all of them."""

    def __init__(self, rows: pl.Series, keys: pl.DataFrame) -> None:
        table = pl.DataFrame([rows.alias("_row"), *keys.get_columns()])
        ordered = table.sort(keys.columns, maintain_order=True) if keys.width else table
        self.rows: pl.Series = ordered["_row"]
        self._places: dict[_Key, tuple[int, int]] = {(): (0, len(self.rows))}
        if keys.width:
            counted = ordered.group_by(keys.columns, maintain_order=True).len()
            ends = counted["len"].cum_sum()
            for key, end, count in zip(
                counted.select(keys.columns).iter_rows(), ends, counted["len"], strict=True
            ):
                self._places[key] = (end - count, count)

    def __iter__(self) -> Iterator[_Key]:
        return (key for key in self._places if key)

    def of(self, *key: int | str) -> pl.Series:
        """Return the rows of a key; none for a key that is not there."""
        first, count = self._places.get(key, (0, 0))
        return self.rows.slice(first, count)


def json_rows(frame: pl.DataFrame, nested: Collection[str] = ()) -> pl.Series:
    """Return each row as a JSON object; columns that begin with a small letter are left out.

    nested  columns that hold JSON already
    """
    members = [
        member(name, pl.col(name) if name in nested else _value(name, kind))
        for name, kind in frame.schema.items()
        if not name[0].islower()
    ]
    return frame.select(whole(members).alias("row"))["row"]


def _value(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.String:
        return text(column.fill_null(""))
    if kind == pl.Date:
        return (pl.lit('"') + column.dt.to_string("%Y-%m-%dT00:00:00") + pl.lit('"')).fill_null("null")
    if kind == pl.Boolean:
        return pl.when(column).then(pl.lit("true")).otherwise(pl.lit("false"))
    return column.fill_null(0).cast(pl.String)
