"""Course requests by Aeries' API: created, given their alternates, deleted when withdrawn (contract: Aeries §2.4).

Whether Aeries refuses a course that is requested twice is not agreed, so each school is read first and only what it lacks is
written. A write is sent once: where the answer is lost, the school is read again. Scheduling is not complete at Flex
schools, and a server may have it switched off (501): then the file is the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sis_assets.model.faults import Fault, Mover, NeedsPerson, TransientFault
from sis_assets.sis.aeries.client import choice, session_with, settings_of
from sis_assets.sis.aeries.session import FOR_ALL, NotAccepted, NotThere, Session, SwitchedOff
from sis_assets.sis.documents import values
from sis_assets.sis.documents.flatten import flattening
from sis_assets.sis.request_api import Handed, Held, Wish
from sis_assets.transport import http

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.sis.request_form import Form
    from sis_assets.warehouse.home import Home

TABLE: Final = "courserequests"
AREA: Final = "Student Scheduling Schedules"
ROUNDS: Final = 3
_ALTERNATES: Final = "alternatecourserequests"
_FIELDS: Final = ("student_id", "school_id", "course_code", "kind", "alternate_for")

Key = tuple[str, str]


@dataclass(slots=True)
class _School:
    """What a school holds, by student and course: requests by number, each with its alternates' courses, and alternates."""

    code: str
    requests: dict[Key, str] = field(default_factory=dict)
    linked: dict[Key, set[str]] = field(default_factory=dict)
    alternates: dict[Key, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Progress:
    """What became of the wishes so far, by hash."""

    done: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def handed(self, fault: Fault | None) -> Handed:
        return Handed(frozenset(self.done), frozenset(self.refused), fault)


def held(
    district: District,
    home: Home,  # noqa: ARG001 - of the common shape
    form: Form,  # noqa: ARG001 - as above
    school_year: int,  # noqa: ARG001 - the database holds one planning year
    *,
    into: Path,
) -> Held:
    """Read all requests and alternates of the schools that take part. Raises NeedsPerson for a missing right, and other Faults."""
    rows: list[dict[str, str]] = []
    with session_with(district) as session:
        listed = session.get("Reading schools", FOR_ALL, values.objects)
        for school in choice(district, settings_of(district)).taking_part(listed):
            rows += session.get(
                f"Reading requests of school {school.code}", _of_school(school.code, TABLE), _rows, area=AREA
            )
    lines = into / "held.ndjson"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    shape = ", ".join(f"{name}: 'VARCHAR'" for name in _FIELDS)
    with flattening(into) as connection:
        connection.execute(
            f"COPY (FROM read_json($lines, format = 'newline_delimited', columns = {{{shape}}})) TO"
            f" '{str(into / 'held.parquet').replace(chr(39), chr(39) * 2)}' (FORMAT parquet)",
            {"lines": str(lines)},
        )
    return Held(into / "held.parquet", {name: name for name in _FIELDS})


def hand_over(
    district: District,
    home: Home,  # noqa: ARG001 - of the common shape
    form: Form,  # noqa: ARG001 - as above
    school_year: int,  # noqa: ARG001 - as above
    wishes: Sequence[Wish],
    *,
    into: Path,  # noqa: ARG001 - as above
) -> Handed:
    """Write what the schools lack of the wishes, and delete what was withdrawn.

    A school at which scheduling is switched off is told in what is returned; the others are served.
    """
    progress = _Progress()
    fault: Fault | None = None
    # A write whose answer is lost may have been made, so it must not be sent again by itself.
    once = replace(http.Patience(), attempts=1)
    with session_with(district) as reading, session_with(district, patience=once) as writing:
        for code, group in groupby(wishes, key=lambda wish: wish.school_id):
            mine = list(group)
            try:
                _serve(reading, writing, code, mine, progress)
            except SwitchedOff as off:
                progress.refused |= {wish.sha256 for wish in mine} - progress.done
                fault = _by_file(off, code)
            except TransientFault as broken:
                return progress.handed(broken)
    return progress.handed(fault)


def _by_file(off: SwitchedOff, code: str) -> NeedsPerson:
    return NeedsPerson(
        tried=off.tried,
        seen=f"school {code} does not take requests by the API: it is a Flex school, or a feature flag is off (501)",
        todo="Set sis.requests.mode to file for this district, or ask Aeries' support for the flag",
        mover=Mover.DISTRICT,
    )


def _serve(
    reading: Session, writing: Session, code: str, wishes: Sequence[Wish], progress: _Progress
) -> None:
    for number in range(1, ROUNDS + 1):
        try:
            school = _read(reading, code)
            for wish in wishes:
                if wish.sha256 in progress.done | progress.refused:
                    continue
                try:
                    fulfilled = _WAYS[wish.kind](writing, school, wish)
                except (NotAccepted, NotThere):
                    fulfilled = False
                (progress.done if fulfilled else progress.refused).add(wish.sha256)
        except TransientFault:
            if number == ROUNDS:
                raise
        else:
            return


def _request(session: Session, school: _School, wish: Wish) -> bool:
    key = (wish.student_id, wish.course_code)
    if key not in school.requests:
        school.requests[key] = _create(session, school, wish, TABLE, {"CourseID": wish.course_code})
    return True


def _alternate(session: Session, school: _School, wish: Wish) -> bool:
    key, main = (wish.student_id, wish.course_code), (wish.student_id, wish.alternate_for)
    if main not in school.requests:
        return False
    if wish.course_code in school.linked.get(main, set()):
        return True
    if key not in school.alternates:
        order = {"RelativePrioritySortOrder": int(wish.priority)} if wish.priority else {}
        school.alternates[key] = _create(
            session, school, wish, _ALTERNATES, {"CourseID": wish.course_code, **order}
        )
    link = {
        "AlternateCourseRequestReferences": [int(school.alternates[key])],
        "AlternateCourseRequestUpdateOptions": "append",
    }
    session.send(
        "Linking an alternate",
        "PUT",
        f"{_of_student(school, wish, TABLE)}/{school.requests[main]}",
        link,
        _number,
        area=AREA,
    )
    school.linked.setdefault(main, set()).add(wish.course_code)
    return True


def _withdrawal(session: Session, school: _School, wish: Wish) -> bool:
    if number := school.requests.pop((wish.student_id, wish.course_code), None):
        path = f"{_of_student(school, wish, TABLE)}/{number}"
        session.send("Deleting a request", "DELETE", path, None, lambda _: None, area=AREA)
    return True


_WAYS: Mapping[str, Callable[[Session, _School, Wish], bool]] = {
    "primary": _request,
    "alternate": _alternate,
    "withdrawn": _withdrawal,
}


def _create(session: Session, school: _School, wish: Wish, table: str, body: Mapping[str, object]) -> str:
    """Create a request or an alternate and return the number that it got."""
    return session.send(
        "Creating a request", "POST", _of_student(school, wish, table), body, _number, area=AREA
    )


def _number(document: Any) -> str:
    number = values.text(values.as_object(document).get("SequenceNumber"))
    if not number.isdecimal():
        raise ValueError("no sequence number")
    return number


def _of_school(code: str, table: str) -> str:
    return f"/schools/{code}/scheduling/{table}"


def _of_student(school: _School, wish: Wish, table: str) -> str:
    return f"/schools/{school.code}/students/{wish.student_id}/{table}"


def _read(session: Session, code: str) -> _School:
    what = f"Reading requests of school {code}"
    school = _School(code)
    for told in session.get(what, _of_school(code, TABLE), values.objects, area=AREA):
        school.requests[_key(told)] = values.text(told.get("SequenceNumber"))
        school.linked[_key(told)] = {
            _course(each) for each in values.objects(told.get("AlternateCourseRequests"))
        }
    for told in session.get(what, _of_school(code, _ALTERNATES), values.objects, area=AREA):
        school.alternates[_key(told)] = values.text(told.get("SequenceNumber"))
    return school


def _rows(document: Any) -> list[dict[str, str]]:
    """Return a school's requests, and each alternate once for every request that it stands in for."""
    rows = []
    for told in values.objects(document):
        place = {
            "student_id": values.text(told.get("StudentID")),
            "school_id": values.text(told.get("SchoolCode")),
        }
        rows.append(place | {"course_code": _course(told), "kind": "primary", "alternate_for": ""})
        rows += [
            place | {"course_code": _course(each), "kind": "alternate", "alternate_for": _course(told)}
            for each in values.objects(told.get("AlternateCourseRequests"))
        ]
    return rows


def _key(told: values.Object) -> Key:
    return values.text(told.get("StudentID")), _course(told)


def _course(told: values.Object) -> str:
    return values.text(told.get("CourseID")).strip()
