"""Every morning: what is too old is removed, the warehouse is kept small, and the audit is verified."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from sis_assets.assets.platform import Platform, failing_plainly
from sis_assets.automation.jobs import maintain_warehouse_op

if TYPE_CHECKING:
    from sis_assets.pipeline.retention import Expired

#: Who the audit says it was when a schedule removed what is too old.
SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Removed:
    """What a round removed, or would: of the warehouse and the landing folder, and Dagster's events."""

    of_ours: "Expired"
    events: int


def remove_expired(
    platform: Platform, instance: dg.DagsterInstance, *, by: str, dry: bool = False
) -> Removed:
    """Remove everything that is older than `retention.yaml` says; `dry` only counts."""
    from sis_assets.automation.old_events import remove_old_events  # noqa: PLC0415 - keeps the definitions light
    from sis_assets.districts import load_retention  # noqa: PLC0415 - as above
    from sis_assets.pipeline.retention import expire  # noqa: PLC0415 - as above

    keep = load_retention(platform.home.root)
    of_ours = expire(platform.warehouse, platform.clock, keep, by=by, dry=dry)
    before = platform.clock.now() - timedelta(days=keep.events_days)
    return Removed(of_ours, remove_old_events(instance, before, dry=dry))


@dg.op(
    description="Remove raw rows, rejected rows, outbox payloads, landed files and events that are older than retention.yaml says."
)
def purge_expired_op(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """Remove what is too old; the events hold the counts."""
    with failing_plainly():
        removed = remove_expired(platform, context.instance, by=SCHEDULE)
    ours = removed.of_ours
    rows: dict[str, int | str] = {f"rows of {table}": count for table, count in ours.rows.items()}
    context.add_output_metadata({**rows, "files": ours.files, "bytes": ours.bytes, "events": removed.events})


@dg.op(description="Verify the audit's chains; fails when a row does not fit.")
def verify_audit_op(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """Verify every district's chain and keep its head; a failure names what does not fit."""
    from sis_assets.pipeline.audit import heads_file, verify  # noqa: PLC0415 - keeps the definitions light

    with failing_plainly():
        verdicts = verify(platform.warehouse, heads_file(platform.home))
    wrong = [f"{found.district_id}: {problem}" for found in verdicts for problem in found.problems]
    if wrong:
        raise dg.Failure(
            description="The audit is not whole. Next move: engineer.\n" + "\n".join(wrong),
            allow_retries=False,
        )
    context.add_output_metadata({"chains": len(verdicts), "rows": sum(found.rows for found in verdicts)})


@dg.job(
    name="purge_expired",
    executor_def=dg.in_process_executor,
    description="Remove what is older than retention.yaml says, keep the warehouse small, verify the audit.",
)
def purge_expired() -> None:
    """Run one round of each; none waits for another's success."""
    purge_expired_op()
    maintain_warehouse_op()
    verify_audit_op()


purge_expired_nightly = dg.ScheduleDefinition(
    name="purge_expired_nightly",
    job=purge_expired,
    cron_schedule="0 14 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="When the nights of all districts are over.",
)
