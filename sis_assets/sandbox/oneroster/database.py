"""The tables of one district as its provider has them on one day, made when first asked for and kept while the day lasts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

import polars as pl

from sis_assets.sandbox.oneroster import classes, people
from sis_assets.sandbox.oneroster.district import District
from sis_assets.sandbox.oneroster.records import DELETED
from sis_assets.sandbox.oneroster.settings import Settings

_Made = TypeVar("_Made")

#: What makes each table; the names are those of OneRoster's files.
TABLES: Mapping[str, Callable[[District, Settings], pl.DataFrame]] = {
    "orgs": classes.orgs,
    "academicSessions": classes.academic_sessions,
    "courses": classes.courses,
    "classes": classes.classes,
    "enrollments": classes.enrollments,
    "users": people.users,
    "roles": people.roles,
    "demographics": people.demographics,
}


class Database:
    """One district's tables, in order of sourcedId, with what the profile withholds blank."""

    def __init__(self, district: District, settings: Settings) -> None:
        self.district, self.settings = district, settings
        self._kept: dict[Hashable, object] = {}

    def table(self, name: str) -> pl.DataFrame:
        """Return a table, its tombstones as long as they last. Raises KeyError for another name."""
        return self.kept(("table", name), lambda: self._made(name))

    def kept(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return what `make` made for this key, made once as long as the day lasts."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    def _made(self, name: str) -> pl.DataFrame:
        frame = TABLES[name](self.district, self.settings)
        withheld = [
            pl.lit(None, frame.schema[column]).alias(column)
            for column in frame.columns
            if f"{name}.{column}" in self.settings.withheld
        ]
        return frame.filter(~self._past()).with_columns(withheld).sort("sourcedId")

    def _past(self) -> pl.Expr:
        """Whether a record is deleted and not even a tombstone is left of it."""
        deleted = pl.col("status") == DELETED
        if self.settings.leavers == "gone":
            return deleted
        if self.settings.tombstone_days is None:
            return pl.lit(value=False)
        today = datetime.combine(self.district.today, time(), tzinfo=UTC)
        last = today - timedelta(days=self.settings.tombstone_days)
        return deleted & (pl.col("dateLastModified") < last)
