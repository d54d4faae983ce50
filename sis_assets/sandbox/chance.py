"""Chances that are the same on every machine and for every frame, for made-up data."""

from __future__ import annotations

import zlib

import polars as pl

_PRIME = 2_147_483_647


def chance(key: pl.Expr, *salt: object) -> pl.Expr:
    """Return a whole number from 0 to 2,147,483,646 for each whole number of `key`; other salts give other numbers.

    A number theoretic scramble rather than a library's hash, whose values may change with its version.
    """
    mixed = (key * 48_271 + zlib.crc32(" ".join(map(str, salt)).encode())) % _PRIME
    mixed = (mixed * (mixed % 65_521 + 40_014)) % _PRIME
    return ((mixed ^ (mixed // 8_192)) * 69_621) % _PRIME
