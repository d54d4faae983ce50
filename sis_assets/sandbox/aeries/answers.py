"""What Aeries is asked and what it answers, by path (contract: Aeries §2.2, §2.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from sis_assets.sandbox.aeries import schools
from sis_assets.sandbox.aeries.call import Call, object_of
from sis_assets.sandbox.aeries.endpoint import Answer, Endpoint, endpoint
from sis_assets.sandbox.aeries.listing import json_rows
from sis_assets.sandbox.aeries.reply import Refusal, json_reply
from sis_assets.sandbox.aeries.scheduling import scheduling_endpoints
from sis_assets.sandbox.aeries.settings import (
    CLASSES,
    CONTACTS,
    COURSES,
    ENROLLMENT,
    GRADES,
    GRADUATION_REQUIREMENTS,
    GRADUATION_STATUS,
    MASTER_SCHEDULE,
    PROGRAMS,
    STAFF,
    STUDENT_DATA,
    TESTS,
    TRANSCRIPTS,
)
from sis_assets.sandbox.reply import Reply

_NOBODY = pl.Series("row", [], pl.String)


def system_info(call: Call) -> Reply:
    """Answer what needs no certificate: which database this is, which there are, and the server's clock."""
    settings, years = call.database.settings, call.years
    return json_reply(
        {
            "AeriesVersion": settings.version,
            "DatabaseYear": call.database.year,
            "AvailableDatabaseYears": [f"{year}-{year + 1}" for year in years],
            "LocalTimeZoneName": settings.timezone_name,
            "CurrentDateTime": call.now.isoformat(timespec="milliseconds"),
        }
    )


def _schools(call: Call) -> Reply:
    return json_reply(list(call.schools.values()))


def _school(call: Call) -> Reply:
    row = call.schools[call.school]
    return json_reply(row if call.database.settings.single_school == "object" else [row])


def _terms(call: Call) -> Reply:
    return json_reply(call.schools[call.school]["Terms"])


def _codes(call: Call) -> Reply:
    return json_reply(schools.codes(call.path["table"], call.path["field"]))


def _pupils(name: str, *keys: tuple[str, str]) -> Answer:
    """Answer the rows of a school in the windows that are asked for; keys: a column, and the parameter it is."""

    def answer(call: Call) -> Reply:
        school = call.school_with_students
        listing = call.database.listing(name, "SchoolCode", *(column for column, _ in keys))
        return call.window_of(
            _NOBODY if school is None else listing.of(school, *(call.number(each) for _, each in keys))
        )

    return answer


def _pupil(name: str, column: str, parameter: str) -> Answer:
    """Answer the rows of one student: an array, because there may be several."""

    def answer(call: Call) -> Reply:
        school = call.school_with_students
        if school is None:
            return call.student_of(_NOBODY)
        listing = call.database.listing(name, "SchoolCode", column)
        everywhere = column == "StudentID" and call.database.settings.student_records == "all"
        codes = call.seen(call.schools) if everywhere else [school]
        return call.student_of(pl.concat([listing.of(code, call.number(parameter)) for code in codes]))

    return answer


def _extended(column: str, parameter: str) -> Answer:
    """Answer the extended data of one student; of all where the id is 0."""

    def answer(call: Call) -> Reply:
        if parameter == "id" and call.number("id") == 0:
            return _pupils("extended")(call)
        school = call.school_with_students
        rows = (
            _NOBODY
            if school is None
            else call.database.listing("extended", "SchoolCode", column).of(school, call.number(parameter))
        )
        if len(rows) == 1 and call.database.settings.single_extended == "object":
            return object_of(rows, "Student")
        return call.student_of(rows)

    return answer


def _enrollment(call: Call) -> Reply:
    """Answer the history of one student, of all where the id is 0; of one year where it is told."""
    keys: dict[str, int] = {}
    if call.number("id"):
        keys["StudentID"] = call.number("id")
    if "year" in call.path:
        keys["year"] = call.number("year")
    listing = call.database.listing("enrollments", "SchoolCode", *keys)
    codes = [call.school] if "school" in call.path else call.seen(call.schools)
    return call.all_of(pl.concat([listing.of(code, *keys.values()) for code in codes]))


