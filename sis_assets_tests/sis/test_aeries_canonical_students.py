"""What the school records of Aeries' students mean, alone and together (contract Aeries §2.3, §2.5)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sis_assets_tests.aeries_records import HIGH, ITSELF, MIDDLE, Row, enrolment, extended, run, student, tag


def of_student(settings: dict[str, Any] | None = None, /, **changes: Any) -> Row:
    return run({"students": [student(**changes)]}, **(settings or {})).one("students")


def reason_of(**changes: Any) -> str | None:
    return run({"students": [student(**changes)]}).refused.get("students", {}).get(1)


def left(*more: Row, settings: dict[str, Any] | None = None, **changes: Any) -> Row:
    """The one student, who left, beside records of other entities."""
    rows: dict[str, list[Row]] = {"students": [student(InactiveStatusCode="I", **changes)]}
    for row in more:
        entity = "codes" if "Code" in row else "enrollment" if "EnterDate" in row else "students_extended"
        rows.setdefault(entity, []).append(row)
    found = run(rows, **(settings or {}))
    assert found.refused == {}
    return found.one("students")


def test_a_student_is_known_by_its_id_and_by_nothing_else() -> None:
    found = of_student()
    assert (found["student_id"], found["sis_key"], found["state_id"]) == (
        "99400001",
        "99400001",
        "7000000001",
    )
    assert (found["birth_date"], found["entry_date"]) == (date(2009, 11, 11), date(2024, 8, 19))
    assert (found["grade_level"], found["school_id"], found["email"]) == ("10", "994", "sample@x.test")


def test_ids_that_are_swapped_name_somebody_else() -> None:
    """One student's id is another's number and a third one's state id."""
    rows = [
        student(StudentID="1", StudentNumber="2", StateStudentID="3"),
        student(StudentID="2", StudentNumber="3", StateStudentID="1", FirstName="Second"),
        student(StudentID="3", StudentNumber="1", StateStudentID="2", FirstName="Third"),
    ]
    notes = [extended(StudentID="2", StudentNumber="3", ExpectedGraduationDate="2027-06-01T00:00:00")]
    found = run({"students": rows, "students_extended": notes})
    assert {
        (r["student_id"], r["first_name"], r["state_id"], r["graduation_year"])
        for r in found.tables["students"]
    } == {
        ("1", "Sample", "3", None),
        ("2", "Second", "1", 2027),
        ("3", "Third", "2", None),
    }


def test_a_student_number_repeats_between_schools_and_is_kept_for_its_school() -> None:
    rows = [student(), student(StudentID="99200001", SchoolCode="992", FirstName="Other")]
    found = run({"students": rows})
    assert found.refused == {}
    assert [
        (r["student_id"], r["school_id"], r["student_number"]) for r in found.tables["student_schools"]
    ] == [("99400001", "994", "17"), ("99200001", "992", "17")]


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("", "active", None),
        (" ", "active", None),
        ("*", "pre_registered", None),
        ("I", "inactive", "withdrawn"),
        ("A", "inactive", "withdrawn"),
        ("0", "inactive", "withdrawn"),
    ],
)
def test_a_status_tag_without_a_description_means(code: str, status: str, reason: str | None) -> None:
    found = of_student(InactiveStatusCode=code)
    assert (found["status"], found["exit_reason"]) == (status, reason)


@pytest.mark.parametrize(
    ("description", "status", "reason"),
    [
        ("Active", "inactive", "withdrawn"),
        ("Inactive", "inactive", "withdrawn"),
        ("Graduated", "graduated", "graduated"),
        ("GRADUATE 2025", "graduated", "graduated"),
        ("Did not graduate", "inactive", "withdrawn"),
        ("Undergraduate", "inactive", "withdrawn"),
        ("Pre-Enrolled", "pre_registered", None),
        ("Pre-registered for next year", "pre_registered", None),
        ("Pre-enrolled, never came", "inactive", "withdrawn"),
        ("No-Show", "inactive", "no_show"),
        ("No show counselling done", "inactive", "withdrawn"),
        ("", "inactive", "withdrawn"),
    ],
)
def test_a_tags_description_says_only_what_is_safe(description: str, status: str, reason: str | None) -> None:
    rows = {"students": [student(InactiveStatusCode="N")], "codes": [tag("N", description, Status="I")]}
    found = run(rows).one("students")
    assert (found["status"], found["exit_reason"]) == (status, reason)


@pytest.mark.parametrize("other", [{"Table": "CRS"}, {"Field": "SX"}, {"Code": "n"}])
def test_another_tables_code_says_nothing_of_a_tag(other: Row) -> None:
    rows = {"students": [student(InactiveStatusCode="N")], "codes": [tag("N", "Graduated", **other)]}
    assert run(rows).one("students")["status"] == "inactive"


