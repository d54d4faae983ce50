"""What has changed since when: the change feeds (contract: Aeries §2.3, change feeds).

A feed names keys and no more, in the server's own time, to the minute. It does not tell what is gone: a row that is no
longer there, or a student's former id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from sis_assets.sandbox.aeries.database import Database
from sis_assets.sandbox.chance import chance

_STUDENT = {"StudentID": "StudentID", "SchoolCode": "SchoolCode", "StudentNumber": "StudentNumber"}
_ENROLLED = _STUDENT | {"StudentNumber": "student_number"}
_SECTION = {"SchoolCode": "SchoolCode", "SectionNumber": "SectionNumber"}


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed: whose rows it watches, and what an item holds of a row (the item's key, the row's column)."""

    watches: tuple[str, ...]
    item: Mapping[str, str]


FEEDS: Mapping[str, Feed] = {
    "student": Feed(("students", "extended"), _STUDENT),
    "contact": Feed(("contacts",), _ENROLLED),
    "program": Feed(("programs",), _ENROLLED),
    "test": Feed(("tests",), _ENROLLED),
    "class": Feed(("classes",), _ENROLLED),
    "enrollment": Feed(("enrollments",), _STUDENT),
    "course": Feed(("courses",), {"ID": "ID"}),
    "section": Feed(("sections",), _SECTION),
    "roster": Feed(("classes",), _SECTION),
    "staff": Feed(("staff",), {"ID": "ID"}),
}


class History:
    """What one year's database has been since the server began, and what it is."""

    def __init__(self, database: Database, steps: tuple[_Step, ...] = ()) -> None:
        self.database, self._steps = database, steps

    @classmethod
    def beginning(cls, database: Database) -> History:
        """Return the history of a database that comes into being while the server runs: everything in it is new."""
        return cls(database, (_Step(None, database),))

    def then(self, after: Database) -> History:
        """Return the history when the database has become another."""
        return History(after, (*self._steps, _Step(self.database, after)))

    def since(self, feed: str, moment: datetime, kept_from: datetime | None) -> pl.DataFrame:
        """Return the items that changed at that minute or later, each once, and none from before `kept_from`."""
        item, there = FEEDS[feed].item, _items(self.database, feed)
        deletes = self.database.settings.feed_deletes
        if not self._steps:
            return there.clear()
        from_ = moment if kept_from is None else max(moment, kept_from)
        recent = pl.concat([step.changed(feed) for step in self._steps]).filter(pl.col("at") >= from_)
        told = recent if deletes else recent.join(there, on=list(item), how="semi")
        return told.sort("at", *item).unique(list(item), keep="first", maintain_order=True).drop("at")


@dataclass(frozen=True, slots=True)
class _Step:
    """A database before and after it changed; before is None where it came into being."""

    before: Database | None
    after: Database
    _kept: dict[str, pl.DataFrame] = field(default_factory=dict)

    def changed(self, feed: str) -> pl.DataFrame:
        """Return the items of the rows that are new or other, and when in the step they changed (`at`)."""
        if feed not in self._kept:
            self._kept[feed] = self._compared(feed)
        return self._kept[feed]

    def _compared(self, feed: str) -> pl.DataFrame:
        district = self.after.district
        begun = district.now if self.before is None else self.before.district.now
        minutes = max(1, int((district.now - begun) / timedelta(minutes=1)))
        items = _items(self.after, feed, other_than=self.before)
        if self.before is not None and self.after.settings.feed_deletes:
            items = pl.concat([items, _items(self.before, feed, other_than=self.after)]).unique(
                maintain_order=True
            )
        place = chance(pl.int_range(pl.len(), dtype=pl.Int64), district.seed, district.step, feed)
        return items.with_columns(at=pl.lit(district.now) - pl.duration(minutes=place % minutes))


def _items(database: Database, feed: str, *, other_than: Database | None = None) -> pl.DataFrame:
    """Return the items of a feed's rows, each once; of those only that another database does not have as they are."""
    found = []
    for name in FEEDS[feed].watches:
        rows = _with_json(database, name)
        if other_than is not None:
            rows = rows.join(_with_json(other_than, name), on="_row", how="anti", maintain_order="left")
        found.append(rows.select(**FEEDS[feed].item))
    return pl.concat(found).unique(maintain_order=True)


def _with_json(database: Database, name: str) -> pl.DataFrame:
    return database.frame(name).with_columns(database.rows(name).alias("_row"))
