"""Pulls every entity of a district from its server into the landing folder: one file each, named by its content.

A file has one record a line, as JSON with sorted names, in the order of the list's key. So the same records give the same
bytes, in whatever order they came and by whatever requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.aeries import contract
from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.aeries.lists import Lists, Row, school_of
from sis_assets.sis.aeries.schools import Choice, School, refuse_missing
from sis_assets.sis.aeries.session import SwitchedOff
from sis_assets.sis.aeries.system import check_terms
from sis_assets.sis.documents import values
from sis_assets.sis.documents.lines import row_of
from sis_assets.sis.documents.pages import Key, in_order, landed
from sis_assets.sis.reading import SourceFile


class Pull:
    """One pull of one district. Entities are read one after the other, the lists of one at the same time.

    `class_lists` says how classes are read: `school`, `section`, or `auto`, which tries the first.
    """

    def __init__(
        self,
        lists: Lists,
        choice: Choice,
        *,
        class_lists: str,
        code_tables: Sequence[str],
        staff: bool,
        landing: Path,
        pool: Executor,
        at_once: int,
    ) -> None:
        self._lists = lists
        self._choice = choice
        self._class_lists = class_lists
        self._code_tables = sorted({contract.STATUS_CODES, *code_tables})
        self._staff = staff
        self._landing = landing
        self._pool = pool
        self._at_once = at_once

    @property
    def lists(self) -> Lists:
        """The server's lists."""
        return self._lists

    @property
    def choice(self) -> Choice:
        """What the district file says of schools."""
        return self._choice

    def everything(self) -> tuple[SourceFile, ...]:
        """Read all entities.

        Raises a Fault that names the entity, and the school, when one cannot be read whole, is of another year, or is empty
        and may not be; and one that names the LEA of which nothing came.
        """
        schools, files = self.schools()
        for entity in contract.ENTITIES[len(files) :]:
            if entity is contract.STUDENTS:
                files.append(self.land(entity, self._students(schools)))
            elif entity is contract.CLASSES:
                files.append(self.land(entity, self.classes(schools, files[-1])))
            elif entity.listing.of_schools:
                files.append(self.land(entity, self.of_schools(entity, schools)))
            elif entity is not contract.STAFF or self._staff:
                files.append(self.land(entity, self.of_district(entity)))
        return tuple(files)

    def schools(self) -> tuple[tuple[School, ...], list[SourceFile]]:
        """Read the schools and their terms; gives those that take part, and the two files.

        Raises NeedsPerson when the terms are of another year, or one of the LEAs has no school.
        """
        listed, schools, terms = self._lists.schools()
        ours = {values.whole(school["SchoolCode"]) for school in listed if self._choice.ours(school)}
        taking_part = self._choice.taking_part(listed)
        files = [
            self.land(entity, (row for row in rows if school_of(row) in ours))
            for entity, rows in ((contract.SCHOOLS, schools), (contract.TERMS, terms))
        ]
        codes = {school.code for school in taking_part}
        check_terms(
            (
                (values.text(term.get("StartDate")), values.text(term.get("EndDate")))
                for term in landed_rows(files[-1])
                if values.text(term["SchoolCode"]) in codes
            ),
            self._lists.session.year,
        )
        return tuple(sorted(taking_part, key=lambda school: values.whole(school.code))), files

    def of_district(self, entity: Entity) -> list[Row]:
        """Read a list that the district has one of, or one of each table of codes."""
        if entity is contract.CODES:
            return [row for table in self._code_tables for row in self._lists.of_district(entity, table)]
        return self._lists.of_district(entity)

    def land(self, entity: Entity, rows: Iterable[Row]) -> SourceFile:
        """Write the rows into the landing folder. Raises PermanentFault when there are none and some must be."""
        path, sha256, size = landed((lines for _, lines in rows), self._landing)
        if size == 0 and not entity.may_be_empty:
            raise _empty(entity)
        return SourceFile(entity.name, entity.listing.path, size, sha256, path)

    def at_once(self, entity: Entity, jobs: Iterable[Callable[[], list[Row]]]) -> Iterator[list[Row]]:
        """Do the requests of an entity at the same time, as many as the entity's lists allow; gives results in order."""
        return in_order(self._pool, 1 if entity.large else self._at_once, jobs)

    def of_schools(self, entity: Entity, schools: Sequence[School]) -> Iterator[Row]:
        """Read the lists of an entity, one of each school."""
        for rows in self.at_once(entity, (partial(self._lists.of_school, entity, each) for each in schools)):
            yield from rows

    def _students(self, schools: Sequence[School]) -> Iterator[Row]:
        """Give the students of all schools. Raises NeedsPerson at their end when one of the LEAs has none."""
        by_code: dict[Key, str] = {values.whole(school.code): school.lea for school in schools}
        seen: set[str] = set()
        for row in self.of_schools(contract.STUDENTS, schools):
            seen.add(by_code[school_of(row)])
            yield row
        refuse_missing(self._choice.leas, seen, "Reading students", "no student")

    def classes(self, schools: Sequence[School], sections: SourceFile) -> Iterator[Row]:
        """Read the classes of all schools, by the sections that landed where that must be."""
        by_code = {school.code: school for school in schools}
        places = [
            (by_code[values.text(row["SchoolCode"])], values.text(row["SectionNumber"]))
            for row in landed_rows(sections)
        ]
        if places and self._a_whole_school_at_once(places[0][0]):
            yield from self.of_schools(contract.CLASSES, schools)
            return
        jobs = (partial(self._lists.of_section, contract.CLASSES, *place) for place in places)
        for rows in self.at_once(contract.CLASSES, jobs):
            yield from rows

    def _a_whole_school_at_once(self, school: School) -> bool:
        """Whether the server gives the classes of a school with sections in one list, which is not agreed (contract §2.3)."""
        if self._class_lists != "auto":
            return self._class_lists == "school"
        try:
            return bool(self._lists.of_school(contract.CLASSES, school))
        except (PermanentFault, SwitchedOff):
            return False


def landed_rows(file: SourceFile) -> Iterator[values.Object]:
    """Give the records of a landed file."""
    with file.path.open("rb") as lines:
        yield from map(row_of, lines)


def _empty(entity: Entity) -> PermanentFault:
    return PermanentFault(
        tried=f"Reading {entity.name}",
        seen="the server gives an empty list",
        todo="See whether sis.url and sis.database_year are right and what the certificate may see in Aeries",
        mover=Mover.DISTRICT,
    )
