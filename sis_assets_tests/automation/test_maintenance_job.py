"""The warehouse's upkeep as a job."""

from __future__ import annotations

import dagster as dg

from sis_assets.assets.platform import Platform
from sis_assets.automation.jobs import maintain_warehouse


def test_the_job_keeps_the_warehouse_and_tells_what_it_did(platform: Platform) -> None:
    for _ in range(3):
        platform.warehouse.write(
            lambda connection: connection.execute(
                "INSERT INTO core.schools (district_id, school_id) VALUES ('d1', '16')"
            )
        )
    with dg.DagsterInstance.ephemeral() as instance:
        done = maintain_warehouse.execute_in_process(
            instance=instance,
            resources={"platform": platform},
            run_config={"ops": {"maintain_warehouse_op": {"config": {"keep_days": 0}}}},
        )
        [told] = [
            event.step_output_data.metadata for event in done.all_node_events if event.is_successful_output
        ]
    assert told["merged"].value >= 3
    assert told["files_removed"].value >= 3
    with platform.warehouse.read() as connection:
        assert connection.execute("SELECT count(*) FROM core.schools").fetchall() == [(3,)]
