"""JSON made of whole columns: expressions whose values are pieces of JSON text, so that no row passes through Python.

A *member* is `"key":value`, or null where the key is absent.
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


def text(value: pl.Expr) -> pl.Expr:
    """Return the text quoted; null stays null."""
    return pl.lit('"') + value.str.replace_many(_ESCAPES) + pl.lit('"')


def member(key: str, value: pl.Expr) -> pl.Expr:
    """Return `"key":value` of JSON text; null where the value is."""
    return pl.lit(f'"{key}":') + value


def joined(parts: Iterable[pl.Expr]) -> pl.Expr:
    """Return the parts with commas between them, those that are null left out."""
    return pl.concat_str(list(parts), separator=",", ignore_nulls=True)


def whole(members: Iterable[pl.Expr]) -> pl.Expr:
    """Return the object of these members."""
    return pl.lit("{") + joined(members) + pl.lit("}")
