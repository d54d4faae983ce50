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
    district: Annotated[str | None, typer.Option(help="Everything of this district.")] = None,
    student: Annotated[
        str | None, typer.Option(help="Only this student of the district, by student_id.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who has it done; you, by default.")] = None,
    note: Annotated[str, typer.Option("--note", help="Why; goes into the certificate. No names.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a district, or one student of it, from tables, files and snapshots; a certificate remains."""
    from sis_assets.automation.launch import forget_partition  # noqa: PLC0415 - Dagster's imports take a second
    from sis_assets.pipeline.purge import Order, extent  # noqa: PLC0415 - beside its use
    from sis_assets.pipeline.purge import purge as carry_out  # noqa: PLC0415 - as above
    from sis_assets.pipeline.stage import Clock  # noqa: PLC0415 - as above

    if district is None:
        stop("Say what to purge: --district D, with --student ID for one student of it.")
    order = Order(district, student, (by if by is not None else getpass.getuser()).strip(), note.strip())
    if not order.by:
        stop("Say who has it done, with --by NAME.")
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
            "The next sync brings the student back unless the district leaves the student out of what it sends."
        )
    elif district in others:
        out.print(f"districts/{district}.yaml is still there: the next sync would read the district again.")


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
