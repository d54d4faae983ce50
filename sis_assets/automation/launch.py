"""Syncing from a command: the same job, and so the same events, as a run from the UI."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.assets.partitions import register
from sis_assets.assets.platform import AT_TAG, Platform, batch_tags
from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.pipeline.stage import Outcome, Status, redacted
from sis_assets.warehouse.locks import file_lock
from sis_assets.warehouse.trouble import trouble

if TYPE_CHECKING:
    import dagster as dg

    from sis_assets.warehouse import Home

_OPENING_SECONDS = 60.0
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def dagster_home(home: Home) -> Path:
    """Return DAGSTER_HOME (by default inside the home), with settings in it; sets the variable for child processes."""
    folder = Path(os.environ.get("DAGSTER_HOME") or home.dagster).absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        template = (files("sis_assets.automation") / "dagster.yaml").read_text()
        whole = folder / f".{settings.name}-{os.getpid()}"  # another process must not read half of it
        whole.write_text(template.replace("@EVENTS@", str(folder / "history" / "runs")))
        whole.replace(settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def instance_of(home: Home) -> dg.DagsterInstance:
    """Open the Dagster instance of the home, one process at a time: the first makes its databases."""
    import dagster as dg  # noqa: PLC0415 - a second of imports, only when something runs

    folder = dagster_home(home)
    with file_lock(folder / "opening.lock")(time.monotonic() + _OPENING_SECONDS):
        return dg.DagsterInstance.get()


def forget_partition(home: Home, district_id: str) -> bool:
    """Remove the district from Dagster's partitions and say whether it was there. Its events stay: they hold no data."""
    with instance_of(home) as instance:
        if not instance.has_dynamic_partition("districts", district_id):
            return False
        instance.delete_dynamic_partition("districts", district_id)
        return True


def sync(platform: Platform, instance: dg.DagsterInstance, names: Sequence[str]) -> dict[str, Outcome]:
    """Run the job `sync_district` in this process for the districts and return one outcome for each.

    One district is a run of its partition. Several are one run that records every district by itself: a range of Dagster
    is contiguous and takes no failures, so the run carries the list in a tag and defers its asset events.
    """
    from sis_assets.definitions import defs  # noqa: PLC0415 - loads the whole graph, only when something runs

    register(instance, [name for name in names if name in platform.registry.districts])
    job = defs.resolve_job_def("sync_district")
    tags = {AT_TAG: platform.clock.at.isoformat()} if platform.clock.at else {}
    known = [name for name in instance.get_dynamic_partitions("districts") if name in set(names)]
    if len(known) == 1:
        job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            partition_key=known[0],
            tags=tags,
            resources={"platform": platform},
            raise_on_error=False,
        )
    elif known:
        job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            tags={**tags, **batch_tags(known)},
            resources={"platform": platform},
            raise_on_error=False,
        )
    return {name: platform.outcomes.get(name) or _without_a_run(platform, name) for name in names}


def unrecorded(platform: Platform, names: Sequence[str], error: BaseException) -> dict[str, Outcome]:
    """Return one outcome for each district when Dagster could not keep its history: all failed, whatever was applied.

    What was applied stands; the next sync finds it done and records it.
    """
    causes = _causes(error)
    fault = next((found for cause in causes if (found := trouble(cause))), None) or redacted(error)
    return {
        name: replace(platform.outcomes.get(name, Outcome(name)), status=Status.FAILED, reason=fault.reason)
        for name in names
    }


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    return causes


def _without_a_run(platform: Platform, name: str) -> Outcome:
    """Outcome of a district that no run said anything of: its file is broken, or the run ended too early."""
    fault = platform.registry.broken.get(name) or PermanentFault(
        tried=f"Syncing {name}",
        seen="the run ended before it said anything of this district",
        todo="Look at the run in the Dagster UI",
        mover=Mover.ENGINEER,
    )
    return Outcome.failed(name, fault)
