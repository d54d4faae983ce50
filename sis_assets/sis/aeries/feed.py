"""Aeries' change feed: who and what changed since a moment (contract §2.3).

It gives keys only, tells nothing of what is gone, and counts by the minutes of the server's own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sis_assets.sis.aeries import contract
from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.aeries.lists import Place
from sis_assets.sis.aeries.session import Session
from sis_assets.sis.documents.values import objects, text, whole

#: What has no feed of its own. It is read again where enrolments or classes changed, for they bring it about.
_WITHOUT_FEED: Final = (contract.TRANSCRIPTS, contract.GRADUATION_STATUS)
#: Areas of the feed of students, and what a student who is named there may have changed in.
STUDENT_AREAS: Final = {
    "student": (contract.STUDENTS, contract.STUDENTS_EXTENDED),
    "enrollment": (
        contract.STUDENTS,
        contract.STUDENTS_EXTENDED,
        contract.ENROLLMENT,
        *_WITHOUT_FEED,
    ),
    "class": (contract.CLASSES, *_WITHOUT_FEED),
}
_OPENED_BY: Final = {
    "student": contract.STUDENTS.area,
    "enrollment": contract.ENROLLMENT.area,
    "class": contract.CLASS_SCHEDULES,
}
_LONGEST_STEP: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: students by the area of the feed that names them, sections, and sections by their rosters."""

    students: dict[str, frozenset[Place]]
    sections: frozenset[Place]
    rosters: frozenset[Place]

    @property
    def everybody(self) -> frozenset[Place]:
        """Every student who is named anywhere."""
        return frozenset().union(*self.students.values())

    def students_of(self, entity: Entity) -> frozenset[Place]:
        """Return the students whose records of an entity may have changed."""
        named = (students for area, students in self.students.items() if entity in STUDENT_AREAS[area])
        return frozenset().union(*named)


def read_changes(session: Session, since: datetime) -> Changes:
    """Read what changed since a moment of the server's clock (without a zone; see `wall_clock`).

    Raises the session's faults: NotThere and SwitchedOff where the server has no feed.
    """
    return Changes(
        students={area: read_students(session, area, since) for area in STUDENT_AREAS},
        sections=_read(
            session, "SectionDataChanges", since, contract.MASTER_SCHEDULE, _places("SectionNumber")
        ),
        rosters=_read(
            session, "SectionRosterDataChanges", since, contract.CLASS_SCHEDULES, _places("SectionNumber")
        ),
    )


def read_students(session: Session, area: str, since: datetime) -> frozenset[Place]:
    """Read which students changed in an area of the feed since a moment. Raises the session's faults."""
    return _read(session, f"StudentDataChanges/{area}", since, _OPENED_BY[area], _places("StudentID"))


def wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clock on a wall in the zone shows at a moment, without its zone.

    Where the clock is set back soon after, it is the earlier time by as much: what happens after that is later on no clock.
    """
    here, later = moment.astimezone(zone), (moment + _LONGEST_STEP).astimezone(zone)
    before, after = here.utcoffset() or timedelta(), later.utcoffset() or timedelta()
    return here.replace(tzinfo=None, fold=0) - max(before - after, timedelta())


def _read(
    session: Session,
    name: str,
    since: datetime,
    area: str,
    understand: Callable[[Any], frozenset[Place]],
) -> frozenset[Place]:
    return session.get(f"Reading {name}", f"/{name}/{since:%Y/%m/%d/%H/%M}", understand, area=area)


def _places(name: str) -> Callable[[Any], frozenset[Place]]:
    def understand(document: Any) -> frozenset[Place]:
        return frozenset(_named(objects(document), name))

    return understand


def _named(items: Iterable[dict[str, Any]], name: str) -> Iterable[Place]:
    for item in items:
        if not text(item.get("SchoolCode")) or not text(item.get(name)):
            raise ValueError(f"a change without SchoolCode or {name}")
        yield whole(item["SchoolCode"]), whole(item[name])
