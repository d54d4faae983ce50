"""PowerSchool's two kinds of JSON made of whole columns (see `sandbox.json_text`).

Contract: PowerSchool §1.3 (`/ws/v1` is XML turned into JSON) and §1.6 (the table API holds text only).
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from sis_assets.sandbox.json_text import joined, member, text

#: Digits without a leading zero, few enough for a 64-bit number: what the XML conversion takes for a number.
_WHOLE_NUMBER = r"^(0|[1-9][0-9]{0,17})$"
_SIGNED_NUMBER = r"^-?(0|[1-9][0-9]{0,17})$"


def typed(value: pl.Expr, *, signed: bool) -> pl.Expr:
    """Return a number where the text looks like one and quoted text elsewhere: JSON's type follows the value.

    signed  whether a negative number is a number too, which is unconfirmed
    """
    number = value.str.contains(_SIGNED_NUMBER if signed else _WHOLE_NUMBER)
    return pl.when(number).then(value).otherwise(text(value))


def element(key: str, members: Iterable[pl.Expr]) -> pl.Expr:
    """Return a member that holds an object, or `""` where it would be empty (contract §1.3)."""
    inner = joined(members)
    return member(key, pl.when(inner == "").then(pl.lit('""')).otherwise(pl.lit("{") + inner + pl.lit("}")))


def as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """Return a column as PowerSchool prints it: dates ISO, flags 1 and 0, whole floats without a point."""
    column = pl.col(name)
    if kind == pl.Boolean:
        return column.cast(pl.Int8).cast(pl.String)
    if kind.is_float():
        return (
            pl.when(column == column.floor())
            .then(column.cast(pl.Int64).cast(pl.String))
            .otherwise(column.cast(pl.String))
        )
    return column.cast(pl.String)