def test_the_districts_own_status_comes_before_description_and_rule() -> None:
    own = {"codes": {"status": {"N": "active", "*": "inactive", "G": "graduated"}}}
    rows = {"students": [student(InactiveStatusCode="N")], "codes": [tag("N", "Graduated")]}
    assert run(rows, **own).one("students")["status"] == "active"
    assert of_student(own, InactiveStatusCode="*")["status"] == "inactive"
    assert of_student(own, InactiveStatusCode="G")["exit_reason"] == "graduated"


def test_a_planned_leaver_is_active_until_the_last_day() -> None:
    rows = {
        "students": [student(SchoolLeaveDate="2026-06-04T00:00:00")],
        "students_extended": [extended(EndOfYearStatusCode="E", EndOfYearNextSchool="Elsewhere")],
        "enrollment": [enrolment(LeaveDate="2026-06-04T00:00:00", ExitReasonCode="T")],
    }
    found = run(rows, codes={"exit": {"T": "transferred_out"}}).one("students")
    assert (found["status"], found["exit_reason"], found["exit_date"]) == ("active", None, None)


def summer(**changes: Any) -> Row:
    return extended(
        SummerWithdrawalReasonCode="S1", SummerWithdrawalLeaveDate="2025-08-01T00:00:00", **changes
    )


def test_a_summer_withdrawal_is_a_no_show() -> None:
    found = left(summer())
    assert (found["status"], found["exit_reason"], found["exit_date"]) == (
        "inactive",
        "no_show",
        date(2025, 8, 1),
    )


def test_a_summer_withdrawal_of_an_active_student_is_none() -> None:
    rows = {"students": [student()], "students_extended": [summer()]}
    found = run(rows).one("students")
    assert (found["status"], found["exit_reason"]) == ("active", None)


@pytest.mark.parametrize(
    ("enter", "leave", "reason"),
    [
        ("2025-08-18T00:00:00", "2025-08-18T00:00:00", "no_show"),
        ("2025-08-18T00:00:00", None, "no_show"),
        ("2024-08-19T00:00:00", "2025-06-04T00:00:00", "no_show"),
        ("2025-08-18T00:00:00", "2025-12-01T00:00:00", "transferred_out"),
    ],
)
def test_an_enrolment_that_lasted_makes_the_withdrawal_an_earlier_summers(
    enter: str, leave: str | None, reason: str
) -> None:
    own = {"codes": {"exit": {"T": "transferred_out"}}}
    closed = {"LeaveDate": leave} if leave else {"LeaveDate": ""}
    assert (
        left(summer(), enrolment(EnterDate=enter, ExitReasonCode="T") | closed, settings=own)["exit_reason"]
        == reason
    )


def test_the_districts_exit_code_gives_the_reason_wherever_it_stands() -> None:
    own = {"codes": {"exit": {"T": "transferred_out", "S1": "transferred_out", "360": "withdrawn"}}}
    assert left(enrolment(ExitReasonCode="T"), settings=own)["exit_reason"] == "transferred_out"
    assert left(enrolment(ExitReasonCode="X"), settings=own)["exit_reason"] == "withdrawn"
    assert left(summer(), settings=own)["exit_reason"] == "transferred_out"
    assert left(extended(SchoolCompletionStatusCode="360"), settings=own)["status"] == "inactive"


def test_an_exit_code_that_means_graduated_makes_a_graduate() -> None:
    found = left(enrolment(ExitReasonCode="G"), settings={"codes": {"exit": {"G": "graduated"}}})
    assert (found["status"], found["exit_reason"]) == ("graduated", "graduated")


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([enrolment(EnterDate="2023-08-18T00:00:00", LeaveDate="2024-06-01T00:00:00")], "transferred_out"),
        ([enrolment(EnterDate="2025-09-01T00:00:00", LeaveDate="")], "withdrawn"),
        ([enrolment(SchoolCode="992", EnterDate="2025-09-01T00:00:00")], "transferred_out"),
    ],
)
def test_the_enrolment_that_the_student_entered_last_at_the_school_speaks(
    others: list[Row], reason: str
) -> None:
    own = {"codes": {"exit": {"T": "transferred_out"}}}
    assert left(*others, enrolment(ExitReasonCode="T"), settings=own)["exit_reason"] == reason


def test_an_enrolment_that_ended_before_the_current_one_says_nothing() -> None:
    own = {"codes": {"exit": {"T": "transferred_out"}}}
    found = left(
        enrolment(ExitReasonCode="T"), settings=own, SchoolEnterDate="2026-01-05T00:00:00", SchoolLeaveDate=""
    )
    assert found["exit_reason"] == "withdrawn"


