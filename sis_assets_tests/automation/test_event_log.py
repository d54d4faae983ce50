"""The event log that writes a batch together: what Dagster reads back is what the shipped log would have kept."""

import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from sis_assets.automation.event_log import MOST_WAITING, PooledSqliteEventLogStorage
from sis_assets.automation.launch import instance_of
from sis_assets.warehouse import Home

KEYS = [dg.AssetKey(["core", name]) for name in ("students", "schools")]
DISTRICTS = dg.DynamicPartitionsDefinition(name="districts")
NAMES = [f"d{number:03}" for number in range(MOST_WAITING // len(KEYS) + 7)]


def layer() -> dg.AssetsDefinition:
    """A layer that records every district by hand, as a batch does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        check = dg.AssetCheckSpec("sound", asset=KEYS[0], partitions_def=DISTRICTS)

    @dg.multi_asset(
        specs=[dg.AssetSpec(key, partitions_def=DISTRICTS, skippable=True) for key in KEYS],
        check_specs=[check],
        can_subset=True,
    )
    def recorded(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with getattr(context.instance.event_log_storage, "together", nullcontext)():
            for number, name in enumerate(NAMES):
                for key in KEYS:
                    tags = {"dagster/data_version": name}
                    context.log_event(
                        dg.AssetMaterialization(key, partition=name, metadata={"rows": number}, tags=tags)
                    )
                context.log_event(
                    dg.AssetCheckEvaluation(
                        asset_key=KEYS[0], check_name="sound", passed=number % 2 == 0, partition=name
                    )
                )
        yield dg.AssetCheckResult(asset_key=KEYS[0], check_name="sound", passed=False)

    return recorded


@pytest.fixture(params=[PooledSqliteEventLogStorage, SqliteEventLogStorage], ids=["ours", "shipped"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What an instance tells of a run of the layer."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    if request.param is SqliteEventLogStorage:
        (tmp_path / "dagster").mkdir()
        (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with instance_of(Home.at(tmp_path)) as instance:
        assert type(instance.event_log_storage) is request.param
        instance.add_dynamic_partitions("districts", NAMES)
        job = dg.define_asset_job("job", selection="*")
        ends = {
            "dagster/asset_partition_range_start": NAMES[0],
            "dagster/asset_partition_range_end": NAMES[-1],
        }
        result = (
            dg.Definitions(assets=[layer()], jobs=[job])
            .resolve_job_def("job")
            .execute_in_process(instance=instance, tags={**ends, "dagster/defer_asset_events": "true"})
        )
        assert result.success
        return told(instance, result.run_id)


def told(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    one = {}
    for key in KEYS:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[NAMES[3]]), limit=5
        ).records
        one[key.to_user_string()] = [
            (found.partition, found.metadata["rows"].value, found.tags)
            for record in records
            if (found := record.asset_materialization)
        ]
    newest = instance.get_latest_materialization_event(KEYS[1])
    assert newest is not None
    assert newest.asset_materialization is not None
    checks = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(KEYS[0], "sound"), limit=10_000
    )
    return {
        "partitions": {key.to_user_string(): instance.get_materialized_partitions(key) for key in KEYS},
        "one": one,
        "newest": newest.asset_materialization.partition,
        "checks": sorted((str(check.partition), str(check.status)) for check in checks if check.partition),
        "events of the run": sum(
            event.dagster_event is not None and event.dagster_event.is_step_materialization
            for event in instance.all_logs(run_id)
        ),
    }


def test_events_written_together_are_told_as_those_written_one_by_one(kept: dict[str, Any]) -> None:
    assert kept == {
        "partitions": {key.to_user_string(): set(NAMES) for key in KEYS},
        "one": {key.to_user_string(): [(NAMES[3], 3, {"dagster/data_version": NAMES[3]})] for key in KEYS},
        "newest": NAMES[-1],
        "checks": [
            (name, f"AssetCheckExecutionRecordStatus.{'SUCCEEDED' if number % 2 == 0 else 'FAILED'}")
            for number, name in enumerate(NAMES)
        ],
        "events of the run": len(KEYS) * len(NAMES),
    }
