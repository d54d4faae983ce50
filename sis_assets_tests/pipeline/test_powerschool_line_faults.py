"""What a PowerSchool server does wrong in the middle of a read, and that no account suffers from it (DESIGN §7, §8)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from sis_assets.sandbox.powerschool.data import District
from sis_assets.sandbox.powerschool.day import Churn, after_a_day
from sis_assets.sandbox.powerschool.faults import SCENARIOS, Fault, Kind
from sis_assets.sandbox.powerschool.plugin import Plugin, Rights
from sis_assets.transport import http
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_line import NAME, Line, Opened, assert_as_in_the_truth
from sis_assets_tests.spine import school, schools_text, student, students_text

STUDENTS = "/ws/v1/district/student$"
CHURN = Churn(arrivals=3, leavers=4, returners=2, renamed=3)


@pytest.fixture
def town(opened: Opened) -> Line:
    """A district whose students take eleven pages."""
    return opened(students=90, seed=4, page_sizes={"student": 10})


def statuses_of(town: Line, path: str) -> list[int]:
    return [each.status for each in town.sandbox.log.asked if each.path.endswith(path)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.REVOKE_TOKEN, path=STUDENTS, after=4, times=1),
        Fault(Kind.ROWS_MOVED, path=STUDENTS, after=4, times=3),
        Fault(Kind.ROWS_DELETED, path="/district/student", after=4, times=3),
        Fault(Kind.ROWS_INSERTED, path="/district/student", after=4),
        Fault(Kind.TOTAL_CHANGES, path="/district/student/count", after=1, times=1),
        Fault(Kind.SHORT_PAGE, path=STUDENTS, page=3, times=1),
        Fault(Kind.DUPLICATE_ROWS, path=STUDENTS, page=3, times=1),
        Fault(Kind.RESET, path=STUDENTS, after=2, times=1),
        Fault(Kind.TRUNCATED, path=STUDENTS, after=2, times=1),
        Fault(Kind.INVALID_JSON, path=STUDENTS, after=2, times=1),
        Fault(Kind.STATUS, path="^/ws/", status=503, after=9, times=3),
        Fault(Kind.STATUS, path="^/ws/", status=429, after=3, times=3),
        Fault(Kind.ROWS_MOVED, path="/table/courses$", after=0, times=1),
        Fault(Kind.RESET, path="/section_enrollment$", after=1, times=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.path.strip('^$').rpartition('/')[2]}",
)
def test_trouble_that_passes_leaves_no_trace_in_what_is_known(town: Line, fault: Fault) -> None:
    town.sync()
    town.sandbox.faults.arm(fault)
    outcome = town.night(lambda district: after_a_day(district, CHURN))
    assert outcome.status == "applied", outcome
    [told] = town.sandbox.faults.told()
    assert int(str(told["seen"])) > fault.after, "the fault met a request"
    assert_as_in_the_truth(town)


def test_a_token_revoked_in_mid_paging_costs_one_new_token(town: Line) -> None:
    town.sync()
    town.sandbox.log.clear()
    town.sandbox.faults.arm(Fault(Kind.REVOKE_TOKEN, path=STUDENTS, after=4, times=1))
    assert town.sync().status == "unchanged"
    assert statuses_of(town, "/access_token") == [200]
    assert 1 <= statuses_of(town, "/district/student").count(401) <= 4


def test_a_storm_is_sat_out_for_as_long_as_the_server_wishes(town: Line) -> None:
    town.sandbox.faults.arm(Fault(Kind.STATUS, path=STUDENTS, status=429, retry_after="1", after=2, times=4))
    begin = time.monotonic()
    assert town.sync().status == "applied"
    assert time.monotonic() - begin >= 1
    assert statuses_of(town, "/district/student").count(429) <= 4
    assert_as_in_the_truth(town)


def test_a_storm_that_does_not_end_is_told_with_its_status(town: Line) -> None:
    reason = town.fails(Fault(Kind.STATUS, path=STUDENTS, status=429))
    assert "Reading students" in reason
    assert "429" in reason
    assert len(statuses_of(town, "/district/student")) <= HURRIED.attempts * 8


def test_a_wish_that_is_too_long_ends_the_read_at_once(town: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Patience", lambda: replace(HURRIED, longest_wished_pause_seconds=5.0))
    begin = time.monotonic()
    assert "asks to wait 3600 s" in town.fails(
        Fault(Kind.STATUS, path=STUDENTS, status=429, retry_after="3600")
    )
    assert time.monotonic() - begin < 5


def test_page_seven_that_always_fails_fails_the_extract_and_touches_nobody(town: Line) -> None:
    town.sync()
    before = everything(town)
    town.sandbox.evolve(lambda district: after_a_day(district, CHURN))
    reason = town.fails(*(replace(fault, path=STUDENTS) for fault in SCENARIOS["page_seven_fails"]))
    assert "Reading students, page 7" in reason
    assert reason.endswith("Next move: district.")
    assert [row["status"] for row in town.spine.extracts(NAME)] == ["complete", "failed"]
    assert town.spine.extracts(NAME)[-1]["reason"] == reason
    assert everything(town) == before
    town.sandbox.faults.clear()
    assert town.sync().status == "applied"
    assert_as_in_the_truth(town)


def everything(town: Line) -> dict[str, list[dict[str, Any]]]:
    """All that a read may change but its line in the ledger."""
    tables = town.spine.column(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'lake'"
        " AND schema_name IN ('raw', 'core', 'lifecycle', 'delivery') ORDER BY ALL"
    )
    return {table: town.spine.rows(f"FROM {table} ORDER BY ALL") for table in tables}


@pytest.mark.parametrize(
    ("fault", "entity"),
    [
        (Fault(Kind.ROWS_MOVED, path="/term$"), None),
        (Fault(Kind.TOTAL_CHANGES, path="/district/student/count"), "students"),
        (Fault(Kind.SHORT_PAGE, path=STUDENTS, page=2), "students"),
        (Fault(Kind.DUPLICATE_ROWS, path=STUDENTS, page=2), "students"),
        (Fault(Kind.SHORT_PAGE, path="/table/students$"), "student_ids"),
        (Fault(Kind.TOTAL_CHANGES, path="/district/school/count"), "schools"),
        (Fault(Kind.RESET, path="/table/storedgrades$"), "stored_grades"),
        (Fault(Kind.TRUNCATED, path="/staff$"), "staff"),
        (Fault(Kind.STATUS, path="/section_enrollment$", status=502), "section_enrollments"),
        (Fault(Kind.HTML, path="/table/gradreq$"), "graduation_requirements"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_trouble_that_lasts_names_the_entity_and_whose_move_it_is(
    town: Line, fault: Fault, entity: str | None
) -> None:
    town.sync()
    before = town.active()
    if entity is None:
        town.sandbox.faults.arm(fault)
        assert town.sync().status == "unchanged", "whole pages in another order are the same rows"
        return
    reason = town.fails(fault)
    assert entity in reason
    assert reason.rstrip(".").rpartition("Next move: ")[2] in {"district", "vendor", "engineer"}
    assert town.active() == before


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(Kind.FORBIDDEN, path="/section$"), ("Reading sections", "403")),
        (Fault(Kind.NO_V1_RIGHT, path="^/ws/v1/"), ("accessLevelV1Api", "READ", "401")),
        (
            Fault(Kind.DENY_COLUMNS, path="/table/storedgrades", columns=("storedgrades.grade",)),
            ("Reading stored_grades", "grade"),
        ),
        (Fault(Kind.FORBIDDEN, path="/staff$"), ("Reading staff", "403")),
    ],
    ids=["one entity", "all of v1", "one column", "staff"],
)
def test_a_missing_right_is_named_with_who_grants_it(town: Line, fault: Fault, told: tuple[str, ...]) -> None:
    town.sync()
    before = town.active()
    town.sandbox.log.clear()
    reason = town.fails(fault)
    assert all(word.lower() in reason.lower() for word in told), reason
    assert "Install the newest plugin" in reason
    assert reason.endswith("Next move: district.")
    assert town.active() == before
    assert not statuses_of(town, "/access_token"), "a right is never a reason for a new token"
    refused = [each.path for each in town.sandbox.log.asked if each.status in {401, 403}]
    assert len(refused) == len(set(refused)) or len(refused) <= 4, "what is refused is not asked for again"


def test_a_plugin_without_any_grant_is_told_by_its_first_right(town: Line) -> None:
    town.sandbox.install(Plugin(Rights(v1=None, fields={})))
    assert "accessLevelV1Api" in town.fails()
    town.sandbox.install(Plugin(Rights(v1="READ", fields={})))
    reason = town.fails()
    assert "Reading student_ids" in reason
    assert "students.dcid" in reason.lower()


def test_rejected_records_stand_with_entity_row_key_and_code_and_protect_their_students(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = opened(students=60, seed=4)
    town.sync()
    before = town.active()
    spoiled(
        monkeypatch,
        last_name=lambda _: pl.when(pl.col("student_number") == 114_001).then(None).otherwise("last_name"),
        gender=lambda _: pl.when(pl.col("student_number") == 114_002).then(pl.lit("Q")).otherwise("gender"),
        school=lambda _: pl.when(pl.col("student_number") == 114_003).then(77).otherwise("school"),
    )
    town.sandbox.evolve(lambda district: district)
    outcome = town.sync()
    rejected = {
        (row["record_key"], row["reason_code"]): row for row in town.spine.rejected(NAME, "students").values()
    }
    assert set(rejected) == {
        ("114001", "missing_last_name"),
        ("114002", "invalid_gender"),
        ("114003", "unknown_school"),
    }
    for (key, _), row in rejected.items():
        assert (row["entity"], row["source_file"]) == ("students", "/ws/v1/district/student")
        assert row["row_number"] == int(key) - 114_000, "records are counted in the order of their DCIDs"
        assert key not in row["message"]
        assert key in town.active(), "who cannot be read is not taken away"
    assert {row["reason_code"] for row in town.spine.rejected(NAME, "section_enrollments").values()} <= {
        "student_rejected"
    }
    assert outcome.status in {"applied", "unchanged"}, outcome
    assert town.active().keys() == before.keys()
    files = town.spine.extracts(NAME)[-1]
    assert files["rows_loaded"] + files["rows_rejected"] == sum(file["records"] for file in files["files"])


def spoiled(monkeypatch: pytest.MonkeyPatch, **columns: Callable[[pl.DataFrame], pl.Expr]) -> None:
    """Let the server tell other values of students than its district has."""
    from sis_assets.sandbox.powerschool.data import described  # noqa: PLC0415 - the one that is replaced

    def spoil(district: District) -> pl.DataFrame:
        frame = described(district)
        return frame.with_columns(**{name: made(frame) for name, made in columns.items()})

    monkeypatch.setattr("sis_assets.sandbox.powerschool.database.described", spoil)


def test_two_districts_of_different_kinds_go_through_one_run_and_neither_stops_the_other(town: Line) -> None:
    spine = town.spine
    spine.drop(
        "filetown", {"School.txt": schools_text(), "Student.txt": students_text(*map(student, range(9)))}
    )
    together = spine.sync(at=town.evening)
    assert {name: str(found.status) for name, found in together.items()} == {
        NAME: "applied",
        "filetown": "applied",
    }
    assert_as_in_the_truth(town)
    assert spine.column("SELECT count(*) FROM core.students WHERE district_id = 'filetown'") == [9]
    spine.drop(
        "filetown", {"School.txt": schools_text(), "Student.txt": students_text(*map(student, range(8)))}
    )
    town.sandbox.faults.arm(Fault(Kind.STATUS, path=STUDENTS, status=500))
    together = spine.sync(at=town.evening)
    assert {name: str(found.status) for name, found in together.items()} == {
        NAME: "failed",
        "filetown": "applied",
    }
    town.sandbox.faults.clear()
    (spine.folder("filetown") / "Student.txt").write_text("StudentID\n")
    town.sandbox.evolve(lambda district: after_a_day(district, CHURN))
    together = spine.sync(at=town.evening)
    assert {name: str(found.status) for name, found in together.items()} == {
        NAME: "applied",
        "filetown": "failed",
    }
    assert_as_in_the_truth(town)


def test_a_district_that_changes_its_sis_keeps_nothing_of_the_old_one(town: Line) -> None:
    spine, powerschool = town.spine, town.spine.districts.pop(NAME)
    old = [student(n, CurrentSchoolCode="16") for n in range(30)]
    spine.drop(NAME, {"School.txt": schools_text(school()), "Student.txt": students_text(*old)})
    assert spine.sync(at=town.evening)[NAME].status == "applied"
    spine.districts[NAME] = powerschool
    outcome = town.sync()
    assert outcome.status in {"applied", "held"}, outcome
    assert_core_is_powerschools(town)
    tables = spine.column(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'core'"
    )
    for table in tables:
        ids = spine.rows(f"FROM core.{table} WHERE district_id = ?", NAME)
        assert "16" not in {row.get("school_id") for row in ids}, table
    spine.districts.pop(NAME)
    spine.drop(NAME, {"School.txt": schools_text(school()), "Student.txt": students_text(*old)})
    spine.district(NAME)
    back = spine.sync(at=town.evening)[NAME]
    assert back.status in {"applied", "held"}, back
    for table in ("terms", "sections", "section_enrollments", "staff", "graduation_requirements"):
        assert spine.rows(f"FROM core.{table} WHERE district_id = ?", NAME) == [], table
    assert len(spine.students(NAME)) == 30


def assert_core_is_powerschools(town: Line) -> None:
    truth = town.sandbox.truth()
    numbers = {
        str(number) for number in truth.students.filter(pl.col("school_number") < 999_999)["student_number"]
    }
    assert town.students().keys() == numbers
    assert {row[0] for row in town.table("schools", "school_id")} == {
        str(n) for n in truth.schools["school_number"]
    }


def test_a_list_of_one_is_read_as_a_list_everywhere(opened: Opened) -> None:
    """One school, one student, one section, and pages of one row: each list collapses to an object on the way."""
    town = opened(
        students=1,
        seed=8,
        page_sizes=dict.fromkeys(("student", "school", "section", "section_enrollment", "staff", "term"), 1),
    )
    assert town.sync().status == "applied"
    assert_as_in_the_truth(town)
    assert len(town.table("schools", "school_id")) == 1
    truth = town.sandbox.truth()
    assert len(town.table("sections", "section_id")) == truth.sections.height
    assert len(list(itertools.chain(town.table("terms", "term_id")))) == 6
