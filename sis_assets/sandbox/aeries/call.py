"""One request for one year's database, and the rows that it is answered with (contract: Aeries §2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sis_assets.sandbox.aeries.data import DISTRICT_SCHOOL
from sis_assets.sandbox.aeries.database import Database
from sis_assets.sandbox.aeries.feeds import History
from sis_assets.sandbox.aeries.reply import Refusal, Twist
from sis_assets.sandbox.aeries.requests import Book
from sis_assets.sandbox.aeries.schools import Row
from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.rows import rows_between


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    history  what the database has been
    book     its course requests
    path     the path's parameters
    query    the query string, its keys in lower case
    now      the server's clock, with its zone
    years    the years that have a database, the newest first
    """

    history: History
    book: Book
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: str
    twist: Twist
    now: datetime
    years: tuple[int, ...]

    @property
    def database(self) -> Database:
        """The database asked for."""
        return self.history.database

    def number(self, name: str) -> int:
        """Return a parameter of the path that is digits."""
        return int(self.path[name])

    @property
    def school(self) -> int:
        """The school asked for. Raises Refusal where it is not there, or not to be seen."""
        code = self.number("school")
        if code not in self.schools:
            raise Refusal(404, f"School {code} was not found")
        if self.database.leas[code] in self.twist.forbidden:
            raise Refusal(
                self.database.settings.missing_area_status, "The certificate has no access to this LEA"
            )
        return code

    @property
    def school_with_students(self) -> int | None:
        """The school asked for; None where it has no students because it is the district itself.

        Raises Refusal as `school` does, and for the district where that is how the server behaves.
        """
        code, district_students = self.school, self.database.settings.district_students
        if code != DISTRICT_SCHOOL:
            return code
        if district_students == "empty":
            return None
        raise Refusal(int(district_students), "The district has no students of its own")

    @property
    def schools(self) -> dict[int, Row]:
        """Every code of `/schools` that is there today."""
        leas = self.database.leas
        return {
            code: row for code, row in self.database.schools.items() if leas[code] not in self.twist.absent
        }

    def seen(self, schools: Iterable[int]) -> list[int]:
        """Return those of the schools that are there and whose LEA the certificate may see."""
        unseen, leas = self.twist.absent | self.twist.forbidden, self.database.leas
        return [code for code in schools if leas[code] not in unseen]

    def all_of(self, rows: pl.Series) -> Reply:
        """Return the whole list."""
        return _array(rows_between(rows, 0, None, self.twist))

    def window_of(self, rows: pl.Series) -> Reply:
        """Return what StartingRecord and EndingRecord ask for. Raises Refusal for a value that is no record."""
        if not {"startingrecord", "endingrecord"} & self.query.keys():
            return self.all_of(rows)
        start, end = self._record("startingrecord", 1), self._record("endingrecord", max(1, len(rows)))
        count = max(0, end - start + 1)
        largest = self.database.settings.largest_window
        return _array(
            rows_between(rows, start - 1, count if largest is None else min(count, largest), self.twist)
        )

    def student_of(self, rows: pl.Series) -> Reply:
        """Return what a student has at a school: an array always. Raises Refusal for nobody, where that is 404."""
        if not len(rows) and self.database.settings.unknown_student == "404":
            raise Refusal(404, "Student was not found")
        return self.all_of(rows)

    def _record(self, name: str, default: int) -> int:
        asked = self.query.get(name, str(default))
        if not asked.isdecimal() or int(asked) < 1:
            raise Refusal(400, f"{name} must be a number from 1")
        return int(asked)


def object_of(rows: pl.Series, name: str) -> Reply:
    """Return a single object. Raises Refusal where there is none."""
    if not len(rows):
        raise Refusal(404, f"{name} was not found")
    return Reply(rows[0])


def _array(rows: list[str]) -> Reply:
    return Reply(f"[{','.join(rows)}]")
