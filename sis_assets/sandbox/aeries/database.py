"""One year's database: what it tells, made when first asked for and kept as long as it stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import polars as pl

from sis_assets.sandbox.aeries import families, rosters, schools, students, transcripts
from sis_assets.sandbox.aeries.data import District
from sis_assets.sandbox.aeries.listing import Listing, json_rows
from sis_assets.sandbox.aeries.settings import Settings
from sis_assets.sandbox.aeries.staff import staff

_Made = TypeVar("_Made")
#: Columns that hold JSON.
_NESTED = (
    "SectionStaffMembers",
    "SchoolAccessPermissions",
    "ExtendedProperties",
    "CourseGrades",
    "SubjectAreas",
)
#: Columns whose numbers may be text, which is unconfirmed.
_DOUBTFUL = ("CreditDefault", "CreditMax", "CreditAttempted", "CreditCompleted", "ElementaryTeacherNumber")


class Database:
    """One year of a district, by the names of what Aeries tells."""

    def __init__(self, district: District, settings: Settings) -> None:
        self.district, self.settings = district, settings
        older = settings.older_build
        self._makers: Mapping[str, Callable[[], pl.DataFrame]] = {
            "described": lambda: students.described(district),
            "students": lambda: students.listed(self.frame("described"), older_build=older),
            "extended": lambda: students.extended(self.frame("described"), older_build=older),
            "enrollments": lambda: students.enrollments(district, year_as=settings.academic_year),
            "courses": lambda: rosters.catalogue(district),
            "classes": lambda: rosters.classes(district),
            "sections": lambda: rosters.master_schedule(district, self.frame("classes")),
            "staff": lambda: staff(district),
            "marks": lambda: transcripts.marks(district),
            "transcripts": lambda: transcripts.transcripts(self._typed(self.frame("marks"))),
            "requirements": lambda: transcripts.requirements(district).rename(
                {"SubjectAreas": settings.requirements_list}
            ),
            "statuses": lambda: transcripts.statuses(district, self.frame("marks")),
            "averages": lambda: transcripts.averages(district),
            "contacts": lambda: families.contacts(district),
            "programs": lambda: families.programs(district),
            "tests": lambda: families.tests(district),
        }
        self._kept: dict[Hashable, object] = {}

    @property
    def year(self) -> str:
        """The year as Aeries writes it: 2026-2027."""
        return f"{self.district.year}-{self.district.year + 1}"

    @property
    def schools(self) -> dict[int, schools.Row]:
        """Every code of `/schools`."""
        return self._once("schools", lambda: schools.schools(self.district, self.settings))

    @property
    def leas(self) -> dict[int, int]:
        """Which LEA a school is of."""
        return self._once("leas", lambda: schools.lea_of(self.district))

    def people_at(self, school: int, column: str) -> Mapping[int, int]:
        """Return the ids of a school's students by a column of `described`."""
        return self._once(
            ("people", school, column),
            lambda: dict(
                self.frame("described")
                .filter(pl.col("school") == school)
                .select(pl.col(column), pl.col("student_id").alias("id"))
                .iter_rows()
            ),
        )

    def frame(self, name: str) -> pl.DataFrame:
        """Return rows with real types. Raises KeyError for another name."""
        return self._once(("frame", name), self._makers[name])

    def listing(self, name: str, *keys: str) -> Listing:
        """Return rows of JSON, found by these columns. Raises KeyError for another name."""
        return self._once(
            ("listing", name, keys), lambda: Listing(self.rows(name), self.frame(name).select(keys))
        )

    def rows(self, name: str) -> pl.Series:
        """Return every row as JSON, in the order of `frame`."""
        nested = {*_NESTED, self.settings.requirements_list}
        return self._once(("rows", name), lambda: json_rows(self._typed(self.frame(name)), nested))

    def _typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with the types of its numbers as this server has them."""
        doubtful = [name for name in _DOUBTFUL if self.settings.numbers_as_text and name in frame.columns]
        return frame.with_columns(pl.col(doubtful).cast(pl.String))

    def _once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]
