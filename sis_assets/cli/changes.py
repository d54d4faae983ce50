"""`changes`: what was proposed, why it is held, and a person's decision."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from sis_assets.cli.printing import AsJson, coloured, counted, out, plain, stop, table_of
from sis_assets.cli.warehouse import lake
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.decide import Decision
    from sis_assets.pipeline.review import Proposal

app = typer.Typer(help="Change sets: what was proposed, held, applied.", no_args_is_help=True)

ChangeSetId = Annotated[str, typer.Argument(help="The change set's id, as `changes list` shows it.")]
_HASH = Annotated[str | None, typer.Option("--hash", help="The content's hash, as `changes show` prints it.")]
_BY = Annotated[str | None, typer.Option("--by", help="Who decides; you, by default.")]
_NOTE = Annotated[str, typer.Option("--note", help="Why; goes into the audit.")]
_YES = Annotated[bool, typer.Option("--yes", help="Do not ask, without a hash.")]


class ChangeSetStatus(StrEnum):
    """What may become of a change set."""

    HELD = "held"
    APPLIED = "applied"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"
    UNDONE = "undone"


@app.command("list")
def changes_list(
    *,
    district: Annotated[str | None, typer.Option(help="Only this district's.")] = None,
    status: Annotated[ChangeSetStatus | None, typer.Option(help="Only such.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the change sets, newest last."""
    from sis_assets.pipeline.review import find  # noqa: PLC0415 - beside its use

    if district is not None and not _is_known(district):
        stop(f"There is no district {district}; `sis-assets districts check` shows them.")
    conditions = {"district_id = ?": district, "status = ?": status}
    given = {text: str(value) for text, value in conditions.items() if value}
    with lake() as warehouse, warehouse.read() as connection:
        found = find(connection, " AND ".join(given) or "true", tuple(given.values()))
    if as_json:
        for proposal in found:
            sys.stdout.write(json.dumps(_as_object(proposal)) + "\n")
        return
    table = table_of("change set", "status", "created (UTC)", "changes", "decided by")
    for proposal in found:
        created = f"{proposal.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(
            proposal.change_set_id,
            coloured(proposal.status),
            created,
            counted(proposal.counts),
            escape(proposal.decided_by or ""),
        )
    out.print(table if found else "No change sets.")


def _is_known(district: str) -> bool:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    registry = load_districts(Home.from_environment().districts)
    return district in registry.districts or district in registry.broken


