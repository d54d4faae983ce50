"""What a doctor looks at before an Aeries district is read: server, year, time zone, certificate, each permission area.

Every look asks the server anew and as little as it can: one school of each LEA, and one student there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.sis.aeries import contract
from sis_assets.sis.aeries.feed import STUDENT_AREAS, read_students, wall_clock
from sis_assets.sis.aeries.lists import Lists
from sis_assets.sis.aeries.schools import Choice, School, refuse_missing
from sis_assets.sis.aeries.session import AreaMissing, NotThere, SwitchedOff
from sis_assets.sis.aeries.system import check_terms, check_year, read_system, written
from sis_assets.sis.documents import values

_A_WHILE = timedelta(minutes=15)


def looks(
    lists: Lists, choice: Choice, *, zone: ZoneInfo, staff: bool
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the checks of a server: a name, and a look that returns what was seen or raises a Fault with what to do.

    `zone` is what we take for the server's time zone; `staff` tells whether the staff is read too.
    """
    yield "server", partial(_server, lists)
    yield "database year", partial(_year, lists)
    yield "time zone", partial(_zone, lists, zone)
    yield "certificate", partial(_certificate, lists, choice)
    yield "LEAs", partial(_leas, lists, choice)
    areas = dict.fromkeys(entity.area for entity in contract.ENTITIES if entity.area)
    for area in areas:
        if area != contract.STAFF_DATA:
            yield area, partial(_area, lists, choice, area)
    if staff:
        yield contract.STAFF_DATA, partial(_staff, lists)
    yield "status codes", partial(_codes, lists)
    yield "class lists", partial(_class_lists, lists, choice)
    yield "change feed", partial(_feed, lists, zone)


def _server(lists: Lists) -> str:
    system = read_system(lists.session)
    if system.now is None:
        raise NeedsPerson(
            tried="Reading the server's clock",
            seen="the server tells no time with its offset",
            todo="Report this with the Aeries version; until then everything is read every time",
            mover=Mover.ENGINEER,
        )
    ahead = round((system.now - datetime.now(UTC)).total_seconds())
    # Changes are asked for by the server's clock alone, so a wrong one does no harm.
    return f"Aeries {system.version} answers; its clock differs from ours by {ahead} s"


def _year(lists: Lists) -> str:
    system, year = read_system(lists.session), lists.session.year
    check_year(system, year)
    _, _, terms = lists.schools()
    rows = [values.parse(line) for _, lines in terms for line in lines.splitlines()]
    check_terms(((values.text(row.get("StartDate")), values.text(row.get("EndDate"))) for row in rows), year)
    default = "none" if system.default_year is None else written(system.default_year)
    return f"the server has {written(year)}, and its terms are of it; the server's default is {default}"


def _zone(lists: Lists, zone: ZoneInfo) -> str:
    system = read_system(lists.session)
    if not system.keeps(zone):
        raise NeedsPerson(
            tried="Comparing the server's time zone with the district file's",
            seen=f"the server's clock ({system.zone or 'no zone told'}) does not go by {zone.key}",
            todo="Set sis.feed.timezone to the server's zone, or correct timezone; until then everything is read every time",
            mover=Mover.ENGINEER,
        )
    return f"the server's clock ({system.zone or 'no zone told'}) goes by {zone.key}"


def _certificate(lists: Lists, choice: Choice) -> str:
    listed, _, _ = lists.schools()
    return f"accepted; of {len(listed)} listed schools {len(choice.taking_part(listed))} take part"


def _leas(lists: Lists, choice: Choice) -> str:
    listed, _, _ = lists.schools()
    taking_part = choice.taking_part(listed)
    if not choice.leas:
        codes = {school.code for school in taking_part}
        counts = Counter(
            values.text(school.get(choice.lea_column))
            for school in listed
            if values.text(school.get("SchoolCode")) in codes
        )
        several = "; list under sis.leas those that are meant" if len(counts) > 1 else ""
        return f"all are read: {_counted(counts)}{several}"
    with_students = [
        lea
        for lea in choice.leas
        if any(lists.look(contract.STUDENTS, school) for school in taking_part if school.lea == lea)
    ]
    refuse_missing(choice.leas, with_students, "Looking at students of each LEA", "no student")
    return f"each has schools and students: {_counted(Counter(school.lea for school in taking_part))}"


def _counted(codes: Counter[str]) -> str:
    return ", ".join(f"{code or 'none told'} ({count} schools)" for code, count in sorted(codes.items()))


def _area(lists: Lists, choice: Choice, area: str) -> str:
    """Look at every entity of an area, at one school of each LEA."""
    entities = [entity for entity in contract.ENTITIES if entity.area == area]
    listed, _, _ = lists.schools()
    for school in _one_of_each_lea(choice.taking_part(listed)):
        student = _a_student(lists, school) if any(entity.listing.of_student for entity in entities) else ""
        for entity in entities:
            if not entity.listing.of_schools:
                lists.of_district(entity)
            else:
                lists.look(entity, school, student)
    return f"granted: {', '.join(entity.name for entity in entities)}"


def _one_of_each_lea(schools: Sequence[School]) -> list[School]:
    return list({school.lea: school for school in reversed(schools)}.values())


def _a_student(lists: Lists, school: School) -> str:
    """Return the id of a student of the school, else one that nobody has: the area counts, not what is found."""
    try:
        rows = lists.look(contract.STUDENTS, school)
    except AreaMissing:
        rows = []
    return values.text(values.parse(rows[0][1])["StudentID"]) if rows else "1"


def _staff(lists: Lists) -> str:
    return f"granted: {len(lists.of_district(contract.STAFF))} persons"


def _codes(lists: Lists) -> str:
    return f"{len(lists.of_district(contract.CODES, contract.STATUS_CODES))} codes of a student's status"


def _class_lists(lists: Lists, choice: Choice) -> str:
    listed, _, _ = lists.schools()
    try:
        found = lists.of_school(contract.CLASSES, choice.taking_part(listed)[0])
    except (PermanentFault, SwitchedOff):
        found = []
    return "a whole school at once" if found else "section by section: no list of a whole school is offered"


def _feed(lists: Lists, zone: ZoneInfo) -> str:
    since = wall_clock((read_system(lists.session).now or datetime.now(UTC)) - _A_WHILE, zone)
    try:
        named = {area: len(read_students(lists.session, area, since)) for area in STUDENT_AREAS}
    except (NotThere, SwitchedOff):
        return "not offered: everything is read every time"
    told = ", ".join(f"{area} {count}" for area, count in named.items())
    return f"offered; changes of the last {_A_WHILE.seconds // 60} minutes: {told}"
