"""What Dagster records of a run: truthfully, for every district, in every layer."""

from __future__ import annotations

import dagster as dg
import pytest

from sis_assets.assets.partitions import register
from sis_assets.assets.platform import Platform, batch_tags
from sis_assets.automation.launch import sync
from sis_assets.definitions import defs
from sis_assets.districts import loading
from sis_assets.pipeline.stage import Clock
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student

EVERY = [
    *(["raw", entity] for entity in ("schools", "students")),
    *(
        ["core", table]
        for table in (
            "schools",
            "courses",
            "school_courses",
            "students",
            "student_schools",
            "student_courses",
        )
    ),
    ["lifecycle", "change_sets"],
    ["lifecycle", "accounts"],
    ["delivery", "outbox"],
]


def recorded(instance: dg.DagsterInstance, path: list[str]) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(path)))


def newest(instance: dg.DagsterInstance, path: list[str], partition: str) -> dg.AssetMaterialization:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(path), asset_partitions=[partition]), limit=1
    ).records
    found = records[0].asset_materialization
    assert found is not None
    return found


def run_sync(
    home: TestHome, instance: dg.DagsterInstance, readers: Readers, *names: str, **tags: str
) -> tuple[dg.ExecuteInProcessResult, Platform]:
    platform = Platform(Home.at(home.root), readers=readers)
    register(instance, names)
    result = defs.resolve_job_def("sync_district").execute_in_process(
        instance=instance,
        resources={"platform": platform},
        raise_on_error=False,
        **({"partition_key": names[0]} if len(names) == 1 else {}),
        tags=tags,
    )
    return result, platform


