"""Schools as Aeries tells them: themselves, their terms and days, and the tables of codes (contract: Aeries §2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sis_assets.sandbox.aeries.data import (
    CLOSED_SCHOOL,
    COMPLETED,
    DISTRICT_SCHOOL,
    EXIT_CODES,
    FIRST_HIGH_SCHOOL_GRADE,
    GRADUATED,
    INACTIVE_SCHOOL,
    LAST_GRADE,
    LEFT,
    LOWEST_GRADE,
    MOVED,
    NO_SHOW,
    PRE_ENROLLED,
    RETIRED_TAG,
    SUMMER_SCHOOL,
    District,
)
from sis_assets.sandbox.aeries.settings import Settings

Row = dict[str, Any]

#: Fields that older builds do not have.
_NEWER = (
    "RegionCode",
    "StateCharterNumber",
    "CharterStatusCode",
    "FederalTaxID",
    "FederalInformationProcessingStandardsCode",
    "QualityRatingAndImprovementSystemParticipationCode",
    "AccreditationStatusCode",
    "SchoolWebsite",
    "OrganizationCategoryCode",
    "SchoolCategoryCode",
    "LocalEducationAgencyTypeCode",
    "TitleIPartACode",
    "NSLPStatusCode",
    "NCESSchoolID",
    "CollegeBoardSchoolCode",
    "CampusEnrollmentTypeCode",
    "PreKSchoolTypeCode",
    "ShortName",
)
_TRACK = "A"


def schools(district: District, settings: Settings) -> dict[int, Row]:
    """Return every code that `/schools` lists, as it tells it; codes that are no schools among them."""
    real = {
        code: _school(
            district,
            settings,
            code,
            name=name,
            low=low,
            high=high,
            lea=lea,
            tracks=int(low < 0 < high < FIRST_HIGH_SCHOOL_GRADE and rank > 0),
        )
        for code, name, low, high, lea, rank in district.schools.select(
            "code", "name", "low", "high", "lea", "rank"
        ).iter_rows()
    }
    others = {
        DISTRICT_SCHOOL: ("Sample District", ""),
        CLOSED_SCHOOL: ("Sample Closed School", "I"),
        INACTIVE_SCHOOL: ("Inactive Students", ""),
        SUMMER_SCHOOL: ("Sample Summer School", ""),
    }
    pseudo = {
        code: _school(
            district, settings, code, name=name, low=LOWEST_GRADE, high=LAST_GRADE, inactive=inactive
        )
        for code, (name, inactive) in others.items()
    }
    return dict(sorted((pseudo | real).items()))


def lea_of(district: District) -> dict[int, int]:
    """Return which LEA a school is of, from 1; 0 for the codes that are no schools."""
    others = dict.fromkeys((DISTRICT_SCHOOL, CLOSED_SCHOOL, INACTIVE_SCHOOL, SUMMER_SCHOOL), 0)
    return others | dict(district.schools.select("code", "lea").iter_rows())


def calendar(district: District, school: int) -> list[Row]:
    """Return the school days of the year."""
    span = (district.year_end - district.year_start).days
    days = [district.year_start + timedelta(days=n) for n in range(span + 1)]
    return [
        {
            "TrackHolidays": [],
            "SchoolCode": school,
            "CalendarDayNumber": number,
            "CalendarDate": _moment(day),
            "HolidayCode": "#" if (day.month, day.day) == (11, 11) else "",
            "AttendanceMonth": (number - 1) // 20 + 1,
            "TotalApportionment": 0,
            "TotalEnrollment": 0,
            "PeriodBlockPattern": "",
            "ABDay": "",
            "AttendanceMonthLocked": False,
        }
        for number, day in enumerate((day for day in days if day.weekday() < 5), start=1)  # noqa: PLR2004
    ]


def bell_schedule(school: int) -> list[Row]:
    """Return when the periods of a day begin and end."""
    return [
        {
            "SchoolCode": school,
            "Period": period,
            "StartTime": f"1900-01-01T{7 + period:02d}:30:00",
            "EndTime": f"1900-01-01T{8 + period:02d}:20:00",
            "CalendarDate": None,
        }
        for period in range(1, 7)
    ]


def absence_codes(school: int) -> list[Row]:
    """Return the codes of absences."""
    flags = (
        "CountsForADA",
        "IncludeOnLetters",
        "IncludeInParentNotifications",
        "IncludeOnReports",
        "CountOnReportCard",
        "IsSuspension",
        "IsPartialDayTruant",
        "IsTemporarilyNotEnrolled",
    )
    return [
        {
            "SchoolCode": school,
            "AbsenceCode": code,
            "Title": title,
            "Abbreviation": title[:3],
            "TypeCode": kind,
            "TypeDescription": title,
            "IndependentStudyCode": "",
            "ColorCode": "",
        }
        | dict.fromkeys(flags, False)
        for code, title, kind in (("A", "Unverified", 1), ("E", "Excused", 2), ("T", "Tardy", 5))
    ]


def codes(table: str, field: str) -> list[Row]:
    """Return the codes of a field, in any case; an empty list for one without."""
    found = _CODES.get((table.upper(), field.upper()), ())
    return [
        {
            "Table": table.upper(),
            "Field": field.upper(),
            "Code": code,
            "Description": description,
            "Status": status,
            "SortOrder": 0,
            "Category": "",
            "AeriesCode": internal,
            "NumericValue": 0,
        }
        for code, description, status, internal in found
    ]


#: code, description, status (blank where it is in use), AeriesCode (a grade's number)
_CODES: Mapping[tuple[str, str], Sequence[tuple[str, str, str, str]]] = {
    ("STU", "TG"): (
        (LEFT, "Inactive", "", ""),
        (NO_SHOW, "No show", "", ""),
        (MOVED, "Moved to another school of the district", "", ""),
        (COMPLETED, "Completed school", "", ""),
        (PRE_ENROLLED, "Pre-enrolled", "", ""),
        (RETIRED_TAG, "Not used any more", "I", ""),
    ),
    ("STU", "GR"): (
        ("K", "Kindergarten", "", "0"),
        *((str(n), f"Grade {n}", "", str(n)) for n in range(1, 13)),
    ),
    ("STU", "SP"): (("H", "Honors track", "", ""),),
    ("STU", "SWR"): tuple((code, description, "", "") for code, description in EXIT_CODES),
    ("STU", "EYS"): tuple((code, description, "", "") for code, description in EXIT_CODES),
    ("STU", "HSG"): ((GRADUATED, "Graduated, standard diploma", "", ""),),
    ("ENR", "ER"): tuple((code, description, "", "") for code, description in EXIT_CODES),
}


def _school(
    district: District,
    settings: Settings,
    code: int,
    *,
    name: str,
    low: int,
    high: int,
    lea: int = 0,
    tracks: int = 0,
    inactive: str = "",
) -> Row:
    taught = code not in (DISTRICT_SCHOOL, CLOSED_SCHOOL, INACTIVE_SCHOOL)
    row: Row = {
        "SchoolCode": code,
        "Name": name,
        "InactiveStatusCode": inactive,
        "Address": f"{code} Sample Street",
        "AddressCity": "Testbury",
        "AddressState": settings.state,
        "AddressZipCode": "02118",
        "AddressZipExt": "",
        "DoNotReport": not taught,
        "StateCountyID": "65",
        "StateDistrictID": str(99_900 + lea),
        "StateSchoolID": f"{code:07d}" if taught else "",
        "LowGradeLevel": low,
        "HighGradeLevel": high,
        "PrincipalName": "",
        "PrincipalEmailAddress": "",
        "AttendancePeriod": 0,
        "Tracks": tracks,
        "ScheduleType": _schedule_type(settings, code, high),
        "SessionType": "Summer" if code == SUMMER_SCHOOL else "Regular",
        "AttendanceType": "Period" if high >= FIRST_HIGH_SCHOOL_GRADE else "Daily",
        "AttendanceReporting": "Negative",
        "ScheduleBasis": "Semester" if high >= FIRST_HIGH_SCHOOL_GRADE else "Trimester",
        "PhoneNumber": "5550100",
        **dict.fromkeys(_NEWER, ""),
        "EarlyCollegeHighSchoolIndicator": False,
        "ScienceTechnologyEngineeringAndMathematicsIndicator": False,
        "PathwaysInTechnologyIndicator": False,
        "UsingSectionStaffInMasterSchedule": True,
        "UsingSectionStaffInScheduling": code in settings.section_staff_schools,
        "Terms": terms(district, tracks=bool(tracks)) if taught else [],
    }
    if settings.older_build:
        row = {
            field: value for field, value in row.items() if field not in _NEWER and field[-9:] != "Indicator"
        }
    return row


def _schedule_type(settings: Settings, code: int, high: int) -> str:
    if code in settings.flexible_schools:
        return "Flexible"
    return "MasterSchedule" if high >= FIRST_HIGH_SCHOOL_GRADE else "ElementaryAndMasterSchedule"


def terms(district: District, *, tracks: bool) -> list[Row]:
    """Return the terms of a school year: the year and its halves; with the days of a track where it has tracks."""
    year = district.year
    fall, spring = date(year, 12, 18), date(year + 1, 1, 11)
    spans = (
        ("Y", "Year", district.year_start, district.year_end),
        ("F", "Fall", district.year_start, fall),
        ("S", "Spring", spring, district.year_end),
    )
    return [
        {
            "FirstHalfEndDate": None,
            "SecondHalfStartDate": None,
            "TrackTerms": [
                {"Track": _TRACK, "StartDate": _moment(start + timedelta(days=7)), "EndDate": _moment(end)}
            ]
            if tracks
            else [],
            "TermCode": code,
            "TermDescription": description,
            "StartDate": _moment(start),
            "EndDate": _moment(end),
        }
        for code, description, start, end in spans
    ]


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"