def test_a_completed_high_school_is_a_graduation_of_who_has_left() -> None:
    done = extended(SchoolCompletionStatusCode="100", SchoolCompletionDate="2025-06-04T00:00:00")
    found = left(done)
    assert (found["status"], found["exit_reason"]) == ("graduated", "graduated")
    assert run({"students_extended": [done]}).one("students")["status"] == "active"


def test_a_completed_middle_school_is_no_graduation() -> None:
    done = extended(SchoolCode="992", SchoolCompletionStatusCode="480")
    assert left(done, SchoolCode="992", Grade="8")["exit_reason"] == "withdrawn"


def test_what_is_told_of_another_school_record_is_not_told_of_this_one() -> None:
    for other in ({"SchoolCode": "992"}, {"StudentNumber": "18"}, {"StudentID": "17"}):
        assert left(summer() | other)["exit_reason"] == "withdrawn"


def test_the_exit_date_is_the_leave_date_before_the_enrolments() -> None:
    assert left(enrolment())["exit_date"] == date(2025, 12, 1)
    assert left(enrolment(), SchoolLeaveDate="2025-11-30T00:00:00")["exit_date"] == date(2025, 11, 30)


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("-2", "PK"),
        ("-1", "PK"),
        ("0", "KG"),
        ("1", "01"),
        ("12", "12"),
        ("13", "13"),
        ("18", "13"),
    ],
)
def test_a_students_grade_means_and_zero_is_kindergarten(code: str, level: str) -> None:
    assert of_student(Grade=code)["grade_level"] == level


def test_the_districts_own_grade_comes_first() -> None:
    assert of_student({"codes": {"grade": {"14": "UG"}}}, Grade="14")["grade_level"] == "UG"


@pytest.mark.parametrize(
    ("code", "former"),
    [("0", None), ("", None), ("88000001", "88000001"), ("99400001", None)],
)
def test_the_id_before_is_named_unless_it_is_empty_or_the_same(code: str, former: str | None) -> None:
    assert of_student(OldStudentID=code)["former_student_id"] == former


@pytest.mark.parametrize(
    ("code", "school"),
    [("0", None), ("", None), ("992", "992"), ("990", None), ("998", None), ("4711", "4711")],
)
def test_the_next_school_is_none_where_it_is_empty_or_no_school(code: str, school: str | None) -> None:
    closed = HIGH | {"SchoolCode": "990", "InactiveStatusCode": "I"}
    found = run(
        {
            "schools": [ITSELF, HIGH, MIDDLE, closed, HIGH | {"SchoolCode": "998"}],
            "students": [student(NextSchoolCode=code)],
        },
        excluded=["998"],
    )
    assert found.one("students")["next_school_id"] == school


def test_the_graduation_year_is_that_of_the_expected_day_and_no_other() -> None:
    for day, year in (("2027-06-03T00:00:00", 2027), ("", None)):
        notes = [extended(ExpectedGraduationDate=day, GraduationCohort="2027-2028")]
        assert run({"students_extended": notes}).one("students")["graduation_year"] == year


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"StudentID": "0"}, "missing_student_id"),
        ({"StudentID": ""}, "missing_student_id"),
        ({"FirstName": " "}, "missing_first_name"),
        ({"LastName": ""}, "missing_last_name"),
        ({"Grade": ""}, "missing_grade"),
        ({"Grade": "ten"}, "unknown_grade"),
        ({"SchoolCode": ""}, "missing_school"),
        ({"SchoolCode": "4711"}, "unknown_school"),
        ({"SchoolCode": "4711", "InactiveStatusCode": "*"}, "unknown_school"),
        ({"SchoolCode": "4711", "InactiveStatusCode": "I"}, None),
        ({"Birthdate": "2009-02-30T00:00:00"}, "invalid_birth_date"),
        ({"Birthdate": "2026-02-03T00:00:00"}, "invalid_birth_date"),
        ({"Birthdate": ""}, None),
        ({"Birthdate": "2009-11-11"}, None),
        ({"SchoolEnterDate": "8/18/2025"}, "invalid_date"),
        ({"SchoolLeaveDate": "soon"}, "invalid_date"),
        ({"SchoolLeaveDate": "", "SchoolEnterDate": ""}, None),
        ({"Gender": "Q"}, "invalid_gender"),
        ({"Gender": ""}, None),
        ({"StudentNumber": "", "StateStudentID": "", "StudentEmailAddress": ""}, None),
    ],
)
def test_a_student_is_refused_for(changes: dict[str, str], reason: str | None) -> None:
    assert reason_of(**changes) == reason


