"""The nightly round: what is too old goes, the history of the assets stays, a broken audit fails the run."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import sync
from sis_assets.automation.old_events import remove_old_events
from sis_assets.automation.retention import purge_expired, purge_expired_nightly
from sis_assets_tests.commands import Run, run
from sis_assets_tests.dagster_homes import instance, platform, readers, test_home
from sis_assets_tests.homes import TestHome, student

__all__ = ["instance", "platform", "readers", "run", "test_home"]


def night(home: TestHome, platform: Platform, instance: dg.DagsterInstance, students: int = 30) -> None:
    home.add("d")
    home.drop("d", [student(1000 + n) for n in range(students)])
    sync(platform, instance, ["d"])


def records(instance: dg.DagsterInstance) -> int:
    return len(instance.fetch_materializations(dg.AssetKey(["core", "students"]), limit=100).records)


def test_events_of_old_runs_go_but_for_the_history_of_the_assets(
    test_home: TestHome, platform: Platform, instance: dg.DagsterInstance
) -> None:
    night(test_home, platform, instance)
    [old] = instance.get_runs()
    before = records(instance)
    assert before == 1
    assert remove_old_events(instance, datetime.now(UTC) - timedelta(days=1)) == 0
    assert remove_old_events(instance, datetime.now(UTC) + timedelta(days=1), dry=True) > 10
    removed = remove_old_events(instance, datetime.now(UTC) + timedelta(days=1))
    assert removed > 10
    left = instance.all_logs(old.run_id)
    assert left
    assert all("ASSET" in str(entry.dagster_event_type) for entry in left)
    assert records(instance) == before
    assert instance.get_materialized_partitions(dg.AssetKey(["core", "students"])) == {"d"}
    assert remove_old_events(instance, datetime.now(UTC) + timedelta(days=1)) == 0


def test_the_nightly_job_does_each_of_its_three_rounds(
    test_home: TestHome, platform: Platform, instance: dg.DagsterInstance
) -> None:
    night(test_home, platform, instance)
    (test_home.root / "retention.yaml").write_text("landing_days: 1\nsnapshots_days: 1\n")
    done = purge_expired.execute_in_process(instance=instance, resources={"platform": platform})
    assert done.success
    assert purge_expired_nightly.job.name == "purge_expired"


def test_a_broken_audit_fails_the_run_and_a_wrong_setting_removes_nothing(
    test_home: TestHome, platform: Platform, instance: dg.DagsterInstance
) -> None:
    night(test_home, platform, instance)
    platform.warehouse.write(
        lambda connection: connection.execute(
            "INSERT INTO ops.audit VALUES ('d', now(), 'Nobody', 'approve', 'd-000001.1', '{}', '', 'forged')"
        )
    )
    (test_home.root / "retention.yaml").write_text("landing_days: 0\n")
    done = purge_expired.execute_in_process(
        instance=instance, resources={"platform": platform}, raise_on_error=False
    )
    failed = {
        event.step_key: event.step_failure_data for event in done.all_node_events if event.is_step_failure
    }
    assert set(failed) == {"purge_expired_op", "maintain_warehouse_op", "verify_audit_op"}
    assert "at least 1" in str(failed["purge_expired_op"])
    assert "approve of d-000001.1 by Nobody" in str(failed["verify_audit_op"])


def test_the_command_says_what_it_would_delete_and_then_deletes_it(
    test_home: TestHome,
    platform: Platform,
    instance: dg.DagsterInstance,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    night(test_home, platform, instance)
    monkeypatch.setenv("DAGSTER_HOME", str(test_home.root / "dagster"))
    said = run("purge", "--expired")
    assert (said.code, said.out) == (0, "Nothing is too old.\n")
    stray = test_home.root / "landing" / "d" / "stray"
    stray.write_text("x")
    os.utime(stray, (1, 1))
    said = run("purge", "--expired", "--dry-run")
    assert said.code == 0
    assert "1 files, 1 bytes" in said.out
    assert stray.exists()
    assert run("purge", "--expired", "--by", "Operator").code == 0
    assert not stray.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--expired", "--district", "d"],
        ["--student", "1"],
        ["--expired", "--student", "1"],
        ["--district", "d", "--dry-run"],
        ["--district", "d"],
        ["--district", "d", "--yes", "--by", " "],
        ["--district", "nowhere", "--yes"],
        ["--district", "d", "--student", "nobody", "--yes"],
    ],
)
def test_what_is_not_said_clearly_deletes_nothing(
    test_home: TestHome, platform: Platform, instance: dg.DagsterInstance, run: Run, arguments: list[str]
) -> None:
    night(test_home, platform, instance, 3)
    said = run("purge", *arguments)
    assert said.code == 2, said
    assert said.err.strip()
    with platform.warehouse.read() as connection:
        assert connection.execute("SELECT count(*) FROM core.students").fetchall() == [(3,)]
