"""`query --as-of`: every table as it was at a moment, or right after an extract was applied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sis_assets.assets.platform import ALL_TABLES
from sis_assets.pipeline.decide import Decision, decide, find
from sis_assets.pipeline.stage import Clock
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home, Warehouse
from sis_assets.warehouse.maintenance import maintain
from sis_assets_tests.commands import Run, run
from sis_assets_tests.lakes import files
from sis_assets_tests.spine import Spine, schools_text, student, students_text

__all__ = ["run"]

COUNT = "SELECT count(*) AS n, count(*) FILTER (is_active) AS active FROM lifecycle.accounts"


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(1) as warm:
        yield warm


@pytest.fixture
def line(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spine]:
    home = Home.at(tmp_path / "home")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(home.root))
    with Warehouse(home, ALL_TABLES) as warehouse:
        yield Spine(tmp_path, readers, warehouse)


def night(line: Spine, students: int) -> datetime:
    """Sync so many students; gives a moment right after."""
    line.drop(
        "d",
        {
            "School.txt": schools_text(),
            "Student.txt": students_text(*(student(n) for n in range(students))),
        },
    )
    line.sync("d")
    return datetime.now(UTC)


def asked(run: Run, as_of: str, sql: str = COUNT) -> dict[str, int]:
    said = run("query", sql, "--format", "json", "--as-of", as_of)
    assert said.code == 0, said.err
    return json.loads(said.out)[0]


def test_every_table_is_seen_as_it_was_at_a_moment(line: Spine, run: Run) -> None:
    first = night(line, 40)
    night(line, 45)
    assert asked(run, first.isoformat()) == {"n": 40, "active": 40}
    pacific = first.astimezone().isoformat()
    assert asked(run, pacific)["n"] == 40
    assert asked(run, "2999-01-01T00:00:00Z")["n"] == 45
    for table in ("core.students", "raw.eschoolplus_students"):
        assert asked(run, first.isoformat(), f"SELECT count(*) AS n FROM {table}") == {"n": 40}


def test_every_table_is_seen_as_an_extract_left_it(line: Spine, run: Run) -> None:
    for students in (40, 45, 50):
        night(line, students)
    found = [asked(run, f"d-00000{number}")["n"] for number in (1, 2, 3)]
    assert found == [40, 45, 50]
    assert asked(run, "d-000002", "SELECT count(*) AS n FROM ops.proposals") == {"n": 2}


def test_what_a_person_approved_later_is_not_what_the_extract_left(line: Spine, run: Run) -> None:
    night(line, 40)
    night(line, 10)
    [held] = [found for found in _sets(line) if found.status == "held"]
    decide(
        line.warehouse,
        Clock(),
        Decision.APPROVE,
        held.change_set_id,
        content_sha256=held.content_sha256,
        by="Operator",
    )
    assert asked(run, "d-000002")["active"] == 40
    assert asked(run, datetime.now(UTC).isoformat())["active"] == 10


def test_a_read_that_was_never_compared_shows_the_state_in_which_it_was_recorded(
    line: Spine, run: Run
) -> None:
    night(line, 40)
    line.sync("d")
    night(line, 45)
    assert asked(run, "d-000002")["n"] == 40
    assert asked(
        run, "d-000002", "SELECT max(status) AS n FROM ops.extracts WHERE extract_id = 'd-000002'"
    ) == {"n": "unchanged"}


def test_a_moment_before_the_oldest_state_is_explained(line: Spine, run: Run) -> None:
    before = datetime.now(UTC) - timedelta(days=400)
    night(line, 40)
    said = run("query", COUNT, "--as-of", before.isoformat())
    assert said.code == 2
    assert "the oldest state that is kept is of 20" in said.err
    assert f"{before:%Y-%m-%d %H:%M:%S} UTC is before that" in said.err
    assert "retention.yaml" in said.err


def test_an_extract_whose_state_was_forgotten_is_explained(line: Spine, run: Run) -> None:
    for students in (40, 45):
        night(line, students)
    maintain(line.warehouse, older_than=timedelta(0))
    said = run("query", COUNT, "--as-of", "d-000001")
    assert said.code == 2
    assert "what d-000001 left is older" in said.err
    assert asked(run, datetime.now(UTC).isoformat())["n"] == 45


@pytest.mark.parametrize(
    "as_of", ["yesterday", "2026-09-01T20:00:00", "2026-09-01", "", "d-000009", "e-000001"]
)
def test_what_is_neither_a_time_nor_an_extract_exits_2(line: Spine, run: Run, as_of: str) -> None:
    night(line, 4)
    said = run("query", COUNT, "--as-of", as_of)
    assert (said.code, said.out) == (2, "")
    assert as_of in said.err


def test_looking_back_writes_nothing(line: Spine, run: Run) -> None:
    first = night(line, 40)
    before = files(line.home)
    assert run("query", "DELETE FROM core.students", "--as-of", first.isoformat()).code == 2
    asked(run, "d-000001")
    assert files(line.home) == before


def _sets(line: Spine):
    with line.warehouse.read() as connection:
        return find(connection)
