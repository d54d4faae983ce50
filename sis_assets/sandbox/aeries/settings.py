"""What differs between Aeries servers, or is not confirmed: every such thing is a switch (contract: Aeries, last part)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The security areas of a certificate (contract §2.2) and what they open.
STUDENT_DATA = "Student Data"
ENROLLMENT = "Enrollment History"
CLASSES = "Class Schedules/History"
MASTER_SCHEDULE = "Master Schedule"
COURSES = "Course Data"
TRANSCRIPTS = "Transcripts"
GRADUATION_REQUIREMENTS = "Graduation Requirements"
GRADUATION_STATUS = "Graduation Status"
COURSE_REQUESTS = "Student Scheduling Schedules"
CONTACTS = "Contacts"
PROGRAMS = "Programs"
TESTS = "Test Scores"
GRADES = "GPAs"
STAFF = "Staff Data"
AREAS = frozenset(
    {
        STUDENT_DATA,
        ENROLLMENT,
        CLASSES,
        MASTER_SCHEDULE,
        COURSES,
        TRANSCRIPTS,
        GRADUATION_REQUIREMENTS,
        GRADUATION_STATUS,
        COURSE_REQUESTS,
        CONTACTS,
        PROGRAMS,
        TESTS,
        GRADES,
        STAFF,
    }
)

Status = Literal[401, 403]


@dataclass(frozen=True, slots=True)
class Settings:
    """How this server behaves. The defaults are what was seen or documented most.

    certificate             the value of AERIES-CERT that is accepted, case and all
    site_path               what stands between the host and `/api`
    bad_certificate_status  what a wrong certificate meets
    missing_area_status     what a certificate without the area meets
    default_year            the database that a missing or invalid `DatabaseYear` means: this year's or the one before
    largest_window          the most rows that StartingRecord and EndingRecord give; None: as many as are asked for
    single_school           `/schools/{code}` is an object, or an array of one
    single_extended         `/students/{id}/extended` is an array, or an object where there is one row
    unknown_student         a student that is not found is 404, or an empty array
    student_records         `/schools/{code}/students/{id}` tells the student's records at that school, or at all
    district_students       what the students of school 0 meet: 404, 400, or an empty array
    any_accept              what `Accept: */*`, or none, gives
    older_build             the newer fields are not there
    numbers_as_text         credits and teacher numbers of courses, transcripts and enrolments are quoted
    academic_year           a year of the history is "2026-2027", or the number 2026
    requirements_list       the key of the inner list of GraduationRequirements
    feed_clock              the times of change feeds are the district's own, or UTC
    feed_deletes            change feeds tell what is gone too
    feed_days               change feeds reach back so many days; None: to the beginning
    course_feed_id          the key of an item of CourseDataChanges
    staff_feed_id           the key of an item of StaffDataChanges
    flexible_schools        codes of schools that are scheduled flexibly: no course request can be written
    section_staff_schools   codes of schools with staff by section: PreferredStaffID in place of a teacher number
    off                     security areas whose feature flag is off: 501
    duplicate_requests      whether a course may be requested twice
    """

    certificate: str = "Sandbox0certificate0of0this0server"
    site_path: str = "aeries"
    bad_certificate_status: Status = 401
    missing_area_status: Status = 403
    default_year: Literal["current", "previous"] = "current"
    largest_window: int | None = None
    single_school: Literal["object", "array"] = "object"
    single_extended: Literal["array", "object"] = "array"
    unknown_student: Literal["404", "empty"] = "404"
    student_records: Literal["school", "all"] = "school"
    district_students: Literal["404", "400", "empty"] = "404"
    any_accept: Literal["xml", "json"] = "xml"
    older_build: bool = False
    numbers_as_text: bool = False
    academic_year: Literal["span", "number"] = "span"
    requirements_list: str = "SubjectAreas"
    feed_clock: Literal["local", "utc"] = "local"
    feed_deletes: bool = False
    feed_days: int | None = None
    course_feed_id: str = "ID"
    staff_feed_id: str = "ID"
    flexible_schools: frozenset[int] = frozenset()
    section_staff_schools: frozenset[int] = frozenset()
    off: frozenset[str] = frozenset()
    duplicate_requests: Literal["refuse", "accept"] = "refuse"
    version: str = "9.21.2.25"
    timezone: str = "America/Los_Angeles"
    timezone_name: str = "(UTC-08:00) Pacific Time (US & Canada)"
    state: str = "CA"
