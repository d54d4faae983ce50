"""Course requests by path: whose they are, and what may be written where (contract: Aeries §2.4)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from sis_assets.sandbox.aeries.call import Call
from sis_assets.sandbox.aeries.endpoint import Answer, Endpoint, endpoint
from sis_assets.sandbox.aeries.reply import Refusal, json_reply
from sis_assets.sandbox.aeries.requests import Alternates, Book, Requests, Rules, Student, body_of
from sis_assets.sandbox.aeries.settings import COURSE_REQUESTS
from sis_assets.sandbox.reply import Reply

Table = Requests | Alternates


def scheduling_endpoints() -> list[Endpoint]:
    """Return the resources of course requests and of alternates."""
    return [
        *_endpoints("courserequests", lambda book: book.requests),
        *_endpoints("alternatecourserequests", lambda book: book.alternates),
    ]


def _endpoints(name: str, table_of: Callable[[Book], Table]) -> list[Endpoint]:
    def of_school(call: Call) -> Reply:
        school, table = call.school, table_of(call.book)
        students = sorted(student for student in table.kept if student[0] == school)
        return json_reply([row for student in students for row in table.of(student)])

    def of_student(call: Call) -> Reply:
        return json_reply(table_of(call.book).of(_student(call)))

    def one(call: Call) -> Reply:
        return json_reply(table_of(call.book).one(_student(call), call.number("sequence")))

    def post(call: Call) -> Reply:
        student, table = _writable(call), table_of(call.book)
        sequence = table.write(student, body_of(call.body), None, _rules(call))
        return json_reply(table.one(student, sequence), HTTPStatus.CREATED)

    def put(call: Call) -> Reply:
        student, table, sequence = _writable(call), table_of(call.book), call.number("sequence")
        there = sequence in table.kept.get(student, {})
        table.write(student, body_of(call.body), sequence, _rules(call))
        return json_reply(table.one(student, sequence), HTTPStatus.OK if there else HTTPStatus.CREATED)

    def delete(call: Call) -> Reply:
        table_of(call.book).remove(_writable(call), call.number("sequence"))
        return Reply("", HTTPStatus.NO_CONTENT)

    school = "schools/{school}"
    at_student: list[Endpoint] = []
    for student in (f"{school}/students/{{id}}/{name}", f"{school}/students/sn/{{number}}/{name}"):
        at_student += [
            _scheduling(student, of_student),
            _scheduling(student, post, "POST"),
            _scheduling(f"{student}/{{sequence}}", one),
            _scheduling(f"{student}/{{sequence}}", put, "PUT"),
            _scheduling(f"{student}/{{sequence}}", delete, "DELETE"),
        ]
    return [_scheduling(f"{school}/scheduling/{name}", of_school), *at_student]


def _scheduling(path: str, answer: Answer, method: str = "GET") -> Endpoint:
    return endpoint(path, COURSE_REQUESTS, answer, method=method)


def _student(call: Call) -> Student:
    """Return the school and id of the student in the path. Raises Refusal for one who is not at that school."""
    key, parameter = ("student_id", "id") if "id" in call.path else ("sn", "number")
    people = call.database.people_at(call.school, key)
    asked = call.number(parameter)
    if asked not in people:
        raise Refusal(404, "Student was not found")
    return call.school, people[asked]


def _writable(call: Call) -> Student:
    student = _student(call)
    if call.school in call.database.settings.flexible_schools:
        raise Refusal(400, "Scheduling data of a Flexible school cannot be written")
    return student


def _rules(call: Call) -> Rules:
    settings = call.database.settings
    return Rules(
        courses=frozenset(call.database.frame("courses")["ID"]),
        by_section_staff=call.school in settings.section_staff_schools,
        duplicates=settings.duplicate_requests == "accept",
    )