def test_empty_texts_are_nothing() -> None:
    found = of_student(StateStudentID="", StudentEmailAddress=" ", MiddleName="\u00a0", Gender="")
    assert [found[name] for name in ("state_id", "email", "middle_name", "gender")] == [None] * 4


EARLIER = {
    "SchoolCode": "992",
    "StudentNumber": "5",
    "Grade": "8",
    "SchoolEnterDate": "2022-08-18T00:00:00",
    "SchoolLeaveDate": "2024-06-05T00:00:00",
    "StudentEmailAddress": "",
}


@pytest.mark.parametrize("code", ["I", "*"])
@pytest.mark.parametrize("first", [0, 1])
def test_only_the_active_record_counts_whatever_the_others_say(code: str, first: int) -> None:
    rows = [
        student(),
        student(InactiveStatusCode=code, **EARLIER | {"SchoolEnterDate": "2026-01-01T00:00:00"}),
    ]
    found = run({"students": rows[first:] + rows[:first]})
    assert found.refused == {}
    row = found.one("students")
    assert (row["status"], row["school_id"], row["grade_level"], row["email"]) == (
        "active",
        "994",
        "10",
        "sample@x.test",
    )


def test_where_a_student_was_is_no_place_now_and_where_one_will_be_is() -> None:
    rows = [student(), student(InactiveStatusCode="I", **EARLIER)]
    assert run({"students": rows}).column("student_schools", "school_id") == ["994"]
    rows = [student(**EARLIER), student(InactiveStatusCode="*", Grade="9")]
    found = run({"students": rows})
    assert found.one("students")["school_id"] == "992"
    assert sorted(
        (*tuple(r.values())[2:4], r["student_number"]) for r in found.tables["student_schools"]
    ) == [
        ("992", True, "5"),
        ("994", False, "17"),
    ]


def test_of_several_active_records_the_latest_entry_is_primary_and_then_the_lowest_school() -> None:
    later = student(SchoolCode="992", SchoolEnterDate="2025-08-18T00:00:00", NextSchoolCode="994")
    found = run({"students": [student(), later]})
    assert found.refused == {}
    assert found.one("students")["school_id"] == "992"
    assert sorted((r["school_id"], r["is_primary"]) for r in found.tables["student_schools"]) == [
        ("992", True),
        ("994", False),
    ]
    same = later | {"SchoolEnterDate": student()["SchoolEnterDate"]}
    assert run({"students": [student(), same]}).one("students")["school_id"] == "992"


def test_what_belongs_to_a_school_record_may_differ_between_active_ones() -> None:
    rows = {
        "students": [student(NextSchoolCode="994"), student(SchoolCode="992", StudentNumber="5")],
        "students_extended": [extended(ExpectedGraduationDate="2028-06-01T00:00:00")],
    }
    assert run(rows).refused == {}


@pytest.mark.parametrize("name", ["FirstName", "Grade", "Birthdate", "StateStudentID", "StudentEmailAddress"])
def test_active_records_that_differ_in_the_person_are_all_refused(name: str) -> None:
    other = {"Grade": "11", "Birthdate": "2009-11-12T00:00:00"}.get(name, "Other")
    rows = [student(), student(SchoolCode="992", **{name: other}), student(InactiveStatusCode="I", **EARLIER)]
    found = run({"students": rows})
    assert found.refused["students"] == {1: "conflicting_rows", 2: "conflicting_rows"}
    assert found.tables["students"] == []
    assert found.tables["student_schools"] == []


def test_two_active_records_at_one_school_count_once() -> None:
    found = run({"students": [student(), student(StudentNumber="18")]})
    assert found.refused["students"] == {2: "duplicate_row"}
    assert found.one("student_schools")["student_number"] == "17"


@pytest.mark.parametrize("code", ["I", "*"])
@pytest.mark.parametrize("first", [0, 1])
def test_another_record_at_the_same_school_is_no_copy(code: str, first: int) -> None:
    rows = [student(), student(StudentNumber="3", InactiveStatusCode=code, Grade="9")]
    found = run({"students": rows[first:] + rows[:first]})
    assert found.refused == {}
    assert found.one("student_schools")["student_number"] == "17"


def test_of_a_student_who_left_everywhere_the_record_that_ended_last_counts() -> None:
    gone = student(InactiveStatusCode="I", SchoolLeaveDate="2025-12-01T00:00:00")
    found = run({"students": [student(InactiveStatusCode="I", **EARLIER), gone]})
    assert found.refused == {}
    assert (found.one("students")["school_id"], found.one("students")["grade_level"]) == ("994", "10")
    assert found.one("student_schools")["school_id"] == "994"


