"""The job that carries course requests to the SIS and looks for them there, and the sensor that asks for it.

It runs for a district when a file with requests was dropped and stood still from one tick to the next, and once a day
while something is to be handed over or confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import dagster as dg

from sis_assets.assets.partitions import register
from sis_assets.assets.platform import Platform
from sis_assets.model.faults import Fault
from sis_assets.model.fingerprint import fingerprint

SEND_REQUESTS = dg.define_asset_job(
    "send_requests",
    selection=dg.AssetSelection.groups("requests"),
    executor_def=dg.in_process_executor,
    description="Take in a district's course requests, hand them to its SIS, and look for them there.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of a district, and of what state a run was asked for."""

    state: str = ""
    asked: str = ""


@dg.sensor(
    name="requests",
    job=SEND_REQUESTS,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks for dropped files with course requests, and once a day after those that are not confirmed.",
)
def requests(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request a run for each district with a new file, or with requests that wait.

    Raises a Fault, or a RuntimeError that names the place of an unexpected error but none of its words.
    """
    from sis_assets.pipeline.stage import redacted  # noqa: PLC0415 - keeps the definitions light

    try:
        return _tick(context)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None


def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    with Platform() as platform:
        if not platform.home.districts.is_dir():
            return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
        before = {name: Seen(**seen) for name, seen in json.loads(context.cursor or "{}").items()}
        ready, after = step(before, due(platform))
        register(context.instance, ready)
    context.update_cursor(json.dumps({name: asdict(seen) for name, seen in after.items()}))
    if not ready:
        return dg.SkipReason("No new requests, and none that wait")
    runs = [dg.RunRequest(run_key=f"{name}:{after[name].asked}", partition_key=name) for name in ready]
    return dg.SensorResult(run_requests=runs)


def step(before: Mapping[str, Seen], due_now: Mapping[str, str]) -> tuple[list[str], dict[str, Seen]]:
    """Return the districts that are due, unchanged since the last look and not asked for yet, and what is remembered.

    The first look at something only remembers it: a file that is still being written looks otherwise at the next one.
    """
    after = {}
    for name, now in due_now.items():
        seen = before.get(name, Seen())
        after[name] = Seen(now, now if seen.state == now else seen.asked)
    ready = [
        name for name, seen in sorted(after.items()) if seen.asked not in {"", before.get(name, Seen()).asked}
    ]
    return ready, after


def due(platform: Platform) -> Mapping[str, str]:
    """Return the state of each district that has requests: its files, and the day while some of its requests wait."""
    from sis_assets.pipeline.requests.stages import dropped, open_districts  # noqa: PLC0415 - keeps the definitions light

    districts = platform.registry.districts
    waiting = open_districts(platform.warehouse, list(districts)) if districts else frozenset()
    found = {}
    for name, district in districts.items():
        stats = [(path.name, path.stat()) for path in dropped(platform.home, name)]
        files = [(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
        if files or name in waiting:
            day = platform.stage.day(district).isoformat() if name in waiting else ""
            found[name] = fingerprint([files, day])[:16]
    return found