def test_one_district_is_recorded_in_every_layer(
    test_home: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    test_home.add("eagle-ridge")
    test_home.drop("eagle-ridge", [student(n) for n in range(20)])
    outcomes = sync(platform, instance, ["eagle-ridge"])
    assert outcomes["eagle-ridge"].status == "applied"
    for path in EVERY:
        assert recorded(instance, path) == {"eagle-ridge"}, path
    students = newest(instance, ["core", "students"], "eagle-ridge").metadata
    assert students["dagster/partition_row_count"].value == 20
    sets = newest(instance, ["lifecycle", "change_sets"], "eagle-ridge").metadata
    assert sets["create"].value == 20
    assert sets["deactivate"].value == 0


def test_counts_are_numbers_so_that_they_plot(
    test_home: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    test_home.add("eagle-ridge")
    test_home.drop("eagle-ridge", [student(n) for n in range(5)])
    sync(platform, instance, ["eagle-ridge"])
    metadata = newest(instance, ["lifecycle", "change_sets"], "eagle-ridge").metadata
    assert isinstance(metadata["create"], dg.IntMetadataValue)
    assert isinstance(
        newest(instance, ["delivery", "outbox"], "eagle-ridge").metadata["dagster/partition_row_count"],
        dg.IntMetadataValue,
    )


def test_quality_checks_are_recorded_for_the_district(
    test_home: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    test_home.add("eagle-ridge")
    test_home.drop("eagle-ridge", [*(student(n) for n in range(20)), "77||Family-0077|N||9|16|16||"])
    sync(platform, instance, ["eagle-ridge"])
    [run] = instance.get_runs()
    checks = {
        (evaluation.check_name, evaluation.passed)
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if (evaluation := entry.get_dagster_event().asset_check_evaluation_data) is not None
    }
    assert checks == {
        ("ids_unique", True),
        ("references_resolve", True),
        ("rejected_share", False),
        ("record_counts", True),
    }


def test_a_failing_district_fails_its_run_by_name_and_nothing_follows(
    test_home: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    test_home.add("eagle-ridge")
    test_home.drop("eagle-ridge", [])
    result, _ = run_sync(test_home, instance, readers, "eagle-ridge")
    assert not result.success
    [failure] = [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert failure.step_key == "raw"
    data = failure.step_failure_data
    assert data.user_failure_data is not None
    assert "eagle-ridge" in str(data.user_failure_data.metadata)
    assert "Next move: district." in (data.user_failure_data.description or "")
    assert all(recorded(instance, path) == set() for path in EVERY)


def test_a_drop_that_is_not_there_is_no_failure_and_no_materialization(
    test_home: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    test_home.add("eagle-ridge")
    result, platform = run_sync(test_home, instance, readers, "eagle-ridge")
    assert result.success
    assert platform.outcomes["eagle-ridge"].status == "skipped"
    assert recorded(instance, ["raw", "students"]) == set()


@pytest.fixture
def three(test_home: TestHome) -> TestHome:
    for name in ("alpha", "beta", "gamma"):
        test_home.add(name)
        test_home.drop(name, [] if name == "beta" else [student(n) for n in range(10)])
    return test_home


def test_several_districts_in_one_run_go_on_without_the_bad_one(
    three: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    outcomes = sync(platform, instance, ["alpha", "beta", "gamma"])
    assert {name: str(outcome.status) for name, outcome in outcomes.items()} == {
        "alpha": "applied",
        "beta": "failed",
        "gamma": "applied",
    }
    for path in EVERY:
        assert recorded(instance, path) == {"alpha", "gamma"}, path
    [run] = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_any_subset_of_districts_can_be_one_run(
    three: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    three.drop("beta", [student(n) for n in range(10)])
    register(instance, ["alpha", "beta", "gamma"])
    sync(platform, instance, ["alpha", "gamma"])
    assert recorded(instance, ["lifecycle", "accounts"]) == {"alpha", "gamma"}
    assert "beta" not in platform.outcomes


def test_a_range_from_the_ui_names_the_bad_district_and_records_the_good_ones(
    three: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    result, _ = run_sync(
        three,
        instance,
        readers,
        "alpha",
        "beta",
        "gamma",
        **{"dagster/asset_partition_range_start": "alpha", "dagster/asset_partition_range_end": "gamma"},
    )
    assert not result.success
    assert recorded(instance, ["raw", "students"]) == {"alpha", "gamma"}


def test_a_good_range_from_the_ui_records_every_district_in_every_layer(
    three: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    three.drop("beta", [student(n) for n in range(7)])
    result, _ = run_sync(
        three,
        instance,
        readers,
        "alpha",
        "beta",
        "gamma",
        **{"dagster/asset_partition_range_start": "alpha", "dagster/asset_partition_range_end": "gamma"},
    )
    assert result.success
    for path in EVERY:
        assert recorded(instance, path) == {"alpha", "beta", "gamma"}, path
    assert newest(instance, ["core", "students"], "beta").metadata["dagster/partition_row_count"].value == 7


def events_of(instance: dg.DagsterInstance, partition: str) -> list[tuple[str, str, object]]:
    """Everything that the asset history says of a partition, without times and run ids."""
    found = []
    for path in EVERY:
        for record in instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(path), asset_partitions=[partition]), limit=100
        ).records:
            event = record.asset_materialization
            assert event is not None
            metadata = {name: value.value for name, value in event.metadata.items() if name != "extract_id"}
            found.append(("/".join(path), "materialized", tuple(sorted(metadata.items()))))
    return found


def test_a_command_leaves_the_same_asset_history_as_a_run_from_the_ui(
    test_home: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    for name in ("by-command", "from-ui", "together-1", "together-2"):
        test_home.add(name)
        test_home.drop(name, [student(n) for n in range(12)])
    sync(platform, instance, ["by-command"])
    sync(platform, instance, ["together-1", "together-2"])
    register(instance, ["from-ui"])
    # As the UI launches it: with the resources of the definitions, from the environment.
    defs.resolve_job_def("sync_district").execute_in_process(instance=instance, partition_key="from-ui")
    assert (
        events_of(instance, "by-command")
        == events_of(instance, "from-ui")
        == events_of(instance, "together-1")
    )


@pytest.mark.parametrize("many", [False, True])
def test_a_run_reads_the_files_of_its_own_districts_alone(
    test_home: TestHome, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    for name in ("alpha", "beta", "gamma"):
        test_home.add(name)
        test_home.drop(name, [student(n) for n in range(3)])
    register(instance, ["alpha", "beta", "gamma"])
    read: list[str] = []
    real = loading._read
    monkeypatch.setattr(loading, "_read", lambda path: read.append(path.stem) or real(path))
    mine = ["alpha", "gamma"] if many else ["beta"]
    defs.resolve_job_def("sync_district").execute_in_process(
        instance=instance,
        partition_key=None if many else mine[0],
        tags=batch_tags(mine) if many else {},
    )
    assert sorted(set(read)) == mine
    assert recorded(instance, ["lifecycle", "accounts"]) == set(mine)


def test_the_tag_sets_the_business_clock_of_a_run(test_home: TestHome, instance: dg.DagsterInstance) -> None:
    test_home.add(
        "eagle-ridge", more="calendar:\n  modes: [{from: 2026-07-01, to: 2026-07-31, mode: pause}]\n"
    )
    test_home.drop("eagle-ridge", [student(n) for n in range(5)])
    register(instance, ["eagle-ridge"])
    result = defs.resolve_job_def("sync_district").execute_in_process(
        instance=instance, partition_key="eagle-ridge", tags={"sis_assets/at": "2026-07-15T20:00:00-07:00"}
    )
    assert result.success
    assert recorded(instance, ["lifecycle", "accounts"]) == set()


def test_an_unexpected_error_is_told_without_its_words(
    test_home: TestHome, instance: dg.DagsterInstance, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_home.add("eagle-ridge")
    test_home.drop("eagle-ridge", [student(n) for n in range(5)])

    def broken(*_: object) -> None:
        raise ValueError("Canary-Given Canary-Family 2011-03-09")

    monkeypatch.setattr("sis_assets.pipeline.canonicalise.canonicalise", broken)
    result, platform = run_sync(test_home, instance, readers, "eagle-ridge")
    assert not result.success
    assert "ValueError" in platform.outcomes["eagle-ridge"].reason
    text = "".join(str(event) for event in result.all_events)
    assert "Canary" not in text


def test_a_decision_from_the_launchpad_is_recorded(
    test_home: TestHome, instance: dg.DagsterInstance, platform: Platform
) -> None:
    test_home.add("eagle-ridge")
    platform.clock = Clock()
    test_home.drop("eagle-ridge", [student(n) for n in range(100)])
    sync(platform, instance, ["eagle-ridge"])
    platform.outcomes.clear()
    test_home.drop("eagle-ridge", [student(n) for n in range(85)])
    held = sync(platform, instance, ["eagle-ridge"])["eagle-ridge"]
    assert held.status == "held"
    [change_set] = held.change_sets
    with platform.warehouse.read() as connection:
        [(content,)] = connection.execute(
            "SELECT content_sha256 FROM lifecycle.change_sets WHERE change_set_id = ?", [change_set.id]
        ).fetchall()
    config = {
        "decision": "approve",
        "change_set_id": change_set.id,
        "content_sha256": "0" * 64,
        "by": "someone",
    }
    job = defs.resolve_job_def("decide_change_set")
    wrong = job.execute_in_process(
        instance=instance,
        run_config={"ops": {"decide_change_set_op": {"config": config}}},
        raise_on_error=False,
    )
    assert not wrong.success
    right = job.execute_in_process(
        instance=instance,
        run_config={"ops": {"decide_change_set_op": {"config": {**config, "content_sha256": content}}}},
    )
    assert right.success
    metadata = newest(instance, ["lifecycle", "accounts"], "eagle-ridge").metadata
    assert metadata["decided_by"].value == "someone"
    assert metadata["deactivate"].value == 15
