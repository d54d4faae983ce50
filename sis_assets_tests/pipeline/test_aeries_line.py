"""The whole line from an Aeries server to accounts: reads of everything and of changes, LEAs, and reads that fail (DESIGN §5, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets_tests.aeries_district import CERTIFICATE_NAME
from sis_assets_tests.aeries_server import AREAS, AeriesServer, school, student
from sis_assets_tests.builders import Row, district
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_server import Answer, Asked, serve
from sis_assets_tests.spine import Spine

NAME = "aeriestown"
#: Of a small district nothing is held that a test did not ask to be held.
LENIENT = {
    kind: {"percent": 100, "at_least": 100_000}
    for kind in ("deactivate", "create", "transfer", "update", "rekey")
}


@dataclass
class Line:
    """One Aeries district and the line that reads it."""

    spine: Spine
    server: AeriesServer
    sis: dict[str, Any] = field(default_factory=dict)

    def sync(self) -> Outcome:
        sis = {
            "kind": "aeries",
            "url": self.server.site,
            "certificate": {"env": CERTIFICATE_NAME},
            "database_year": 2025,
            "code_tables": [],
        }
        self.spine.districts[NAME] = district(NAME, sis=sis | self.sis, guard=LENIENT)
        return self.spine.sync(NAME, at=self.server.now.isoformat())[NAME]

    def active(self) -> dict[str, Row]:
        return {row["student_id"]: row for row in self.spine.accounts(NAME) if row["is_active"]}

    def changes(self) -> set[tuple[str, str, str | None]]:
        rows = self.spine.rows(
            "SELECT kind, student_id, reason FROM lifecycle.changes WHERE district_id = ? AND kind <> 'create'",
            NAME,
        )
        return {(row["kind"], row["student_id"], row["reason"]) for row in rows}


@pytest.fixture
def line(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    server = AeriesServer()
    monkeypatch.setenv(CERTIFICATE_NAME, server.certificate)
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    with serve(server):
        yield Line(Spine(tmp_path, readers), server)


def test_a_first_sync_makes_an_account_of_every_active_student(line: Line) -> None:
    line.server.students[0]["InactiveStatusCode"] = "I"
    line.server.students[1]["InactiveStatusCode"] = "*"
    outcome = line.sync()
    assert outcome.status == "applied", outcome
    assert set(line.active()) == {"99400003", "99400004", "99400005", "99500001"}
    assert line.active()["99400003"]["first_name"] == "Sample99400003"


def test_the_same_records_are_unchanged_whether_read_whole_or_by_the_feed(line: Line) -> None:
    line.sync()
    line.server.pass_time(hours=1)
    assert line.sync().status == "unchanged"
    assert any("DataChanges" in path for path in line.server.paths())
    line.server.pass_time(hours=20)
    assert line.sync().status == "unchanged"


def test_a_change_that_the_feed_names_becomes_a_change_of_the_account(line: Line) -> None:
    line.sync()
    line.server.pass_time(hours=1)
    changed = line.server.students[0]
    changed["InactiveStatusCode"] = "I"
    line.server.touch("student", changed)
    assert line.sync().status == "applied"
    assert line.changes() == {("deactivate", "99400001", "withdrawn")}


def test_a_student_who_is_gone_is_deactivated_by_a_read_of_everything_only(line: Line) -> None:
    line.sync()
    gone = line.server.students.pop(0)
    line.server.touch("student", gone)
    line.server.pass_time(hours=1)
    assert line.sync().status == "unchanged"
    line.server.pass_time(hours=20)
    line.sync()
    assert line.changes() == {("deactivate", "99400001", "missing")}


def refused(asked: Asked) -> Answer | None:
    return Answer(404) if asked.path.endswith("/schools/995/students") else None


@pytest.mark.parametrize("trouble", ["revoked", "area", "404", "truncated", "year", "twice"])
def test_a_read_that_fails_changes_no_account_and_says_whose_move_it_is(line: Line, trouble: str) -> None:
    line.sync()
    before = line.active()
    line.server.pass_time(hours=21)
    line.server.students.pop()
    match trouble:
        case "revoked":
            line.server.certificate = "another"
        case "area":
            line.server.areas = AREAS - {"Class Schedules/History"}
        case "404":
            line.server.fault = refused
        case "truncated":
            line.server.fault = lambda asked: (
                Answer(200, b'[{"St') if asked.path.endswith("/students") else None
            )
        case "year":
            line.server.schools = [school(994, 2026), school(995, 2026)]
        case _:
            line.server.students.append(line.server.students[0])
    outcome = line.sync()
    assert outcome.status == "failed"
    assert "Next move:" in outcome.reason
    assert line.active() == before


def test_one_lea_that_is_gone_empties_neither_itself_nor_the_other(line: Line) -> None:
    line.server.schools.append(school(1201, StateDistrictID="88888"))
    line.server.students.append(student(12010001, 1201))
    line.server.extended, line.server.enrollment = [], []
    line.server.__post_init__()
    line.sis = {"leas": ["99999", "88888"]}
    line.sync()
    before = line.active()
    assert "12010001" in before
    line.server.pass_time(hours=21)
    kept = line.server.schools
    line.server.schools = kept[:-1]
    outcome = line.sync()
    assert outcome.status == "failed"
    assert "LEA 88888" in outcome.reason
    assert line.active() == before
    line.server.schools = kept
    line.server.pass_time(hours=1)
    assert line.sync().status == "unchanged"
