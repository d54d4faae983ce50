"""Course requests: what the scheduling tables hold, and how they are written (contract: Aeries §2.4).

A request stands at a school and a student under a sequence number, as do the alternates; a request refers to alternates
by their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sis_assets.sandbox.aeries.reply import Refusal

_Row = TypeVar("_Row")
_LONGEST_COURSE, _LONGEST_CODE = 6, 2
_PRIORITY_STEP = 10


@dataclass(frozen=True, slots=True)
class Request:
    """One request (SSS)."""

    course: str
    section: int = 0
    teacher: int = 0
    staff: int = 0
    reject_code: str = ""
    alternate_tag: str = ""
    primary_course: str = ""
    lock_code: str = ""


@dataclass(frozen=True, slots=True)
class Alternate:
    """One alternate (ACR); those of a student are in the order of `priority`."""

    course: str
    priority: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a body may say.

    courses           the ids that there are
    by_section_staff  the school has staff by section: a preferred teacher number is an error, elsewhere staff is
    duplicates        a course may be requested twice
    """

    courses: Collection[str]
    by_section_staff: bool
    duplicates: bool


#: A school and a student's id.
Student = tuple[int, int]
Told = dict[str, Any]


class Alternates:
    """The alternates of one year, by school and student, by sequence number; and which request refers to which (ACA)."""

    def __init__(self) -> None:
        self.kept: dict[Student, dict[int, Alternate]] = {}
        self._links: dict[Student, dict[int, tuple[int, ...]]] = {}

    def of(self, student: Student) -> list[Told]:
        """Return a student's alternates as Aeries tells them, by priority."""
        kept = self.kept.get(student, {})
        return [self.one(student, each) for each in sorted(kept, key=lambda number: kept[number].priority)]

    def one(self, student: Student, sequence: int) -> Told:
        """Return one alternate as Aeries tells it. Raises Refusal where there is none."""
        alternate = _existing(self.kept, student, sequence)
        return {
            **_key(student, sequence),
            "CourseID": alternate.course,
            "PrioritySortOrder": alternate.priority,
        }

    def write(self, student: Student, body: Mapping[str, Any], at: int | None, rules: Rules) -> int:
        """Write an alternate and return its sequence number.

        at  PUT: the number; one that is there keeps what the body leaves out. None: POST, the next free number unless
            the body has one

        Raises Refusal where the body breaks a rule.
        """
        kept = self.kept.setdefault(student, {})
        sequence = _sequence(kept, body, at)
        values = _fields(body, {"CourseID": "course", "RelativePrioritySortOrder": "place"})
        last = max((each.priority for each in kept.values()), default=0)
        alternate = kept.get(sequence, Alternate("", last + _PRIORITY_STEP))
        if values.get("place") == 0:
            raise Refusal(400, "RelativePrioritySortOrder must not be 0")
        if "place" in values:
            alternate = replace(alternate, priority=values["place"] * _PRIORITY_STEP)
        alternate = replace(alternate, course=values.get("course", alternate.course))
        _check_course("CourseID", alternate.course, rules)
        kept[sequence] = alternate
        return sequence

    def remove(self, student: Student, sequence: int) -> None:
        """Remove an alternate, and what refers to it. Raises Refusal where there is none."""
        _existing(self.kept, student, sequence)
        del self.kept[student][sequence]
        for request, linked in self._links.get(student, {}).items():
            self.link(student, request, (each for each in linked if each != sequence))

    def linked(self, student: Student, request: int) -> tuple[int, ...]:
        """Return the alternates that a request refers to."""
        return self._links.get(student, {}).get(request, ())

    def link(self, student: Student, request: int, alternates: Iterable[int]) -> None:
        """Let a request refer to these alternates and no other."""
        self._links.setdefault(student, {})[request] = tuple(dict.fromkeys(alternates))


class Requests:
    """The requests of one year, by school and student, by sequence number; they refer to the alternates."""

    def __init__(self, alternates: Alternates) -> None:
        self.kept: dict[Student, dict[int, Request]] = {}
        self._alternates = alternates

    def of(self, student: Student) -> list[Told]:
        """Return a student's requests as Aeries tells them."""
        return [self.one(student, sequence) for sequence in sorted(self.kept.get(student, {}))]

    def one(self, student: Student, sequence: int) -> Told:
        """Return one request as Aeries tells it. Raises Refusal where there is none."""
        request = _existing(self.kept, student, sequence)
        return {
            **_key(student, sequence),
            "CourseID": request.course,
            "SectionNumber": request.section,
            "PreferredTeacherNumber": request.teacher,
            "PreferredStaffID": request.staff,
            "RejectCode": request.reject_code,
            "AlternateTag": request.alternate_tag,
            "ActualPrimaryCourseID": request.primary_course,
            "PermanentLockCode": request.lock_code,
            "AlternateCourseRequests": [
                self._alternates.one(student, each) for each in self._alternates.linked(student, sequence)
            ],
        }

    def write(self, student: Student, body: Mapping[str, Any], at: int | None, rules: Rules) -> int:
        """Write a request and return its sequence number; `at` and what is raised as for an alternate."""
        kept = self.kept.setdefault(student, {})
        sequence = _sequence(kept, body, at)
        request = replace(kept.get(sequence, Request("")), **_fields(body, _REQUEST_FIELDS))
        _check_request(request, rules)
        others = {other.course for number, other in kept.items() if number != sequence}
        if request.course in others and not rules.duplicates:
            raise Refusal(400, f"CourseID {request.course} is already requested")
        linked = self._references(student, body, self._alternates.linked(student, sequence), at)
        kept[sequence] = request
        self._alternates.link(student, sequence, linked)
        return sequence

    def remove(self, student: Student, sequence: int) -> None:
        """Remove a request. Raises Refusal where there is none."""
        _existing(self.kept, student, sequence)
        del self.kept[student][sequence]
        self._alternates.link(student, sequence, ())

    def _references(
        self, student: Student, body: Mapping[str, Any], before: tuple[int, ...], at: int | None
    ) -> tuple[int, ...]:
        """Return the alternates that a request refers to after the body is written."""
        if _REFERENCES not in body:
            return before
        told, option = body[_REFERENCES], body.get(_OPTIONS)
        if not isinstance(told, list) or not all(map(_is_number, told)):
            raise Refusal(400, f"{_REFERENCES} must be a list of numbers")
        for each in told:
            _existing(self._alternates.kept, student, each, status=400)
        if at is not None and option not in ("append", "replace"):
            raise Refusal(400, f"{_OPTIONS} must be append or replace")
        return (*(before if option == "append" else ()), *told)


