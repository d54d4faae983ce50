"""Files of requests come in once, whatever they are written in, and lose no row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sis_assets.model.faults import NeedsPerson, PermanentFault
from sis_assets.model.requests import FIELDS
from sis_assets.pipeline.requests.intake import take_in
from sis_assets.sis.delimited import Readers
from sis_assets_tests.builders import student
from sis_assets_tests.requests_line import POWERSCHOOL_SIS, Asking, course, request


@pytest.fixture
def asking(tmp_path: Path, readers: Readers) -> Asking:
    made = Asking(tmp_path, readers)
    made.core()
    return made


def test_every_row_of_a_file_is_judged_and_counted(asking: Asking) -> None:
    taken = asking.take_in(
        request(1),
        request(1),
        request(2, "NONE"),
        request(2, kind="withdrawn"),
        request(2, "M201"),
        request(2, "M201", requested_at="2027-01-16T10:00:00Z"),
    )
    assert taken.counts == {"valid": 2, "duplicate": 1, "invalid": 1, "superseded": 1, "withdrawn": 1}
    assert taken.total == 6
    assert asking.judged() == [
        ("valid", None),
        ("duplicate", "duplicate_row"),
        ("invalid", "unknown_course"),
        ("withdrawn", "withdrawn"),
        ("superseded", "superseded"),
        ("valid", None),
    ]


def test_the_same_file_again_changes_nothing(asking: Asking) -> None:
    rows = (request(1), request(1), request(2, "NONE"))
    first = asking.take_in(*rows)
    before = asking.rows()
    again = asking.take_in(*rows)
    assert (again.known, again.import_id, again.counts) == (True, first.import_id, first.counts)
    assert asking.rows() == before


def test_a_row_of_an_earlier_import_is_the_same_row_and_keeps_what_became_of_it(asking: Asking) -> None:
    asking.take_in(request(1))
    asking.export()
    sent = asking.rows()[0]["sent_at"]
    asking.at = "2027-02-02T20:00:00-08:00"
    taken = asking.take_in(request(2), request(1))
    assert taken.counts["valid"] == 2
    rows = {row["student_id"]: row for row in asking.rows()}
    assert len(rows) == 2
    assert (rows["1001"]["status"], rows["1001"]["sent_at"]) == ("sent", sent)
    assert (rows["1002"]["status"], rows["1002"]["sent_at"]) == ("valid", None)


def test_a_file_of_before_is_taken_in_again_after_another_one(asking: Asking) -> None:
    first = (request(1), request(2, kind="withdrawn"))
    asking.take_in(*first)
    asking.take_in(request(1, requested_at="2027-01-16T10:00:00Z"))
    assert asking.judged() == [("superseded", "superseded"), ("withdrawn", "withdrawn"), ("valid", None)]
    taken = asking.take_in(*first)
    assert (taken.import_id, taken.known, taken.total) == ("sample-000003", False, 2)
    assert asking.judged() == [("valid", None), ("superseded", "superseded"), ("withdrawn", "withdrawn")]


def test_a_duplicate_has_no_history_of_its_own(asking: Asking) -> None:
    asking.take_in(request(1), request(1))
    asking.export()
    asking.take_in(request(2), request(1), request(1))
    rows = [(row["student_id"], row["status"], row["sent_at"] is not None) for row in asking.rows()]
    assert rows == [("1002", "valid", False), ("1001", "sent", True), ("1001", "duplicate", False)]


def test_a_dry_run_says_what_would_be_and_keeps_nothing(asking: Asking) -> None:
    taken = asking.take_in(request(1), request(2, "NONE"), dry_run=True)
    assert (taken.counts["valid"], taken.reasons) == (1, {"unknown_course": 1})
    assert asking.rows() == []
    assert asking.rows("FROM requests.imports") == []
    asking.take_in(request(1))
    done = asking.export(dry_run=True)
    assert (done.records, done.files) == (1, ())
    assert not asking.out.exists()
    assert asking.judged() == [("valid", None)]


def test_a_record_that_cannot_be_split_is_told_by_its_number_and_the_others_are_taken(asking: Asking) -> None:
    good = ",".join(request(1).values())
    path = asking.write(",".join(FIELDS) + f"\n{good}\n{good},more\n\n" + ",".join(request(2).values()))
    taken = take_in(asking.stage, asking.district, path)
    assert (taken.counts["valid"], taken.reasons) == (2, {"unreadable": 1})
    asking.export()
    assert asking.report()[1:] == [["1", "valid", ""], ["2", "invalid", "unreadable"], ["3", "valid", ""]]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1, 2]",
        '"text"',
        '{"school_year": 2028.0}',
        '{"school_year": [2028]}',
        '{"school_year": true}',
        '{"school_year": NaN}',
        "\\xff",
    ],
)
def test_a_line_that_is_no_object_of_texts_is_refused_alone(asking: Asking, line: str) -> None:
    good = [json.dumps(request(number)) for number in (1, 2)]
    content = "\n".join([good[0], line, "", good[1]]).encode().replace(b"\\xff", b"\xff")
    taken = take_in(asking.stage, asking.district, asking.write(content, ".ndjson"))
    assert (taken.counts["valid"], taken.reasons) == (2, {"unreadable": 1})
    assert [row["row_number"] for row in asking.rows()] == [1, 2, 3]


def test_ndjson_may_leave_keys_out_and_hold_what_csv_would_quote(asking: Asking) -> None:
    row: dict[str, object] = {name: value for name, value in request().items() if value}
    asking.take_in_json(
        row | {"priority": 3, "other": {"a": 1}}, row | {"student_id": 'a"b,c', "alternate_for": None}
    )
    first, second = asking.rows()
    assert (first["status"], first["priority"]) == ("valid", 3)
    assert (second["student_id"], second["reason"]) == ('a"b,c', "unsafe_value")


@pytest.mark.parametrize(
    ("content", "suffix", "seen"),
    [
        ("school_year,student_id\n2028,1001\n", ".csv", "required column"),
        (",".join(FIELDS) + "\n", ".csv", "no records"),
        ("", ".csv", "empty|blank"),
        ("x", ".xlsx", "neither .csv nor .ndjson"),
        (",".join(FIELDS).encode() + b"\n\xff\n", ".csv", "utf-8|UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(
    asking: Asking, content: str | bytes, suffix: str, seen: str
) -> None:
    with pytest.raises((NeedsPerson, PermanentFault), match=seen):
        take_in(asking.stage, asking.district, asking.write(content, suffix))
    with pytest.raises(NeedsPerson, match="No such file"):
        take_in(asking.stage, asking.district, asking.root / "none.csv")
    assert asking.rows("FROM requests.imports") == []
    assert not list((asking.root / "home" / "warehouse" / "scratch").iterdir())


def test_without_a_calendar_or_a_way_back_nothing_is_taken_in(asking: Asking) -> None:
    asking.settings = {"calendar": {}}
    with pytest.raises(NeedsPerson, match=r"calendar\.year_end"):
        asking.take_in(request())
    asking.settings = {}
    asking.sis = {"kind": "oneroster_files", "dropzone": {"folder": "/nowhere"}}
    with pytest.raises(NeedsPerson, match="takes none"):
        asking.take_in(request())


def test_an_export_without_an_import_says_what_to_do_first(asking: Asking) -> None:
    with pytest.raises(NeedsPerson, match="requests import"):
        asking.export()


def test_export_writes_the_contracts_file_and_a_report(asking: Asking) -> None:
    asking.take_in(
        request(1),
        request(1, "M201", kind="alternate", alternate_for="E101", priority="1"),
        request(2, "NONE"),
    )
    done = asking.export()
    assert done.records == 2
    assert asking.lines() == [
        "STUDENT_ID,SCHOOL_YEAR,BUILDING,SCHD_INTERVAL,COURSE,REQUEST_TYPE,IS_LOCKED,TEACHER_OVERLOAD,RETAKE,ALT_TO_REQUEST,ALTERNATE_SEQUENCE",
        "1001,2028,16,1,E101,R,N,N,N,,",
        "1001,2028,16,1,M201,A,N,N,N,E101,1",
    ]
    assert asking.report() == [
        ["row", "status", "reason_code"],
        ["1", "valid", ""],
        ["2", "valid", ""],
        ["3", "invalid", "unknown_course"],
    ]


def test_columns_literals_types_and_names_are_the_districts(asking: Asking) -> None:
    asking.requests(
        columns={"COURSE": "course_code", "SCHOOL_YEAR": None, "ASKED": "requested_at", "SORT": "kind"},
        literals={"SCHD_INTERVAL": "2", "IS_LOCKED": "Y", "MODE": ""},
        types={"alternate": "B"},
    )
    asking.take_in(request(), request(1, "M201", kind="alternate", alternate_for="E101"))
    asking.export()
    assert asking.lines() == [
        "STUDENT_ID,BUILDING,SCHD_INTERVAL,COURSE,REQUEST_TYPE,IS_LOCKED,TEACHER_OVERLOAD,RETAKE,ALT_TO_REQUEST,ALTERNATE_SEQUENCE,ASKED,SORT,MODE",
        "1001,16,2,E101,R,Y,N,N,,,2027-01-15T10:00:00Z,primary,",
        "1001,16,2,M201,B,Y,N,N,E101,,2027-01-15T10:00:00Z,alternate,",
    ]


@pytest.mark.parametrize("literal", ["a,b", 'a"b', "=1", "a\tb", "ł"])
def test_a_literal_that_the_file_cannot_hold_is_refused(asking: Asking, literal: str) -> None:
    asking.requests(literals={"MODE": literal})
    with pytest.raises(NeedsPerson, match=r"sis\.requests"):
        asking.take_in(request())


def test_the_file_is_cp1252_whatever_the_districts_files_are(asking: Asking) -> None:
    asking.sis = {**asking.sis, "files": {"encoding": "utf-8"}}
    asking.core(courses=[course("É€1"), course("E101"), course("łódź")])
    asking.take_in(request(1, "É€1"), request(1, "łódź"))
    asking.export()
    content = (asking.out / "course_requests.csv").read_bytes()
    assert content.count(b"\xc9\x801") == 1
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert asking.judged()[1] == ("invalid", "unsafe_value")


def test_powerschools_year_may_be_a_term(asking: Asking) -> None:
    asking.sis = POWERSCHOOL_SIS
    asking.core()
    asking.requests(year_id="term")
    asking.take_in(request())
    asking.export()
    assert asking.lines("course_requests.txt", "utf-8") == [
        "Student_Number\tCourseNumber\tSchoolID\tYearID\tAlternateGroupCode\tGlobalAlternateCourse\tAlternatePriority",
        "1001\tE101\t16\t3700\t\t0\t",
    ]


def test_only_an_alternate_has_a_place_in_the_order_of_alternates(asking: Asking) -> None:
    asking.take_in(request(priority="5"))
    asking.export()
    assert asking.lines()[1].endswith(",R,N,N,N,,")


def test_what_is_invalid_later_is_left_out_and_keeps_when_it_was_sent(asking: Asking) -> None:
    asking.take_in(request(1), request(2))
    asking.export()
    sent = asking.rows()[0]["sent_at"]
    asking.core(students=[student(1, status="inactive"), student(2)])
    asking.at = "2027-02-03T20:00:00-08:00"
    asking.export()
    assert [line.split(",")[0] for line in asking.lines()[1:]] == ["1002"]
    assert asking.report()[1:] == [["1", "invalid", "student_not_active"], ["2", "valid", ""]]
    assert [(row["status"], row["sent_at"]) for row in asking.rows()] == [("invalid", sent), ("sent", sent)]
