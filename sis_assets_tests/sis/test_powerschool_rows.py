"""What the server says becomes text in the contract's columns, and nothing gets lost (contract §1.3, §1.6, §1.7, §1.12)."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest

from sis_assets.model.faults import Fault, PermanentFault
from sis_assets.sis.documents import values
from sis_assets.sis.powerschool import contract, plugin
from sis_assets.sis.powerschool.layout import V1, TableRows
from sis_assets_tests.powerschool_district import Reading, rows
from sis_assets_tests.powerschool_server import Answer, Asked, student

QUERY = contract.SECTION_ENROLLMENTS.query
SEATS = [
    {"id": "8001", "section_id": "901", "student_id": "51", "entry_date": "2025-08-20", "dropped": "false"},
    {"id": "8002", "section_id": "777", "student_id": "51", "entry_date": "2025-08-20", "dropped": "false"},
]

TRAPS = {
    "accents": "Zoë Ñandú Łódź",
    "combining": "A\u0308A\u030a\u0301",
    "right to left": "\u202eאבג\u202c عربي",
    "zero width": "A\u200b\u200d\ufeffB",
    "emoji": "👩🏽‍🎓🇺🇸",
    "beyond the basic plane": "𠮷野家",
    "hawaiian": "Ka\u02bbahumanu \u02bbŌ",
    "control characters": "a\tb\nc\rd\x00e\x1ff\x7f",
    "separators": "a\u2028b\u2029c|d,e;f\"g'h\\i",
    "our own marks": "\x01\x02",
    "looks like JSON": '{"name":{}},"x":null',
    "looks like SQL": "Robert'); DROP TABLE--",
    "looks like nothing": "null",
    "escapes": "\\ud800 \\n &amp; %20",
    "blanks outside": "  a  ",
    "long": "x" * 100_000,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_name_arrives_as_it_was_sent(reading: Reading, trap: str) -> None:
    reading.server.students[0]["name"] = {"first_name": TRAPS[trap], "last_name": TRAPS[trap]}
    found = reading.tables()["students"]
    assert rows(found, "first_name", "last_name")[0] == (TRAPS[trap], TRAPS[trap])
    assert (found.records, found.rejected) == (3, ())


@pytest.mark.parametrize("half", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_half_a_character_is_no_text_and_refuses_its_record_alone(reading: Reading, half: str) -> None:
    reading.server.students[1]["name"]["first_name"] = half
    found = reading.tables()["students"]
    assert rows(found, "row_number", "id") == [(1, "51"), (3, "53")]
    assert found.records == 3
    assert [(r.row_number, r.record_key, r.reason_code) for r in found.rejected] == [
        (2, None, "half_a_character")
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (95001, "95001"),
        ("02118", "02118"),
        ("T123A", "T123A"),
        (1234567890123456789012345, "1234567890123456789012345"),
        (-1, "-1"),
        (0, "0"),
        (True, "true"),
        ("", ""),
        (None, None),
        ("0.00", "0.00"),
        (1.10, "1.1"),
    ],
)
def test_a_value_is_the_text_that_the_server_wrote_whatever_its_type(
    reading: Reading, value: Any, expected: str | None
) -> None:
    reading.server.students[0]["state_province_id"] = value
    assert rows(reading.tables()["students"], "state_province_id")[0] == (expected,)


def test_numbers_are_not_rounded(reading: Reading) -> None:
    sent = json.dumps({"students": {"student": student(1) | {"local_id": 1, "state_province_id": 2}}})
    body = sent.replace('"local_id": 1', '"local_id": 123456789012345678901234567890').replace(
        '"state_province_id": 2', '"state_province_id": 1.50'
    )
    reading.server.students = [student(1)]
    reading.server.fault = lambda asked: (
        Answer(200, body.encode()) if asked.path == "/ws/v1/district/student" else None
    )
    found = reading.tables()["students"]
    assert rows(found, "id", "local_id", "state_province_id") == [
        ("1", "123456789012345678901234567890", "1.50")
    ]


@pytest.mark.parametrize(
    "number", ["1.50", "1.0E10", "0.1", "999999999999999999", "9999999999999999999", "-7"]
)
def test_a_number_is_the_same_text_whatever_else_stands_on_its_page(number: str) -> None:
    alone = values.parse(f'[{{"a": {number}, "b": 5}}]'.encode())
    beside = values.parse(f'[{{"a": {number}, "b": 5}}, 12345678901234567890123, 1.5]'.encode())
    assert alone == beside[:1]
    assert (values.text(alone[0]["a"]), alone[0]["b"]) == (number, 5)


def test_empty_elements_are_empty_objects(reading: Reading) -> None:
    reading.server.students[0] |= {"demographics": "", "contact_info": "", "schedule_setup": ""}
    found = rows(reading.tables()["students"], "gender", "email", "next_school", "other_columns")
    assert found[0] == (None, None, None, None)


def test_the_status_code_is_found_under_both_names(reading: Reading) -> None:
    enrollment = reading.server.students[0]["school_enrollment"]
    enrollment["status_code"] = enrollment.pop("enroll_status_code")
    assert rows(reading.tables()["students"], "enroll_status_code", "other_columns")[0] == ("0", None)


def test_a_field_that_nobody_knows_is_kept_and_reported(reading: Reading) -> None:
    first = reading.server.students[0]
    first["_extension_data"] = {"_table_extension": {"name": "u_demo_x"}}
    first["school_enrollment"]["pathway"] = "STEM"
    found = reading.tables()["students"]
    assert found.unknown_columns == (
        "_extension_data._table_extension.name",
        "school_enrollment.pathway",
    )
    kept = rows(found, "other_columns")
    assert json.loads(kept[0][0]) == {
        "_extension_data": {"_table_extension": {"name": "u_demo_x"}},
        "school_enrollment.pathway": "STEM",
    }
    assert kept[2] == (None,)


def test_comments_about_people_and_private_addresses_do_not_even_land(reading: Reading) -> None:
    landed = b"".join(file.path.read_bytes() for file in reading.fetch().files)
    for content in (b"Promote Same School", b"1 Nowhere"):
        assert content not in landed


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("local_id",), "local_id"),
        (("name", "last_name"), "name.last_name"),
        (("school_enrollment", "grade_level"), "school_enrollment.grade_level"),
        (("school_enrollment", "enroll_status_code"), "school_enrollment.enroll_status_code"),
    ],
)
def test_a_required_field_that_no_record_has_fails_the_read_by_its_name(
    reading: Reading, path: tuple[str, ...], named: str
) -> None:
    for each in reading.server.students:
        holder = each if len(path) == 1 else each[path[0]]
        del holder[path[-1]]
    fault = reading.read()
    assert isinstance(fault, PermanentFault)
    assert fault.seen == f"no record has {named}"


def test_a_required_field_that_one_record_lacks_is_that_records_trouble(reading: Reading) -> None:
    del reading.server.students[0]["name"]["last_name"]
    assert rows(reading.tables()["students"], "last_name") == [(None,), ("Student",), ("Student",)]


def test_a_table_that_answers_with_other_tables_is_refused(reading: Reading) -> None:
    body = {"name": "courses", "record": {"id": 1, "tables": {"schools": {"dcid": "1"}}}}
    reading.server.fault = lambda asked: (
        Answer(200, body) if asked.path == "/ws/schema/table/courses" else None
    )
    assert "without the table's columns" in reading.fault().seen


@pytest.mark.parametrize("record", [[], None, "missing"])
def test_an_empty_table_comes_in_several_forms(reading: Reading, record: Any) -> None:
    body = {"name": "gradreq"} | ({} if record == "missing" else {"record": record})
    reading.server.fault = lambda asked: (
        Answer(200, body) if asked.path == "/ws/schema/table/gradreq" else None
    )
    assert reading.tables()["graduation_requirements"].records == 0


def test_a_row_may_carry_more_than_one_table(reading: Reading) -> None:
    tables = {"u_extra": {"dcid": "9"}, "gradreqsets": {"dcid": "1", "id": "11", "name": "Diploma"}}
    pages = [{"name": "gradreqsets", "record": {"id": 1, "tables": tables}}]

    def answer(asked: Asked) -> Answer | None:
        if asked.path == "/ws/schema/table/gradreqsets/count":
            return Answer(200, {"count": 1})
        return Answer(200, pages[0]) if asked.path == "/ws/schema/table/gradreqsets" else None

    reading.server.fault = answer
    assert rows(reading.tables()["graduation_sets"], "dcid", "id", "name") == [("1", "11", "Diploma")]


def test_both_forms_of_a_count_are_understood(reading: Reading) -> None:
    reading.server.fault = lambda asked: (
        Answer(200, {"count": "3"}) if asked.path == "/ws/v1/district/student/count" else None
    )
    assert reading.tables()["students"].records == 3


def test_courses_of_schools_and_seats_are_asked_for_from_last_year_on(reading: Reading) -> None:
    server = reading.server
    server.terms.append(dict(server.terms[0], id=1, start_year=2019))
    server.sections.append(dict(server.sections[0], id=700, term_id=1))
    server.tables["school_course"].append({"dcid": 2, "courseid": 174, "schoolid": 3001, "yearid": 33})
    found = reading.tables()
    assert rows(found["school_courses"], "dcid") == [("1",)]
    assert rows(found["sections"], "id") == [("700",), ("901",)]
    assert "/ws/v1/section/700/section_enrollment" not in server.paths()


def test_only_the_store_codes_of_the_district_file_are_read(reading: Reading) -> None:
    blank = dict.fromkeys(contract.STORED_GRADES.column_names, "")
    reading.server.tables["storedgrades"] = [
        blank | {"dcid": 1, "storecode": "Y1"},
        blank | {"dcid": 2, "storecode": "Q1"},
        blank | {"dcid": 3, "storecode": "S 2"},
    ]
    assert rows(reading.tables()["stored_grades"], "dcid") == [("1",), ("2",), ("3",)]
    reading.settings = {"store_codes": ["Y1", "S 2"]}
    assert rows(reading.tables()["stored_grades"], "dcid") == [("1",), ("3",)]


def test_the_plugins_query_is_used_where_it_is_and_gives_the_same_rows(reading: Reading) -> None:
    assert QUERY is not None
    normal = rows(reading.tables()["section_enrollments"], "id", "section_id", "student_id", "dropped")
    reading.server.asked.clear()
    reading.server.queries = {QUERY.name: SEATS}
    assert (
        rows(reading.tables()["section_enrollments"], "id", "section_id", "student_id", "dropped") == normal
    )
    assert not [path for path in reading.server.paths() if path.startswith("/ws/v1/section/")]
    (posted, *_) = [asked for asked in reading.server.asked if asked.path == QUERY.path]
    assert (posted.method, json.loads(posted.body)) == ("POST", {"first_term": "3400"})


def test_an_older_plugin_without_the_query_is_no_failure(reading: Reading) -> None:
    reading.fetch()
    assert QUERY is not None
    assert reading.server.paths().count(f"{QUERY.path}/count") == 1
    assert "/ws/v1/section/901/section_enrollment" in reading.server.paths()


def test_the_client_asks_for_exactly_what_the_plugin_grants(reading: Reading) -> None:
    """Both ways of reading together use every right and every query of the plugin, and no other."""
    assert QUERY is not None
    reading.fetch()
    reading.server.queries = {QUERY.name: SEATS}
    reading.fetch()
    read: set[tuple[str, str]] = set()
    posted: set[str] = set()
    for asked in reading.server.asked:
        kind, _, name = asked.path.removeprefix("/ws/schema/").partition("/")
        if kind == "table" and "projection" in asked.query:
            read |= {(name.upper(), column.upper()) for column in asked.query["projection"].split(",")}
        if kind == "query":
            posted.add(asked.path.removesuffix("/count"))
    archive = ZipFile(BytesIO(plugin.built("office@x.test")))
    queries = ET.fromstring(archive.read("queries_root/sis_assets.named_queries.xml"))
    for place in (*queries.iter("column"), *queries.iter("arg")):
        read.add(tuple(place.attrib["column"].split(".")))  # type: ignore[arg-type]
    granted = {
        (field.attrib["table"], field.attrib["field"])
        for field in ET.fromstring(archive.read("plugin.xml")).iter(
            "{http://plugin.powerschool.pearson.com}field"
        )
    }
    assert read == granted
    assert posted == {f"/ws/schema/query/{query.attrib['name']}" for query in queries}


def test_what_must_be_asked_for_is_asked_for(reading: Reading) -> None:
    reading.fetch()
    asked = {request.path: request.query.get("expansions") for request in reading.server.asked}
    assert asked["/ws/v1/district/student"] == "contact_info,demographics,schedule_setup,school_enrollment"
    assert asked["/ws/v1/school/3/staff"] == "emails,school_affiliations"
    assert asked["/ws/v1/district/school"] is None
    assert {r.query["expansions"] for r in reading.server.asked if r.path == "/ws/v1/district"} == {
        "entry_codes",
        "exit_codes",
    }


def test_every_entity_has_a_key_distinct_columns_and_one_source() -> None:
    for entity in contract.ENTITIES:
        assert len(set(entity.column_names)) == len(entity.column_names)
        assert entity.fields[0].required
        if isinstance(entity.source, TableRows):
            assert entity.key == "dcid"
            assert all(field.required for field in entity.fields), (
                "a table answers every column that is asked for"
            )
        else:
            assert isinstance(entity.source, V1)
            assert entity.key == "id"


def test_one_districts_trouble_with_a_file_is_told_as_a_fault(reading: Reading) -> None:
    for each in reading.server.students:
        del each["local_id"]
    assert isinstance(reading.read(), Fault)
