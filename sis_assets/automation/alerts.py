"""The sensor that tells people what is wrong with districts: new trouble, changed trouble, and its end.

The team's channels and quiet hours come from the environment, a district's own from its file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from sis_assets.assets.platform import Platform
from sis_assets.model.calendar import Window, closing
from sis_assets.model.faults import Fault, Mover, NeedsPerson
from sis_assets.pipeline.alerts import Channel, Message, Telling, tell
from sis_assets.pipeline.fleet import standings
from sis_assets.pipeline.stage import redacted

if TYPE_CHECKING:
    from sis_assets.districts import Registry

TEAM, QUIET = "SIS_ASSETS_ALERTS", "SIS_ASSETS_QUIET_HOURS"
_EVERY_DAY = frozenset(range(7))


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


def tell_of_the_fleet(platform: Platform) -> Telling | None:
    """Tell all channels what they do not know yet of the districts; gives None in the quiet hours."""
    from sis_assets.transport import notify  # noqa: PLC0415 - Apprise, only where it is needed

    now = platform.clock.now()
    if is_quiet(now):
        return None
    with platform.warehouse.read() as connection:
        found = standings(connection, platform.registry, now)
    conditions = [condition for standing in found for condition in standing.conditions]

    def send(url: str, message: Message) -> bool:
        return notify.send(url, message.title, message.body)

    return tell(platform.warehouse, conditions, channels(platform.registry), now, send)


@dg.sensor(
    name="alerts_fleet",
    minimum_interval_seconds=60,
    description="Tells the team and the districts, by Apprise, what is failing, stale, held, or about to lose its access,"
    " and when that is over. It starts no runs.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def alerts_fleet(context: dg.SensorEvaluationContext) -> dg.SkipReason:  # noqa: ARG001 - of a sensor's shape
    """Tell what is new. Raises a Fault, or a RuntimeError without the words of an unexpected error."""
    try:
        with Platform() as platform:
            if not platform.home.districts.is_dir():
                return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
            telling = tell_of_the_fleet(platform)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None
    if telling is None:
        return dg.SkipReason("Quiet hours: what there is to tell is told afterwards.")
    return dg.SkipReason(f"{telling}.")
