"""Deletion on request in a district that is read by an API, against the sandbox's PowerSchool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sis_assets.assets.platform import ALL_TABLES
from sis_assets.pipeline.purge import Order, purge
from sis_assets.pipeline.stage import Clock
from sis_assets.sandbox.powerschool.day import Churn, after_a_day
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_line import CLIENT_ID, CLIENT_SECRET, ID_NAME, NAME, SECRET_NAME, Line
from sis_assets_tests.spine import Spine
from sis_assets_tests.test_purge import leaks

pytestmark = pytest.mark.long

CHURN = Churn(arrivals=3, leavers=2, transfers=2, renamed=2, readdressed=2)


@pytest.fixture
def line(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A PowerSchool after two nights, in a lake on the disk."""
    monkeypatch.setenv(ID_NAME, CLIENT_ID)
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    settings = Settings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    home = Home.at(tmp_path / "home")
    with Warehouse(home, ALL_TABLES) as warehouse, Sandbox(settings=settings, students=90, seed=7) as sandbox:
        found = Line(Spine(tmp_path, readers, warehouse), sandbox)
        found.sync()
        assert found.night(lambda town: after_a_day(town, CHURN)).status == "applied"
        yield found


def carry_out(line: Line, student_id: str | None) -> None:
    order = Order(NAME, student_id, "Officer")
    purge(line.spine.warehouse, Clock(), order, set(), lambda: False)


def personal(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """What can be recognised of students: e-mail addresses and the state's ids."""
    return tuple(str(row[name]) for row in rows for name in ("email", "state_id") if row[name])


def test_of_a_purged_district_nothing_is_left(line: Line) -> None:
    rows = line.sandbox.truth().students.to_dicts()
    words = (*personal(rows), *{row["last_name"] for row in rows if len(row["last_name"]) > 4})
    root = line.spine.home.root
    assert len(personal(rows)) > 100
    assert leaks(root, words)
    carry_out(line, None)
    assert leaks(root, words) == []
    assert [path for path in Path(line.spine.home.files).rglob("*district_id=*") if path.is_file()] == []
    assert not (line.spine.home.landing / NAME).exists()
    assert list((line.spine.home.scratch / "tokens").iterdir()) == []
    for table in ALL_TABLES:
        expected = 2 if table.qualified == "ops.audit" else 0
        assert line.spine.column(f"SELECT count(*) FROM {table.qualified}") == [expected], table.qualified


def test_of_a_purged_student_no_record_is_left_under_any_of_its_keys(line: Line) -> None:
    """PowerSchool knows a student by a number, a DCID and an ID: a row of one must not go for another's like number."""
    truth = line.sandbox.truth().students
    chosen = truth.filter((truth["status_code"] == 0) & (truth["grade"] == 12)).to_dicts()[0]
    keys = {
        "powerschool_students": ("id", chosen["dcid"]),
        "powerschool_student_ids": ("dcid", chosen["dcid"]),
        "powerschool_reenrollments": ("studentid", chosen["id"]),
        "powerschool_section_enrollments": ("student_id", chosen["dcid"]),
        "powerschool_stored_grades": ("studentid", chosen["id"]),
    }
    theirs = {
        table: f"SELECT count(*) FROM raw.{table} WHERE {column} = '{key}'"
        for table, (column, key) in keys.items()
    }
    raws = [table.name for table in ALL_TABLES if table.schema == "raw"]
    rows = {name: f"SELECT count(*) FROM raw.{name}" for name in raws}
    mine = {table: line.spine.column(sql)[0] for table, sql in theirs.items()}
    before = {table: line.spine.column(sql)[0] for table, sql in rows.items()}
    assert mine["powerschool_students"] == 2
    assert mine["powerschool_stored_grades"]
    assert mine["powerschool_section_enrollments"]
    students = line.students()
    carry_out(line, str(chosen["student_number"]))
    after = {table: line.spine.column(sql)[0] for table, sql in rows.items()}
    assert after == {table: before[table] - mine.get(table, 0) for table in before}
    del students[str(chosen["student_number"])]
    assert line.students() == students
    assert leaks(line.spine.home.root, personal([chosen])) == []
    assert line.spine.column(
        "SELECT count(*) FROM core.section_enrollments WHERE person_id = ?", str(chosen["student_number"])
    ) == [0]


def test_a_district_goes_on_after_a_student_was_purged(line: Line) -> None:
    """The extract that is left still adds up: it can be typed again, and the next night is an ordinary one."""
    truth = line.sandbox.truth().students
    chosen = str(truth.filter(truth["status_code"] == 0).to_dicts()[5]["student_number"])
    carry_out(line, chosen)
    line.set(codes={"grade": {"99": "UG"}})
    assert line.sync().status == "unchanged"
    assert chosen not in line.students()
    assert line.night(lambda town: after_a_day(town, CHURN)).status == "applied"
    assert chosen in line.students(), "the SIS still has the student"
