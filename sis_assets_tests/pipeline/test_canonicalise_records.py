"""What each record of the files becomes: a row of the canonical tables, or a rejected row with its reason.

One sync of several districts serves all tests here; nothing writes after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from sis_assets.model.reasons import REASONS
from sis_assets.sis.delimited import Readers
from sis_assets.sis.kinds import ALL
from sis_assets_tests.spine import (
    Record,
    Spine,
    course,
    courses_text,
    school,
    schools_text,
    student,
    student_course,
    student_courses_text,
    students_text,
    text,
)

Judged = Sequence[tuple[Record, str | None]]
"""Records in the order of their file, each with the code of its rejection, None when it is accepted."""

SCHOOLS: Judged = (
    (school("16"), None),
    (school("27", SchoolType="2"), None),
    (school("0132", SchoolType="3"), None),
    (school("50", SchoolType=""), None),
    (school(""), "missing_school_id"),
    (school("31", Name=""), "missing_name"),
    (school("32", SchoolType="9"), "unknown_school_type"),
    (school("16"), "duplicate_row"),
    (school("40"), "conflicting_rows"),
    (school("40", Name="Other"), "conflicting_rows"),
)
COURSES: Judged = (
    (
        course("E101", CourseName="English at 27", SchoolCode="27", GradeLowerInt="9", GradeUpperInt="12"),
        None,
    ),
    (
        course(
            "E101", CourseName="English at 16", GradeLowerInt="K", GradeUpperInt="13", CreditValue="0.125"
        ),
        None,
    ),
    (course("0042", CreditValue=""), None),
    (course(""), "missing_course_code"),
    (course(SchoolCode=""), "missing_school"),
    (course(CourseName=""), "missing_name"),
    (course(SchoolCode="99"), "unknown_school"),
    (course("C1", CreditValue="one"), "invalid_credits"),
    (course("G1", GradeLowerInt="ZZ"), "unknown_grade"),
    (course("G2", GradeUpperInt="ZZ"), "unknown_grade"),
    (course("D1"), None),
    (course("D1"), "duplicate_row"),
    (course("X1"), "conflicting_rows"),
    (course("X1", CreditValue="2"), "conflicting_rows"),
)
STUDENTS: Judged = (
    (student(1), None),
    (student(2, StudentID=""), "missing_student_id"),
    (student(3, FirstName=""), "missing_first_name"),
    (student(4, LastName=""), "missing_last_name"),
    (student(5, CurrentGrade=""), "missing_grade"),
    (student(6, CurrentGrade="9th"), "unknown_grade"),
    (student(7, CurrentSchoolCode=""), "missing_school"),
    (student(8, CurrentSchoolCode="99"), "unknown_school"),
    (student(9, DateOfBirth="2011-02-30"), "invalid_birth_date"),
    (student(10, DateOfBirth="2026-10-16"), "invalid_birth_date"),
    (student(11, DateOfBirth="03/09/2011"), "invalid_birth_date"),
    (student(12, Gender="Q"), "invalid_gender"),
    (student(13, GraduationYear="soon"), "invalid_graduation_year"),
    (student(13, StudentID="1113", GraduationYear="29"), "invalid_graduation_year"),
    (student(14), None),
    (student(14), "duplicate_row"),
    (student(14), "duplicate_row"),
    (student(15), "conflicting_rows"),
    (student(15, LastName="Other"), "conflicting_rows"),
    (student(16), "conflicting_rows"),
    (student(16, CurrentSchoolCode="27", CurrentGrade="10"), "conflicting_rows"),
    (student(17, DateOfBirth="", Gender="", Email="", StateProvNumber=""), None),
    (student(18, DateOfBirth="2026-10-15"), None),
    (student(19, CurrentSchoolCode="40"), None),
)
STUDENT_COURSES: Judged = (
    (student_course(1), None),
    (student_course(1), "duplicate_row"),
    (student_course(1, CoursePart="2"), None),
    (student_course(1, StudentID=""), "missing_student_id"),
    (student_course(1, ""), "missing_course_code"),
    (student_course(5), "student_rejected"),
    (student_course(15), "student_rejected"),
    (student_course(14), None),
    (student_course(99), "unknown_student"),
    (student_course(1, GradeLevel="9th"), "unknown_grade"),
    (student_course(1, CreditValue="half"), "invalid_credits"),
    (student_course(1, DateCourseComplete="2026-13-01"), "invalid_date"),
    (student_course(1, DateCourseComplete="20260601"), "invalid_date"),
)
JUDGED = {
    "schools": ("School.txt", "SchoolCode", SCHOOLS),
    "courses": ("CourseMaster.txt", "CourseCode", COURSES),
    "students": ("Student.txt", "StudentID", STUDENTS),
    "student_courses": ("StudentCourses.txt", "StudentID", STUDENT_COURSES),
}

GRADES = {
    "PK": "PK",
    "pk": "PK",
    "-1": "PK",
    "-2": "PK",
    "0": "KG",
    "00": "KG",
    "K": "KG",
    "KF": "KG",
    "KG": "KG",
    "KK": "KG",
    "1": "01",
    "01": "01",
    "9": "09",
    "012": "12",
    "13": "13",
    "14": "13",
    "99": "13",
    "UG": "UG",
    "12": "11",
    "SP": "UG",
    "EC": "PK",
    "KX": None,
    "9.0": None,
    "+9": None,
    "9 9": None,
    "1234": None,
    "IX": None,
}
MAPPED = {"12": "11", "SP": "UG", "EC": "PK"}
GENDERS = {"M": "M", "f": "F", "N": "N", "x": "X", "": None}
DATES = {
    "iso": {"2011-03-09": date(2011, 3, 9), "": None},
    "mdy": {"3/9/2011": date(2011, 3, 9), "03/09/2011": date(2011, 3, 9), "12/31/2010": date(2010, 12, 31)},
    "dmy": {"9/3/2011": date(2011, 3, 9), "09-03-2011": date(2011, 3, 9), "31-12-2010": date(2010, 12, 31)},
}
NO_DATES = {
    "iso": ("2011-3-9", "1899-12-31", "2011-02-29", "11-03-09", "2011-03-09 00:00:00", "9999-12-31", "x"),
    "mdy": ("13/1/2011", "2011-03-09", "3/9/11", "2/29/2011", "3/9/20111", "1/1/2027"),
    "dmy": ("1/13/2011", "2011-03-09", "9-3-11", "29/2/2011", "1/1/1066"),
}


def records(judged: Judged) -> list[Record]:
    return [record for record, _ in judged]


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> Spine:
    line = Spine(tmp_path_factory.mktemp("records"), readers)
    line.drop(
        "reasons",
        {
            "School.txt": schools_text(*records(SCHOOLS)),
            "CourseMaster.txt": courses_text(*records(COURSES)),
            "Student.txt": students_text(*records(STUDENTS)),
            "StudentCourses.txt": student_courses_text(*records(STUDENT_COURSES)),
        },
    )
    line.district("grades", codes={"grade": MAPPED})
    line.drop(
        "grades",
        {
            "School.txt": schools_text(),
            "Student.txt": students_text(*(student(n, CurrentGrade=code) for n, code in enumerate(GRADES))),
        },
    )
    line.drop(
        "genders",
        {
            "School.txt": schools_text(),
            "Student.txt": students_text(*(student(n, Gender=code) for n, code in enumerate(GENDERS))),
        },
    )
    for form, good in DATES.items():
        line.district(form, files={"date_format": form})
        texts = (*good, *NO_DATES[form])
        line.drop(
            form,
            {
                "School.txt": schools_text(),
                "Student.txt": students_text(
                    *(student(n, DateOfBirth=found) for n, found in enumerate(texts))
                ),
            },
        )
    columns = ("Email", "StudentID", "Homeroom", "LastName", "FirstName", "CurrentGrade", "Gender", "PreRegSchoolCode",
               "CurrentSchoolCode", "Pass word")  # fmt: skip
    line.drop(
        "shapes",
        {
            "School.txt": "Name|SchoolType|SchoolCode\n  High  School   |1|0016   \nB|2|16\n",
            "CourseCodes.txt": text(
                ("GradeUpper", "GradeLower", "SchoolCode", "CourseCode", "CourseName", "CreditValue"),
                [{**course("0042"), "SchoolCode": "0016", "GradeLower": "9", "GradeUpper": "11"}],
            ),
            "Student.txt": text(
                columns,
                [
                    {**student(1), "CurrentSchoolCode": "0016", "Homeroom": "12 b", "Pass word": "", "PreRegSchoolCode": "0"},
                    {**student(2, StudentID="0132  ", FirstName="  Given  Name ", CurrentGrade=" 9 "), "CurrentSchoolCode": "16",
                     "Homeroom": "", "Pass word": "", "PreRegSchoolCode": "0027"},
                    {**student(3, CurrentSchoolCode="16", PreRegSchoolCode=" "), "Homeroom": "", "Pass word": ""},
                ],
            ),
        },
    )  # fmt: skip
    line.drop(
        "several",
        {
            "School.txt": schools_text(),
            "Student.txt": students_text(
                student(1, CurrentSchoolCode="27"),
                student(1),
                student(1, CurrentSchoolCode="27"),
                student(2, CurrentSchoolCode="27"),
            ),
        },
    )
    for name, rule in (("including", {"include": ["27"]}), ("excluding", {"exclude": ["16"]})):
        line.district(name, schools=rule)
        line.drop(
            name,
            {
                "School.txt": schools_text(),
                "CourseMaster.txt": courses_text(course("A"), course("B", SchoolCode="27")),
                "Student.txt": students_text(
                    student(1),
                    student(2, CurrentSchoolCode="27"),
                    student(3),
                    student(3, CurrentSchoolCode="27"),
                ),
                "StudentCourses.txt": student_courses_text(*(student_course(n) for n in (1, 2, 3))),
            },
        )
    line.district("states", calendar={"year_start": "2026-08-12", "year_end": "2027-06-04"})
    line.drop(
        "states",
        {
            "School.txt": schools_text(),
            "Student.txt": students_text(student(1)),
            "StudentCourses.txt": student_courses_text(
                student_course(1, "marked", GradeMark="B+"),
                student_course(1, "marked-later", GradeMark="A", DateCourseComplete="2027-09-01"),
                student_course(1, "past", DateCourseComplete="2026-06-04"),
                student_course(1, "now"),
                student_course(1, "this-year", DateCourseComplete="2027-06-04"),
                student_course(1, "next-year", DateCourseComplete="2027-06-05", GradeMark=""),
            ),
        },
    )
    outcomes = line.sync()
    assert {name for name, outcome in outcomes.items() if outcome.status == "failed"} == set()
    return line


@pytest.mark.parametrize("entity", list(JUDGED))
def test_every_record_is_loaded_or_rejected_with_its_file_row_key_and_code(spine: Spine, entity: str) -> None:
    file, key, judged = JUDGED[entity]
    expected = {
        (entity, number): (file, record[key] or None, code, "typed")
        for number, (record, code) in enumerate(judged, start=1)
        if code
    }
    found = {
        place: (row["source_file"], row["record_key"], row["reason_code"], row["stage"])
        for place, row in spine.rejected("reasons", entity).items()
    }
    assert found == expected


def test_the_cases_above_know_every_reason() -> None:
    seen = {code for _, _, judged in JUDGED.values() for _, code in judged}
    others = [records for sis in ALL for records in sis.records]
    elsewhere = {code for code in REASONS if any(f"'{code}'" in each.query for each in others)}
    assert seen - {None} <= set(REASONS) <= seen | elsewhere


def test_messages_hold_no_value_and_end_with_whose_move_it_is(spine: Spine) -> None:
    for row in spine.rejected("reasons").values():
        assert row["message"] == REASONS[row["reason_code"]]
        assert row["message"].endswith((" Next move: district.", " Next move: engineer."))


def test_the_ledger_counts_what_was_loaded_and_rejected(spine: Spine) -> None:
    extracts = spine.rows("FROM ops.extracts")
    assert len(extracts) == len(spine.districts)
    for row in extracts:
        assert row["rows_loaded"] + row["rows_rejected"] == sum(file["records"] for file in row["files"])
    [reasons] = spine.extracts("reasons")
    rejected = sum(1 for _, _, judged in JUDGED.values() for _, code in judged if code)
    assert reasons["rows_rejected"] == rejected
    assert {file["name"]: file["records"] for file in reasons["files"]} == {
        file: len(judged) for file, _, judged in JUDGED.values()
    }


@pytest.mark.parametrize(("number", "code"), list(enumerate(GRADES)))
def test_grades_become_ceds_codes_and_the_districts_own_codes_come_first(
    spine: Spine, number: int, code: str
) -> None:
    row = spine.students("grades").get(f"{1000 + number}")
    assert (row and row["grade_level"]) == GRADES[code]
    rejected = spine.rejected("grades").get(("students", number + 1))
    assert (rejected and rejected["reason_code"]) == (None if GRADES[code] else "unknown_grade")


def test_genders_are_the_four_letters_or_empty(spine: Spine) -> None:
    found = spine.students("genders")
    assert [found[f"{1000 + n}"]["gender"] for n in range(len(GENDERS))] == list(GENDERS.values())


@pytest.mark.parametrize("form", list(DATES))
def test_dates_are_read_in_the_agreed_form_only(spine: Spine, form: str) -> None:
    found = spine.students(form)
    good = DATES[form]
    assert {n: found[f"{1000 + n}"]["birth_date"] for n in range(len(good))} == dict(enumerate(good.values()))
    assert len(found) == len(good)
    assert {row["reason_code"] for row in spine.rejected(form).values()} == {"invalid_birth_date"}
    assert len(spine.rejected(form)) == len(NO_DATES[form])


def test_codes_keep_their_leading_zeros_and_padding_is_trimmed(spine: Spine) -> None:
    found = spine.students("shapes")
    assert set(found) == {"1001", "0132", "1003"}
    assert found["0132"]["first_name"] == "Given  Name"
    assert found["1001"]["school_id"] == "0016"
    assert found["0132"]["school_id"] == "16"
    schools = {
        row["school_id"]: row["name"] for row in spine.rows("FROM core.schools WHERE district_id = 'shapes'")
    }
    assert schools == {"0016": "High  School", "16": "B"}


def test_next_school_blank_or_zero_is_none_and_anything_else_stands(spine: Spine) -> None:
    found = spine.students("shapes")
    assert [found[key]["next_school_id"] for key in ("1001", "1003", "0132")] == [None, None, "0027"]


def test_unknown_columns_are_kept_in_raw(spine: Spine) -> None:
    raw = spine.rows("FROM raw.eschoolplus_students WHERE district_id = 'shapes' ORDER BY row_number")
    assert json.loads(raw[0]["other_columns"]) == {"Homeroom": "12 b", "Pass word": ""}
    assert raw[1]["StudentID"] == "0132"
    assert raw[0]["DateOfBirth"] is None, "a column that the file does not have"
    assert spine.extracts("shapes")[0]["unknown_columns"] == ["students.Homeroom", "students.Pass word"]


def test_both_names_of_the_course_file_and_of_its_grade_columns(spine: Spine) -> None:
    [row] = spine.rows("FROM core.courses WHERE district_id = 'shapes'")
    assert (row["course_code"], row["low_grade"], row["high_grade"]) == ("0042", "09", "11")


def test_school_types(spine: Spine) -> None:
    rows = spine.rows("FROM core.schools WHERE district_id = 'reasons' ORDER BY school_id")
    assert {row["school_id"]: row["school_type"] for row in rows} == {
        "0132": "other",
        "16": "high",
        "27": "elementary_middle",
        "50": None,
    }


def test_the_school_with_the_lowest_id_describes_a_course_of_several(spine: Spine) -> None:
    rows = {row["course_code"]: row for row in spine.rows("FROM core.courses WHERE district_id = 'reasons'")}
    assert set(rows) == {"E101", "0042", "D1"}
    english = rows["E101"]
    assert (english["name"], english["low_grade"], english["high_grade"]) == ("English at 16", "KG", "13")
    assert (english["credits"], rows["0042"]["credits"]) == (Decimal("0.125"), None)
    assert (english["is_active"], english["is_active_next_year"]) == (True, None)
    offered = spine.rows(
        "SELECT school_id, course_code FROM core.school_courses WHERE district_id = 'reasons' ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in offered] == [
        ("16", "0042"),
        ("16", "D1"),
        ("16", "E101"),
        ("27", "E101"),
    ]


def test_rows_that_differ_in_school_only_make_a_student_at_several_schools(spine: Spine) -> None:
    found = spine.students("several")
    assert {key: row["school_id"] for key, row in found.items()} == {"1001": "16", "1002": "27"}
    rows = spine.rows(
        "FROM core.student_schools WHERE district_id = 'several' ORDER BY student_id, school_id"
    )
    assert [(row["student_id"], row["school_id"], row["is_primary"]) for row in rows] == [
        ("1001", "16", True),
        ("1001", "27", False),
        ("1002", "27", True),
    ]
    assert [row["reason_code"] for row in spine.rejected("several").values()] == ["duplicate_row"]


@pytest.mark.parametrize("name", ["including", "excluding"])
def test_schools_that_take_no_part_have_no_students_and_nothing_is_rejected(spine: Spine, name: str) -> None:
    assert set(spine.students(name)) == {"1002", "1003"}
    assert spine.students(name)["1003"]["school_id"] == "27"
    for table in ("schools", "student_schools", "school_courses"):
        assert set(spine.column(f"SELECT school_id FROM core.{table} WHERE district_id = ?", name)) == {"27"}
    assert spine.column("SELECT course_code FROM core.courses WHERE district_id = ?", name) == ["B"]
    assert sorted(
        spine.column("SELECT student_id FROM core.student_courses WHERE district_id = ?", name)
    ) == ["1002", "1003"]
    assert spine.rejected(name) == {}


def test_states_of_student_courses(spine: Spine) -> None:
    rows = {
        row["course_code"]: row
        for row in spine.rows("FROM core.student_courses WHERE district_id = 'states'")
    }
    assert {code: row["state"] for code, row in rows.items()} == {
        "marked": "completed",
        "marked-later": "completed",
        "past": "completed",
        "now": "in_progress",
        "this-year": "in_progress",
        "next-year": "scheduled",
    }
    assert (rows["marked"]["mark"], rows["now"]["mark"], rows["next-year"]["mark"]) == ("B+", None, None)
    assert rows["past"]["completed_on"] == date(2026, 6, 4)
    assert (rows["now"]["credits"], rows["now"]["grade_level"]) == (Decimal("0.5"), "09")


def test_a_student_of_a_file_is_active_and_knows_no_dates(spine: Spine) -> None:
    row = spine.students("reasons")["1001"]
    assert (row["status"], row["entry_date"], row["exit_date"], row["exit_reason"], row["sis_key"]) == (
        "active",
        None,
        None,
        None,
        None,
    )
    assert (row["state_id"], row["email"], row["graduation_year"]) == ("S0001", "s0001@example.org", None)


def test_rejected_students_get_no_account_and_the_others_do(spine: Spine) -> None:
    accepted = {f"{1000 + number}" for number, code in enumerate(GRADES) if GRADES[code]}
    assert {row["student_id"] for row in spine.accounts("grades")} == accepted