def _of_school(name: str, column: str | None = None) -> Answer:
    """Answer the rows of a school, of one student of it where a column is named; no window."""

    def answer(call: Call) -> Reply:
        listing = call.database.listing(name, "SchoolCode", *(() if column is None else (column,)))
        return call.all_of(listing.of(call.school, *(() if column is None else (call.number("id"),))))

    return answer


def _programs(call: Call) -> Reply:
    """Answer the programs of one student, of all where the id is 0; of one code where it is told."""
    keys: dict[str, int | str] = {}
    if call.number("id"):
        keys["StudentID"] = call.number("id")
    if "code" in call.query:
        keys["ProgramCode"] = call.query["code"]
    return call.all_of(call.database.listing("programs", "SchoolCode", *keys).of(call.school, *keys.values()))


def _tests(call: Call) -> Reply:
    return call.all_of(call.database.listing("tests", "StudentID").of(call.number("id")))


def _changes(feed: str) -> Answer:
    """Answer the keys of what has changed since a minute of the server's own time."""

    def answer(call: Call) -> Reply:
        try:
            moment = datetime(*(call.number(part) for part in ("year", "month", "day", "hour", "minute")))  # type: ignore[arg-type] # noqa: DTZ001 - the server's own time has no zone
        except ValueError:
            raise Refusal(400, "The date is not valid") from None
        settings, now = call.database.settings, call.now.replace(tzinfo=None)
        if settings.feed_clock == "utc":
            moment = moment.replace(tzinfo=UTC).astimezone(call.now.tzinfo).replace(tzinfo=None)
        kept_from = None if settings.feed_days is None else now - timedelta(days=settings.feed_days)
        items = call.history.since(feed, moment, kept_from)
        if "SchoolCode" in items.columns:
            items = items.filter(pl.col("SchoolCode").is_in(call.seen(call.schools)))
        names = {"course": {"ID": settings.course_feed_id}, "staff": {"ID": settings.staff_feed_id}}
        return call.all_of(json_rows(items.rename(names.get(feed, {}))))

    return answer


def _section(call: Call) -> Reply:
    listing = call.database.listing("sections", "SchoolCode", "SectionNumber")
    return object_of(listing.of(call.school, call.number("section")), "Section")


def _roster(call: Call) -> Reply:
    listing = call.database.listing("classes", "SchoolCode", "SectionNumber")
    return call.all_of(listing.of(call.school, call.number("section")))


def _courses(call: Call) -> Reply:
    return call.all_of(call.database.listing("courses").of())


def _course(call: Call) -> Reply:
    return object_of(call.database.listing("courses", "ID").of(call.path["course"]), "Course")


def _staff(call: Call) -> Reply:
    return call.all_of(call.database.listing("staff").of())


def _one_of_staff(call: Call) -> Reply:
    return object_of(call.database.listing("staff", "ID").of(call.number("id")), "Staff")


_SCHOOL = "schools/{school}"
_BY_ID, _BY_NUMBER, _BY_GRADE = ("StudentID", "id"), ("StudentNumber", "number"), ("Grade", "grade")

