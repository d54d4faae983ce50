"""The whole line from a OneRoster API to accounts: both versions, deltas and full reads, eSchoolPLUS's profile (DESIGN §5, §9)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sis_assets.model.schema import CORE
from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets_tests.builders import Row, district
from sis_assets_tests.oneroster_server import (
    CLIENT_SECRET,
    RosterServer,
    collections_of,
    record,
    ref,
    settings_of,
    student_11,
)
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_server import Answer, serve
from sis_assets_tests.spine import Spine

SECRET_NAME = "SAMPLE_ONEROSTER_SECRET"
FIRST_NIGHT = datetime.fromisoformat("2026-11-25T20:00:00-06:00")
LENIENT = {
    kind: {"percent": 100, "at_least": 100_000}
    for kind in ("deactivate", "create", "transfer", "update", "rekey")
}


@dataclass
class Town:
    """Districts that read from one server, and the line that takes them in; each sync is a night."""

    spine: Spine
    server: RosterServer
    night: datetime = FIRST_NIGHT

    def reads(self, name: str, **settings: Any) -> None:
        """Write the district's file."""
        sis = {**settings_of(self.server, SECRET_NAME), **settings}
        self.spine.districts[name] = district(name, sis=sis, guard=LENIENT)

    def sync(self) -> dict[str, Outcome]:
        outcomes = self.spine.sync(at=self.night.isoformat())
        self.night += timedelta(days=1)
        return outcomes

    def change(self, collection: str, sourced_id: str, **values: Any) -> None:
        """Change a record, at this day's noon."""
        (row,) = [row for row in self.server.collections[collection] if row["sourcedId"] == sourced_id]
        row |= {"dateLastModified": self.noon} | values

    @property
    def noon(self) -> str:
        return f"{self.night:%Y-%m-%d}T18:00:00.000Z"

    def active(self, name: str) -> list[str]:
        return [row["student_id"] for row in self.spine.accounts(name) if row["is_active"]]

    def core(self, name: str) -> dict[str, list[str]]:
        """Every canonical table of a district but its key, as text in order."""
        return {
            table.name: sorted(
                str({key: value for key, value in row.items() if key != "district_id"})
                for row in self.spine.rows(f"FROM {table.qualified} WHERE district_id = ?", name)
            )
            for table in CORE
            if table.name != "rejected_rows"
        }


Opened = Callable[..., Town]


