"""How a resource of `/ws/v1` is told: its rows, its keys, and the JSON types of its values (contract: PowerSchool §1.3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from sis_assets.sandbox.json_text import member, text
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.json_text import typed
from sis_assets.sandbox.powerschool.settings import Settings


class Leaves:
    """Makes members of a frame's columns, each with the JSON type that its value has in `/ws/v1`."""

    def __init__(self, schema: Mapping[str, pl.DataType], settings: Settings) -> None:
        self._schema, self._settings = schema, settings

    def __call__(self, key: str, column: str | None = None) -> pl.Expr:
        """Return the member `key` of a column, named as the key unless told."""
        return member(key, self.value(column or key))

    def value(self, column: str) -> pl.Expr:
        """Return the JSON of a column."""
        kind, values = self._schema[column], pl.col(column)
        if kind == pl.Boolean:
            flag = pl.when(values).then(pl.lit("true")).otherwise(pl.lit("false"))
            return text(flag) if self._settings.flags_as_text else flag
        if kind.is_integer() and self._settings.signed_numbers:
            return values.cast(pl.String)
        if kind == pl.Date:
            return pl.lit('"') + values.cast(pl.String) + pl.lit('"')
        return typed(values.cast(pl.String), signed=self._settings.signed_numbers)


Members = Callable[[Leaves, Collection[str]], Sequence[pl.Expr]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A resource: its wrappers, the rows in their order, and the members of a row.

    rows        a frame with `dcid`, the columns that `members` names, and those of its parents
    parents     which column holds the DCID of a school (or section) that the resource is asked by
    filters     the fields that `q` may name, with their columns
    expansions  None where the resource has no such attribute
    """

    one: str
    many: str
    rows: Callable[[Database], pl.DataFrame]
    members: Members
    parents: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    expansions: tuple[str, ...] | None = None
    extensions: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The attributes that come before the rows, as JSON members. Their separators differ (contract §1.3)."""
        expansions = () if self.expansions is None else (f'"@expansions":"{", ".join(self.expansions)}"',)
        return ",".join((*expansions, f'"@extensions":"{",".join(self.extensions)}"'))
