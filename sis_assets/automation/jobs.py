"""The jobs: a district's sync, a person's decision on a change set, and the warehouse's upkeep."""

from dataclasses import asdict
from datetime import timedelta
from typing import Literal

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.platform import Platform, districts_of, failing_plainly

ENDED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})

SYNC_DISTRICT = dg.define_asset_job(
    "sync_district",
    # The checks of freshness concern all districts, or none of the run's news: a sensor reports them.
    selection=dg.AssetSelection.groups("raw", "core", "lifecycle", "delivery")
    - dg.AssetSelection.checks(catalog.DISTRICTS_FRESH, catalog.DISTRICT_FRESH),
    executor_def=dg.in_process_executor,
    description="Everything for one district, from its source to the outbox.",
)


def districts_under_way(instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the districts that a run of `sync_district` has in hand, or waits to take in hand."""
    unfinished = [status for status in dg.DagsterRunStatus if status not in ENDED]
    runs = instance.get_runs(dg.RunsFilter(job_name=SYNC_DISTRICT.name, statuses=unfinished))
    return frozenset(name for run in runs for name in districts_of(run.tags) or ())


class DecisionConfig(dg.Config):
    """A person's decision. The hash stands in `changes show` and in the change set's table."""

    decision: Literal["approve", "discard", "undo"]
    change_set_id: str
    content_sha256: str
    by: str
    note: str = ""


@dg.op(description="Approve, discard or undo one change set, bound to its content's hash and to a person.")
def decide_change_set_op(
    context: dg.OpExecutionContext, config: DecisionConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Carry out the decision; the audit and the events name the person and the counts."""
    from sis_assets.pipeline.decide import Decision, decide  # noqa: PLC0415 - keeps the definitions light

    with failing_plainly():
        done = decide(
            platform.warehouse,
            platform.clock,
            Decision(config.decision),
            config.change_set_id,
            content_sha256=config.content_sha256,
            by=config.by,
            note=config.note,
        )
    metadata: dict[str, int | str] = {
        **done.counts,
        "change_set_id": done.change_set_id,
        "status": done.status,
        "decided_by": config.by,
    }
    for name in ("change_sets", "accounts"):
        context.log_event(
            dg.AssetMaterialization(["lifecycle", name], partition=done.district_id, metadata=metadata)
        )


@dg.job(
    name="decide_change_set",
    executor_def=dg.in_process_executor,
    description="Approve, discard or undo a change set.",
)
def decide_change_set() -> None:
    """Run one decision from the launchpad."""
    decide_change_set_op()


class UpkeepConfig(dg.Config):
    """For how many days old snapshots, and with them the files that only they need, are kept; else `retention.yaml` says."""

    keep_days: float | None = None


@dg.op(
    description="Merge small files, rewrite those with many deleted rows, forget old snapshots, unlink what nothing needs."
)
def maintain_warehouse_op(
    context: dg.OpExecutionContext, config: UpkeepConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Do a round of upkeep; the events hold its counts."""
    from sis_assets.districts import load_retention  # noqa: PLC0415 - keeps the definitions light
    from sis_assets.warehouse.maintenance import maintain  # noqa: PLC0415 - as above

    with failing_plainly():
        days = config.keep_days
        if days is None:
            days = load_retention(platform.home.root).snapshots_days
        upkeep = maintain(platform.warehouse, older_than=timedelta(days=days))
    context.add_output_metadata(asdict(upkeep))


@dg.job(
    name="maintain_warehouse",
    executor_def=dg.in_process_executor,
    description="Keep the warehouse small and quick; what is current never changes. Run it weekly, or after a purge.",
)
def maintain_warehouse() -> None:
    """Run one round of upkeep."""
    maintain_warehouse_op()
