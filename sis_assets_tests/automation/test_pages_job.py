"""The nightly job writes the fleet's page and keeps the pages for review in step."""

from __future__ import annotations

import stat
from datetime import datetime

import dagster as dg

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import sync
from sis_assets.automation.pages import pages, write_pages
from sis_assets.pipeline import reviews
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student


def run(platform: Platform, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return write_pages.execute_in_process(
        instance=instance, resources={"platform": platform}, raise_on_error=False
    )


def test_the_job_writes_the_fleets_page_and_the_missing_pages_of_what_is_held(
    test_home: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    home = Home.at(test_home.root)
    test_home.add("north")
    for night, count in (("15", 30), ("16", 10)):
        test_home.drop("north", [student(number) for number in range(count)])
        at = datetime.fromisoformat(f"2026-10-{night}T20:00:00-07:00")
        with Platform(home, at=at, readers=readers) as platform:
            sync(platform, instance, ["north"])
    page = reviews.page_of(home, "north-000002.1")
    page.unlink()
    with Platform(home) as platform:
        done = run(platform, instance)
    assert done.success
    [told] = [event.step_output_data.metadata for event in done.all_node_events if event.is_successful_output]
    assert {name: value.value for name, value in told.items()} == {
        "districts": 1,
        "reviews written": 1,
        "reviews removed": 0,
    }
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    status = (home.outbox / "status.html").read_text()
    assert "north-000002.1" in status
    assert "Given-" not in status + (home.outbox / "status.html").name
    assert "Family-" not in status


def test_a_page_that_cannot_be_written_fails_the_job_with_whose_move_it_is(
    test_home: TestHome, instance: dg.DagsterInstance
) -> None:
    test_home.add("north")
    with Platform(Home.at(test_home.root)) as platform:
        (test_home.root / "outbox").write_text("a file in the place of the folder")
        done = run(platform, instance)
    assert not done.success
    [failed] = [event for event in done.all_node_events if event.is_step_failure]
    assert "Next move: engineer." in str(failed.step_failure_data.user_failure_data)


def test_it_runs_every_night() -> None:
    assert pages.job_name == write_pages.name
    assert pages.default_status is dg.DefaultScheduleStatus.RUNNING
