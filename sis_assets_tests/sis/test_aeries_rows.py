"""What lands of Aeries, and the tables of text that are made of it (contract §2.3, §2.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sis_assets.model.faults import Fault, PermanentFault
from sis_assets.sis.aeries.contract import ENTITIES, RAW_TABLES
from sis_assets_tests.aeries_district import Reading
from sis_assets_tests.aeries_server import AeriesServer
from sis_assets_tests.powerschool_district import rows
from sis_assets_tests.powerschool_server import Answer


def everywhere(server: AeriesServer, name: str, field: str, value: Any) -> None:
    """Set a field in all rows of a list; None takes it out."""
    for row in getattr(server, name):
        row.pop(field, None)
        if value is not None:
            row[field] = value


def test_every_entity_but_the_staff_lands(aeries: Reading) -> None:
    assert [file.entity for file in aeries.fetch().files] == [
        entity.name for entity in ENTITIES if entity.name != "staff"
    ]


def test_what_orders_an_entity_is_among_its_fields() -> None:
    for entity in ENTITIES:
        assert {*entity.numbers, *entity.texts} <= {*entity.column_names}


def test_every_personal_field_is_marked_and_each_raw_table_is_aeries_own() -> None:
    for table in RAW_TABLES:
        assert table.qualified.startswith("raw.aeries_")
        for column in table.columns:
            if column.name in {
                "StudentID",
                "LastName",
                "FirstName",
                "Birthdate",
                "StateStudentID",
                "other_columns",
            }:
                assert column.pii, f"{table.name}.{column.name}"


def test_students_of_all_schools_come_in_the_order_of_school_and_id(aeries: Reading) -> None:
    aeries.server.students.reverse()
    aeries.server.schools.reverse()
    found = rows(aeries.tables()["students"], "SchoolCode", "StudentID")
    assert found == [*(("994", str(99400001 + n)) for n in range(5)), ("995", "99500001")]


def test_the_same_records_in_another_order_land_the_same_bytes(aeries: Reading) -> None:
    aeries.settings["feed"] = {"full_read_hours": 0}
    before = aeries.contents()
    for name in ("students", "extended", "enrollment", "sections", "classes", "schools"):
        getattr(aeries.server, name).reverse()
    aeries.server.grades = {key: items[::-1] for key, items in aeries.server.grades.items()}
    assert aeries.contents() == before


def test_empty_values_stay_what_they_are_by_their_type(aeries: Reading) -> None:
    found = rows(
        aeries.tables()["students"], "OldStudentID", "MiddleName", "SchoolLeaveDate", "InactiveStatusCode"
    )
    assert found[0] == ("0", "", None, "")


def test_ids_and_codes_keep_their_leading_zeros(aeries: Reading) -> None:
    everywhere(aeries.server, "students", "StateStudentID", "0012345678")
    tables = aeries.tables()
    assert rows(tables["courses"], "ID", "CreditDefault") == [("0400", "5.0")]
    assert rows(tables["students"], "StateStudentID")[0] == ("0012345678",)


def test_courses_whose_ids_differ_in_zeros_are_two(aeries: Reading) -> None:
    aeries.server.courses.append({**aeries.server.courses[0], "ID": "400"})
    assert rows(aeries.tables()["courses"], "ID") == [("0400",), ("400",)]


def test_numbers_that_come_as_text_are_the_same_key(aeries: Reading) -> None:
    everywhere(aeries.server, "sections", "SectionNumber", "0101")
    aeries.server.sections = aeries.server.sections[:1]
    aeries.server.classes = []
    assert rows(aeries.tables()["sections"], "SectionNumber") == [("0101",)]
    assert "/schools/994/sections/0101/students" in aeries.server.paths()


def test_terms_are_made_of_the_schools_and_keep_their_tracks(aeries: Reading) -> None:
    aeries.server.schools[0]["BrandNewField"] = 1
    aeries.server.schools[0]["Terms"][0]["TrackTerms"] = [{"Track": "A", "StartDate": "2025-07-01T00:00:00"}]
    table = aeries.tables()["terms"]
    found = rows(table, "SchoolCode", "TermCode", "StartDate", "TrackTerms")
    assert [row[:2] for row in found] == [("994", "F"), ("994", "S"), ("995", "F"), ("995", "S")]
    (tracks,) = {row[3] for row in found if row[:2] == ("994", "F")}
    assert json.loads(tracks)[0]["Track"] == "A"
    assert table.unknown_columns == ()


def test_each_course_of_a_transcript_is_a_record_with_its_student(aeries: Reading) -> None:
    found = rows(
        aeries.tables()["transcripts"], "SchoolCode", "StudentID", "CourseID", "Mark", "SequenceNumber"
    )
    assert found == [("994", "99400001", "0400", "A", "1"), ("994", "99400001", "0400", "B", "2")]


@pytest.mark.parametrize("name", ["SubjectAreas", "Subjects"])
def test_the_list_inside_a_requirement_is_found_by_another_name_too(aeries: Reading, name: str) -> None:
    (track,) = aeries.server.requirements
    track[name] = track.pop("SubjectAreas")
    found = rows(
        aeries.tables()["graduation_requirements"],
        "SchoolCode",
        "SubjectAreaCode",
        "RequiredCreditFor12thGraders",
    )
    assert found == [("994", "A", "40.0")]


def test_a_record_without_the_list_inside_it_is_not_as_agreed(aeries: Reading) -> None:
    del aeries.server.requirements[0]["SubjectAreas"]
    assert "a record without SubjectAreas" in aeries.fault().seen


def test_an_empty_list_inside_a_record_is_no_record(aeries: Reading) -> None:
    aeries.server.grades[(994, 99400002)] = []
    assert len(rows(aeries.tables()["transcripts"], "StudentID")) == 2


def test_fields_that_nobody_needs_are_not_kept(aeries: Reading) -> None:
    aeries.fetch()
    landed = b"".join(path.read_bytes() for path in (aeries.home.landing / "sample").iterdir())
    for unwanted in (
        b"ParentGuardianName",
        b"1 Nowhere",
        b"EthnicityCode",
        b"UserCode13",
        b"PrincipalName",
        b"EnglishLearner",
    ):
        assert unwanted not in landed


def test_fields_that_the_contract_does_not_know_are_kept(aeries: Reading) -> None:
    everywhere(aeries.server, "students", "BrandNewField", {"a": 1})
    table = aeries.tables()["students"]
    assert table.unknown_columns == ("BrandNewField.a",)
    assert json.loads(rows(table, "other_columns")[0][0]) == {"BrandNewField": {"a": 1}}


@pytest.mark.parametrize(
    ("name", "entity", "field"),
    [
        ("students", "students", "InactiveStatusCode"),
        ("students", "students", "Grade"),
        ("students", "students", "LastName"),
        ("courses", "courses", "Title"),
        ("sections", "sections", "CourseID"),
        ("enrollment", "enrollment", "EnterDate"),
        ("schools", "schools", "Name"),
    ],
)
def test_a_required_field_that_no_record_has_fails_the_extract_by_name(
    aeries: Reading, name: str, entity: str, field: str
) -> None:
    everywhere(aeries.server, name, field, None)
    fault = aeries.read()
    assert isinstance(fault, PermanentFault)
    assert fault.tried == f"Reading {entity}"
    assert field in fault.seen


@pytest.mark.parametrize("field", ["StudentID", "StudentNumber"])
def test_a_student_without_what_identifies_a_record_is_not_as_agreed(aeries: Reading, field: str) -> None:
    everywhere(aeries.server, "students", field, None)
    assert f"a record without {field}" in aeries.fault().seen


def test_an_older_build_lacks_newer_fields(aeries: Reading) -> None:
    for name, field in (
        ("schools", "RegionCode"),
        ("schools", "SessionType"),
        ("students", "StudentEmailAddress"),
        ("students", "NextGrade"),
        ("extended", "GraduationCohort"),
        ("sections", "SectionStaffMembers"),
    ):
        everywhere(aeries.server, name, field, None)
    tables = aeries.tables()
    assert not isinstance(tables, Fault)
    assert "StudentEmailAddress" in tables["students"].missing_optional


def test_records_of_a_school_that_do_not_repeat_its_code_are_of_it(aeries: Reading) -> None:
    bare = [
        {name: value for name, value in row.items() if name != "SchoolCode"} for row in aeries.server.sections
    ]
    aeries.server.fault = lambda asked: (
        Answer(200, bare) if asked.path.endswith("/schools/994/sections") else None
    )
    assert rows(aeries.tables()["sections"], "SchoolCode", "SectionNumber") == [
        ("994", "101"),
        ("994", "102"),
    ]


def test_codes_of_students_status_and_of_other_tables_land_together(aeries: Reading) -> None:
    aeries.settings["code_tables"] = ["ENR/ER"]
    aeries.server.codes["ENR/ER"] = [{"Table": "ENR", "Field": "ER", "Code": "160", "Description": "Moved"}]
    found = rows(aeries.tables()["codes"], '"Table"', '"Field"', "Code", "Description")
    assert found == [("ENR", "ER", "160", "Moved"), ("STU", "TG", "I", "Inactive")]
