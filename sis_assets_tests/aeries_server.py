"""A small Aeries on loopback for the client's tests: one district in memory, a log of its changes, and faults as functions."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sis_assets_tests.powerschool_server import Answer, Asked, Fault, Row

CERTIFICATE = "0123456789abcdefmadeupcertificate"
ZONE = ZoneInfo("America/Los_Angeles")
SITE = "/aeries"

#: Path below /api/v5 → the area that opens it, and the method that answers.
ROUTES = (
    (r"/schools", "", "_schools"),
    (r"/schools/(?P<school>\d+)/students", "Student Data", "_students"),
    (r"/schools/(?P<school>\d+)/students/(?P<student>\d+)", "Student Data", "_students"),
    (r"/schools/(?P<school>\d+)/students/(?P<student>\d+)/extended", "Student Data", "_extended"),
    (
        r"/schools/(?P<school>\d+)/enrollment/(?P<student>\d+)/year/(?P<year>\d{4})",
        "Enrollment History",
        "_enrollment",
    ),
    (r"/courses", "Course Data", "_courses"),
    (r"/schools/(?P<school>\d+)/sections", "Master Schedule", "_sections"),
    (r"/schools/(?P<school>\d+)/sections/(?P<section>\d+)", "Master Schedule", "_sections"),
    (r"/schools/(?P<school>\d+)/sections/(?P<section>\d+)/students", "Class Schedules/History", "_classes"),
    (r"/schools/(?P<school>\d+)/classes/(?P<student>\d+)", "Class Schedules/History", "_classes"),
    (r"/schools/(?P<school>\d+)/classes", "Class Schedules/History", "_whole_classes"),
    (r"/schools/(?P<school>\d+)/Transcript", "Transcripts", "_transcripts"),
    (r"/schools/(?P<school>\d+)/Transcript/(?P<student>\d+)", "Transcripts", "_transcripts"),
    (r"/schools/(?P<school>\d+)/GraduationRequirements", "Graduation Requirements", "_requirements"),
    (r"/schools/(?P<school>\d+)/GraduationStatusSummary", "Graduation Status", "_status"),
    (r"/schools/(?P<school>\d+)/GraduationStatusSummary/(?P<student>\d+)", "Graduation Status", "_status"),
    (r"/codes/(?P<table>\w+)/(?P<column>\w+)", "", "_codes"),
    (r"/staff", "Staff Data", "_staff"),
    (
        r"/StudentDataChanges/(?P<kind>\w+)/(?P<moment>\d{4}/\d\d/\d\d/\d\d/\d\d)",
        "Student Data",
        "_student_changes",
    ),
    (r"/SectionDataChanges/(?P<moment>\d{4}/\d\d/\d\d/\d\d/\d\d)", "Master Schedule", "_section_changes"),
    (
        r"/SectionRosterDataChanges/(?P<moment>\d{4}/\d\d/\d\d/\d\d/\d\d)",
        "Class Schedules/History",
        "_roster_changes",
    ),
)
AREAS = frozenset(area for _, area, _ in ROUTES if area)


def school(code: int, year: int = 2025, **more: Any) -> Row:
    """A made-up school with two terms of a school year."""
    return {
        "SchoolCode": code,
        "Name": f"Sample {code}",
        "InactiveStatusCode": "",
        "Address": "1 Nowhere",
        "AddressCity": "Nowhere",
        "StateDistrictID": "99999",
        "StateSchoolID": "",
        "LowGradeLevel": 9,
        "HighGradeLevel": 12,
        "PrincipalName": "Nobody",
        "SessionType": "Regular",
        "Terms": [
            {
                "FirstHalfEndDate": None,
                "SecondHalfStartDate": None,
                "TrackTerms": [],
                "TermCode": code_,
                "TermDescription": name,
                "StartDate": f"{start}T00:00:00",
                "EndDate": f"{end}T00:00:00",
            }
            for code_, name, start, end in (
                ("F", "Fall", f"{year}-08-18", f"{year}-12-19"),
                ("S", "Spring", f"{year + 1}-01-05", f"{year + 1}-06-05"),
            )
        ],
    } | more


def student(number: int, code: int = 994, **more: Any) -> Row:
    """A made-up student as Aeries gives one; values typed as the server would."""
    return {
        "StudentID": number,
        "OldStudentID": 0,
        "SchoolCode": code,
        "StudentNumber": number % 100000,
        "StateStudentID": f"8{number:09}",
        "LastName": "Student",
        "FirstName": f"Sample{number}",
        "MiddleName": "",
        "Gender": "F",
        "Grade": 10,
        "GradeLevelShortDescription": "10",
        "Birthdate": "2010-03-04T00:00:00",
        "ParentGuardianName": "Nobody",
        "MailingAddress": "1 Nowhere",
        "EthnicityCode": "N",
        "SchoolEnterDate": "2025-08-18T00:00:00",
        "SchoolLeaveDate": None,
        "InactiveStatusCode": "",
        "StudentEmailAddress": f"sample{number}@x.test",
        "NextSchoolCode": 0,
        "NextGrade": 11,
        "UserCode13": "",
    } | more


@dataclass
class AeriesServer:
    """The district and what happened. All lists may change between requests; `touch` makes the feeds name what did."""

    year: int = 2025
    years: list[str] = field(default_factory=lambda: ["2025-2026", "2024-2025"])
    schools: list[Row] = field(default_factory=lambda: [school(994), school(995)])
    students: list[Row] = field(
        default_factory=lambda: [*(student(99400001 + n) for n in range(5)), student(99500001, 995)]
    )
    extended: list[Row] = field(default_factory=list)
    enrollment: list[Row] = field(default_factory=list)
    courses: list[Row] = field(
        default_factory=lambda: [
            {"ID": "0400", "Title": "Algebra 1", "CreditDefault": 5.0, "InactiveStatusCode": "", "Notes": "-"}
        ]
    )
    sections: list[Row] = field(
        default_factory=lambda: [
            {
                "SchoolCode": 994,
                "SectionNumber": number,
                "CourseID": "0400",
                "Semester": "F",
                "SectionStaffMembers": [{"StaffID": 708, "LastName": "Up", "FirstName": "Made"}],
            }
            for number in (101, 102)
        ]
    )
    classes: list[Row] = field(
        default_factory=lambda: [
            {
                "StudentID": 99400001 + n,
                "SchoolCode": 994,
                "SequenceNumber": 1,
                "SectionNumber": 101 + n % 2,
                "CourseID": "0400",
                "DateStarted": "2025-08-18T00:00:00",
                "DateEnded": None,
            }
            for n in range(3)
        ]
    )
    grades: dict[tuple[int, int], list[Row]] = field(default_factory=dict)
    needs: dict[tuple[int, int], list[Row]] = field(default_factory=dict)
    requirements: list[Row] = field(default_factory=list)
    codes: dict[str, list[Row]] = field(default_factory=dict)
    staff: list[Row] = field(
        default_factory=lambda: [{"ID": 708, "LastName": "Up", "EmailAddress": "up@x.test"}]
    )
    changes: list[tuple[datetime, str, Row]] = field(default_factory=list)
    now: datetime = datetime(2025, 11, 20, 20, 0, tzinfo=ZONE)
    certificate: str = CERTIFICATE
    areas: frozenset[str] = AREAS
    refused_as: int = 401
    largest_window: int | None = None
    whole_classes: bool = False
    fault: Fault = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.extended = self.extended or [_extended_of(row) for row in self.students]
        self.enrollment = self.enrollment or [_enrollment_of(row) for row in self.students]
        self.grades = self.grades or {
            (994, 99400001): [
                {"CourseID": "0400", "TranscriptCourseTitle": "Algebra 1", "Mark": mark, "SequenceNumber": n}
                for n, mark in enumerate("AB", start=1)
            ]
        }
        self.needs = self.needs or {
            (994, 99400001): [
                {"SubjectAreaCode": "A", "SubjectAreaDescription": "English", "CreditsNeeded": 5.0}
            ]
        }
        self.requirements = self.requirements or [
            {
                "SchoolCode": 994,
                "GraduationRequirementTrack": "",
                "SubjectAreas": [
                    {
                        "SubjectAreaCode": "A",
                        "SubjectAreaDescription": "English",
                        "RequiredCreditFor12thGraders": 40.0,
                    }
                ],
            }
        ]
        self.codes = self.codes or {
            "STU/TG": [{"Table": "STU", "Field": "TG", "Code": "I", "Description": "Inactive", "Status": ""}]
        }

    @property
    def site(self) -> str:
        return self.url + SITE

    def touch(self, kind: str, row: Mapping[str, Any]) -> None:
        """Log a change now: `kind` is an area of StudentDataChanges, `section` or `roster`."""
        named = ("StudentID", "SchoolCode", "StudentNumber", "SectionNumber")
        self.changes.append((self.now, kind, {name: row[name] for name in named if name in row}))

    def pass_time(self, **how_long: float) -> None:
        self.now = (self.now.astimezone(ZoneInfo("UTC")) + timedelta(**how_long)).astimezone(ZONE)

    def paths(self) -> list[str]:
        return [asked.path.removeprefix(f"{SITE}/api/v5") for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        faulty = self.fault(asked)
        if faulty is not None:
            return faulty
        site, api, path = asked.path.partition("/api/v5")
        if (site, api) != (SITE, "/api/v5"):
            return Answer(404, b"<html>no such page</html>")
        return Answer(200, self._system()) if path == "/systeminfo" else self._certified(asked, path)

    def _certified(self, asked: Asked, path: str) -> Answer:
        if asked.headers.get("Accept") != "application/json":
            return Answer(200, b"<xml/>")
        if asked.headers.get("Aeries-Cert") != self.certificate:
            return Answer(self.refused_as, {"Message": "made-up refusal"})
        for pattern, area, method in ROUTES:
            if found := re.fullmatch(pattern, path):
                if area and area not in self.areas:
                    return Answer(self.refused_as, {"Message": "made-up refusal"})
                rows = getattr(self, method)(asked, **found.groupdict())
                return Answer(404, {"Message": "not found"}) if rows is None else Answer(200, rows)
        return Answer(404, {"Message": "not found"})

    def _system(self) -> Row:
        return {
            "AeriesVersion": "9.25.2.25",
            "DatabaseYear": f"{self.year}-{self.year + 1}",
            "AvailableDatabaseYears": self.years,
            "LocalTimeZoneName": "(UTC-08:00) Pacific Time (US & Canada)",
            "CurrentDateTime": self.now.isoformat(),
        }

    def _schools(self, _: Asked) -> Any:
        return self.schools

    def _students(self, asked: Asked, school: str, student: str = "0") -> Any:
        return self._windowed(_of(self.students, school, student), asked)

    def _extended(self, asked: Asked, school: str, student: str) -> Any:
        return self._windowed(_of(self.extended, school, student), asked)

    def _windowed(self, rows: list[Row], asked: Asked) -> list[Row]:
        if "StartingRecord" not in asked.query:
            return rows
        first, last = int(asked.query["StartingRecord"]), int(asked.query["EndingRecord"])
        return rows[first - 1 : last][: self.largest_window]

    def _enrollment(self, _: Asked, school: str, student: str, year: str) -> Any:
        wanted = f"{year}-{int(year) + 1}"
        return [row for row in _of(self.enrollment, school, student) if row["AcademicYear"] == wanted]

    def _courses(self, _: Asked) -> Any:
        return self.courses

    def _sections(self, _: Asked, school: str, section: str = "") -> Any:
        found = [row for row in _of(self.sections, school) if section in {"", str(row["SectionNumber"])}]
        if section:
            return found[0] if found else None
        return found

    def _classes(self, _: Asked, school: str, student: str = "0", section: str = "") -> Any:
        return [
            row for row in _of(self.classes, school, student) if section in {"", str(row["SectionNumber"])}
        ]

    def _whole_classes(self, asked: Asked, school: str) -> Any:
        return self._classes(asked, school) if self.whole_classes else None

    def _transcripts(self, _: Asked, school: str, student: str = "0") -> Any:
        return _nested(self.grades, "CourseGrades", school, student)

    def _status(self, asked: Asked, school: str, student: str = "0") -> Any:
        return self._windowed(_nested(self.needs, "SubjectAreas", school, student), asked)

    def _requirements(self, _: Asked, school: str) -> Any:
        return _of(self.requirements, school)

    def _codes(self, _: Asked, table: str, column: str) -> Any:
        return self.codes.get(f"{table}/{column}", [])

    def _staff(self, _: Asked) -> Any:
        return self.staff

    def _changed(self, kinds: set[str], moment: str) -> list[Row]:
        since = datetime.strptime(moment, "%Y/%m/%d/%H/%M").replace(tzinfo=None)  # noqa: DTZ007 - the server's own clock
        return [row for at, kind, row in self.changes if kind in kinds and at.replace(tzinfo=None) >= since]

    def _student_changes(self, _: Asked, kind: str, moment: str) -> Any:
        return self._changed({kind}, moment)

    def _section_changes(self, _: Asked, moment: str) -> Any:
        return self._changed({"section"}, moment)

    def _roster_changes(self, _: Asked, moment: str) -> Any:
        return self._changed({"roster"}, moment)


def _of(rows: list[Row], school: str, student: str = "0") -> list[Row]:
    return [
        row
        for row in rows
        if str(row["SchoolCode"]) == school and student in {"0", str(row.get("StudentID"))}
    ]


def _nested(lists: Mapping[tuple[int, int], list[Row]], name: str, school: str, student: str) -> list[Row]:
    return [
        {"StudentID": key[1], "SchoolCode": key[0], name: items}
        for key, items in lists.items()
        if str(key[0]) == school and student in {"0", str(key[1])}
    ]


def _extended_of(row: Row) -> Row:
    kept = ("StudentID", "SchoolCode", "StudentNumber")
    return {name: row[name] for name in kept} | {
        "GraduationCohort": "2027-2028",
        "EndOfYearStatusCode": "",
        "EnglishLearnerStartDate": None,
    }


def _enrollment_of(row: Row) -> Row:
    kept = ("StudentID", "SchoolCode", "StudentNumber", "Grade")
    return {name: row[name] for name in kept} | {
        "AcademicYear": "2025-2026",
        "EnterDate": "2025-08-18T00:00:00",
        "LeaveDate": None,
        "ExitReasonCode": "",
    }
