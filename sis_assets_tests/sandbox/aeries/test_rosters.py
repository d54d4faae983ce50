"""Courses, sections, classes, transcripts, graduation and staff, as a plain caller sees them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets_tests.aeries_caller import Caller, serving


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=600, seed=7) as both:
        yield both


@pytest.fixture(scope="module")
def high(town: tuple[Sandbox, Caller]) -> int:
    schools = town[0].truth().schools
    return int(schools.filter(pl.col("high_grade") == 18)["code"][0])


def test_course_ids_are_text_of_at_most_six_characters_with_noughts_before(
    town: tuple[Sandbox, Caller],
) -> None:
    sandbox, caller = town
    rows = caller.get("courses").json
    assert [row["ID"] for row in rows] == sandbox.truth().courses["course_id"].to_list()
    assert all(0 < len(row["ID"]) <= 6 for row in rows)
    assert any(row["ID"].isdecimal() and row["ID"].startswith("0") for row in rows)
    assert caller.get("courses/0090").json == next(row for row in rows if row["ID"] == "0090")
    assert caller.get("courses/90").status == 404


def test_a_course_may_be_inactive_now_or_next_year_only(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].get("courses").json
    ended = {row["ID"] for row in rows if row["InactiveStatusCode"]}
    ends = {row["ID"] for row in rows if row["NextYearInactiveStatusCode"]}
    assert ended == {"0999"}
    assert {row["LowGrade"] for row in rows if row["ID"] in ended} == {0}
    assert ends == {"0999", "ART12"}
    assert {type(row["CreditDefault"]) for row in rows} == {float}


def test_rosters_by_section_and_by_student_are_the_same_seats(
    town: tuple[Sandbox, Caller], high: int
) -> None:
    sandbox, caller = town
    by_section = [
        seat
        for section in caller.get(f"schools/{high}/sections").json
        for seat in caller.get(f"schools/{high}/sections/{section['SectionNumber']}/students").json
    ]
    students = {seat["StudentID"] for seat in by_section}
    by_student = [s for one in students for s in caller.get(f"schools/{high}/classes/{one}").json]
    assert sorted(map(str, by_section)) == sorted(map(str, by_student))
    truth = sandbox.truth().seats.filter(pl.col("school") == high)
    assert len(by_section) == truth.height
    keys = [(seat["StudentID"], seat["SequenceNumber"]) for seat in by_section]
    assert len(set(keys)) == len(keys)


def test_a_section_is_an_object_that_counts_who_sits_there_now(
    town: tuple[Sandbox, Caller], high: int
) -> None:
    caller = town[1]
    section = caller.get(f"schools/{high}/sections/101").json
    seats = caller.get(f"schools/{high}/sections/101/students").json
    assert section["TotalStudents"] == sum(seat["DateEnded"] is None for seat in seats)
    staff = caller.get(f"staff/{section['SectionStaffMembers'][0]['StaffID']}").json
    assert staff["InactiveStatusCode"] == ""
    assert caller.get(f"schools/{high}/sections/9").status == 404
    assert caller.get(f"schools/{high}/sections/9/students").json == []


def test_who_left_or_changed_a_class_has_seats_that_ended(town: tuple[Sandbox, Caller]) -> None:
    sandbox = town[0]
    truth = sandbox.truth()
    ended = truth.seats.filter(pl.col("ended").is_not_null())
    active = truth.active["student_id"]
    assert ended.filter(~pl.col("student_id").is_in(active.implode())).height
    changed = ended.filter(pl.col("student_id").is_in(active.implode()))
    assert changed.height
    assert set(changed["course_id"].str.slice(-1)) == {"1"}


def test_a_transcript_gathers_a_students_marks(town: tuple[Sandbox, Caller], high: int) -> None:
    caller = town[1]
    rows = caller.get(f"schools/{high}/Transcript").json
    row = max(rows, key=lambda each: len(each["CourseGrades"]))
    assert caller.get(f"schools/{high}/Transcript/{row['StudentID']}").json == [row]
    marks = row["CourseGrades"]
    assert len(marks) > 10
    assert [mark["SequenceNumber"] for mark in marks] == list(range(1, len(marks) + 1))
    assert {mark["CourseID"] for mark in marks} <= {course["ID"] for course in caller.get("courses").json}
    assert {mark["DateOfCompletion"] for mark in marks} == {None}
    everyone = [mark for each in rows for mark in each["CourseGrades"]]
    assert {mark["CreditCompleted"] for mark in everyone if mark["Mark"] == "F"} == {0.0}


def test_graduation_requirements_have_a_track_without_a_name(town: tuple[Sandbox, Caller], high: int) -> None:
    caller = town[1]
    rows = caller.get(f"schools/{high}/GraduationRequirements").json
    assert [row["GraduationRequirementTrack"] for row in rows] == ["", "H"]
    assert rows[1]["SubjectAreas"][0]["RequiredCreditFor12thGraders"] == 40.0
    assert caller.get("schools/101/GraduationRequirements").json == []


def test_graduation_status_is_of_a_grade_a_student_or_a_window(
    town: tuple[Sandbox, Caller], high: int
) -> None:
    sandbox, caller = town
    rows = caller.rows(f"schools/{high}/GraduationStatusSummary", size=20)
    active = sandbox.truth().records.filter((pl.col("school") == high) & (pl.col("tag") == ""))
    assert {row["StudentID"] for row in rows} == set(active["student_id"])
    grade = caller.rows(f"schools/{high}/GraduationStatusSummary/grade/12")
    assert len(grade) == active.filter(pl.col("grade") == 12).height
    assert caller.get(f"schools/{high}/GraduationStatusSummary/{rows[0]['StudentID']}").json == [rows[0]]
    for area in rows[0]["SubjectAreas"]:
        known = area["CreditsCompleted"] + area["CreditsCurrentlyEnrolled"] + area["CreditsNeeded"]
        assert known >= area["CreditsRequired"]


def test_staff_averages_contacts_programs_and_tests_are_there(
    town: tuple[Sandbox, Caller], high: int
) -> None:
    sandbox, caller = town
    assert [row["ID"] for row in caller.get("staff/").json] == sandbox.truth().staff["staff_id"].to_list()
    averages = caller.rows(f"schools/{high}/gpas", size=30)
    assert caller.get(f"schools/{high}/gpas/{averages[0]['StudentID']}").json == [averages[0]]
    assert caller.get(f"schools/{high}/contacts/{averages[0]['StudentID']}").json[0]["FirstName"]
    programs = caller.get(f"schools/{high}/students/0/programs").json
    assert programs
    assert caller.get(f"schools/{high}/students/0/programs", code="144").json == programs
    assert caller.get(f"schools/{high}/students/0/programs", code="1").json == []
    assert caller.get(f"schools/{high}/students/{programs[0]['StudentID']}/programs").json == programs[:1]
    assert caller.get(f"students/{programs[0]['StudentID']}/tests").json
    assert caller.get(f"schools/{high}/BellSchedule").json
    assert caller.get(f"schools/{high}/AbsenceCodes").json
    assert caller.get(f"schools/{high}/calendar").json[0]["CalendarDate"] == "2026-08-18T00:00:00"