@pytest.fixture
def opened(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Start a OneRoster server with the given options, and a line."""
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    with ExitStack() as stack:
        yield lambda **options: Town(
            Spine(tmp_path, readers), stack.enter_context(serve(RosterServer(**options)))
        )


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_both_versions_give_the_same_people_at_the_same_school(opened: Opened, version: str):
    town = opened(version=version)
    town.reads("sample")
    (outcome,) = town.sync().values()
    assert outcome.status == "applied", outcome
    found = town.spine.students("sample")["s0001"]
    assert {
        "student_id": "s0001",
        "sis_key": "s0001",
        "first_name": "Sample",
        "last_name": "S0001",
        "grade_level": "09",
        "school_id": "school-1",
        "status": "active",
        "gender": "F",
        "email": "s0001@x.test",
    }.items() <= found.items()
    assert f"{found['birth_date']}" == "2010-02-03"
    assert not town.spine.rejected("sample")
    assert town.spine.column("SELECT count(*) FROM core.section_enrollments") == [3]


def test_by_deltas_and_by_full_reads_every_canonical_table_is_the_same_night_after_night(opened: Opened):
    town = opened(collections=collections_of("1.1", 12), cap=5)
    town.reads("full")
    town.reads("delta", deltas={"full_every_days": 366})
    people, seats = town.server.collections["users"], town.server.collections["enrollments"]

    def new_student() -> None:
        people.append(student_11("s0100", dateLastModified=town.noon))
        town.server.collections["demographics"].append(
            record("s0100", birthDate="2011-01-02", sex="male", dateLastModified=town.noon)
        )
        where = {"user": ref("s0100"), "school": ref("school-1"), "class": ref("class-1")}
        seats.append(record("e-s0100", role="student", dateLastModified=town.noon, **where))

    def leaver() -> None:
        for name, key in (("users", "s0002"), ("demographics", "s0002"), ("enrollments", "e-s0002")):
            town.change(name, key, status="tobedeleted")

    def forgotten() -> None:
        for rows in town.server.collections.values():
            rows[:] = [row for row in rows if row["status"] == "active"]

    def noon_of_another_name() -> None:
        town.change("users", "s0003", givenName="Renamed", grades=["10"])
        town.change("courses", "course-1", title="English Nine")

    nights: list[Callable[[], None]] = [new_student, leaver, noon_of_another_name]
    nights += [lambda: None] * 5 + [forgotten, lambda: None]
    town.sync()
    for change in nights:
        change()
        town.server.asked.clear()
        statuses = {name: outcome.status for name, outcome in town.sync().items()}
        assert statuses["full"] == statuses["delta"], change
        assert town.core("full") == town.core("delta"), change
        assert town.active("full") == town.active("delta"), change
    filters = [asked.query.get("filter") for asked in town.server.reads("users")]
    assert None in filters
    assert any(filters)
    assert "s0100" in town.active("delta")
    assert "s0002" not in town.active("delta")


def test_a_delta_that_leaves_everybody_out_deactivates_nobody(opened: Opened):
    town = opened()
    town.reads("sample", deltas={"full_every_days": 366})
    town.sync()
    town.server.collections["users"] = []
    (outcome,) = town.sync().values()
    assert outcome.status == "unchanged"
    assert town.active("sample") == ["s0001", "s0002", "s0003"]


def test_after_a_gap_everything_is_read_and_who_is_gone_is_missing(opened: Opened):
    town = opened(collections=collections_of("1.1", 12))
    town.reads("sample", deltas={"full_every_days": 366})
    town.sync()
    del town.server.collections["users"][0]
    for name in ("demographics", "enrollments"):
        del town.server.collections[name][0]
    town.night += timedelta(days=8)
    town.sync()
    assert "s0001" not in town.active("sample")
    assert len(town.active("sample")) == 11


def test_a_failed_read_leaves_the_base_as_it_was(opened: Opened):
    town = opened()
    town.reads("sample", deltas={"full_every_days": 366})
    town.sync()
    town.change("users", "s0001", givenName="Renamed")
    town.server.fault = lambda asked: Answer(403) if asked.path.endswith("/demographics") else None
    assert town.sync()["sample"].status == "failed"
    town.server.fault = lambda _: None
    assert town.sync()["sample"].status == "applied"
    assert town.spine.students("sample")["s0001"]["first_name"] == "Renamed"


def test_fields_that_the_profile_withholds_are_a_fault_and_no_change_of_every_student(opened: Opened):
    town = opened()
    town.reads("sample", kind="eschoolplus_api")
    assert town.sync()["sample"].status == "applied"
    before = town.spine.accounts("sample")
    kept = copy.deepcopy(town.server.collections["demographics"])
    for row in town.server.collections["demographics"]:
        row |= {"birthDate": None, "dateLastModified": town.noon}
    outcome = town.sync()["sample"]
    assert outcome.status == "failed"
    assert "no record has birthDate" in outcome.reason
    assert "Endpoint Advanced Settings" in outcome.reason
    assert outcome.reason.endswith("Next move: district.")
    assert town.spine.accounts("sample") == before
    town.server.collections["demographics"] = kept
    assert town.sync()["sample"].status in {"applied", "unchanged"}


def whereabouts(town: Town) -> Row:
    (row,) = town.spine.rows("SELECT sis, files FROM ops.extracts ORDER BY extract_id LIMIT 1")
    return row


def test_the_ledger_names_the_kind_and_the_collections(opened: Opened):
    town = opened()
    town.reads("sample", kind="eschoolplus_api")
    town.sync()
    row = whereabouts(town)
    assert row["sis"] == "eschoolplus_api"
    assert {file["name"] for file in row["files"]} == {
        "orgs",
        "academicSessions",
        "demographics",
        "users",
        "courses",
        "classes",
        "enrollments",
    }
