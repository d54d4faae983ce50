"""What Aeries' other records mean: schools, terms, courses, sections, transcripts (contract Aeries §2.3, §2.5)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from sis_assets.model.schema import CORE
from sis_assets.sis.aeries.canonical import RECORDS, TABLES
from sis_assets.sis.aeries.contract import ENTITIES
from sis_assets_tests.aeries_records import (
    COURSE,
    FALL,
    HIGH,
    MIDDLE,
    SECTION,
    Row,
    extended,
    mark,
    run,
    seat,
    student,
    tag,
)


def test_every_entity_is_judged_and_every_canonical_table_is_filled() -> None:
    assert {records.entity for records in RECORDS} == {entity.name for entity in ENTITIES}
    assert tuple(table.table for table in TABLES) == CORE


def test_lineage_names_every_column_it_can_and_only_fields_of_the_contract() -> None:
    fields = {(entity.name, name) for entity in ENTITIES for name in entity.column_names}
    for table in TABLES:
        unknown = {"school_type"} if table.table.name == "schools" else set()
        assert set(table.lineage) == set(table.table.column_names) - {"district_id"} - unknown
        for sources in table.lineage.values():
            assert set(sources) <= fields
            assert {entity for entity, _ in sources} <= set(table.entities)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("9", "12", ("09", "12")),
        ("-1", "0", ("PK", "KG")),
        ("0", "5", ("KG", "05")),
        ("0", "0", (None, None)),
        ("9", "0", ("09", None)),
        ("", "", (None, None)),
        ("any", "18", (None, "13")),
    ],
)
def test_limits_of_zero_are_kindergarten_only_where_a_range_may_hold_it(
    low: str, high: str, expected: tuple[str | None, str | None]
) -> None:
    found = run(
        {
            "schools": [HIGH | {"LowGradeLevel": low, "HighGradeLevel": high}],
            "courses": [COURSE | {"LowGrade": low, "HighGrade": high}],
        }
    )
    for table in ("schools", "courses"):
        assert (found.one(table)["low_grade"], found.one(table)["high_grade"]) == expected


def test_a_school_has_the_states_codes_of_itself_and_of_its_lea() -> None:
    row = run({"schools": [HIGH]}).one("schools")
    assert (row["name"], row["state_id"], row["lea_id"]) == ("Sample High", "9999994", "99999")


@pytest.mark.parametrize(
    ("code", "kind"), [("Y", "school_year"), ("F", "semester"), ("S", "semester"), ("2", "2")]
)
def test_a_term_is_one_of_its_school_and_year(code: str, kind: str) -> None:
    row = run({"terms": [FALL | {"TermCode": code}]}).one("terms")
    assert row == {
        "district_id": "sample",
        "term_id": f"994-2026-{code}",
        "school_id": "994",
        "name": "Fall",
        "kind": kind,
        "school_year": 2026,
        "start_date": date(2025, 8, 18),
        "end_date": date(2025, 12, 19),
    }


def test_the_same_term_code_is_another_term_at_another_school() -> None:
    found = run({"terms": [FALL, FALL | {"SchoolCode": "992"}]})
    assert found.refused == {}
    assert found.column("terms", "term_id") == ["992-2026-F", "994-2026-F"]


def test_a_term_of_tracks_spans_them_all() -> None:
    tracks = [
        {"StartDate": "2025-07-21T00:00:00", "EndDate": "2025-12-12T00:00:00"},
        {"StartDate": "2025-08-11T00:00:00", "EndDate": "2026-01-16T00:00:00"},
    ]
    row = run({"terms": [FALL | {"StartDate": "", "EndDate": "", "TrackTerms": tracks}]}).one("terms")
    assert (row["start_date"], row["end_date"]) == (date(2025, 7, 21), date(2026, 1, 16))


def test_a_course_id_is_text() -> None:
    found = run({"courses": [COURSE, COURSE | {"ID": "400", "Title": "Other"}], "sections": [SECTION]})
    assert found.refused == {}
    assert found.column("courses", "course_code") == ["0400", "400"]
    assert found.one("sections")["course_code"] == "0400"


@pytest.mark.parametrize(
    ("now", "then", "active", "next_year"),
    [("", "", True, True), ("I", "", False, True), ("", "I", True, False), (" ", "X", True, False)],
)
def test_a_course_is_in_this_years_and_in_next_years_catalogue(
    now: str, then: str, active: bool, next_year: bool
) -> None:
    row = run({"courses": [COURSE | {"InactiveStatusCode": now, "NextYearInactiveStatusCode": then}]}).one(
        "courses"
    )
    assert (row["is_active"], row["is_active_next_year"]) == (active, next_year)
    assert (row["credits"], row["department"]) == (Decimal("5.000"), "M")


def test_an_older_version_does_not_say_what_next_year_brings() -> None:
    older = {name: value for name, value in COURSE.items() if name != "NextYearInactiveStatusCode"}
    assert run({"courses": [older]}).one("courses")["is_active_next_year"] is None


ART = COURSE | {"ID": "0700", "Title": "Art"}
OVER = ART | {"ID": "0999", "InactiveStatusCode": "I", "NextYearInactiveStatusCode": "I"}


def test_a_school_offers_what_it_has_sections_of_and_one_without_sections_everything() -> None:
    found = run({"courses": [COURSE, ART, OVER], "sections": [SECTION, SECTION | {"SectionNumber": "102"}]})
    assert sorted((r["school_id"], r["course_code"]) for r in found.tables["school_courses"]) == [
        ("992", "0400"),
        ("992", "0700"),
        ("994", "0400"),
    ]


def test_an_inactive_section_is_none() -> None:
    rows = {
        "courses": [COURSE, ART],
        "sections": [SECTION | {"InactiveStatusCode": "I"}],
        "classes": [seat()],
    }
    found = run(rows)
    assert found.refused == {}
    for table in ("sections", "section_enrollments", "staff", "student_courses"):
        assert found.tables[table] == [], table
    assert len([r for r in found.tables["school_courses"] if r["school_id"] == "994"]) == 2


def test_a_section_number_repeats_between_schools() -> None:
    rows = {
        "sections": [SECTION, SECTION | {"SchoolCode": "992", "Semester": ""}],
        "students": [student(), student(StudentID="2", SchoolCode="992")],
        "classes": [seat(), seat(SchoolCode="992", StudentID="2")],
    }
    found = run(rows)
    assert found.refused == {}
    assert [tuple(row.values())[1:] for row in found.tables["sections"]] == [
        ("994-101", "0400", "994", "994-2026-S"),
        ("992-101", "0400", "992", None),
    ]
    seats = {
        (r["section_id"], r["person_id"])
        for r in found.tables["section_enrollments"]
        if r["role"] == "student"
    }
    assert seats == {("994-101", "99400001"), ("992-101", "2")}


def test_seats_and_teachers_have_days() -> None:
    found = run({"sections": [SECTION], "classes": [seat()]})
    assert sorted(tuple(row.values())[1:] for row in found.tables["section_enrollments"]) == [
        ("994-101", "708", "teacher", True, date(2026, 1, 5), date(2026, 6, 4)),
        ("994-101", "99400001", "student", None, date(2026, 1, 5), date(2026, 6, 4)),
    ]


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({}, ["in_progress"]),
        ({"DateStarted": "2026-02-03T00:00:00"}, ["scheduled"]),
        ({"DateEnded": "2026-02-02T00:00:00"}, ["in_progress"]),
        ({"DateEnded": "2026-02-01T00:00:00"}, []),
        ({"DateStarted": "", "DateEnded": ""}, ["in_progress"]),
    ],
)
def test_a_seat_is_a_course_that_is_taken_or_to_be_taken(changes: Row, states: list[str]) -> None:
    found = run({"sections": [SECTION], "classes": [seat(**changes)]})
    assert [row["state"] for row in found.tables["student_courses"]] == states


def test_who_left_takes_no_course() -> None:
    rows = {"students": [student(InactiveStatusCode="I")], "sections": [SECTION], "classes": [seat()]}
    assert run(rows).tables["student_courses"] == []


def test_a_teacher_is_known_by_the_section_and_better_by_the_list_of_staff() -> None:
    assert run({"sections": [SECTION]}).one("staff") == {
        "district_id": "sample",
        "staff_id": "708",
        "first_name": "Made",
        "last_name": "Up",
        "email": None,
        "school_id": "994",
    }
    listed = {"ID": "708", "FirstName": "Madeup", "LastName": "Upper", "EmailAddress": "m@x.test"}
    for school, expected in (("992", "992"), ("0", "994"), ("4711", "994"), ("", "994")):
        found = run({"sections": [SECTION], "staff": [listed | {"PrimaryAeriesSchool": school}]}).one("staff")
        assert (found["last_name"], found["email"], found["school_id"]) == ("Upper", "m@x.test", expected)


def test_staff_who_are_no_longer_there_teach_nothing() -> None:
    gone = {"ID": "708", "LastName": "Up", "InactiveStatusCode": "I", "PrimaryAeriesSchool": "994"}
    found = run({"sections": [SECTION], "staff": [gone]})
    assert (found.tables["staff"], found.tables["section_enrollments"]) == ([], [])


@pytest.mark.parametrize(
    "members",
    ["", "none", "{}", [], [{"StaffID": 0, "LastName": ""}], [{"StaffID": 708, "InactiveStatusCode": "I"}]],
)
def test_a_section_without_teachers_has_none(members: object) -> None:
    found = run({"sections": [SECTION | {"SectionStaffMembers": members}]})
    assert (found.refused, found.tables["staff"], len(found.tables["sections"])) == ({}, [], 1)


def test_a_transcript_is_of_completed_courses() -> None:
    assert run({"transcripts": [mark()]}).one("student_courses") == {
        "district_id": "sample",
        "student_id": "99400001",
        "course_code": "0300",
        "name": "Pre-Algebra",
        "grade_level": "09",
        "mark": "B",
        "credits": Decimal("5.000"),
        "completed_on": date(2024, 12, 20),
        "state": "completed",
    }


def test_a_transcript_that_each_school_of_the_student_gives_counts_once() -> None:
    found = run({"transcripts": [mark(), mark(SchoolCode="992")]})
    assert (found.refused, len(found.tables["student_courses"])) == ({}, 1)


@pytest.mark.parametrize(
    "other", [{"SequenceNumber": "2"}, {"Term": "2"}, {"SchoolYear": "2023-2024"}, {"Mark": "A"}]
)
def test_a_course_that_is_repeated_counts_twice(other: Row) -> None:
    assert len(run({"transcripts": [mark(), mark(**other)]}).tables["student_courses"]) == 2


def test_a_course_of_elsewhere_may_have_no_id_and_a_grade_of_zero_is_none() -> None:
    row = run({"transcripts": [mark(CourseID="", StudentGrade="0")]}).one("student_courses")
    assert (row["course_code"], row["name"], row["grade_level"]) == (None, "Pre-Algebra", None)


REQUIREMENT = {
    "SchoolCode": "994",
    "GraduationRequirementTrack": "",
    "SubjectAreaCode": "A",
    "SubjectAreaDescription": "English",
    "RequiredCreditFor12thGraders": "40.0",
    "RequiredCreditFor9thGraders": "10.0",
}


def test_what_a_school_requires_is_what_grade_12_must_have() -> None:
    track = REQUIREMENT | {"GraduationRequirementTrack": "2", "RequiredCreditFor12thGraders": "30"}
    found = run({"graduation_requirements": [REQUIREMENT, track]})
    assert [tuple(row.values())[1:] for row in found.tables["graduation_requirements"]] == [
        ("994", None, "A", "English", Decimal("40.000")),
        ("994", "2", "A", "English", Decimal("30.000")),
    ]


STATUS = {"StudentID": "99400001", "SchoolCode": "994", "SubjectAreaCode": "A", "CreditsNeeded": "5.0"}


@pytest.mark.parametrize(
    ("entity", "row", "reason"),
    [
        ("schools", MIDDLE | {"SchoolCode": ""}, "missing_school_id"),
        ("schools", MIDDLE | {"Name": ""}, "missing_name"),
        ("terms", FALL | {"TermCode": ""}, "missing_code"),
        ("terms", FALL | {"SchoolCode": "4711"}, "unknown_school"),
        ("terms", FALL | {"StartDate": ""}, "invalid_date"),
        ("terms", FALL | {"EndDate": "soon"}, "invalid_date"),
        ("codes", tag("N", "Anything", Field=""), "missing_code"),
        ("students_extended", extended(StudentID="0"), "missing_student_id"),
        ("students_extended", extended(SchoolCode=""), "missing_school"),
        ("students_extended", extended(SummerWithdrawalLeaveDate="?"), "invalid_date"),
        ("students_extended", extended(SchoolCompletionDate="?"), "invalid_date"),
        ("students_extended", extended(ExpectedGraduationDate="2027"), "invalid_graduation_year"),
        (
            "students_extended",
            extended(ExpectedGraduationDate="0001-01-01T00:00:00"),
            "invalid_graduation_year",
        ),
        ("enrollment", {"StudentID": "", "SchoolCode": "994"}, "missing_student_id"),
        ("enrollment", {"StudentID": "1", "SchoolCode": ""}, "missing_school"),
        ("enrollment", {"StudentID": "1", "SchoolCode": "994", "LeaveDate": "?"}, "invalid_date"),
        ("courses", COURSE | {"ID": ""}, "missing_course_code"),
        ("courses", COURSE | {"Title": ""}, "missing_name"),
        ("courses", COURSE | {"CreditDefault": "some"}, "invalid_credits"),
        ("sections", SECTION | {"SectionNumber": "0"}, "unknown_section"),
        ("sections", SECTION | {"SchoolCode": "4711"}, "unknown_school"),
        ("sections", SECTION | {"CourseID": "400"}, "unknown_course"),
        ("sections", SECTION | {"Semester": "9"}, "unknown_term"),
        ("sections", SECTION | {"SchoolCode": "992"}, "unknown_term"),
        ("classes", seat(), "unknown_section"),
        ("classes", seat(StudentID="17"), "unknown_student"),
        ("classes", seat(CourseID="400"), "unknown_course"),
        ("staff", {"ID": "0", "LastName": "Up"}, "missing_staff_id"),
        ("staff", {"ID": "708", "LastName": ""}, "missing_last_name"),
        ("transcripts", mark(StudentID="17"), "unknown_student"),
        ("transcripts", mark(CourseID="", TranscriptCourseTitle=""), "missing_course_code"),
        ("transcripts", mark(StudentGrade="?"), "unknown_grade"),
        ("transcripts", mark(CreditCompleted="?"), "invalid_credits"),
        ("transcripts", mark(DateOfCompletion="?"), "invalid_date"),
        ("graduation_requirements", REQUIREMENT | {"SubjectAreaCode": ""}, "missing_code"),
        ("graduation_requirements", REQUIREMENT | {"SchoolCode": "4711"}, "unknown_school"),
        ("graduation_requirements", REQUIREMENT | {"RequiredCreditFor12thGraders": "?"}, "invalid_credits"),
        ("graduation_status", STATUS | {"StudentID": "17"}, "unknown_student"),
        ("graduation_status", STATUS | {"SubjectAreaCode": ""}, "missing_code"),
        ("graduation_status", STATUS | {"CreditsNeeded": "?"}, "invalid_credits"),
        ("graduation_status", STATUS, None),
    ],
)
def test_a_record_is_refused_for(entity: str, row: Row, reason: str | None) -> None:
    assert run({entity: [row]}).refused.get(entity, {}).get(1) == reason


def test_a_seats_days_are_dates() -> None:
    found = run({"sections": [SECTION], "classes": [seat(DateEnded="never")]})
    assert found.refused["classes"] == {1: "invalid_date"}


@pytest.mark.parametrize(
    ("entity", "first", "second"),
    [
        ("schools", HIGH, HIGH | {"Name": "Other"}),
        ("terms", FALL, FALL | {"EndDate": "2025-12-20T00:00:00"}),
        ("codes", tag("N", "No show"), tag("N", "Graduated")),
        ("students_extended", extended(), extended(SummerWithdrawalReasonCode="S1")),
        ("courses", COURSE, COURSE | {"Title": "Other"}),
        ("sections", SECTION, SECTION | {"Semester": ""}),
        ("staff", {"ID": "708", "LastName": "Up"}, {"ID": "708", "LastName": "Down"}),
        (
            "graduation_requirements",
            REQUIREMENT,
            REQUIREMENT | {"RequiredCreditFor12thGraders": "30"},
        ),
    ],
)
def test_a_key_that_repeats_counts_once_or_contradicts_itself(entity: str, first: Row, second: Row) -> None:
    assert run({entity: [first, first]}).refused[entity] == {2: "duplicate_row"}
    assert run({entity: [first, second]}).refused[entity] == {1: "conflicting_rows", 2: "conflicting_rows"}


def test_records_of_a_refused_student_are_refused_with_it() -> None:
    found = run(
        {
            "students": [student(FirstName="")],
            "sections": [SECTION],
            "classes": [seat()],
            "transcripts": [mark()],
            "graduation_status": [STATUS],
        }
    )
    assert found.refused.pop("students") == {1: "missing_first_name"}
    assert found.refused == {
        key: {1: "student_rejected"} for key in ("classes", "transcripts", "graduation_status")
    }


def test_an_excluded_schools_students_and_sections_are_left_out() -> None:
    rows = {
        "sections": [SECTION],
        "classes": [seat()],
        "transcripts": [mark()],
        "graduation_requirements": [REQUIREMENT],
    }
    found = run(rows, excluded=["994"])
    assert found.refused == {}
    left = {name for name, table in found.tables.items() if table}
    assert left == {"schools", "courses", "school_courses"}
    assert found.column("school_courses", "school_id") == ["992"]
