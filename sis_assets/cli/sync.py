"""`sync`: read the districts' sources now."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sis_assets.cli.printing import FAILED, AsJson, coloured, counted, moment, out, stop, table_of, working
from sis_assets.model.faults import Fault
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.assets.platform import Platform
    from sis_assets.districts import Registry
    from sis_assets.pipeline.stage import Outcome


def sync(
    districts: Annotated[list[str] | None, typer.Argument(help="Districts to sync.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Sync every district.")] = False,
    at: Annotated[
        str | None, typer.Option(help="Business time, ISO 8601 with its offset; now by default.")
    ] = None,
    outside_window: Annotated[
        bool, typer.Option("--outside-window", help="Read APIs also outside the hours of pull; audited.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the districts' sources, propose changes, hold what is implausible, apply the rest."""
    from sis_assets.assets.platform import Platform  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.automation.launch import instance_of, unrecorded  # noqa: PLC0415 - as above
    from sis_assets.automation.launch import sync as run  # noqa: PLC0415 - as above

    if bool(districts) == every:
        stop("Name the districts to sync, or give --all.")
    home = Home.from_environment()
    person = getpass.getuser() if outside_window else None
    with Platform(home, at=moment(at) if at else None, outside_window=person) as platform:
        names = _names(platform, districts)
        try:
            with instance_of(home) as instance, working(f"Syncing {len(names)} district(s)", quiet=as_json):
                outcomes = run(platform, instance, names)
        except Exception as error:  # noqa: BLE001 - Dagster's history could not be written; no district may lack its line
            outcomes = unrecorded(platform, names, error)
    _print_outcomes(list(outcomes.values()), as_json=as_json)
    if any(outcome.status == "failed" for outcome in outcomes.values()):
        raise SystemExit(FAILED)


def _names(platform: Platform, wanted: Sequence[str] | None) -> list[str]:
    """Return the districts to sync; a name without a file, or only such whose files are broken, is a usage error."""
    registry = platform.registry
    if not wanted:
        names = sorted({*registry.districts, *registry.broken})
        if not names:
            stop(f"There are no district files in {platform.home.districts}.")
        return names
    names = list(dict.fromkeys(wanted))
    unusable = [fault for name in names if (fault := _unusable(registry, name))]
    if len(unusable) == len(names):
        stop("\n".join(fault.reason for fault in unusable))
    return names


def _unusable(registry: Registry, name: str) -> Fault | None:
    """Return what is wrong with the district's file. Raises NeedsPerson when there is none."""
    from sis_assets.sis.kinds import refuse_problems  # noqa: PLC0415 - beside its use

    try:
        refuse_problems(registry.district(name))
    except Fault as fault:
        if name in registry.districts or name in registry.broken:
            return fault
        raise
    return None


def _print_outcomes(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    from sis_assets.pipeline.sync import as_line  # noqa: PLC0415 - beside its use

    if as_json:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(as_line(outcome), ensure_ascii=False) + "\n")
        return
    table = table_of("district", "status", "changes", "reason")
    for outcome in outcomes:
        changes = "\n".join(
            f"{found.status}: {counted(found.counts)}  {found.id}" for found in outcome.change_sets
        )
        table.add_row(outcome.district_id, coloured(str(outcome.status)), changes, escape(outcome.reason))
    out.print(table)
