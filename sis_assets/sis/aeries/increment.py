"""A read of what changed only, laid over the files of the last read: what lands is as if everything had been read.

Between two reads of everything nobody is taken away: the feed tells nothing of what is gone. A student whom it names and
the server no longer has keeps all last records; of one whom the server has, what it gives is what there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import groupby

from sis_assets.sis.aeries import contract
from sis_assets.sis.aeries.feed import Changes
from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.aeries.lists import Place, Row, place_of, school_of
from sis_assets.sis.aeries.pull import Pull, landed_rows
from sis_assets.sis.aeries.schools import School
from sis_assets.sis.documents.lines import keyed_by, row_of
from sis_assets.sis.documents.pages import Key
from sis_assets.sis.documents.values import whole
from sis_assets.sis.reading import SourceFile

_STUDENT, _SECTION = "StudentID", "SectionNumber"


class Increment:
    """What changed since a read whose files are `last`."""

    def __init__(self, pull: Pull, last: Iterable[SourceFile], changes: Changes) -> None:
        self._pull = pull
        self._last = {file.entity: file for file in last}
        self._changes = changes
        self._schools: dict[int, School] = {}
        self._there: frozenset[Place] = frozenset()

    def everything(self) -> tuple[SourceFile, ...] | None:
        """Read what changed, and land all entities whole.

        Gives None when that is not enough: other schools take part than then, or a student has a new id, which says that
        the old one is gone. Raises what reading raises.
        """
        schools, files = self._pull.schools()
        if {*schools} != {*self._pull.choice.taking_part(landed_rows(self._last[contract.SCHOOLS.name]))}:
            return None
        self._schools = {int(school.code): school for school in schools}
        by_student = self._schools_by_student()
        for entity in contract.ENTITIES[len(files) :]:
            if entity is contract.SECTIONS:
                files.append(self._land(entity, self._laid_over(entity, self._sections(), _SECTION)))
            elif entity is contract.CLASSES:
                files.append(self._land(entity, self._classes(files[-1], by_student)))
            elif entity is contract.TRANSCRIPTS and self._differs(files, contract.COURSES):
                # Every transcript may show a course by its new title.
                files.append(self._land(entity, self._pull.of_schools(entity, schools)))
            elif entity.listing.of_student:
                fresh = self._students(entity, by_student)
                if entity is contract.STUDENTS and self._have_new_ids(fresh, by_student):
                    return None
                files.append(self._land(entity, self._laid_over(entity, fresh, _STUDENT)))
            elif entity.listing.of_schools:
                files.append(self._last[entity.name])
            elif entity.name in self._last:
                files.append(self._land(entity, self._pull.of_district(entity)))
        return tuple(files)

    def _differs(self, files: Iterable[SourceFile], entity: Entity) -> bool:
        return any(
            file.entity == entity.name and file.sha256 != self._last[entity.name].sha256 for file in files
        )

    def _have_new_ids(self, fresh: Mapping[Place, Sequence[Row]], known: Collection[int]) -> bool:
        """Whether a student who was read has an id in place of one that we know."""
        rows = (row_of(lines) for those in fresh.values() for _, lines in those)
        return any(whole(row.get("OldStudentID") or 0) in known for row in rows)

    def _land(self, entity: Entity, rows: Iterable[Row]) -> SourceFile:
        return self._pull.land(entity, rows)

    def _schools_by_student(self) -> Mapping[int, frozenset[int]]:
        """Return at which schools each student was: a change at one may be a change at the others."""
        found: dict[int, set[int]] = defaultdict(set)
        for key, _ in self._rows(contract.STUDENTS):
            school, student = place_of(contract.STUDENTS, _STUDENT, key)
            found[student].add(school)
        return {student: frozenset(schools) for student, schools in found.items()}

    def _students(self, entity: Entity, by_student: Mapping[int, frozenset[int]]) -> dict[Place, list[Row]]:
        new = {place for place in self._changes.everybody if place[0] not in by_student.get(place[1], ())}
        named = self._changes.students_of(entity) | new
        places = named | {(school, student) for _, student in named for school in by_student.get(student, ())}
        known: Counter[int] = Counter()
        if entity.listing.by_windows and places:
            known.update(school_of((key, b"")) for key, _ in groupby(self._rows(entity), lambda row: row[0]))
        jobs = (
            job
            for school, students in self._by_school(places)
            for job in self._pull.lists.of_students(entity, self._schools[school], students, known[school])
        )
        fresh = self._fresh(entity, jobs, places, _STUDENT)
        if entity is contract.STUDENTS:
            self._there = frozenset(fresh)
        return {place: [] for place in places & self._there} | fresh

    def _sections(self) -> dict[Place, list[Row]]:
        entity, lists = contract.SECTIONS, self._pull.lists
        jobs = (
            partial(lists.of_school, entity, self._schools[school])
            if len(numbers) > 1
            else partial(lists.of_section, entity, self._schools[school], numbers[0])
            for school, numbers in self._by_school(self._changes.sections)
        )
        return self._fresh(entity, jobs, self._changes.sections, _SECTION)

    def _classes(self, sections: SourceFile, by_student: Mapping[int, frozenset[int]]) -> Iterator[Row]:
        """Give the classes: of the sections whose rosters changed, then of the students; all, where that is less to ask."""
        entity, rosters = contract.CLASSES, self._changes.rosters
        named = self._changes.students_of(entity)
        if len(rosters) + len(named) > sum(1 for _ in landed_rows(sections)):
            yield from self._pull.classes(list(self._schools.values()), sections)
            return
        jobs = (
            partial(self._pull.lists.of_section, entity, self._schools[school], number)
            for school, numbers in self._by_school(rosters)
            for number in numbers
        )
        by_roster = self._laid_over(entity, self._fresh(entity, jobs, rosters, _SECTION), _SECTION)
        yield from _laid_over(
            by_roster, self._students(entity, by_student), partial(place_of, entity, _STUDENT)
        )

    def _by_school(self, places: Collection[Place]) -> list[tuple[int, list[str]]]:
        found: dict[int, list[str]] = defaultdict(list)
        for school, number in sorted(places):
            if school in self._schools:
                found[school].append(str(number))
        return list(found.items())

    def _fresh(
        self,
        entity: Entity,
        jobs: Iterable[Callable[[], list[Row]]],
        places: Collection[Place],
        column: str,
    ) -> dict[Place, list[Row]]:
        """Return the rows of the places that the jobs give; places of which the server gives nothing are not among them."""
        found: dict[Place, list[Row]] = defaultdict(list)
        for rows in self._pull.at_once(entity, jobs):
            for row in rows:
                if (place := place_of(entity, column, row[0])) in places:
                    found[place].append(row)
        return found

    def _laid_over(self, entity: Entity, fresh: Mapping[Place, Sequence[Row]], column: str) -> Iterator[Row]:
        return _laid_over(self._rows(entity), fresh, partial(place_of, entity, column))

    def _rows(self, entity: Entity) -> Iterator[Row]:
        """Give the rows of the last read's file."""
        key = keyed_by(entity.numbers, entity.texts)
        with self._last[entity.name].path.open("rb") as lines:
            yield from ((key(row_of(line)), line) for line in lines)


def _laid_over(
    rows: Iterable[Row], fresh: Mapping[Place, Sequence[Row]], place: Callable[[Key], Place]
) -> Iterator[Row]:
    """Give the rows with those of the fresh places in place of their own, all in the order of keys."""
    kept = (row for row in rows if place(row[0]) not in fresh)
    return merge(kept, sorted(row for those in fresh.values() for row in those), key=lambda row: row[0])
