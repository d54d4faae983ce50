"""PowerSchool's records mean what the contract says, and no number is taken for another (contract §1.4, §1.10, §1.12)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sis_assets.model.schema import CORE
from sis_assets.sis.powerschool.canonical import RECORDS, TABLES
from sis_assets.sis.powerschool.contract import ENTITIES, RAW_TABLES
from sis_assets_tests.canonical_tables import Canonicalised, canonicalised

Row = dict[str, Any]

# Every number below stands for one thing only, so that one taken for another finds nothing.
HIGH = {"id": "3", "school_number": "3001", "name": "Sample High", "low_grade": "9", "high_grade": "12"}
MIDDLE = {"id": "4", "school_number": "3002", "name": "Sample Middle", "low_grade": "-1", "high_grade": "0"}
YEAR = {
    "id": "20",
    "school_id": "3",
    "start_year": "2025",
    "portion": "1",
    "start_date": "2025-08-20",
    "end_date": "2026-06-08",
    "name": "2025-2026",
}
COURSE = {
    "dcid": "74",
    "id": "174",
    "course_number": "ENG1",
    "course_name": "English 9",
    "credit_hours": "1.0",
    "credittype": "ENG",
    "schoolid": "0",
    "sched_department": "",
    "reggradelevels": "10, 9,11",
}


def student(**changes: str) -> Row:
    return {
        "id": "51",
        "local_id": "100051",
        "state_province_id": "7000000051",
        "first_name": "Sample",
        "last_name": "Student",
        "birth_date": "2009-03-04",
        "gender": "F",
        "enroll_status_code": "0",
        "grade_level": "10",
        "entry_date": "2025-08-20",
        "exit_date": "2026-06-09",
        "school_number": "3001",
        "school_id": "3",
        "next_school": "3001",
        "projected_graduation_year": "2027",
    } | changes


def run(rows: dict[str, list[Row]], **settings: Any) -> Canonicalised:
    everything = {
        "schools": [HIGH, MIDDLE],
        "terms": [YEAR],
        "students": [student()],
        "student_ids": [{"dcid": "51", "id": "151"}],
        "courses": [COURSE],
    }
    return canonicalised(RAW_TABLES, RECORDS, TABLES, everything | rows, **settings)


def of_student(settings: dict[str, Any] | None = None, **changes: str) -> Row:
    return run({"students": [student(**changes)]}, **(settings or {})).one("students")


def reason_of(**changes: str) -> str | None:
    return run({"students": [student(**changes)]}).refused.get("students", {}).get(1)


def test_every_entity_is_judged_and_every_canonical_table_is_filled() -> None:
    assert {records.entity for records in RECORDS} == {entity.name for entity in ENTITIES}
    assert tuple(table.table for table in TABLES) == CORE


def test_lineage_names_every_column_it_can_and_only_fields_of_the_contract() -> None:
    fields = {(entity.name, name) for entity in ENTITIES for name in entity.column_names}
    for table in TABLES:
        assert set(table.lineage) <= set(table.table.column_names) - {"district_id"}
        for sources in table.lineage.values():
            assert set(sources) <= fields
            assert {entity for entity, _ in sources} <= set(table.entities)


def test_a_student_is_known_by_its_number_and_found_again_by_its_dcid() -> None:
    found = of_student()
    assert (found["student_id"], found["sis_key"], found["state_id"]) == ("100051", "51", "7000000051")
    assert (found["school_id"], found["next_school_id"]) == ("3001", "3001")
    assert (found["birth_date"], found["graduation_year"], found["gender"]) == (date(2009, 3, 4), 2027, "F")


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("0", "active", None),
        ("-1", "pre_registered", None),
        ("1", "inactive", "withdrawn"),
        ("-2", "inactive", "withdrawn"),
        ("2", "inactive", "transferred_out"),
        ("3", "graduated", "graduated"),
        ("4", "inactive", "withdrawn"),
        ("77", "inactive", "withdrawn"),
    ],
)
def test_a_status_code_means(code: str, status: str, reason: str | None) -> None:
    found = of_student(enroll_status_code=code)
    assert (found["status"], found["exit_reason"]) == (status, reason)


def test_the_districts_own_status_comes_first() -> None:
    found = of_student({"codes": {"status": {"1": "active"}}}, enroll_status_code="1")
    assert (found["status"], found["exit_reason"]) == ("active", None)


def test_an_exit_date_of_an_active_student_is_no_exit() -> None:
    found = of_student(exit_date="2025-12-01")
    assert (found["status"], found["exit_date"]) == ("active", None)


def test_the_exit_date_is_the_day_after_the_last_day() -> None:
    assert of_student(enroll_status_code="2", exit_date="2025-12-01")["exit_date"] == date(2025, 11, 30)


def test_the_districts_exit_code_gives_the_reason() -> None:
    codes = {"codes": {"exit": {"NS": "no_show"}}}
    assert of_student(codes, enroll_status_code="2", exit_code="NS")["exit_reason"] == "no_show"
    assert of_student(codes, enroll_status_code="2", exit_code="T1")["exit_reason"] == "transferred_out"


@pytest.mark.parametrize(
    ("exitdate", "reason"), [("2025-12-01", "no_show"), ("2025-11-30", "withdrawn"), ("", "withdrawn")]
)
def test_without_an_exit_code_the_enrolment_that_ended_last_speaks(exitdate: str, reason: str) -> None:
    found = run(
        {
            "students": [student(enroll_status_code="1", exit_date="2025-12-01")],
            "reenrollments": [
                enrolment(exitdate=exitdate, exitcode="NS"),
                enrolment(dcid="9", exitcode="XX"),
            ],
        },
        codes={"exit": {"NS": "no_show"}},
    )
    assert found.one("students")["exit_reason"] == reason


def enrolment(**changes: str) -> Row:
    return {
        "dcid": "8",
        "studentid": "151",
        "schoolid": "3002",
        "entrydate": "2024-08-20",
        "exitdate": "2025-06-09",
        "exitcode": "",
    } | changes


@pytest.mark.parametrize(
    ("code", "level"),
    [("-2", "PK"), ("-1", "PK"), ("0", "KG"), ("1", "01"), ("12", "12"), ("13", "13"), ("99", "13")],
)
def test_a_grade_means(code: str, level: str) -> None:
    assert of_student(grade_level=code)["grade_level"] == level


def test_the_districts_own_grade_comes_first() -> None:
    assert of_student({"codes": {"grade": {"14": "UG"}}}, grade_level="14")["grade_level"] == "UG"


@pytest.mark.parametrize(
    ("next_school", "expected"),
    [("3002", "3002"), ("0", None), ("", None), ("999999", None), ("4711", "4711")],
)
def test_the_next_school_is_a_number_that_stands_as_given(next_school: str, expected: str | None) -> None:
    assert of_student(next_school=next_school)["next_school_id"] == expected


def test_graduates_of_the_pseudo_school_are_accepted_and_not_in_the_students() -> None:
    pseudo = {"id": "9", "school_number": "999999", "name": "Graduated Students"}
    for schools in ([HIGH], [HIGH, pseudo]):
        found = run(
            {
                "schools": schools,
                "students": [
                    student(),
                    student(id="52", local_id="100052", school_number="999999", enroll_status_code="3"),
                ],
            }
        )
        assert found.refused == {}
        assert found.column("students", "student_id") == ["100051"]
        assert found.column("schools", "school_id") == ["3001"]


def test_who_left_may_stand_at_a_school_that_is_gone_but_who_is_here_may_not() -> None:
    assert reason_of(school_number="4711", enroll_status_code="2") is None
    assert reason_of(school_number="4711", enroll_status_code="0") == "unknown_school"
    assert reason_of(school_number="4711", enroll_status_code="-1") == "unknown_school"


def test_a_schools_dcid_is_no_school_number() -> None:
    assert reason_of(school_number="3") == "unknown_school"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"local_id": " "}, "missing_student_id"),
        ({"first_name": "\u00a0"}, "missing_first_name"),
        ({"last_name": ""}, "missing_last_name"),
        ({"grade_level": ""}, "missing_grade"),
        ({"grade_level": "ten"}, "unknown_grade"),
        ({"school_number": ""}, "missing_school"),
        ({"enroll_status_code": ""}, "missing_status"),
        ({"birth_date": "2009-02-30"}, "invalid_birth_date"),
        ({"birth_date": "2026-02-03"}, "invalid_birth_date"),
        ({"entry_date": "08/20/2025"}, "invalid_date"),
        ({"exit_date": "soon"}, "invalid_date"),
        ({"gender": "Q"}, "invalid_gender"),
        ({"projected_graduation_year": "27"}, "invalid_graduation_year"),
        ({"birth_date": "", "gender": "", "projected_graduation_year": "0", "entry_date": ""}, None),
    ],
)
def test_a_student_is_refused_for(changes: dict[str, str], reason: str | None) -> None:
    assert reason_of(**changes) == reason


def test_a_graduation_year_of_zero_is_none() -> None:
    assert of_student(projected_graduation_year="0")["graduation_year"] is None


def test_two_records_of_one_student_number_contradict_each_other() -> None:
    found = run({"students": [student(), student(id="52")]})
    assert found.refused["students"] == {1: "conflicting_rows", 2: "conflicting_rows"}


def test_a_name_is_trimmed_outside_and_left_alone_inside() -> None:
    found = of_student(first_name=" \tA\u0308 \u202e\u200bB\u00a0", last_name="O'B,|\"\\")
    assert found["first_name"] == "A\u0308 \u202e\u200bB"
    assert found["last_name"] == "O'B,|\"\\"


def test_a_former_enrolment_that_covers_today_is_a_second_school() -> None:
    rows = [
        enrolment(exitdate="2026-02-03"),
        enrolment(dcid="9", exitdate="2025-12-20", entrydate="2025-08-20"),
    ]
    found = run({"reenrollments": rows})
    assert [(r["school_id"], r["is_primary"], r["exit_date"]) for r in found.tables["student_schools"]] == [
        ("3001", True, None),
        ("3002", False, date(2026, 2, 2)),
    ]
    over = run({"reenrollments": [enrolment(exitdate="2026-02-02")]})
    assert over.column("student_schools", "school_id") == ["3001"]


def test_ids_dcids_and_numbers_that_are_swapped_find_nothing() -> None:
    """The ID of one student is the DCID of another, and so on: a mix-up would hit the wrong one."""
    students = [student(), student(id="151", local_id="51")]
    ids = [{"dcid": "51", "id": "100051"}, {"dcid": "151", "id": "51"}]
    grades = [
        stored(dcid="1", studentid="51", course_name="of DCID 151"),
        stored(dcid="2", studentid="100051", course_name="of DCID 51"),
        stored(dcid="3", studentid="151", course_name="of nobody"),
    ]
    found = run({"students": students, "student_ids": ids, "stored_grades": grades})
    assert {(r["student_id"], r["name"]) for r in found.tables["student_courses"]} == {
        ("51", "of DCID 151"),
        ("100051", "of DCID 51"),
    }
    assert found.refused["stored_grades"] == {3: "unknown_student"}


def stored(**changes: str) -> Row:
    return {
        "dcid": "1",
        "studentid": "151",
        "course_number": "ENG1",
        "course_name": "English 9",
        "storecode": "Y1",
        "grade": "A-",
        "earnedcrhrs": "1.0",
        "grade_level": "9",
        "datestored": "2025-06-09",
        "excludefromtranscripts": "0",
    } | changes


def test_a_stored_grade_is_a_completed_course() -> None:
    row = run({"stored_grades": [stored()]}).one("student_courses")
    assert row == {
        "district_id": "sample",
        "student_id": "100051",
        "course_code": "ENG1",
        "name": "English 9",
        "grade_level": "09",
        "mark": "A-",
        "credits": Decimal("1.000"),
        "completed_on": date(2025, 6, 9),
        "state": "completed",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"course_number": "", "course_name": ""}, "missing_course_code"),
        ({"course_number": ""}, None),
        ({"earnedcrhrs": "one"}, "invalid_credits"),
        ({"grade_level": "?"}, "unknown_grade"),
        ({"datestored": "6/9/2025"}, "invalid_date"),
        ({"studentid": "999"}, "unknown_student"),
    ],
)
def test_a_stored_grade_is_refused_for(changes: dict[str, str], reason: str | None) -> None:
    assert run({"stored_grades": [stored(**changes)]}).refused.get("stored_grades", {}).get(1) == reason


def test_dates_of_tables_are_written_as_the_district_file_says() -> None:
    found = run({"stored_grades": [stored(datestored="6/9/2025")]}, date_format="mdy")
    assert found.one("student_courses")["completed_on"] == date(2025, 6, 9)


def test_what_stands_in_no_transcript_is_set_aside() -> None:
    found = run({"stored_grades": [stored(excludefromtranscripts="1")]})
    assert (found.refused, found.tables["student_courses"]) == ({}, [])


def test_records_of_a_refused_student_are_refused_with_it() -> None:
    found = run({"students": [student(first_name="")], "stored_grades": [stored()]})
    assert found.refused == {"students": {1: "missing_first_name"}, "stored_grades": {1: "student_rejected"}}


def test_an_id_of_two_students_names_none() -> None:
    ids = [{"dcid": "51", "id": "151"}, {"dcid": "52", "id": "151"}]
    found = run({"student_ids": ids, "stored_grades": [stored()]})
    assert found.refused["student_ids"] == {1: "conflicting_rows", 2: "conflicting_rows"}
    assert found.refused["stored_grades"] == {1: "unknown_student"}


def offer(dcid: str, yearid: str, **changes: str) -> Row:
    return {"dcid": dcid, "courseid": "174", "schoolid": "3001", "yearid": yearid} | changes


@pytest.mark.parametrize(
    ("offers", "now", "next_year", "offered"),
    [
        ([], True, None, []),
        ([offer("1", "35")], True, None, ["3001"]),
        ([offer("1", "36")], True, True, ["3001"]),
        ([offer("1", "35"), offer("2", "36", courseid="175")], True, False, ["3001"]),
        ([offer("1", "34")], True, None, []),
        ([offer("1", "35", courseid="175")], False, None, []),
    ],
)
def test_a_course_is_in_the_catalogue_of_the_years_in_which_a_school_offers_it(
    offers: list[Row], now: bool, next_year: bool | None, offered: list[str]
) -> None:
    other = COURSE | {"dcid": "75", "id": "175", "course_number": "ART"}
    found = run({"school_courses": offers, "courses": [COURSE, other]})
    (row,) = [row for row in found.tables["courses"] if row["course_code"] == "ENG1"]
    assert (row["is_active"], row["is_active_next_year"]) == (now, next_year)
    assert [r["school_id"] for r in found.tables["school_courses"] if r["course_code"] == "ENG1"] == offered


def test_a_course_has_credits_grades_and_a_department() -> None:
    row = run({}).one("courses")
    assert (row["credits"], row["low_grade"], row["high_grade"], row["department"]) == (
        Decimal("1.000"),
        "09",
        "11",
        "ENG",
    )


@pytest.mark.parametrize("levels", ["", "9-12", "all"])
def test_grades_in_another_form_are_no_limit(levels: str) -> None:
    row = run({"courses": [COURSE | {"reggradelevels": levels}]}).one("courses")
    assert (row["low_grade"], row["high_grade"]) == (None, None)


def test_the_districts_course_speaks_before_a_schools() -> None:
    own = COURSE | {"dcid": "75", "id": "175", "schoolid": "3001", "course_name": "Ours"}
    assert run({"courses": [own, COURSE]}).one("courses")["name"] == "English 9"


def test_an_id_of_two_courses_names_none() -> None:
    twin = COURSE | {"dcid": "75", "course_number": "ART"}
    found = run({"courses": [COURSE, twin], "school_courses": [offer("1", "35")]})
    assert found.refused["school_courses"] == {1: "unknown_course"}


SECTION = {"id": "901", "school_id": "3", "course_id": "74", "term_id": "20", "staff_id": "61"}
TEACHER = {
    "id": "61",
    "first_name": "Made",
    "last_name": "Up",
    "work_email": "made.up@x.test",
    "school_affiliation": {"school_id": "3", "type": "1", "status": "1"},
}


def seat(**changes: str) -> Row:
    return {
        "id": "8001",
        "section_id": "901",
        "student_id": "51",
        "entry_date": "2025-08-20",
        "exit_date": "2026-06-09",
        "dropped": "false",
    } | changes


def test_a_section_has_its_school_by_number_and_its_course_by_code() -> None:
    row = run({"sections": [SECTION]}).one("sections")
    assert row == {
        "district_id": "sample",
        "section_id": "901",
        "course_code": "ENG1",
        "school_id": "3001",
        "term_id": "20",
    }


def test_students_and_teachers_sit_in_sections() -> None:
    found = run({"sections": [SECTION], "section_enrollments": [seat()], "staff": [TEACHER]})
    assert [tuple(row.values())[1:] for row in found.tables["section_enrollments"]] == [
        ("901", "100051", "student", None, date(2025, 8, 20), date(2026, 6, 8)),
        ("901", "61", "teacher", True, date(2025, 8, 20), date(2026, 6, 8)),
    ]


def test_a_dropped_seat_is_none() -> None:
    found = run({"sections": [SECTION], "section_enrollments": [seat(dropped="true")]})
    assert (found.tables["section_enrollments"], found.tables["student_courses"]) == ([], [])


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, ["in_progress"]),
        ({"entry_date": "2026-02-03"}, ["scheduled"]),
        ({"exit_date": "2026-02-02"}, []),
        ({"entry_date": "", "exit_date": ""}, ["in_progress"]),
    ],
)
def test_a_seat_is_a_course_that_is_taken_or_to_be_taken(changes: dict[str, str], state: list[str]) -> None:
    found = run({"sections": [SECTION], "section_enrollments": [seat(**changes)]})
    assert [row["state"] for row in found.tables["student_courses"]] == state


@pytest.mark.parametrize(
    ("section", "enrollment", "entity", "reason"),
    [
        ({"school_id": "3001"}, {}, "sections", "unknown_school"),
        ({"course_id": "174"}, {}, "sections", "unknown_course"),
        ({"term_id": "3500"}, {}, "sections", "unknown_term"),
        ({}, {"section_id": "902"}, "section_enrollments", "unknown_section"),
        ({}, {"student_id": "151"}, "section_enrollments", "unknown_student"),
        ({}, {"exit_date": "never"}, "section_enrollments", "invalid_date"),
    ],
)
def test_sections_and_seats_are_refused_for(
    section: dict[str, str], enrollment: dict[str, str], entity: str, reason: str
) -> None:
    found = run({"sections": [SECTION | section], "section_enrollments": [seat(**enrollment)]})
    assert found.refused[entity] == {1: reason}


@pytest.mark.parametrize(
    ("affiliation", "school"),
    [
        ({"school_id": "3"}, "3001"),
        ([{"school_id": "4"}, {"school_id": "3"}], "3001"),
        ([{"school_id": "4"}], "3002"),
        ("", None),
        ({"school_id": "3001"}, None),
    ],
)
def test_staff_belong_to_the_school_with_the_lowest_number_of_theirs(
    affiliation: Any, school: str | None
) -> None:
    found = run({"staff": [TEACHER | {"school_affiliation": affiliation}]})
    assert [row["school_id"] for row in found.tables["staff"]] == ([school] if school else [])
    assert found.refused == {}


@pytest.mark.parametrize(
    ("portion", "kind"),
    [("1", "school_year"), ("2", "semester"), ("3", "trimester"), ("4", "quarter"), ("6", "6")],
)
def test_a_term_has_a_kind_and_the_school_year_in_which_it_ends(portion: str, kind: str) -> None:
    row = run({"terms": [YEAR | {"portion": portion}]}).one("terms")
    assert (row["kind"], row["school_year"], row["school_id"]) == (kind, 2026, "3001")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"school_id": "3001"}, "unknown_school"),
        ({"start_year": "soon"}, "invalid_school_year"),
        ({"end_date": ""}, "invalid_date"),
        ({"name": ""}, "missing_name"),
    ],
)
def test_a_term_is_refused_for(changes: dict[str, str], reason: str) -> None:
    assert run({"terms": [YEAR | changes]}).refused["terms"] == {1: reason}


def test_grades_of_schools_follow_the_rules_of_grades() -> None:
    (row,) = [row for row in run({}).tables["schools"] if row["school_id"] == "3002"]
    assert (row["low_grade"], row["high_grade"]) == ("PK", "KG")


@pytest.mark.parametrize(
    ("entity", "row", "reason"),
    [
        ("entry_codes", {"id": "1", "code": ""}, "missing_code"),
        ("exit_codes", {"id": "1", "code": ""}, "missing_code"),
        ("schools", MIDDLE | {"school_number": ""}, "missing_school_id"),
        ("schools", MIDDLE | {"name": ""}, "missing_name"),
        ("student_ids", {"dcid": "51", "id": ""}, "missing_student_id"),
        ("courses", COURSE | {"course_number": ""}, "missing_course_code"),
        ("courses", COURSE | {"course_name": ""}, "missing_name"),
        ("courses", COURSE | {"credit_hours": "some"}, "invalid_credits"),
        ("school_courses", {"courseid": "74", "schoolid": "3001", "yearid": "35"}, "unknown_course"),
        ("school_courses", {"courseid": "174", "schoolid": "3", "yearid": "35"}, "unknown_school"),
        ("school_courses", {"courseid": "174", "schoolid": "3001", "yearid": ""}, "invalid_school_year"),
        ("staff", {"id": "61", "last_name": ""}, "missing_last_name"),
        ("graduation_sets", {"dcid": "1", "id": "11", "name": ""}, "missing_name"),
        ("reenrollments", {"dcid": "8", "studentid": "51"}, "unknown_student"),
        ("reenrollments", {"dcid": "8", "studentid": "151", "exitdate": "6/9/2025"}, "invalid_date"),
    ],
)
def test_a_record_is_refused_for(entity: str, row: Row, reason: str) -> None:
    assert run({entity: [row]}).refused[entity] == {1: reason}


def test_a_blank_grade_is_none() -> None:
    found = run({"schools": [HIGH | {"low_grade": ""}], "stored_grades": [stored(grade_level="")]})
    assert found.one("schools")["low_grade"] is None
    assert found.one("student_courses")["grade_level"] is None


def test_an_excluded_schools_students_and_sections_are_left_out() -> None:
    found = run(
        {"sections": [SECTION], "section_enrollments": [seat()], "staff": [TEACHER]}, excluded=["3001"]
    )
    assert found.refused == {}
    for table in ("students", "student_schools", "sections", "section_enrollments", "staff", "terms"):
        assert found.tables[table] == [], table


SET = {"dcid": "1", "id": "11", "name": "Diploma"}


def test_a_requirement_of_the_district_is_one_of_every_school() -> None:
    items = [
        requirement(),
        requirement(dcid="6", schoolid="3002", name="Art", credittype="ART", reqcrhrs="0.5"),
    ]
    found = run({"graduation_sets": [SET], "graduation_requirements": items})
    assert sorted(tuple(row.values())[1:] for row in found.tables["graduation_requirements"]) == [
        ("3001", "Diploma", "ENG", "English", Decimal("4.000")),
        ("3002", "Diploma", "ART", "Art", Decimal("0.500")),
        ("3002", "Diploma", "ENG", "English", Decimal("4.000")),
    ]


def requirement(**changes: str) -> Row:
    return {
        "dcid": "5",
        "gradreqsetid": "11",
        "name": "English",
        "reqcrhrs": "4",
        "credittype": "ENG",
        "schoolid": "0",
    } | changes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gradreqsetid": "1"}, "unknown_requirement_set"),
        ({"schoolid": "3"}, "unknown_school"),
        ({"reqcrhrs": "many"}, "invalid_credits"),
        ({"name": ""}, "missing_name"),
    ],
)
def test_a_requirement_is_refused_for(changes: dict[str, str], reason: str) -> None:
    found = run({"graduation_sets": [SET], "graduation_requirements": [requirement(**changes)]})
    assert found.refused["graduation_requirements"] == {1: reason}
