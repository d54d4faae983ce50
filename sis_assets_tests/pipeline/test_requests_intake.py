"""Files of requests come in once, whatever they are written in, and lose no row."""

from __future__ import annotations

from pathlib import Path

import pytest

from sis_assets.sis.delimited import Readers
from sis_assets_tests.requests_line import Asking, request


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
