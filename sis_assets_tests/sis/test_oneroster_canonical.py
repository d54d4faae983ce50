"""OneRoster's records mean what the contract says, whichever version and way they came (contract §4.1–4.3)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sis_assets.model.schema import CORE, GRADUATION_REQUIREMENTS
from sis_assets.sis.oneroster.canonical import RECORDS, TABLES
from sis_assets.sis.oneroster.contract import ENTITIES, RAW_TABLES
from sis_assets_tests.canonical_tables import Canonicalised, canonicalised

Row = dict[str, Any]

# Every id stands for one thing only, so that one taken for another finds nothing.
DISTRICT_ORG = {"sourcedId": "o-1", "name": "Sample District", "type": "district", "identifier": "6600"}
HIGH = {
    "sourcedId": "o-2",
    "name": "Sample High",
    "type": "school",
    "identifier": "6601",
    "parentSourcedId": "o-1",
}
MIDDLE = {"sourcedId": "o-3", "name": "Sample Middle", "type": "school", "identifier": "6602"}
YEAR = {
    "sourcedId": "t-1",
    "title": "2025-2026",
    "type": "schoolYear",
    "startDate": "2025-08-20",
    "endDate": "2026-06-09",
    "schoolYear": "2026",
}
SPRING = YEAR | {
    "sourcedId": "t-2",
    "title": "Spring",
    "type": "semester",
    "startDate": "2026-01-05",
    "parentSourcedId": "t-1",
}
COURSE = {"sourcedId": "k-1", "title": "English 9", "courseCode": "ENG9", "orgSourcedId": "o-1"}
CLASS = {
    "sourcedId": "s-1",
    "title": "English 9, period 1",
    "courseSourcedId": "k-1",
    "schoolSourcedId": "o-2",
    "termSourcedIds": "t-1",
    "classType": "scheduled",
}
SEAT = {
    "sourcedId": "e-1",
    "classSourcedId": "s-1",
    "schoolSourcedId": "o-2",
    "userSourcedId": "u-1",
    "role": "student",
}


def user(**changes: Any) -> Row:
    return {
        "sourcedId": "u-1",
        "enabledUser": "true",
        "orgSourcedIds": "o-2",
        "role": "student",
        "givenName": "Sample",
        "familyName": "Student",
        "identifier": "100051",
        "email": "s1@example.org",
        "userIds": "{LDAP:x},{State:7000000051}",
        "grades": "09",
    } | changes


def role(**changes: str) -> Row:
    return {
        "sourcedId": "r-1",
        "userSourcedId": "u-1",
        "roleType": "primary",
        "role": "student",
        "orgSourcedId": "o-2",
    } | changes


#: A person of 1.2, whose roles stand beside.
USER_12 = user(orgSourcedIds="", role="")


def run(rows: dict[str, list[Row]], **settings: Any) -> Canonicalised:
    everything = {
        "orgs": [DISTRICT_ORG, HIGH, MIDDLE],
        "academic_sessions": [YEAR, SPRING],
        "users": [user()],
        "courses": [COURSE],
        "classes": [CLASS],
    }
    return canonicalised(RAW_TABLES, RECORDS, TABLES, everything | rows, **settings)


def of_student(settings: dict[str, Any] | None = None, **changes: Any) -> Row:
    return run({"users": [user(**changes)]}, **(settings or {})).one("students")


def reason_of(entity: str, *rows: Row, **settings: Any) -> str | None:
    """Why the last of the rows is refused."""
    return run({entity: list(rows)}, **settings).refused.get(entity, {}).get(len(rows))


def test_every_entity_is_judged_and_every_table_that_rostering_knows_is_filled() -> None:
    assert [records.entity for records in RECORDS] == [entity.name for entity in ENTITIES]
    assert {table.table for table in TABLES} == set(CORE) - {GRADUATION_REQUIREMENTS}


def test_lineage_names_only_columns_of_the_contract() -> None:
    columns = {(entity.name, name) for entity in ENTITIES for name in entity.column_names}
    for table in TABLES:
        assert set(table.lineage) <= set(table.table.column_names) - {"district_id"}
        for sources in table.lineage.values():
            assert set(sources) <= columns
            assert {entity for entity, _ in sources} <= set(table.entities)


def test_a_student_is_known_by_the_sourced_id_and_at_a_school_by_its_sourced_id() -> None:
    found = of_student()
    assert (found["student_id"], found["sis_key"], found["school_id"]) == ("u-1", "u-1", "o-2")
    assert (found["grade_level"], found["status"], found["email"]) == ("09", "active", "s1@example.org")
    assert found["state_id"] is None


def test_the_district_says_which_values_identify() -> None:
    ids = {"student": "identifier", "school": "identifier", "state_id": "state"}
    found = of_student({"ids": ids})
    assert (found["student_id"], found["sis_key"], found["school_id"]) == ("100051", "u-1", "6601")
    assert found["state_id"] == "7000000051"
    assert reason_of("users", user(identifier=""), ids=ids) == "missing_student_id"
    assert reason_of("orgs", HIGH | {"identifier": ""}, ids=ids) == "missing_school_id"


def test_two_students_of_one_identifier_are_nobody_and_a_teacher_may_have_a_students_number() -> None:
    ids = {"student": "identifier"}
    twins = [user(), user(sourcedId="u-2")]
    assert run({"users": twins}, ids=ids).refused["users"] == {1: "conflicting_rows", 2: "conflicting_rows"}
    teacher = user(sourcedId="u-2", role="teacher", grades="")
    assert run({"users": [user(), teacher]}, ids=ids).refused == {}


def test_the_state_id_of_the_api_is_found_by_its_type() -> None:
    listed = '[{"type":"LDAP","identifier":"x"},{"type":"state","identifier":"7000000052"}]'
    assert of_student({"ids": {"state_id": "State"}}, userIds=listed)["state_id"] == "7000000052"
    assert of_student({"ids": {"state_id": "other"}}, userIds=listed)["state_id"] is None


def test_only_schools_are_schools() -> None:
    assert run({}).column("schools", "school_id") == ["o-2", "o-3"]
    found = next(row for row in run({}).tables["schools"] if row["school_id"] == "o-2")
    assert (found["name"], found["state_id"]) == ("Sample High", "6601")


def test_a_session_ends_the_day_before_its_end_date_and_its_year_is_the_one_in_which_it_ends() -> None:
    terms = {row["term_id"]: row for row in run({}).tables["terms"]}
    assert (terms["t-1"]["kind"], terms["t-2"]["kind"]) == ("school_year", "semester")
    assert (terms["t-1"]["start_date"], terms["t-1"]["end_date"]) == (date(2025, 8, 20), date(2026, 6, 8))
    assert {row["school_year"] for row in terms.values()} == {2026}


@pytest.mark.parametrize(("written", "meant"), [("2026", 2026), ("2025-2026", 2026), ("", None)])
def test_a_school_year_is_written(written: str, meant: int | None) -> None:
    assert run({"academic_sessions": [YEAR | {"schoolYear": written}]}).one("terms")["school_year"] == meant


@pytest.mark.parametrize(
    ("grades", "meant"),
    [
        ("09", "09"),
        ("9", "09"),
        ("KG", "KG"),
        ("IT", "PK"),
        ("PR", "PK"),
        ("TK", "PK"),
        ("PK", "PK"),
        ("PS", "13"),
        ("13", "13"),
        ("UG", "UG"),
        ('["11"]', "11"),
    ],
)
def test_a_grade_is_cedss(grades: str, meant: str) -> None:
    assert of_student(grades=grades)["grade_level"] == meant


def test_an_unknown_grade_is_the_districts_to_explain() -> None:
    assert reason_of("users", user(grades="Other")) == "unknown_grade"
    assert of_student({"codes": {"grade": {"Other": "UG"}}}, grades="Other")["grade_level"] == "UG"
    assert reason_of("users", user(grades="08,09")) == "several_grades"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "active"),
        ({"status": "active"}, "active"),
        ({"status": "Active"}, "active"),
        ({"enabledUser": ""}, "active"),
        ({"enabledUser": "TRUE"}, "active"),
        ({"enabledUser": "1"}, "active"),
        ({"enabledUser": "false"}, "inactive"),
        ({"enabledUser": "0"}, "inactive"),
        ({"status": "tobedeleted"}, "inactive"),
        ({"status": "ToBeDeleted"}, "inactive"),
        ({"status": "inactive"}, "inactive"),
    ],
)
def test_status_and_enabled_user_say_who_is_active(changes: dict[str, str], status: str) -> None:
    found = of_student(**changes)
    assert (found["status"], found["exit_reason"]) == (status, None if status == "active" else "withdrawn")


def test_a_deleted_student_needs_nothing_but_the_key_and_the_school() -> None:
    gone = user(status="tobedeleted", givenName="", familyName="", grades="", enabledUser="")
    assert run({"users": [gone]}).one("students")["status"] == "inactive"


def test_a_status_that_nobody_knows_rejects() -> None:
    assert reason_of("users", user(status="archived")) == "unknown_status"
    assert reason_of("users", user(enabledUser="maybe")) == "invalid_flag"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sourcedId": ""}, "missing_sourced_id"),
        ({"givenName": ""}, "missing_first_name"),
        ({"familyName": " "}, "missing_last_name"),
        ({"grades": ""}, "missing_grade"),
        ({"orgSourcedIds": ""}, "missing_school"),
        ({"orgSourcedIds": "o-1"}, "missing_school"),
        ({"orgSourcedIds": "o-9"}, "unknown_school"),
        ({"role": "learner"}, "unknown_role"),
    ],
)
def test_a_student_is_refused(changes: dict[str, str], reason: str) -> None:
    assert reason_of("users", user(**changes)) == reason


def test_people_who_are_no_students_need_less() -> None:
    parent = user(sourcedId="u-2", role="parent", givenName="", grades="", orgSourcedIds="")
    extended = user(sourcedId="u-3", role="ext:bus driver", grades="")
    found = run({"users": [user(), parent, extended]})
    assert found.refused == {}
    assert found.column("students", "student_id") == ["u-1"]
    assert found.tables["staff"] == []


def test_a_student_of_several_schools_has_one_primary() -> None:
    found = run({"users": [user(orgSourcedIds="o-3,o-1, o-2")]})
    assert found.one("students")["school_id"] == "o-2"
    assert {(row["school_id"], row["is_primary"]) for row in found.tables["student_schools"]} == {
        ("o-2", True),
        ("o-3", False),
    }


def test_the_sources_own_primary_school_comes_first() -> None:
    assert of_student(orgSourcedIds="o-3,o-2", primaryOrgSourcedId="o-3")["school_id"] == "o-3"
    assert of_student(orgSourcedIds="o-2", primaryOrgSourcedId="o-3")["school_id"] == "o-2"


def test_one_student_in_a_row_for_each_school_is_at_both() -> None:
    found = run({"users": [user(), user(orgSourcedIds="o-3"), user()]})
    assert found.refused["users"] == {3: "duplicate_row"}
    assert found.column("student_schools", "school_id") == ["o-2", "o-3"]


def test_rows_of_one_person_that_contradict_each_other_are_nobody() -> None:
    found = run({"users": [user(), user(familyName="Other")]})
    assert found.refused["users"] == {1: "conflicting_rows", 2: "conflicting_rows"}


def test_the_roles_of_1_2_files_say_who_is_where() -> None:
    found = run(
        {
            "users": [USER_12],
            "roles": [
                role(endDate="2026-01-02"),
                role(sourcedId="r-2", orgSourcedId="o-3", beginDate="2026-01-02", roleType="secondary"),
            ],
        }
    )
    assert (found.one("students")["school_id"], found.one("students")["entry_date"]) == (
        "o-3",
        date(2026, 1, 2),
    )
    places = {row["school_id"]: row for row in found.tables["student_schools"]}
    assert places["o-2"]["exit_date"] == date(2026, 1, 1)
    assert found.one("students")["exit_date"] is None


def test_a_primary_role_comes_before_a_secondary_one() -> None:
    roles = [role(roleType="secondary"), role(sourcedId="r-2", orgSourcedId="o-3")]
    assert run({"users": [USER_12], "roles": roles}).one("students")["school_id"] == "o-3"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"endDate": "2026-02-03"}, "active"),
        ({"endDate": "2026-02-02"}, "inactive"),
        ({"beginDate": "2026-02-02"}, "active"),
        ({"beginDate": "2026-02-03"}, "pre_registered"),
        ({"status": "tobedeleted"}, "inactive"),
    ],
)
def test_a_role_has_its_time_and_the_end_date_is_the_day_after(changes: dict[str, str], status: str) -> None:
    found = run({"users": [USER_12], "roles": [role(**changes)]})
    assert found.one("students")["status"] == status


def test_the_api_of_1_2_has_the_roles_in_the_person() -> None:
    roles = [
        {"roleType": "primary", "role": "student", "org": {"href": "x", "sourcedId": "o-3", "type": "org"}},
        {"roleType": "secondary", "role": "student", "org": {"sourcedId": "o-2"}, "endDate": "2025-12-01"},
    ]
    found = run({"users": [USER_12 | {"roles": roles}]})
    assert found.one("students")["school_id"] == "o-3"
    assert len(found.tables["student_schools"]) == 2


def test_a_list_of_references_is_read_as_one_of_sourced_ids() -> None:
    orgs = '[{"href":"x","sourcedId":"o-3","type":"org"}]'
    assert of_student(orgSourcedIds=orgs)["school_id"] == "o-3"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"orgSourcedId": "o-9"}, "unknown_org"),
        ({"userSourcedId": "u-9"}, "unknown_person"),
        ({"role": "learner"}, "unknown_role"),
        ({"endDate": "soon"}, "invalid_date"),
    ],
)
def test_a_role_is_refused(changes: dict[str, str], reason: str) -> None:
    found = run({"users": [USER_12], "roles": [role(), role(sourcedId="r-2", **changes)]})
    assert found.refused["roles"] == {2: reason}
    assert found.one("students")["school_id"] == "o-2"


def test_demographics_say_birth_and_gender() -> None:
    found = run({"demographics": [{"sourcedId": "u-1", "birthDate": "2010-03-04", "sex": "female"}]})
    assert (found.one("students")["birth_date"], found.one("students")["gender"]) == (date(2010, 3, 4), "F")


@pytest.mark.parametrize(
    ("sex", "gender"), [("Male", "M"), ("f", "F"), ("unspecified", "N"), ("other", "X"), ("", None)]
)
def test_sex_is_gender(sex: str, gender: str | None) -> None:
    assert run({"demographics": [{"sourcedId": "u-1", "sex": sex}]}).one("students")["gender"] == gender


def test_who_has_demographics_that_cannot_be_read_is_left_alone() -> None:
    bad = {"sourcedId": "u-1", "birthDate": "2010-13-04"}
    found = run({"demographics": [bad]})
    assert found.refused == {
        "demographics": {1: "invalid_birth_date"},
        "users": {1: "demographics_rejected"},
    }
    again = run({"demographics": [bad | {"birthDate": "2010-03-04"}, bad]})
    assert again.refused == {"demographics": {2: "invalid_birth_date"}}


def test_demographics_of_nobody_are_refused() -> None:
    assert reason_of("demographics", {"sourcedId": "u-9"}) == "unknown_person"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2010-03-04", "iso"),
        ("2010-03-04", "mdy"),
        ("2010-03-04T00:00:00.000Z", "iso"),
        ("3/04/2010", "mdy"),
        ("4/3/2010", "dmy"),
    ],
)
def test_a_date_is_read_as_iso_or_as_the_district_says(written: str, form: str) -> None:
    row = {"sourcedId": "u-1", "birthDate": written}
    assert run({"demographics": [row]}, date_format=form).one("students")["birth_date"] == date(2010, 3, 4)


def test_a_slashed_date_is_refused_where_nobody_said_how_to_read_it() -> None:
    assert reason_of("demographics", {"sourcedId": "u-1", "birthDate": "3/4/2010"}) == "invalid_birth_date"


def test_a_course_is_known_by_its_code_and_offered_where_it_is_taught() -> None:
    found = run({})
    assert found.one("courses")["course_code"] == "ENG9"
    assert found.tables["school_courses"] == [
        {"district_id": "sample", "school_id": "o-2", "course_code": "ENG9"}
    ]
    own = COURSE | {"sourcedId": "k-2", "courseCode": "", "orgSourcedId": "o-3"}
    found = run({"courses": [COURSE, own]})
    assert found.column("courses", "course_code") == ["ENG9", "k-2"]
    assert {(row["school_id"], row["course_code"]) for row in found.tables["school_courses"]} == {
        ("o-2", "ENG9"),
        ("o-3", "k-2"),
    }


def test_a_courses_grades_are_its_limits_unless_one_of_them_has_no_rank() -> None:
    found = run({"courses": [COURSE | {"grades": "10,KG,9"}]}).one("courses")
    assert (found["low_grade"], found["high_grade"]) == ("KG", "10")
    found = run({"courses": [COURSE | {"grades": '["09","Other"]'}]}).one("courses")
    assert (found["low_grade"], found["high_grade"]) == (None, None)
    own = {"codes": {"grade": {"Fresh": "09"}}}
    assert run({"courses": [COURSE | {"grades": "Fresh"}]}, **own).one("courses")["low_grade"] == "09"


def test_a_course_of_next_year_is_not_one_of_this_year() -> None:
    following = YEAR | {"sourcedId": "t-9", "schoolYear": "2027"}
    this = COURSE | {"schoolYearSourcedId": "t-1"}
    coming = COURSE | {"sourcedId": "k-2", "courseCode": "ENG10", "schoolYearSourcedId": "t-9"}
    found = run({"academic_sessions": [YEAR, following], "courses": [this, coming]})
    active = {
        row["course_code"]: (row["is_active"], row["is_active_next_year"]) for row in found.tables["courses"]
    }
    assert active == {"ENG9": (True, False), "ENG10": (False, True)}
    assert run({}).one("courses")["is_active_next_year"] is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schoolSourcedId": "o-9"}, "unknown_school"),
        ({"schoolSourcedId": "o-1"}, "org_is_no_school"),
        ({"courseSourcedId": "k-9"}, "unknown_course"),
        ({"termSourcedIds": "t-9"}, "unknown_term"),
    ],
)
def test_a_class_with_a_dangling_reference_is_refused(changes: dict[str, str], reason: str) -> None:
    assert reason_of("classes", CLASS | changes) == reason


def test_a_class_of_several_terms_is_of_the_first_of_them() -> None:
    found = run({"classes": [CLASS | {"termSourcedIds": "t-2,t-1"}]}).one("sections")
    assert (found["term_id"], found["school_id"], found["course_code"]) == ("t-1", "o-2", "ENG9")


def test_an_enrolment_is_a_seat_until_the_day_before_its_end_date() -> None:
    seat = SEAT | {"beginDate": "2025-09-01", "endDate": "2026-06-01", "primary": ""}
    found = run({"enrollments": [seat]})
    row = found.one("section_enrollments")
    assert (row["section_id"], row["person_id"], row["role"]) == ("s-1", "u-1", "student")
    assert (row["start_date"], row["end_date"], row["is_primary"]) == (
        date(2025, 9, 1),
        date(2026, 5, 31),
        None,
    )
    course = found.one("student_courses")
    assert (course["course_code"], course["state"], course["grade_level"]) == ("ENG9", "in_progress", "09")


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({"beginDate": "2026-02-03"}, ["scheduled"]),
        ({"endDate": "2026-02-02"}, []),
        ({"endDate": "2026-02-03"}, ["in_progress"]),
        ({"status": "tobedeleted"}, []),
    ],
)
def test_a_course_is_taken_while_the_seat_is(changes: dict[str, str], states: list[str]) -> None:
    assert run({"enrollments": [SEAT | changes]}).column("student_courses", "state") == states


def test_teachers_are_staff_and_stand_beside_their_students() -> None:
    teacher = user(sourcedId="u-2", role="teacher", familyName="Teacher", grades="")
    seats = [SEAT, SEAT | {"sourcedId": "e-2", "userSourcedId": "u-2", "role": "teacher", "primary": "TRUE"}]
    found = run({"users": [user(), teacher], "enrollments": seats})
    assert (found.one("staff")["staff_id"], found.one("staff")["school_id"]) == ("u-2", "o-2")
    assert {
        (row["person_id"], row["role"], row["is_primary"]) for row in found.tables["section_enrollments"]
    } == {
        ("u-1", "student", None),
        ("u-2", "teacher", True),
    }


def test_a_seat_bears_the_students_own_id_by_the_districts_setting() -> None:
    found = run({"enrollments": [SEAT]}, ids={"student": "identifier"})
    assert found.one("section_enrollments")["person_id"] == "100051"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"classSourcedId": "s-9"}, "unknown_section"),
        ({"userSourcedId": "u-9"}, "unknown_person"),
        ({"role": "observer"}, "unknown_role"),
        ({"beginDate": "1/05/2026"}, "invalid_date"),
    ],
)
def test_an_enrolment_is_refused(changes: dict[str, str], reason: str) -> None:
    assert reason_of("enrollments", SEAT | changes) == reason


def test_an_enrolment_of_a_rejected_person_says_so() -> None:
    found = run({"users": [user(grades="")], "enrollments": [SEAT]})
    assert found.refused["enrollments"] == {1: "person_rejected"}


def test_what_is_deleted_is_nowhere() -> None:
    gone = {"status": "tobedeleted"}
    found = run(
        {
            "orgs": [HIGH, MIDDLE | gone],
            "academic_sessions": [YEAR, {"sourcedId": "t-2"} | gone],
            "courses": [COURSE, {"sourcedId": "k-2"} | gone],
            "classes": [CLASS, {"sourcedId": "s-2"} | gone],
            "enrollments": [SEAT | {"schoolSourcedId": ""}, {"sourcedId": "e-2"} | gone],
        }
    )
    assert found.refused == {
        "courses": {1: "unknown_org"},
        "classes": {1: "unknown_course"},
        "enrollments": {1: "unknown_section"},
    }
    assert found.column("schools", "school_id") == ["o-2"]
    assert found.column("terms", "term_id") == ["t-1"]
    assert not found.tables["courses"]
    assert not found.tables["sections"]
