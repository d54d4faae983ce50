"""`outbox`: what other systems read, and that they took it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from sis_assets.cli.printing import out
from sis_assets.cli.warehouse import lake

app = typer.Typer(help="The outbox, for the systems that read it.", no_args_is_help=True)

DistrictOption = Annotated[str, typer.Option("--district", help="The district's key.")]


@app.command("read")
def outbox_read(
    district: DistrictOption, *, limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000
) -> None:
    """Print what a district's outbox holds and nobody acknowledged, one JSON object a line, in order."""
    from sis_assets.destinations.outbox import pending  # noqa: PLC0415 - beside its use

    with lake() as warehouse, warehouse.read() as connection:
        for row in pending(connection, district, limit):
            line = {**row, "payload": json.loads(row["payload"])}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


@app.command("acknowledge")
def outbox_acknowledge(
    district: DistrictOption,
    through: Annotated[int, typer.Option(min=1, help="The last sequence that was taken.")],
) -> None:
    """Mark everything up to a sequence as delivered."""
    from sis_assets.destinations.outbox import acknowledge  # noqa: PLC0415 - beside its use

    with lake(write=True) as warehouse:
        count = warehouse.write(
            lambda connection: acknowledge(connection, district, through, datetime.now(UTC))
        )
    out.print(f"{count:,} rows of {district} are delivered.", highlight=False)