class Book:
    """The scheduling tables of one year."""

    def __init__(self) -> None:
        self.alternates = Alternates()
        self.requests = Requests(self.alternates)


_REFERENCES, _OPTIONS = "AlternateCourseRequestReferences", "AlternateCourseRequestUpdateOptions"
#: Fields of a request's body, and what of a request they are.
_REQUEST_FIELDS = {
    "CourseID": "course",
    "SectionNumber": "section",
    "PreferredTeacherNumber": "teacher",
    "PreferredStaffID": "staff",
    "RejectCode": "reject_code",
    "AlternateTag": "alternate_tag",
    "ActualPrimaryCourseID": "primary_course",
    "PermanentLockCode": "lock_code",
}
_NUMBERS = frozenset(
    {"SectionNumber", "PreferredTeacherNumber", "PreferredStaffID", "RelativePrioritySortOrder"}
)
_ALWAYS_KNOWN = frozenset({"SequenceNumber", "StudentID", "SchoolCode", _REFERENCES, _OPTIONS})


def body_of(text: str) -> Mapping[str, Any]:
    """Return the object of a body. Raises Refusal where it is none."""
    try:
        told = json.loads(text)
    except ValueError:
        raise Refusal(400, "The body is not valid JSON") from None
    if not isinstance(told, dict):
        raise Refusal(400, "The body is not an object")
    return told


def _check_request(request: Request, rules: Rules) -> None:
    """Raise Refusal where the request breaks a rule of the contract."""
    _check_course("CourseID", request.course, rules)
    for name, value in (("RejectCode", request.reject_code), ("PermanentLockCode", request.lock_code)):
        if len(value) > _LONGEST_CODE:
            raise Refusal(400, f"{name} is longer than {_LONGEST_CODE}")
    if request.alternate_tag not in ("", "X"):
        raise Refusal(400, "AlternateTag must be X or empty")
    if request.primary_course and not request.alternate_tag:
        raise Refusal(400, "ActualPrimaryCourseID needs AlternateTag X")
    if request.primary_course:
        _check_course("ActualPrimaryCourseID", request.primary_course, rules)
    if rules.by_section_staff and request.teacher > 0:
        raise Refusal(400, "PreferredTeacherNumber is not valid at a school with section staff")
    if not rules.by_section_staff and request.staff > 0:
        raise Refusal(400, "PreferredStaffID is valid at a school with section staff only")


def _check_course(name: str, course: str, rules: Rules) -> None:
    if not course or len(course) > _LONGEST_COURSE or course not in rules.courses:
        raise Refusal(400, f"{name} is not a course")


def _fields(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what a body says of these fields, by our names. Raises Refusal for another field, or another type."""
    if unknown := body.keys() - {*names, *_ALWAYS_KNOWN}:
        raise Refusal(400, f"{min(unknown)} is not a field")
    for name in body.keys() & names.keys():
        wanted = _is_number if name in _NUMBERS else _is_text
        if not wanted(body[name]):
            raise Refusal(400, f"{name} has another type")
    return {ours: body[name] for name, ours in names.items() if name in body}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _sequence(kept: Mapping[int, object], body: Mapping[str, Any], at: int | None) -> int:
    if at is not None:
        return at
    told = body.get("SequenceNumber")
    if told is None:
        return max(kept, default=0) + 1
    if not _is_number(told) or told < 1 or told in kept:
        raise Refusal(400, "SequenceNumber is not free")
    return int(told)


def _existing(
    kept: Mapping[Student, Mapping[int, _Row]], student: Student, sequence: int, *, status: int = 404
) -> _Row:
    """Return what stands at a number. Raises Refusal where nothing does."""
    try:
        return kept[student][sequence]
    except KeyError:
        raise Refusal(status, f"SequenceNumber {sequence} was not found") from None


def _key(student: Student, sequence: int) -> dict[str, int]:
    return {"StudentID": student[1], "SchoolCode": student[0], "SequenceNumber": sequence}
