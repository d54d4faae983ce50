"""`status` and `alerts`: where the whole fleet stands, and whether people can be told."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from sis_assets.cli.printing import FAILED, AsJson, coloured, moment, out, plain, stop, table_of
from sis_assets.cli.warehouse import lake
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.pipeline.fleet import Standing

alerts_app = typer.Typer(help="What people are told.", no_args_is_help=True)


class By(StrEnum):
    """What `status` sorts by."""

    DISTRICT = "district"
    AGE = "age"
    STATE = "state"


def status(
    *,
    by: Annotated[
        By, typer.Option(help="What to sort by: the name, the oldest data, or the worst state.")
    ] = By.STATE,
    at: Annotated[
        str | None, typer.Option(help="Business time, ISO 8601 with its offset; now by default.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page that opens without a server.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where every district stands: its newest good data, what is wrong or waits, and whose move it is."""
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed
    from sis_assets.pipeline.fleet import standings  # noqa: PLC0415 - beside its use

    now = moment(at) if at else datetime.now(UTC)
    registry = load_districts(Home.from_environment().districts)
    with lake() as warehouse, warehouse.read() as connection:
        found = sorted(standings(connection, registry, now), key=lambda standing: _place(standing, by))
    if html is not None:
        _write(html, found, now)
    if as_json:
        for standing in found:
            sys.stdout.write(json.dumps(_as_object(standing, now), ensure_ascii=False) + "\n")
    elif html is None:
        _print(found, now)


def _write(path: Path, found: Sequence[Standing], now: datetime) -> None:
    from sis_assets.pipeline.pages.status import write_status_page  # noqa: PLC0415 - beside its use

    try:
        write_status_page(path, found, now)
    except OSError as error:
        stop(f"The page {path} cannot be written: {error.strerror}.")


def _print(found: Sequence[Standing], now: datetime) -> None:
    table = table_of(
        "district", "state", "newest good", "accounts", "held", "next hours", "access", "next move", ""
    )
    for standing in found:
        table.add_row(
            standing.district_id,
            coloured(standing.state),
            _age(standing.last_good, now),
            f"{standing.accounts:,}",
            str(len(standing.held) or ""),
            f"{standing.opens.astimezone():%a %H:%M}" if standing.opens else "",
            f"until {standing.access_expires}" if standing.access_expires else "",
            standing.mover,
        )
    out.print(table if found else "There are no district files yet.")
    for standing in found:
        for condition in standing.conditions:
            out.print(
                f"\n{coloured(condition.kind)}  {standing.district_id}, since {condition.since:%Y-%m-%d %H:%M} UTC",
                highlight=False,
            )
            out.print(condition.says, markup=False, highlight=False, soft_wrap=True)


def _place(standing: Standing, by: By) -> tuple[Any, ...]:
    from sis_assets.pipeline.fleet import by_state  # noqa: PLC0415 - beside its use

    age = standing.last_good.timestamp() if standing.last_good else 0.0
    return {
        By.DISTRICT: (standing.district_id,),
        By.AGE: (age, standing.district_id),
        By.STATE: by_state(standing),
    }[by]


def _age(last_good: datetime | None, now: datetime) -> str:
    if last_good is None:
        return "none yet"
    return f"{(now - last_good).total_seconds() / 3600:,.0f} h old"


def _as_object(standing: Standing, now: datetime) -> dict[str, Any]:
    return {
        "district": standing.district_id,
        "name": standing.name,
        "sis": standing.sis,
        "state": standing.state,
        "last_good": plain(standing.last_good),
        "age_hours": round((now - standing.last_good).total_seconds() / 3600, 1)
        if standing.last_good
        else None,
        "stale_since": plain(standing.stale_since),
        "accounts": standing.accounts,
        "held": list(standing.held),
        "next_window": plain(standing.opens),
        "access_expires": plain(standing.access_expires),
        "renew_by": plain(standing.file_by),
        "next_move": standing.mover or None,
        "conditions": [
            {"kind": each.kind, "since": plain(each.since), "reason": each.says}
            for each in standing.conditions
        ],
    }


@alerts_app.command("tell")
def alerts_tell() -> None:
    """Tell all channels now what they do not know yet, as the sensor does every minute."""
    from sis_assets.assets.platform import Platform  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.automation.alerts import tell_of_the_fleet  # noqa: PLC0415 - as above
    from sis_assets.automation.launch import instance_of  # noqa: PLC0415 - as above

    home = Home.from_environment()
    with Platform(home) as platform, instance_of(home) as instance:
        telling = tell_of_the_fleet(platform, instance)
    if telling is None:
        out.print("Quiet hours: nothing was told.")
        return
    if telling.dead:
        stop(f"{telling}.", FAILED)
    out.print(f"{telling}.")


@alerts_app.command("test")
def alerts_test() -> None:
    """Send a test message to every channel, the team's and the districts'."""
    from sis_assets.automation.alerts import TEAM, channels  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed
    from sis_assets.transport import notify  # noqa: PLC0415 - Apprise, only where it is needed

    found = channels(load_districts(Home.from_environment().districts))
    if not found:
        stop(f"There are no channels: set {TEAM}, or alerts in a district file.")
    body = "This is a test: alerts of this channel arrive."
    taken = {
        channel.name: bool(channel.url and notify.send(channel.url, "sis-assets: a test", body))
        for channel in found
    }
    for name, worked in taken.items():
        out.print(f"{'[green]ok[/]  ' if worked else '[red]no[/]  '}{escape(name)}", highlight=False)
    if not all(taken.values()):
        raise SystemExit(FAILED)
