"""`purge`: what is too old, or what a district asks us to delete."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sis_assets.cli.printing import out, stop, table_of
from sis_assets.cli.warehouse import lake
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.pipeline.purge import Extent


def purge(
    *,
    expired: Annotated[
        bool, typer.Option("--expired", help="Everything that is older than retention.yaml says.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --expired: only say what would be deleted.")
    ] = False,
    district: Annotated[str | None, typer.Option(help="Everything of this district.")] = None,
    student: Annotated[
        str | None, typer.Option(help="Only this student of the district, by student_id.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who has it done; you, by default.")] = None,
    note: Annotated[str, typer.Option("--note", help="Why; goes into the certificate. No names.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what is too old, or a district or one student of it on request; then a certificate remains."""
    person = (by if by is not None else getpass.getuser()).strip()
    if not person:
        stop("Say who has it done, with --by NAME.")
    if expired == (district is not None) or (student is not None and district is None):
        stop("Give either --expired or --district D, with --student ID for one student of it.")
    if expired:
        _expired(person, dry=dry_run)
    elif dry_run:
        stop(
            "--dry-run is for --expired; without --yes you are shown what there is before anything is deleted."
        )
    elif district is not None:
        _on_request(district, student, by=person, note=note.strip(), yes=yes)


def _expired(by: str, *, dry: bool) -> None:
    from sis_assets.assets.platform import Platform  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.automation.launch import instance_of  # noqa: PLC0415 - as above
    from sis_assets.automation.retention import remove_expired  # noqa: PLC0415 - as above

    home = Home.from_environment()
    with Platform(home) as platform, instance_of(home) as instance:
        removed = remove_expired(platform, instance, by=by, dry=dry)
    table = table_of("what", "would be deleted" if dry else "deleted")
    for name, count in removed.of_ours.rows.items():
        table.add_row(name, f"{count:,} {'payloads' if name == 'delivery.outbox' else 'rows'}")
    if removed.of_ours.files:
        table.add_row("landing/", f"{removed.of_ours.files:,} files, {removed.of_ours.bytes:,} bytes")
    if removed.events:
        table.add_row("Dagster", f"{removed.events:,} events")
    out.print(table if table.row_count else "Nothing is too old.")


def _on_request(district: str, student: str | None, *, by: str, note: str, yes: bool) -> None:
    from sis_assets.automation.launch import forget_partition  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.pipeline.purge import Order, extent  # noqa: PLC0415 - beside its use
    from sis_assets.pipeline.purge import purge as carry_out  # noqa: PLC0415 - as above
    from sis_assets.pipeline.stage import Clock  # noqa: PLC0415 - as above

    order = Order(district, student, by, note)
    home = Home.from_environment()
    with lake(write=True) as warehouse:
        others = _districts(home)
        there = extent(warehouse, order, others)
        if not yes:
            if not (sys.stdin.isatty() and out.is_terminal):
                stop("Give --yes to purge without being asked.")
            _print_extent(there)
            if not typer.confirm("Delete all this for good?"):
                stop("Nothing was deleted.")
        certificate = carry_out(warehouse, Clock(), order, others, lambda: forget_partition(home, district))
    out.print(f"Deleted; the certificate is {certificate}", highlight=False, soft_wrap=True, markup=False)
    if student is not None:
        out.print(
            "The next sync brings the student back unless the district leaves the student out of what it sends.",
            soft_wrap=True,
        )
    elif district in others:
        out.print(
            f"districts/{district}.yaml is still there: the next sync would read the district again.",
            soft_wrap=True,
        )


def _districts(home: Home) -> set[str]:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    if not home.districts.is_dir():
        return set()
    registry = load_districts(home.districts)
    return {*registry.districts, *registry.broken}


def _print_extent(there: Extent) -> None:
    table = table_of("what", "how many")
    for name, count in there.tables.items():
        table.add_row(name, f"{count:,} rows")
    for place in sorted({holding.place for holding in there.files}):
        mine = [holding.bytes for holding in there.files if holding.place == place]
        table.add_row(f"{place}/", f"{len(mine):,} files, {sum(mine):,} bytes")
    out.print(table)
