"""The lists of one server, each read whole: by windows of records, at once, or one student's and one section's part of it.

Contract: Aeries §2.1 (windows), §2.3 (lists).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sis_assets.sis.aeries import contract
from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.aeries.schools import School
from sis_assets.sis.aeries.session import NotThere, Session
from sis_assets.sis.aeries.shapes import page_for
from sis_assets.sis.aeries.system import of_another_year, year_of
from sis_assets.sis.documents.pages import Key, MovedError, Page, until_still
from sis_assets.sis.documents.values import Object, objects, text, whole
from sis_assets.sis.documents.windows import read_windows

#: A student at a school, or a section of it: the school's code, then the student's id or the section's number.
Place: TypeAlias = tuple[int, int]
#: An object of a list: its key, and its records as lines.
Row: TypeAlias = tuple[Key, bytes]


@dataclass(frozen=True, slots=True)
class Lists:
    """What one server has. Rows come in the order of their keys, the same rows always in the same order.

    `window` is how many records a request asks for, `years` are the school years whose enrolments are read. All methods
    raise the session's faults, which name the list and the school, and TransientFault for a list that does not hold still.
    """

    session: Session
    window: int
    years: Sequence[int]

    def schools(self) -> tuple[list[Object], list[Row], list[Row]]:
        """Return the listed schools as they came, and the rows of schools and of their terms: all are one answer."""

        def understand(document: Any) -> tuple[list[Object], list[Row], list[Row]]:
            schools, terms = (
                sorted(page_for(entity)(document).rows) for entity in (contract.SCHOOLS, contract.TERMS)
            )
            return objects(document), schools, terms

        return self.session.get("Reading schools and terms", contract.SCHOOLS.listing.path, understand)

    def of_district(self, entity: Entity, table: str = "") -> list[Row]:
        """Return the rows of a list that the district has one of; `table` is that of codes, as TABLE/COLUMN."""
        what = f"Reading {entity.name}{f' of {table}' if table else ''}"
        return self._once(what, entity, entity.listing.path.format(table=table))

    def of_school(self, entity: Entity, school: School) -> list[Row]:
        """Return the rows of a school."""
        what, path = f"Reading {entity.name} of {school.called}", entity.listing.path
        if entity is contract.ENROLLMENT:
            return sorted(row for year in self.years for row in self._enrollments(what, path, school, year))
        if not entity.listing.by_windows:
            return self._once(what, entity, path.format(school=school.code), school)
        window = partial(self._window, what, entity, school)
        return sorted(until_still(what, partial(read_windows, window, self.window)))

    def of_student(self, entity: Entity, school: School, student: str) -> list[Row]:
        """Return the rows of one student at a school, none when the server has none."""
        what, path = f"Reading {entity.name} of a student of {school.called}", entity.listing.of_student
        try:
            if entity is contract.ENROLLMENT:
                return sorted(
                    row for year in self.years for row in self._enrollments(what, path, school, year, student)
                )
            return self._once(what, entity, path.format(school=school.code, student=student), school)
        except NotThere:
            return []

    def of_students(
        self, entity: Entity, school: School, students: Sequence[str], known: int
    ) -> list[Callable[[], list[Row]]]:
        """Return jobs that give at least the rows of some students at a school, by as few requests as that takes.

        `known` is how many objects the school's list had when it was read last.
        """
        each, together = len(students), 1
        if entity is contract.ENROLLMENT:
            each, together = each * len(self.years), len(self.years)
        elif entity.listing.by_windows:
            together = max(1, -(-known // self.window))
        if each <= together or entity is contract.CLASSES:
            return [partial(self.of_student, entity, school, student) for student in students]
        if entity.listing.by_windows:
            return [partial(self._with_students, entity, school, frozenset(students), known)]
        return [partial(self.of_school, entity, school)]

    def of_section(self, entity: Entity, school: School, section: str) -> list[Row]:
        """Return the rows of one section of a school."""
        what = f"Reading {entity.name} of section {section} of {school.called}"
        path = entity.listing.of_section.format(school=school.code, section=section)
        return self._once(what, entity, path, school)

    def look(self, entity: Entity, school: School, student: str = "") -> list[Row]:
        """Return the few rows that the smallest request gives: of `student`, where an entity can be asked so."""
        what = f"Looking at {entity.name} of {school.called}"
        places = {"school": school.code, "student": student, "year": self.session.year}
        if entity.listing.by_windows:
            query = {"StartingRecord": "1", "EndingRecord": "2"}
            return self._page(what, entity, entity.listing.path.format(**places), school, query).rows
        path = entity.listing.of_student or entity.listing.path
        try:
            return self._page(what, entity, path.format(**places), school, {}).rows
        except NotThere:
            if not entity.listing.of_student:
                raise
            return []  # nobody has this id, or nothing is known of that student

    def _with_students(
        self, entity: Entity, school: School, students: frozenset[str], known: int
    ) -> list[Row]:
        """Return a list that has what there is of the students, read without looking behind its end.

        One that has fewer objects than are `known`, ends with a full window, or goes over several and lacks a student, is
        read as carefully as any whole one.
        """
        what = f"Reading {entity.name} of {school.called}"
        firsts = range(1, max(known, 1) + 1, self.window)
        rows = [
            row
            for first in firsts
            for row in self._window(what, entity, school, first, first + self.window - 1).rows
        ]
        found = {text(place_of(entity, "StudentID", key)[1]) for key, _ in rows}
        ended = known <= len(rows) < len(firsts) * self.window
        return rows if ended and (len(firsts) == 1 or found >= students) else self.of_school(entity, school)

    def _once(self, what: str, entity: Entity, path: str, school: School | None = None) -> list[Row]:
        return until_still(what, lambda: _whole(entity, self._page(what, entity, path, school, {})))

    def _window(self, what: str, entity: Entity, school: School, first: int, last: int) -> Page:
        query = {"StartingRecord": str(first), "EndingRecord": str(last)}
        path = entity.listing.path.format(school=school.code)
        return self._page(f"{what}, records {first} to {last}", entity, path, school, query)

    def _page(
        self, what: str, entity: Entity, path: str, school: School | None, query: dict[str, str]
    ) -> Page:
        understand = page_for(entity, school.code if school else "")
        return self.session.get(what, path, understand, query, area=entity.area)

    def _enrollments(self, what: str, path: str, school: School, year: int, student: str = "") -> list[Row]:
        as_page = page_for(contract.ENROLLMENT, school.code)

        def understand(document: Any) -> list[Row]:
            for record in objects(document):
                found = year_of(record.get("AcademicYear"))
                if found is None:
                    raise ValueError("an enrolment without a school year")
                if found != year:
                    raise of_another_year(what, year, found)
            return as_page(document).rows

        path = path.format(school=school.code, year=year, student=student)
        return self.session.get(what, path, understand, area=contract.ENROLLMENT.area)


def _whole(entity: Entity, page: Page) -> list[Row]:
    rows = sorted(page.rows)
    if entity.unique and len({key for key, _ in rows}) < len(rows):
        raise MovedError("a record came twice")
    return rows


def place_of(entity: Entity, column: str, key: Key) -> Place:
    """Return the place of a row with the key: its school's code, and the number in the column."""
    parts = key if isinstance(key, tuple) else (key,)
    return whole(parts[0]), whole(parts[entity.numbers.index(column)])


def school_of(row: Row) -> int:
    """Return the school's code: the first part of the key wherever records are of a school."""
    return whole(row[0][0] if isinstance(row[0], tuple) else row[0])