_SINCE = "{year}/{month}/{day}/{hour}/{minute}"
#: Which right a feed of students follows.
_AREAS_OF_FEEDS = {
    "student": STUDENT_DATA,
    "contact": CONTACTS,
    "program": PROGRAMS,
    "test": TESTS,
    "class": CLASSES,
    "enrollment": ENROLLMENT,
}

ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint("systeminfo", None, system_info, open_=True),
    endpoint("schools", None, _schools),
    endpoint(_SCHOOL, None, _school),
    endpoint(f"{_SCHOOL}/terms", None, _terms),
    endpoint(
        f"{_SCHOOL}/calendar",
        None,
        lambda call: json_reply(schools.calendar(call.database.district, call.school)),
    ),
    endpoint(f"{_SCHOOL}/BellSchedule", None, lambda call: json_reply(schools.bell_schedule(call.school))),
    endpoint(f"{_SCHOOL}/AbsenceCodes", None, lambda call: json_reply(schools.absence_codes(call.school))),
    endpoint("codes/{text:table}/{text:field}", None, _codes),
    endpoint(f"{_SCHOOL}/students", STUDENT_DATA, _pupils("students")),
    endpoint(f"{_SCHOOL}/students/{{id}}", STUDENT_DATA, _pupil("students", *_BY_ID)),
    endpoint(f"{_SCHOOL}/students/sn/{{number}}", STUDENT_DATA, _pupil("students", *_BY_NUMBER)),
    endpoint(f"{_SCHOOL}/students/grade/{{grade}}", STUDENT_DATA, _pupils("students", _BY_GRADE)),
    endpoint(f"{_SCHOOL}/students/{{id}}/extended", STUDENT_DATA, _extended(*_BY_ID)),
    endpoint(f"{_SCHOOL}/students/sn/{{number}}/extended", STUDENT_DATA, _extended(*_BY_NUMBER)),
    endpoint(
        f"{_SCHOOL}/students/grade/{{grade}}/extended", STUDENT_DATA, _pupils("extended", ("grade", "grade"))
    ),
    endpoint("enrollment/{id}", ENROLLMENT, _enrollment),
    endpoint("enrollment/{id}/year/{year}", ENROLLMENT, _enrollment),
    endpoint(f"{_SCHOOL}/enrollment/{{id}}", ENROLLMENT, _enrollment),
    endpoint(f"{_SCHOOL}/enrollment/{{id}}/year/{{year}}", ENROLLMENT, _enrollment),
    endpoint(f"{_SCHOOL}/classes/{{id}}", CLASSES, _of_school("classes", "StudentID")),
    endpoint(f"{_SCHOOL}/sections/{{section}}/students", CLASSES, _roster),
    endpoint(f"{_SCHOOL}/sections", MASTER_SCHEDULE, _of_school("sections")),
    endpoint(f"{_SCHOOL}/sections/{{section}}", MASTER_SCHEDULE, _section),
    endpoint("courses", COURSES, _courses),
    endpoint("courses/{text:course}", COURSES, _course),
    endpoint("staff", STAFF, _staff),
    endpoint("staff/{id}", STAFF, _one_of_staff),
    endpoint(f"{_SCHOOL}/Transcript", TRANSCRIPTS, _of_school("transcripts")),
    endpoint(f"{_SCHOOL}/Transcript/{{id}}", TRANSCRIPTS, _of_school("transcripts", "StudentID")),
    endpoint(f"{_SCHOOL}/GraduationRequirements", GRADUATION_REQUIREMENTS, _of_school("requirements")),
    endpoint(f"{_SCHOOL}/GraduationStatusSummary", GRADUATION_STATUS, _pupils("statuses")),
    endpoint(f"{_SCHOOL}/GraduationStatusSummary/{{id}}", GRADUATION_STATUS, _pupil("statuses", *_BY_ID)),
    endpoint(
        f"{_SCHOOL}/GraduationStatusSummary/grade/{{grade}}",
        GRADUATION_STATUS,
        _pupils("statuses", ("grade", "grade")),
    ),
    endpoint(f"{_SCHOOL}/gpas", GRADES, _pupils("averages")),
    endpoint(f"{_SCHOOL}/gpas/{{id}}", GRADES, _pupil("averages", *_BY_ID)),
    endpoint(f"{_SCHOOL}/contacts/{{id}}", CONTACTS, _of_school("contacts", "StudentID")),
    endpoint(f"{_SCHOOL}/students/{{id}}/programs", PROGRAMS, _programs),
    endpoint("students/{id}/tests", TESTS, _tests),
    *(
        endpoint(f"StudentDataChanges/{feed}/{_SINCE}", area, _changes(feed))
        for feed, area in _AREAS_OF_FEEDS.items()
    ),
    endpoint(f"CourseDataChanges/{_SINCE}", COURSES, _changes("course")),
    endpoint(f"SectionDataChanges/{_SINCE}", MASTER_SCHEDULE, _changes("section")),
    endpoint(f"SectionRosterDataChanges/{_SINCE}", CLASSES, _changes("roster")),
    endpoint(f"StaffDataChanges/{_SINCE}", STAFF, _changes("staff")),
    *scheduling_endpoints(),
)