@pytest.mark.parametrize("lesser", ["I", "*"])
def test_what_is_refused_of_an_active_student_takes_the_lesser_records_with_it(lesser: str) -> None:
    found = run({"students": [student(Grade="?"), student(InactiveStatusCode=lesser, **EARLIER)]})
    assert found.refused["students"] == {1: "unknown_grade", 2: "student_rejected"}
    assert found.tables["students"] == []


def test_what_is_refused_of_who_left_says_nothing_of_who_is_here() -> None:
    found = run({"students": [student(), student(InactiveStatusCode="I", **EARLIER | {"Grade": "?"})]})
    assert found.refused["students"] == {2: "unknown_grade"}
    assert found.one("students")["status"] == "active"


def test_a_refused_preenrolment_is_not_taken_for_leaving() -> None:
    rows = [student(InactiveStatusCode="*", Grade="?"), student(InactiveStatusCode="I", **EARLIER)]
    assert run({"students": rows}).tables["students"] == []


@pytest.mark.parametrize("wrong", [{}, {"Grade": "13"}, {"Grade": "?"}, {"FirstName": "Other"}])
def test_a_record_at_a_school_that_takes_no_part_changes_nothing(wrong: Row) -> None:
    outside = student(SchoolCode="998", SchoolEnterDate="2026-01-01T00:00:00", **wrong)
    rows = {"schools": [HIGH, MIDDLE, HIGH | {"SchoolCode": "998"}], "students": [outside, student()]}
    assert run(rows, excluded=["998"]).one("students")["school_id"] == "994"
    rows["students"] = [outside, student(InactiveStatusCode="I")]
    assert run(rows, excluded=["998"]).one("students")["status"] == "inactive"


@pytest.mark.parametrize("pseudo", [ITSELF, HIGH | {"SchoolCode": "99", "InactiveStatusCode": "I"}])
def test_students_of_what_is_no_school_are_accepted_and_left_out(pseudo: Row) -> None:
    rows = {
        "schools": [HIGH, pseudo],
        "students": [student(), student(StudentID="2", SchoolCode=pseudo["SchoolCode"])],
    }
    found = run(rows)
    assert found.refused == {}
    assert found.column("students", "student_id") == ["99400001"]
    assert found.column("schools", "school_id") == ["994"]


FOREIGN = HIGH | {"SchoolCode": "700", "StateDistrictID": "77777"}


@pytest.mark.parametrize(
    ("leas", "schools"),
    [
        ([], ["700", "992", "994"]),
        (["99999", "77777"], ["700", "992", "994"]),
        (["99999"], ["992", "994"]),
        (["77777"], ["700"]),
    ],
)
def test_schools_and_their_students_are_those_of_the_leas_that_the_district_names(
    leas: list[str], schools: list[str]
) -> None:
    rows = {
        "schools": [ITSELF, HIGH, MIDDLE, FOREIGN],
        "students": [
            student(),
            student(StudentID="2", SchoolCode="992"),
            student(StudentID="3", SchoolCode="700"),
        ],
    }
    found = run(rows, leas=leas)
    assert found.refused == {}
    assert found.column("schools", "school_id") == found.column("students", "school_id") == schools
    attributed = {row["school_id"]: row["lea_id"] for row in found.tables["schools"]}
    assert attributed == {s: "77777" if s == "700" else "99999" for s in schools}


@pytest.mark.parametrize("column", ["StateCountyID", "RegionCode"])
def test_the_district_says_which_column_names_the_lea(column: str) -> None:
    rows = {"schools": [HIGH | {column: "12"}, MIDDLE | {column: "34"}]}
    found = run(rows, leas=["34", "99999"], lea_column=column).one("schools")
    assert (found["school_id"], found["lea_id"]) == ("992", "34")


def test_a_school_that_names_no_lea_is_of_none_of_those_named() -> None:
    rows = {"schools": [HIGH | {"StateDistrictID": ""}, FOREIGN], "students": []}
    assert run(rows, leas=["77777"]).column("schools", "school_id") == ["700"]
    assert run(rows).column("schools", "school_id") == ["700", "994"]


def test_who_left_one_lea_is_still_active_in_another() -> None:
    rows = {
        "schools": [HIGH, FOREIGN],
        "students": [
            student(InactiveStatusCode="I", Grade="9"),
            student(SchoolCode="700", StudentNumber="4"),
        ],
    }
    found = run(rows, leas=["99999", "77777"]).one("students")
    assert (found["status"], found["school_id"]) == ("active", "700")
