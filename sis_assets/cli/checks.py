"""`districts check` and `doctor`: is everything as it must be, and what to do where it is not."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.markup import escape

from sis_assets.cli.printing import FAILED, USAGE, AsJson, out
from sis_assets.warehouse.home import Home

districts_app = typer.Typer(help="The district files.", no_args_is_help=True)


@districts_app.command("check")
def districts_check(*, as_json: AsJson = False) -> None:
    """Check every district file: what is wrong, where, and what was probably meant."""
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed
    from sis_assets.sis.kinds import problems  # noqa: PLC0415 - as above

    registry = load_districts(Home.from_environment().districts)
    found = {name: [str(problem) for problem in error.problems] for name, error in registry.broken.items()}
    found |= {
        name: [str(problem) for problem in problems(district)]
        for name, district in registry.districts.items()
    }
    for name, wrong in sorted(found.items()):
        if as_json:
            sys.stdout.write(json.dumps({"district": name, "ok": not wrong, "problems": wrong}) + "\n")
        elif wrong:
            out.print(f"[red]broken[/]  {escape(name)}", highlight=False)
            for problem in wrong:
                out.print(f"        {problem}", markup=False, highlight=False, soft_wrap=True)
        else:
            district = registry.districts[name]
            told = f"{name}: {district.name}, {district.sis.kind}, {district.timezone}"
            out.print(f"[green]ok[/]      {escape(told)}", highlight=False, soft_wrap=True)
    if not found and not as_json:
        out.print("There are no district files yet.")
    if any(found.values()):
        raise SystemExit(USAGE)


def doctor(
    district: Annotated[str | None, typer.Argument(help="One district; without it the installation.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the installation, or everything about one district, and say what to do."""
    from sis_assets.pipeline.doctor import examine_district, examine_home  # noqa: PLC0415 - as above

    home = Home.from_environment()
    findings = list(examine_home(home) if district is None else examine_district(home, district))
    for finding in findings:
        if as_json:
            sys.stdout.write(
                json.dumps({"check": finding.check, "ok": finding.ok, "seen": finding.seen}) + "\n"
            )
            continue
        mark = "[green]ok[/]  " if finding.ok else "[red]no[/]  "
        out.print(f"{mark}{finding.check}: ", end="", highlight=False)
        out.print(finding.seen, markup=False, highlight=False, soft_wrap=True)
    wrong = {finding.check for finding in findings if not finding.ok}
    if wrong:
        raise SystemExit(USAGE if district is None or "district file" in wrong else FAILED)
