"""What comes back from a SIS confirms requests one by one, and says nothing of what it does not name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sis_assets.model.faults import NeedsPerson, PermanentFault
from sis_assets.pipeline.requests.confirm import Confirmed, confirm
from sis_assets.pipeline.requests.overview import COLUMNS, overview, unconfirmed
from sis_assets.sis.delimited import Readers
from sis_assets_tests.requests_line import FILE_SIS, POWERSCHOOL_SIS, Asking, request

LOG = "STUDENT_ID,SCHOOL_YEAR,BUILDING,COURSE,RESULT\n"


@pytest.fixture
def asking(tmp_path: Path, readers: Readers) -> Asking:
    drop = tmp_path / "drop"
    drop.mkdir()
    made = Asking(tmp_path, readers, sis={**FILE_SIS, "dropzone": {"folder": str(drop), "quiet_seconds": 0}})
    made.core()
    made.take_in(request(1), request(2), request(1, "M201"))
    made.export()
    return made


def look(asking: Asking, files: Mapping[str, str] | None = None, *, dry_run: bool = False) -> Confirmed:
    paths = {name: asking.write(text) for name, text in files.items()} if files is not None else None
    return confirm(asking.stage, asking.district, paths, dry_run=dry_run)


def results(asking: Asking) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {
        (row["student_id"], row["course_code"]): (row["result"], row["reason"])
        for row in asking.rows("FROM requests.confirmations")
    }


def test_a_log_in_the_drop_is_reconciled_row_by_row(asking: Asking) -> None:
    (asking.root / "drop" / "course_requests.log.csv").write_text(
        LOG + "1001,2028,16,E101,Inserted\n1002,2028,16,E101,ERROR no such course\n"
    )
    found = look(asking)
    assert found.counts == {"confirmed": 1, "missing": 1, "changed": 0, "extra": 0}
    assert results(asking) == {
        ("1001", "E101"): ("confirmed", None),
        ("1002", "E101"): ("missing", "refused_by_sis"),
    }
    assert asking.judged() == [("confirmed", None), ("missing", "refused_by_sis"), ("sent", None)]
    first = asking.rows()[0]["confirmed_at"]
    asking.at = "2027-02-03T20:00:00-08:00"
    look(asking)
    assert asking.rows()[0]["confirmed_at"] == first


def test_the_words_and_names_of_a_log_are_the_districts(asking: Asking) -> None:
    asking.requests(answers={"log": "upload.log", "result": "STATE", "accepted": ["ok"]})
    (asking.root / "drop" / "upload.log").write_text("STUDENT_ID,COURSE,STATE\n1001,E101,OK\n")
    assert look(asking).counts["confirmed"] == 1


def test_an_empty_drop_says_that_nothing_came_back(asking: Asking) -> None:
    found = look(asking)
    assert (found.counts, "Next move: district" in found.waiting) == ({}, True)
    assert asking.judged() == [("sent", None)] * 3


def test_a_download_speaks_of_everything_and_a_log_beside_it_says_why(asking: Asking) -> None:
    held = "STUDENT_ID,BUILDING,COURSE,REQUEST_TYPE,ALT_TO_REQUEST\n1001,16,E101,R,\n1001,16,M201,A,E101\n9,16,X,R,\n"
    found = look(asking, {"held": held, "log": LOG + "1002,2028,16,E101,ERROR\n"})
    assert found.counts == {"confirmed": 1, "missing": 1, "changed": 1, "extra": 1}
    assert results(asking) == {
        ("1001", "E101"): ("confirmed", None),
        ("1002", "E101"): ("missing", "refused_by_sis"),
        ("1001", "M201"): ("changed", "changed_in_sis"),
        ("9", "X"): ("extra", "only_in_sis"),
    }
    later = look(asking, {"held": "STUDENT_ID,COURSE\n1001,E101\n1002,E101\n1001,M201\n"})
    assert later.counts == {"confirmed": 3, "missing": 0, "changed": 0, "extra": 0}
    assert len(results(asking)) == 3


def test_a_dry_run_of_the_comparison_keeps_nothing(asking: Asking) -> None:
    found = look(asking, {"held": "STUDENT_ID,COURSE\n1001,E101\n"}, dry_run=True)
    assert (found.counts["confirmed"], found.counts["missing"]) == (1, 2)
    assert results(asking) == {}
    assert asking.judged() == [("sent", None)] * 3


def test_lines_that_cannot_be_read_are_counted_and_a_file_without_the_student_is_refused(
    asking: Asking,
) -> None:
    assert look(asking, {"log": LOG + "1001,2028,16,E101,INSERTED\nbroken\n"}).unreadable == 1
    with pytest.raises(PermanentFault, match="required column"):
        look(asking, {"held": "COURSE\nE101\n"})
    asking.requests(columns={"STUDENT_ID": None})
    with pytest.raises(NeedsPerson, match="leaves out the student"):
        look(asking, {"held": "COURSE\nE101\n"})


def test_what_is_missing_is_sent_again_and_may_be_confirmed_then(asking: Asking) -> None:
    look(asking, {"held": "STUDENT_ID,COURSE\n1001,E101\n"})
    asking.export()
    assert len(asking.lines()) == 4
    assert [status for status, _ in asking.judged()] == ["confirmed", "missing", "missing"]
    look(asking, {"held": "STUDENT_ID,COURSE\n1001,E101\n1002,E101\n1001,M201\n"})
    assert asking.judged() == [("confirmed", None)] * 3


def test_powerschools_own_file_is_read_back_by_its_columns(tmp_path: Path, readers: Readers) -> None:
    asking = Asking(tmp_path, readers, sis=POWERSCHOOL_SIS)
    asking.core()
    asking.take_in(request(1), request(2))
    asking.export()
    held = "Student_Number\tCourseNumber\tSchoolID\tYearID\tGlobalAlternateCourse\n1001\tE101\t16\t37\t0\n1002\tE101\t16\t37\t1\n"
    assert look(asking, {"held": held}).counts == {"confirmed": 1, "missing": 0, "changed": 1, "extra": 0}
    assert look(asking, {"held": held.replace("37", "36")}).counts["missing"] == 2


def test_a_sis_without_a_way_to_look_says_how_to_name_its_download(tmp_path: Path, readers: Readers) -> None:
    sis = {
        "kind": "eschoolplus_api",
        "url": "http://127.0.0.1:9",
        "version": "1.1",
        "auth": {"kind": "oauth1", "consumer_key": "k", "consumer_secret": {"env": "NO_SECRET"}},
    }
    asking = Asking(tmp_path, readers, sis=sis)
    asking.core()
    assert "--held" in look(asking).waiting


def test_the_counsellors_view_counts_by_school_and_course_and_names_nobody(asking: Asking) -> None:
    look(asking, {"log": LOG + "1001,2028,16,E101,INSERTED\n"})
    assert asking.warehouse is not None
    with asking.warehouse.read() as connection:
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in overview(connection, "sample")]
    assert [(row["course_code"], row["sent"], row["confirmed"]) for row in rows] == [
        ("E101", 1, 1),
        ("M201", 1, 0),
    ]
    assert "1001" not in str(rows)


@pytest.mark.parametrize(
    ("at", "count"),
    [
        ("2027-02-01T23:59:00-08:00", 0),
        ("2027-02-02T23:59:00-08:00", 0),
        ("2027-02-03T00:01:00-08:00", 3),
    ],
)
def test_two_nights_are_counted_by_the_districts_days(asking: Asking, at: str, count: int) -> None:
    asking.at = at
    assert asking.warehouse is not None
    now = {
        "sample": (asking.stage.clock.now(), "America/Los_Angeles"),
        "other": (asking.stage.clock.now(), "UTC"),
    }
    with asking.warehouse.read() as connection:
        assert unconfirmed(connection, now) == {"sample": count, "other": 0}
    look(asking, {"held": "STUDENT_ID,COURSE\n1001,E101\n1002,E101\n1001,M201\n"})
    with asking.warehouse.read() as connection:
        assert unconfirmed(connection, now)["sample"] == 0
