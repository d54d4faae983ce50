"""`requests`: students' course requests, from a file to the SIS and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sis_assets.cli.printing import AsJson, out, print_rows, table_of, working

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.pipeline.requests.intake import Taken
    from sis_assets.pipeline.stage import Stage

app = typer.Typer(
    help="Course requests: taken in, handed to the SIS, looked for there.", no_args_is_help=True
)

DistrictOption = Annotated[str, typer.Option("--district", help="The district's key.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; keep and write nothing.")]


@app.command("import")
def requests_import(
    file: Annotated[Path, typer.Argument(help="CSV, or the same keys as NDJSON.")],
    *,
    district: DistrictOption,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in a file with course requests and judge every row of it."""
    from sis_assets.pipeline.requests.intake import take_in  # noqa: PLC0415 - beside its use

    with _opened(district) as (stage, known), working("Taking in the requests", quiet=as_json):
        taken = take_in(stage, known, file, dry_run=dry_run)
    if as_json:
        _print_json({"import_id": taken.import_id, "known": taken.known, **_counts(taken)})
        return
    told = "would be" if dry_run else "was taken in before as" if taken.known else "is"
    out.print(f"The file {told} {taken.import_id}.", highlight=False)
    _print_counts(taken)


@app.command("export")
def requests_export(
    *,
    district: DistrictOption,
    to: Annotated[Path, typer.Option("--out", help="The folder for the SIS's file and report.csv.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Hand everything that stands to the SIS, and report on every row of the newest import."""
    from sis_assets.pipeline.requests.export import export  # noqa: PLC0415 - beside its use

    with _opened(district) as (stage, known), working("Handing the requests over", quiet=as_json):
        done = export(stage, known, to, dry_run=dry_run)
    if as_json:
        _print_json(
            {
                "files": list(done.files),
                "records": done.records,
                "refused": done.refused,
                **_counts(done.taken),
            }
        )
        return
    names = ", ".join(done.files) or (
        "nothing was written" if dry_run else f"by its API, {done.refused:,} refused"
    )
    out.print(f"{done.records:,} requests: {names}.", highlight=False, markup=False, soft_wrap=True)
    _print_counts(done.taken)


@app.command("reconcile")
def requests_reconcile(
    *,
    district: DistrictOption,
    held: Annotated[
        Path | None, typer.Option(help="What the SIS holds: its download, in the columns of our file.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="The log of the upload, in these columns and the result.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Look for the requests in the SIS: in what came back into the drop, by its API, or in the named files."""
    from sis_assets.pipeline.requests.confirm import confirm  # noqa: PLC0415 - beside its use

    files = {name: path for name, path in (("held", held), ("log", log)) if path is not None}
    with _opened(district) as (stage, known), working("Looking for the requests", quiet=as_json):
        found = confirm(stage, known, files or None, dry_run=dry_run)
    if as_json:
        _print_json({**found.counts, "unreadable": found.unreadable, "waiting": found.waiting})
    elif found.waiting:
        out.print(found.waiting, markup=False, highlight=False, soft_wrap=True)
    else:
        print_rows((*found.counts, "unreadable"), [(*found.counts.values(), found.unreadable)])


@app.command("status")
def requests_status(*, district: DistrictOption, as_json: AsJson = False) -> None:
    """Show the counsellor's view: by school and course, what was asked for and what became of it."""
    from sis_assets.pipeline.requests.overview import COLUMNS, overview  # noqa: PLC0415 - beside its use

    with _opened(district) as (stage, known), stage.warehouse.read() as connection:
        rows = overview(connection, known.district)
    if as_json:
        for row in rows:
            _print_json(dict(zip(COLUMNS, row, strict=True)))
        return
    if rows:
        print_rows(COLUMNS, rows)
    else:
        out.print("No requests.")


@contextmanager
def _opened(name: str) -> Iterator[tuple[Stage, District]]:
    """Give the stage and the district. Raises NeedsPerson when its file is missing or broken."""
    from sis_assets.assets.platform import Platform  # noqa: PLC0415 - Dagster's imports take a second

    with Platform() as platform:
        yield platform.stage, platform.registry.district(name)


def _counts(taken: Taken) -> dict[str, object]:
    return {**taken.counts, "total": taken.total, "reasons": dict(taken.reasons)}


def _print_json(told: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _print_counts(taken: Taken) -> None:
    from sis_assets.model.requests import REASONS  # noqa: PLC0415 - beside its use

    print_rows((*taken.counts, "total"), [(*taken.counts.values(), taken.total)])
    if taken.reasons:
        table = table_of("rows", "reason", "what to do")
        for code, number in sorted(taken.reasons.items()):
            table.add_row(f"{number:,}", code, REASONS[code])
        out.print(table)