@app.command("show")
def changes_show(
    change_set_id: ChangeSetId,
    *,
    names: Annotated[
        bool, typer.Option("--names", help="Also the students' names; on a terminal only.")
    ] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Write its page for review anew, with the names, and say where.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one change set: its counts, why it is held, and who must act."""
    from sis_assets.pipeline.review import schools_of, students_of  # noqa: PLC0415 - beside its use

    if names and not out.is_terminal:
        stop("--names shows students' names, so it works on a terminal only.")
    with lake() as warehouse, warehouse.read() as connection:
        proposal = _one(connection, change_set_id)
        schools = schools_of(connection, proposal)
        students = students_of(connection, proposal) if names else []
        written = _write_page(connection, proposal) if page else None
    counts = [(school.school_id, kind, count) for school in schools for kind, count in school.counts.items()]
    if as_json:
        by_school = [{"school": school, "kind": kind, "students": count} for school, kind, count in counts]
        sys.stdout.write(json.dumps({**_as_object(proposal), "schools": by_school}) + "\n")
        return
    _print_proposal(proposal)
    table = table_of("school", "kind", "students")
    for school, kind, count in counts:
        table.add_row(escape(school), kind, f"{count:,}")
    out.print(table)
    for student in students:
        moved = " → ".join(student.schools) if all(student.schools) else ""
        words = (student.student_id, student.first_name, student.last_name, student.reason, moved)
        line = "  ".join((f"{student.kind:10}", *filter(None, words)))
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if written:
        out.print(f"page       {written}", markup=False, highlight=False, soft_wrap=True)


def _write_page(connection: DuckDBPyConnection, proposal: Proposal) -> Path:
    from sis_assets.pipeline.reviews import write_review  # noqa: PLC0415 - beside its use

    if proposal.status != ChangeSetStatus.HELD:
        stop(f"{proposal.change_set_id} is {proposal.status}; only what is held has a page.")
    try:
        return write_review(connection, Home.from_environment(), proposal)
    except OSError as error:
        stop(f"The page of {proposal.change_set_id} cannot be written: {error.strerror}.")


def _print_proposal(proposal: Proposal) -> None:
    out.print(
        f"[bold]{proposal.change_set_id}[/]  {coloured(proposal.status)}  {proposal.district_id}",
        highlight=False,
    )
    out.print(f"changes    {counted(proposal.counts)}", highlight=False)
    out.print(
        f"beside     {proposal.unchanged:,} unchanged, {proposal.rejected:,} rejected, {proposal.protected:,} protected",
        highlight=False,
    )
    out.print(f"content    {proposal.content_sha256}", highlight=False)
    if proposal.status == ChangeSetStatus.HELD and proposal.held_until:
        out.print(f"until      {proposal.held_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC", highlight=False)
    if proposal.decided_by:
        out.print(
            f"decided    {proposal.decided_at:%Y-%m-%d %H:%M} UTC by {escape(proposal.decided_by)}",
            highlight=False,
        )
    for reason in proposal.reasons:
        out.print(f"held       {reason}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def approve(
    change_set_id: ChangeSetId, *, content: _HASH = None, by: _BY = None, note: _NOTE = "", yes: _YES = False
) -> None:
    """Apply a held change set."""
    _decide("approve", change_set_id, content, by, note, yes=yes)


@app.command()
def discard(
    change_set_id: ChangeSetId, *, content: _HASH = None, by: _BY = None, note: _NOTE = "", yes: _YES = False
) -> None:
    """Drop a held change set; it comes back only with other bytes."""
    _decide("discard", change_set_id, content, by, note, yes=yes)


@app.command()
def undo(
    change_set_id: ChangeSetId, *, content: _HASH = None, by: _BY = None, note: _NOTE = "", yes: _YES = False
) -> None:
    """Take back an applied change set: the accounts become what they were."""
    _decide("undo", change_set_id, content, by, note, yes=yes)


def _decide(
    kind: str, change_set_id: str, content: str | None, by: str | None, note: str, *, yes: bool
) -> None:
    from sis_assets.pipeline.decide import Decision, decide  # noqa: PLC0415 - beside its use
    from sis_assets.pipeline.stage import Clock  # noqa: PLC0415 - beside its use

    decision: Decision = Decision(kind)
    with lake() as warehouse, warehouse.read() as connection:
        proposal = _one(connection, change_set_id)
    if content is None and not yes:
        if not (sys.stdin.isatty() and out.is_terminal):
            stop(f"Give --hash with the content's hash, or --yes, to {decision} without being asked.")
        _print_proposal(proposal)
        if not typer.confirm(f"{decision.capitalize()} this change set?"):
            stop("Nothing was decided.")
    with lake(write=True) as warehouse:
        done = decide(
            warehouse,
            Clock(),
            decision,
            change_set_id,
            content_sha256=content or proposal.content_sha256,
            by=by if by is not None else getpass.getuser(),
            note=note,
        )
    out.print(f"{done.change_set_id} is {done.status}: {counted(done.counts)}.", highlight=False)


def _one(connection: Any, change_set_id: str) -> Proposal:
    from sis_assets.pipeline.review import find  # noqa: PLC0415 - beside its use

    found = find(connection, "change_set_id = ?", (change_set_id,))
    if not found:
        stop(f"There is no change set {change_set_id}; `sis-assets changes list` shows them.")
    return found[0]


def _as_object(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.change_set_id,
        "district": proposal.district_id,
        "extract_id": proposal.extract_id,
        "status": proposal.status,
        "reasons": list(proposal.reasons),
        "created_at": plain(proposal.created_at),
        "held_until": plain(proposal.held_until),
        "decided_at": plain(proposal.decided_at),
        "decided_by": proposal.decided_by,
        "content_sha256": proposal.content_sha256,
        "counts": proposal.counts,
        "unchanged": proposal.unchanged,
        "rejected": proposal.rejected,
        "protected": proposal.protected,
    }
