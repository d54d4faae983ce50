"""Requests that are dropped travel by themselves: taken in, handed over, looked for, and checked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from sis_assets.assets.platform import Platform
from sis_assets.automation import requests as automation
from sis_assets.automation.launch import sync
from sis_assets.automation.requests import Seen, step
from sis_assets.definitions import defs
from sis_assets.pipeline.stage import Clock
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.requests_line import as_csv, request

CALENDAR = "calendar: {year_start: 2026-08-12, year_end: 2027-06-04}\n"
COURSES = "SchoolCode|CourseCode|CourseName|CreditValue\n16|E101|English|1.0\n"


@pytest.fixture
def synced(test_home: TestHome, instance: dg.DagsterInstance, platform: Platform) -> TestHome:
    test_home.add("alpha", more=CALENDAR)
    test_home.drop("alpha", [student(1001), student(1002)])
    (test_home.drops / "alpha" / "CourseMaster.txt").write_text(COURSES)
    assert sync(platform, instance, ["alpha"])["alpha"].status == "applied"
    return test_home


def drop_requests(home: TestHome, name: str, text: str) -> Path:
    folder = home.root / "requests" / "alpha"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def execute(
    home: TestHome, instance: dg.DagsterInstance, readers: Readers, at: str
) -> dg.ExecuteInProcessResult:
    with Platform(Home.at(home.root), readers=readers) as platform:
        platform.clock = Clock(datetime.fromisoformat(at))
        return defs.resolve_job_def("send_requests").execute_in_process(
            instance=instance, resources={"platform": platform}, partition_key="alpha", raise_on_error=False
        )


def passed(result: dg.ExecuteInProcessResult) -> list[bool]:
    return [check.passed for check in result.get_asset_check_evaluations()]


def test_a_dropped_file_ends_as_the_sis_s_file_and_what_stays_unconfirmed_fails_a_check(
    synced: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    drop_requests(synced, "winter.csv", as_csv([request(1), request(2)]))
    first = execute(synced, instance, readers, "2027-02-01T20:00:00-08:00")
    assert first.success
    out = synced.root / "outbox" / "requests" / "alpha"
    assert len((out / "course_requests.csv").read_text().splitlines()) == 3
    assert passed(first) == [True]
    for name in ("course_requests", "sis_imports", "confirmations"):
        assert instance.get_materialized_partitions(dg.AssetKey(["requests", name])) == {"alpha"}
    assert passed(execute(synced, instance, readers, "2027-02-02T20:00:00-08:00")) == [True]
    assert passed(execute(synced, instance, readers, "2027-02-03T20:00:00-08:00")) == [False]
    (synced.drops / "alpha" / "course_requests.log.csv").write_text(
        "STUDENT_ID,COURSE,RESULT\n1001,E101,INSERTED\n1002,E101,INSERTED\n"
    )
    assert passed(execute(synced, instance, readers, "2027-02-04T20:00:00-08:00")) == [True]


def test_the_sensor_asks_once_for_each_state_that_stood_still() -> None:
    assert step({}, {"a": "1"}) == ([], {"a": Seen("1")})
    assert step({"a": Seen("1")}, {"a": "2"}) == ([], {"a": Seen("2")})
    assert step({"a": Seen("2")}, {"a": "2"}) == (["a"], {"a": Seen("2", "2")})
    assert step({"a": Seen("2", "2")}, {"a": "2"}) == ([], {"a": Seen("2", "2")})
    assert step({"a": Seen("2", "2")}, {"a": "3"}) == ([], {"a": Seen("3", "2")})
    assert step({"a": Seen("3", "2")}, {"a": "3"}) == (["a"], {"a": Seen("3", "3")})
    assert step({"a": Seen("3", "2")}, {}) == ([], {})


def test_the_sensor_sees_files_and_ignores_what_is_not_ready(
    synced: TestHome, instance: dg.DagsterInstance
) -> None:
    cursor = None

    def tick() -> list[str]:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        answer = automation.requests(context)
        cursor = context.cursor
        runs = answer.run_requests or () if isinstance(answer, dg.SensorResult) else ()
        return [str(run.partition_key) for run in runs]

    drop_requests(synced, ".winter.csv", "half")
    drop_requests(synced, "notes.txt", "no requests")
    assert [tick(), tick()] == [[], []]
    drop_requests(synced, "winter.csv", as_csv([request(1)]))
    assert [tick(), tick(), tick()] == [[], ["alpha"], []]
    drop_requests(synced, "later.csv", as_csv([request(2)]))
    assert [tick(), tick(), tick()] == [[], ["alpha"], []]
