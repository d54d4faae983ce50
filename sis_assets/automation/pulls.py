"""The schedule that reads every district's API once a night, many districts in one run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from sis_assets.assets.partitions import register
from sis_assets.assets.platform import Platform, batch_tags
from sis_assets.automation.jobs import SYNC_DISTRICT, districts_under_way
from sis_assets.model.faults import Fault
from sis_assets.pipeline.stage import redacted

#: So many districts are one run: enough to share its cost, few enough that one tick's runs share the night.
BATCH: Final = 250


@dg.schedule(
    name="pulls",
    cron_schedule="*/10 * * * *",
    job=SYNC_DISTRICT,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reads the APIs of the districts that are due: once in each of their windows, again with growing pauses after"
    " trouble that passes.",
)
def pulls(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Request a run for each batch of districts that are due and in no run yet.

    Raises a Fault, or a RuntimeError without the words of an unexpected error.
    """
    try:
        return _requests(context)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None


def _requests(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    from sis_assets.pipeline.due import due  # noqa: PLC0415 - keeps the definitions light

    with Platform() as platform:
        if not platform.home.districts.is_dir():
            return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
        districts = platform.registry.districts
        register(context.instance, districts)
        now = context.scheduled_execution_time.astimezone(UTC)
        with platform.warehouse.read() as connection:
            found = due(connection, districts.values(), now)
    busy = districts_under_way(context.instance)
    waiting = [name for name in found if name not in busy]
    if not waiting:
        under_way = f"; {len(found)} due ones are in runs already" if found else ""
        return dg.SkipReason(f"No district is due{under_way}")
    order = {name: place for place, name in enumerate(context.instance.get_dynamic_partitions("districts"))}
    return [_request(sorted(batch, key=order.__getitem__), now) for batch in _batches(waiting)]


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + BATCH] for at in range(0, len(names), BATCH)]


def _request(names: Sequence[str], now: datetime) -> dg.RunRequest:
    key = f"{now:%Y-%m-%dT%H:%M}:{names[0]}"
    if len(names) == 1:
        return dg.RunRequest(run_key=key, partition_key=names[0])
    return dg.RunRequest(run_key=key, tags=batch_tags(names))
