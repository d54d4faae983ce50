"""Names of people who do not exist: `Family-0001`, and a few that hold what breaks careless readers."""

from __future__ import annotations

import polars as pl

_NAME_TRAPS = (
    "O'Family-{}",
    'Family "{}" Quoted',
    "Back\\slash-{}",
    "Fami\u0301ly-{}",
    "\u05de\u05e9\u05e4\u05d7\u05d4-{}",
    "Fam\u200dily\u00a0{}",
    "\U0001d4d5amily-{} \U0001f393",
    "Tab\tFamily, {}|;",
)
_TRAPS_EVERY = 100


def family_name(family: pl.Expr) -> pl.Expr:
    """Return a family name for each whole number."""
    digits = family.cast(pl.String).str.zfill(4)
    name = pl.lit("Family-") + digits
    for remainder, trap in enumerate(_NAME_TRAPS, start=1):
        before, after = trap.split("{}")
        name = (
            pl.when(family % _TRAPS_EVERY == remainder)
            .then(pl.lit(before) + digits + pl.lit(after))
            .otherwise(name)
        )
    return name
