"""Where districts stand, from a real ledger: what is trouble, what is expected, and whose move it is."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from sis_assets.districts import DistrictFileError, Registry, load_districts
from sis_assets.model.faults import Mover
from sis_assets.pipeline.fleet import Condition, Kind, Standing, standings
from sis_assets.pipeline.stage import REFUSED
from sis_assets.sis.delimited import Readers
from sis_assets_tests.spine import Spine, school, schools_text, student, students_text

MONDAY, TUESDAY, THURSDAY = (f"2026-10-{day}T20:00:00-07:00" for day in ("12", "13", "15"))


@pytest.fixture
def spine(tmp_path: Path, readers: Readers) -> Spine:
    return Spine(tmp_path, readers)


def drop(spine: Spine, name: str, students: int = 30, first: int = 1) -> None:
    spine.drop(
        name,
        {
            "School.txt": schools_text(school()),
            "Student.txt": students_text(*(student(number) for number in range(first, first + students))),
        },
    )


def stand(spine: Spine, at: str, registry: Registry | None = None) -> dict[str, Standing]:
    known = registry or Registry(MappingProxyType(spine.districts), MappingProxyType({}))
    with spine.warehouse.read() as connection:
        found = standings(connection, known, datetime.fromisoformat(at))
    assert [standing.district_id for standing in found] == sorted(standing.district_id for standing in found)
    return {standing.district_id: standing for standing in found}


def only(standing: Standing) -> Condition:
    [condition] = standing.conditions
    assert condition.says.endswith(f"Next move: {condition.mover}.")
    return condition


def test_a_district_that_was_read_last_night_is_ok_and_one_never_read_is_new(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    spine.district("south")
    found = stand(spine, TUESDAY)
    assert (found["north"].state, found["north"].accounts, found["north"].mover) == ("ok", 30, "")
    assert found["north"].last_good == datetime.fromisoformat(MONDAY)
    assert (found["south"].state, found["south"].last_good, found["south"].conditions) == ("new", None, ())


def test_failing_says_since_when_it_fails_and_ends_with_the_first_good_read(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    (spine.folder("north") / "School.txt").unlink()
    (spine.folder("north") / "Student.txt").write_text("broken")
    spine.sync(at=TUESDAY)
    spine.sync(at=THURSDAY)
    standing = stand(spine, THURSDAY)["north"]
    condition = only(standing)
    assert (standing.state, condition.kind) == ("failing", Kind.FAILING)
    assert condition.since == datetime.fromisoformat(TUESDAY)
    assert standing.last_good == datetime.fromisoformat(MONDAY)
    assert condition.mover is Mover.DISTRICT
    drop(spine, "north")
    spine.sync(at=THURSDAY)
    assert stand(spine, THURSDAY)["north"].state == "ok"


def test_no_new_drop_is_stale_and_the_districts_move(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    condition = only(stand(spine, THURSDAY)["north"])
    assert (condition.kind, condition.mover) == (Kind.STALE, Mover.DISTRICT)
    assert condition.since == datetime.fromisoformat("2026-10-14T02:00:00-07:00")


def test_a_pause_and_ended_access_explain_silence(spine: Spine) -> None:
    drop(spine, "north")
    drop(spine, "south")
    spine.sync(at=MONDAY)
    spine.district("north", calendar={"modes": [{"from": "2026-10-13", "to": "2026-10-20", "mode": "pause"}]})
    spine.district("south", access={"expires": "2026-10-14"})
    found = stand(spine, THURSDAY)
    assert (found["north"].state, found["north"].conditions) == ("paused", ())
    condition = only(found["south"])
    assert (condition.kind, condition.mover) == (Kind.ACCESS_ENDED, Mover.DISTRICT)
    assert "ended on 2026-10-14" in condition.says
    assert condition.since == datetime.fromisoformat("2026-10-15T00:00:00-07:00")


def test_access_that_ends_is_spoken_of_by_the_day_of_filing_and_again_as_it_nears(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    access = {"expires": "2026-11-20", "renewal_working_days": 10}
    spine.district("north", access=access, state="AR", freshness={"within_hours": 8784})
    filing = date(2026, 11, 5)  # Veterans Day lies between

    def on(day: str) -> Condition | None:
        conditions = stand(spine, f"2026-{day}T12:00:00-08:00")["north"].conditions
        return conditions[0] if conditions else None

    assert on("10-05") is None
    first, same, nearer, last, late = (on(day) for day in ("10-08", "10-20", "10-23", "11-05", "11-06"))
    assert first
    assert same
    assert nearer
    assert last
    assert late
    assert first.kind is Kind.ACCESS_ENDS
    assert f"must be asked for by {filing}" in first.says
    assert first.content == same.content
    assert len({found.content for found in (first, nearer, last, late)}) == 4
    assert f"should have been asked for by {filing}: ask now" in late.says
    assert stand(spine, "2026-11-21T12:00:00-08:00")["north"].state == Kind.ACCESS_ENDED


def test_what_is_held_waits_for_an_engineer_and_the_worst_comes_first(spine: Spine) -> None:
    drop(spine, "north", 200)
    spine.sync(at=MONDAY)
    drop(spine, "north", 190, first=60)
    spine.sync(at=TUESDAY)
    held = only(stand(spine, TUESDAY)["north"])
    assert held.kind is Kind.HELD
    assert stand(spine, TUESDAY)["north"].held[0] in held.says
    found = stand(spine, THURSDAY)["north"]
    assert [condition.kind for condition in found.conditions] == [Kind.STALE, Kind.HELD]


def test_an_extract_that_no_run_compared_is_trouble_once_its_run_must_be_over(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    spine.warehouse.write(lambda connection: connection.execute("DELETE FROM ops.proposals"))
    assert stand(spine, "2026-10-12T21:00:00-07:00")["north"].state == "ok"
    condition = only(stand(spine, "2026-10-12T23:00:00-07:00")["north"])
    assert (condition.kind, condition.mover) == (Kind.FAILING, Mover.ENGINEER)


def test_a_sign_in_refused_after_the_year_is_ended_access_and_no_failure(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    (spine.folder("north") / "School.txt").unlink()
    spine.sync(at=TUESDAY)
    reason = f"{REFUSED}: refused. Ask. Next move: district."
    spine.warehouse.write(
        lambda connection: connection.execute(
            "UPDATE ops.extracts SET reason = ? WHERE status = 'failed'", [reason]
        )
    )
    condition = only(stand(spine, THURSDAY)["north"])
    assert (condition.kind, condition.says) == (Kind.ACCESS_ENDED, reason)


def test_a_district_whose_file_cannot_be_read_is_in_the_fleet(spine: Spine, tmp_path: Path) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    folder = tmp_path / "districts"
    folder.mkdir()
    (folder / "north.yaml").write_text("district: [")
    standing = stand(spine, TUESDAY, load_districts(folder))["north"]
    assert (standing.state, standing.accounts, standing.mover) == (Kind.BROKEN_FILE, 30, "engineer")


def test_old_data_is_stale_whatever_the_cause_and_expected_silence_is_not(spine: Spine) -> None:
    for name in ("north", "south", "west", "new"):
        drop(spine, name)
    spine.drop("new", {"Student.txt": "broken"})
    spine.sync(at=MONDAY)
    spine.drop("south", {"Student.txt": "broken"})
    spine.sync("south", at=TUESDAY)
    spine.district("west", access={"expires": "2026-10-13"})
    found = stand(spine, THURSDAY)
    due = datetime.fromisoformat("2026-10-14T02:00:00-07:00")
    assert (found["north"].state, found["north"].stale_since) == ("stale", due)
    assert (found["south"].state, found["south"].stale_since) == ("failing", due)
    assert (found["new"].state, found["new"].last_good, found["new"].stale_since) == ("failing", None, due)
    assert (found["west"].state, found["west"].stale_since) == ("access_expired", None)
    assert {standing.stale_since for standing in stand(spine, TUESDAY).values()} == {None}


def test_a_district_whose_file_is_broken_becomes_stale_as_the_default_says(spine: Spine) -> None:
    drop(spine, "north")
    spine.sync(at=MONDAY)
    error = DistrictFileError(spine.root / "north.yaml", ())
    registry = Registry(MappingProxyType({}), MappingProxyType({"north": error}))
    assert stand(spine, TUESDAY, registry)["north"].stale_since is None
    found = stand(spine, THURSDAY, registry)["north"]
    assert found.stale_since == datetime.fromisoformat("2026-10-14T02:00:00-07:00")
