"""The sensor that tells people what is wrong with districts: new trouble, changed trouble, and its end.

The team's channels and quiet hours come from the environment, a district's own from its file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from sis_assets.assets.platform import Platform
from sis_assets.automation.jobs import ENDED, SYNC_DISTRICT
from sis_assets.model.calendar import Window, closing
from sis_assets.model.faults import Fault, Mover, NeedsPerson, sentence
from sis_assets.pipeline.alerts import Channel, Message, Telling, tell
from sis_assets.pipeline.fleet import Condition, Kind, standings
from sis_assets.pipeline.stage import redacted

if TYPE_CHECKING:
    from sis_assets.districts import Registry

TEAM, QUIET = "SIS_ASSETS_ALERTS", "SIS_ASSETS_QUIET_HOURS"
_EVERY_DAY = frozenset(range(7))
#: So many failed runs are looked through for jobs that still fail.
_RECENT: Final = 200


def channels(registry: Registry, environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """Return the team's channels (Apprise URLs in SIS_ASSETS_ALERTS, white space between) and those of the districts."""
    found = [
        Channel(f"{number} of {TEAM}", url)
        for number, url in enumerate(environment.get(TEAM, "").split(), start=1)
    ]
    for name, district in registry.districts.items():
        for number, alert in enumerate(district.alerts, start=1):
            try:
                url = alert if isinstance(alert, str) else alert.reveal()
            except Fault:
                url = None
            found.append(Channel(f"{number} of {name}", url, frozenset({name})))
    return found


def is_quiet(now: datetime, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `now` (aware) lies in SIS_ASSETS_QUIET_HOURS, such as "22:00-06:00 America/Chicago".

    Raises NeedsPerson when it is written otherwise.
    """
    text = environment.get(QUIET, "")
    if not text:
        return False
    try:
        hours, zone = text.split()
        opens, closes = (time.fromisoformat(each) for each in hours.split("-"))
        return closing(now, Window(_EVERY_DAY, opens, closes), ZoneInfo(zone)) is not None
    except (ValueError, ZoneInfoNotFoundError):
        raise NeedsPerson(
            tried=f"Reading {QUIET}",
            seen="it is not written as hours and a time zone",
            todo='Write it such as "22:00-06:00 America/Chicago"',
            mover=Mover.ENGINEER,
        ) from None


def troubles_of(instance: dg.DagsterInstance) -> Iterator[Condition]:
    """Give what is wrong with Dagster itself: jobs whose newest run failed, sensors and schedules whose newest tick did.

    What fails in the sync of a district is that district's trouble, and stands in the ledger.
    """
    failed = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=_RECENT)
    for name in sorted({record.dagster_run.job_name for record in failed} - {SYNC_DISTRICT.name}):
        [newest] = instance.get_run_records(dg.RunsFilter(job_name=name, statuses=list(ENDED)), limit=1)
        if newest.dagster_run.status is dg.DagsterRunStatus.FAILURE:
            run = newest.dagster_run.run_id
            yield _of_dagster(
                Kind.JOB,
                name,
                newest.end_time,
                f"The job {name} failed in the run {run}: its last step says why",
                run,
            )
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        for tick in ticks:
            if tick.is_failure:
                says = f"The sensor or schedule {state.name} fails: its newest tick in Dagster says why"
                yield _of_dagster(Kind.TICK, state.name, tick.timestamp, says, "")


def _of_dagster(kind: Kind, name: str, since: float | None, says: str, content: str) -> Condition:
    moment = datetime.fromtimestamp(since or 0, UTC)
    return Condition(name, kind, moment, sentence(says, Mover.ENGINEER), Mover.ENGINEER, content)


def tell_of_the_fleet(platform: Platform, instance: dg.DagsterInstance) -> Telling | None:
    """Tell all channels what they do not know yet of the districts and of Dagster; gives None in the quiet hours."""
    from sis_assets.transport import notify  # noqa: PLC0415 - Apprise, only where it is needed

    now = platform.clock.now()
    if is_quiet(now):
        return None
    with platform.warehouse.read() as connection:
        found = standings(connection, platform.registry, now)
    conditions = [condition for standing in found for condition in standing.conditions]
    conditions += troubles_of(instance)

    def send(url: str, message: Message) -> bool:
        return notify.send(url, message.title, message.body)

    return tell(platform.warehouse, conditions, channels(platform.registry), now, send)


@dg.sensor(
    name="alerts_fleet",
    minimum_interval_seconds=60,
    description="Tells the team and the districts, by Apprise, what is failing, stale, held, or about to lose its access,"
    "  which jobs and sensors fail, and when that is over. It starts no runs.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def alerts_fleet(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell what is new. Raises a Fault, or a RuntimeError without the words of an unexpected error."""
    try:
        with Platform() as platform:
            if not platform.home.districts.is_dir():
                return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
            telling = tell_of_the_fleet(platform, context.instance)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None
    if telling is None:
        return dg.SkipReason("Quiet hours: what there is to tell is told afterwards.")
    return dg.SkipReason(f"{telling}.")
