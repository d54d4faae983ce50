"""Records of Aeries as the raw tables hold them, for tests of their meaning; nobody in them exists.

Every number stands for one thing only, so that one taken for another finds nothing.
"""

from __future__ import annotations

from typing import Any

from sis_assets.sis.aeries.canonical import RECORDS, TABLES
from sis_assets.sis.aeries.contract import RAW_TABLES
from sis_assets_tests.canonical_tables import Canonicalised, canonicalised

Row = dict[str, Any]

HIGH = {
    "SchoolCode": "994",
    "Name": "Sample High",
    "InactiveStatusCode": "",
    "LowGradeLevel": "9",
    "HighGradeLevel": "12",
    "StateDistrictID": "99999",
    "StateSchoolID": "9999994",
}
MIDDLE = HIGH | {
    "SchoolCode": "992",
    "Name": "Sample Middle",
    "LowGradeLevel": "-1",
    "HighGradeLevel": "8",
    "StateSchoolID": "9999992",
}
ITSELF = {"SchoolCode": "0", "Name": "Sample District", "LowGradeLevel": "0", "HighGradeLevel": "0"}
FALL = {
    "SchoolCode": "994",
    "TermCode": "F",
    "TermDescription": "Fall",
    "StartDate": "2025-08-18T00:00:00",
    "EndDate": "2025-12-19T00:00:00",
    "TrackTerms": [],
}
SPRING = FALL | {
    "TermCode": "S",
    "TermDescription": "Spring",
    "StartDate": "2026-01-05T00:00:00",
    "EndDate": "2026-06-04T00:00:00",
}
COURSE = {
    "ID": "0400",
    "Title": "Algebra 1",
    "DepartmentCode": "M",
    "CreditDefault": "5.0",
    "LowGrade": "9",
    "HighGrade": "12",
    "InactiveStatusCode": "",
    "NextYearInactiveStatusCode": "",
}
SECTION = {
    "SchoolCode": "994",
    "SectionNumber": "101",
    "CourseID": "0400",
    "Semester": "S",
    "InactiveStatusCode": "",
    "SectionStaffMembers": [
        {"StaffID": 708, "LastName": "Up", "FirstName": "Made", "IsPrimaryTeacher": True, "EndDate": None}
    ],
}


def student(**changes: Any) -> Row:
    return {
        "StudentID": "99400001",
        "OldStudentID": "0",
        "SchoolCode": "994",
        "StudentNumber": "17",
        "StateStudentID": "7000000001",
        "LastName": "Student",
        "FirstName": "Sample",
        "MiddleName": "",
        "Gender": "F",
        "Grade": "10",
        "Birthdate": "2009-11-11T00:00:00",
        "SchoolEnterDate": "2024-08-19T00:00:00",
        "InactiveStatusCode": "",
        "StudentEmailAddress": "sample@x.test",
        "NextSchoolCode": "0",
        "NextGrade": "11",
    } | changes


def extended(**changes: Any) -> Row:
    return {"StudentID": "99400001", "SchoolCode": "994", "StudentNumber": "17"} | changes


def enrolment(**changes: Any) -> Row:
    return {
        "StudentID": "99400001",
        "SchoolCode": "994",
        "AcademicYear": "2025-2026",
        "EnterDate": "2025-08-18T00:00:00",
        "LeaveDate": "2025-12-01T00:00:00",
        "ExitReasonCode": "",
    } | changes


def tag(code: str, description: str, **changes: Any) -> Row:
    return {"Table": "STU", "Field": "TG", "Code": code, "Description": description, "Status": ""} | changes


def seat(**changes: Any) -> Row:
    return {
        "StudentID": "99400001",
        "SchoolCode": "994",
        "SectionNumber": "101",
        "CourseID": "0400",
        "DateStarted": "2026-01-05T00:00:00",
    } | changes


def mark(**changes: Any) -> Row:
    return {
        "StudentID": "99400001",
        "SchoolCode": "994",
        "CourseID": "0300",
        "TranscriptCourseTitle": "Pre-Algebra",
        "Mark": "B",
        "CreditAttempted": "5.0",
        "CreditCompleted": "5.0",
        "StudentGrade": "9",
        "Term": "1",
        "SchoolYear": "2024-2025",
        "SequenceNumber": "1",
        "DateOfCompletion": "2024-12-20T00:00:00",
    } | changes


def run(rows: dict[str, list[Row]], **settings: Any) -> Canonicalised:
    """Run all queries over a small district and these rows in the place of its own."""
    everything = {
        "schools": [ITSELF, HIGH, MIDDLE],
        "terms": [FALL, SPRING],
        "students": [student()],
        "courses": [COURSE],
    }
    return canonicalised(RAW_TABLES, RECORDS, TABLES, everything | rows, **settings)
