"""JSON made of whole columns: expressions whose values are pieces of JSON text, so that no row passes through Python.

A *member* is `"key":value`, or null where the key is absent. Contract: PowerSchool §1.3 (`/ws/v1` is XML turned into
JSON) and §1.6 (the table API holds text only).
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(32)} | {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
#: Digits without a leading zero, few enough for a 64-bit number: what the XML conversion takes for a number.
_WHOLE_NUMBER = r"^(0|[1-9][0-9]{0,17})$"
_SIGNED_NUMBER = r"^-?(0|[1-9][0-9]{0,17})$"


def text(value: pl.Expr) -> pl.Expr:
    """Return the text quoted; null stays null."""
    return pl.lit('"') + value.str.replace_many(_ESCAPES) + pl.lit('"')


def typed(value: pl.Expr, *, signed: bool) -> pl.Expr:
    """Return a number where the text looks like one and quoted text elsewhere: JSON's type follows the value.

    signed  whether a negative number is a number too, which is unconfirmed
    """
    number = value.str.contains(_SIGNED_NUMBER if signed else _WHOLE_NUMBER)
    return pl.when(number).then(value).otherwise(text(value))


def member(key: str, value: pl.Expr) -> pl.Expr:
    """Return `"key":value` of JSON text; null where the value is."""
    return pl.lit(f'"{key}":') + value


def joined(parts: Iterable[pl.Expr]) -> pl.Expr:
    """Return the parts with commas between them, those that are null left out."""
    return pl.concat_str(list(parts), separator=",", ignore_nulls=True)


def whole(members: Iterable[pl.Expr]) -> pl.Expr:
    """Return the object of these members."""
    return pl.lit("{") + joined(members) + pl.lit("}")


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
