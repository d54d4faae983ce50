"""`audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sis_assets.cli.printing import FAILED, AsJson, out
from sis_assets.cli.warehouse import lake

app = typer.Typer(help="The record of who did what.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Keep `verify` a command of its own, though it is the only one."""


@app.command("verify")
def audit_verify(
    *,
    district: Annotated[str | None, typer.Option(help="Only this district's.")] = None,
    heads: Annotated[
        Path | None,
        typer.Option(help="The file that keeps the last hashes; by default it lies beside the catalog."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk the hash chain of the audit and name the first row that does not fit; exits with 3 when there is one."""
    from sis_assets.pipeline.audit import heads_file, verify  # noqa: PLC0415 - beside its use

    with lake() as warehouse:
        verdicts = verify(warehouse, heads or heads_file(warehouse.home), district)
    for found in verdicts:
        if as_json:
            told = {
                "district": found.district_id,
                "ok": not found.problems,
                "rows": found.rows,
                "head": found.head,
                "problems": list(found.problems),
            }
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
            continue
        mark = "[red]no[/]  " if found.problems else "[green]ok[/]  "
        out.print(f"{mark}{found.district_id}: {found.rows:,} rows fit", highlight=False)
        for problem in found.problems:
            out.print(f"      {problem}", markup=False, highlight=False, soft_wrap=True)
    if not verdicts and not as_json:
        out.print("Nobody has done anything that is audited yet.")
    if any(found.problems for found in verdicts):
        raise SystemExit(FAILED)
