"""The command line: what an engineer runs and what scripts call.

Exit 0 when no district failed, 2 for a usage or configuration error, 3 when a district failed. `--json` prints for
programs and nothing else on standard output; everything else is for people.
"""

from __future__ import annotations

import csv
import getpass
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sis_assets.model.faults import Fault
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.assets.platform import Platform
    from sis_assets.districts import Registry
    from sis_assets.pipeline.decide import Decision, Proposal
    from sis_assets.pipeline.stage import Outcome
    from sis_assets.sandbox.powerschool.server import Sandbox
    from sis_assets.warehouse import Warehouse

USAGE, FAILED = 2, 3

app = typer.Typer(
    help="Keeps an education product in step with the Student Information Systems of many districts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
districts_app = typer.Typer(help="The district files.", no_args_is_help=True)
changes_app = typer.Typer(help="Change sets: what was proposed, held, applied.", no_args_is_help=True)
outbox_app = typer.Typer(help="The outbox, for the systems that read it.", no_args_is_help=True)
plugin_app = typer.Typer(help="What districts install in their SIS.", no_args_is_help=True)
sandbox_app = typer.Typer(help="Made-up servers to try against.", no_args_is_help=True)
serve_app = typer.Typer(help="Serve one on this machine alone, until Ctrl-C.", no_args_is_help=True)
app.add_typer(districts_app, name="districts")
app.add_typer(plugin_app, name="plugin")
app.add_typer(changes_app, name="changes")
app.add_typer(outbox_app, name="outbox")
app.add_typer(sandbox_app, name="sandbox")
sandbox_app.add_typer(serve_app, name="serve")

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print for programs.")]
ChangeSetId = Annotated[str, typer.Argument(help="The change set's id, as `changes list` shows it.")]
DistrictOption = Annotated[str, typer.Option("--district", help="The district's key.")]


class ChangeSetStatus(StrEnum):
    """What may become of a change set."""

    HELD = "held"
    APPLIED = "applied"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"
    UNDONE = "undone"


class Format(StrEnum):
    """How `query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


_COLOURS = {
    "applied": "green",
    "unchanged": "dim",
    "skipped": "cyan",
    "held": "yellow",
    "failed": "red",
    "discarded": "dim",
    "superseded": "dim",
    "undone": "magenta",
}


def main() -> None:
    """Run the command line."""
    try:
        app()
    except Fault as fault:
        _stop(fault.reason)
    except Exception as error:  # noqa: BLE001 - a traceback may quote a student's row
        from sis_assets.pipeline.stage import redacted  # noqa: PLC0415 - beside its use

        _stop(redacted(error).reason, code=1)


def _stop(message: str, code: int = USAGE) -> NoReturn:
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(code)


@app.command()
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
        _stop("Name the districts to sync, or give --all.")
    home = Home.from_environment()
    person = getpass.getuser() if outside_window else None
    with Platform(home, at=_moment(at), outside_window=person) as platform:
        names = _names(platform, districts)
        try:
            with instance_of(home) as instance, _working(f"Syncing {len(names)} district(s)", quiet=as_json):
                outcomes = run(platform, instance, names)
        except Exception as error:  # noqa: BLE001 - Dagster's history could not be written; no district may lack its line
            outcomes = unrecorded(platform, names, error)
    _print_outcomes(list(outcomes.values()), as_json=as_json)
    if any(outcome.status == "failed" for outcome in outcomes.values()):
        raise SystemExit(FAILED)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    _stop(f"--at {text} is no ISO 8601 time with its offset, such as 2026-09-01T20:00:00-07:00.")


def _names(platform: Platform, wanted: Sequence[str] | None) -> list[str]:
    """Return the districts to sync; a name without a file, or only such whose files are broken, is a usage error."""
    registry = platform.registry
    if not wanted:
        names = sorted({*registry.districts, *registry.broken})
        if not names:
            _stop(f"There are no district files in {platform.home.districts}.")
        return names
    names = list(dict.fromkeys(wanted))
    unusable = [fault for name in names if (fault := _unusable(registry, name))]
    if len(unusable) == len(names):
        _stop("\n".join(fault.reason for fault in unusable))
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


@contextmanager
def _working(text: str, *, quiet: bool) -> Iterator[None]:
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(text):
        yield


def _print_outcomes(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    from sis_assets.pipeline.sync import as_line  # noqa: PLC0415 - beside its use

    if as_json:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(as_line(outcome), ensure_ascii=False) + "\n")
        return
    table = _table("district", "status", "changes", "reason")
    for outcome in outcomes:
        changes = "\n".join(
            f"{found.status}: {_counted(found.counts)}  {found.id}" for found in outcome.change_sets
        )
        table.add_row(outcome.district_id, _coloured(str(outcome.status)), changes, escape(outcome.reason))
    out.print(table)


def _table(*headers: str) -> Table:
    """Return a table that folds what is too long and cuts nothing off."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _coloured(status: str) -> str:
    return f"[{_COLOURS.get(status, 'white')}]{status}[/]"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count) or "no rows"


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


@app.command()
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


@changes_app.command("list")
def changes_list(
    *,
    district: Annotated[str | None, typer.Option(help="Only this district's.")] = None,
    status: Annotated[ChangeSetStatus | None, typer.Option(help="Only such.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the change sets, newest last."""
    from sis_assets.pipeline.decide import find  # noqa: PLC0415 - beside its use

    if district is not None and not _is_known(district):
        _stop(f"There is no district {district}; `sis-assets districts check` shows them.")
    conditions = {"district_id = ?": district, "status = ?": status}
    given = {text: str(value) for text, value in conditions.items() if value}
    with _lake() as warehouse, warehouse.read() as connection:
        found = find(connection, " AND ".join(given) or "true", tuple(given.values()))
    if as_json:
        for proposal in found:
            sys.stdout.write(json.dumps(_as_object(proposal)) + "\n")
        return
    table = _table("change set", "status", "created (UTC)", "changes", "decided by")
    for proposal in found:
        created = f"{proposal.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(
            proposal.change_set_id,
            _coloured(proposal.status),
            created,
            _counted(proposal.counts),
            escape(proposal.decided_by or ""),
        )
    out.print(table if found else "No change sets.")


def _is_known(district: str) -> bool:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed

    registry = load_districts(Home.from_environment().districts)
    return district in registry.districts or district in registry.broken


@changes_app.command("show")
def changes_show(
    change_set_id: ChangeSetId,
    *,
    names: Annotated[
        bool, typer.Option("--names", help="Also the students' names; on a terminal only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one change set: its counts, why it is held, and who must act."""
    from sis_assets.pipeline.review import rows_of  # noqa: PLC0415 - beside its use

    if names and not out.is_terminal:
        _stop("--names shows students' names, so it works on a terminal only.")
    with _lake() as warehouse, warehouse.read() as connection:
        proposal = _one(connection, change_set_id)
        by_school, students = rows_of(connection, proposal, with_names=names)
    if as_json:
        sys.stdout.write(json.dumps({**_as_object(proposal), "schools": by_school}) + "\n")
        return
    _print_proposal(proposal)
    table = _table("school", "kind", "students")
    for row in by_school:
        table.add_row(escape(row["school"] or ""), row["kind"], f"{row['students']:,}")
    out.print(table)
    for student in students:
        out.print(student, markup=False, highlight=False, soft_wrap=True)


def _print_proposal(proposal: Proposal) -> None:
    out.print(
        f"[bold]{proposal.change_set_id}[/]  {_coloured(proposal.status)}  {proposal.district_id}",
        highlight=False,
    )
    out.print(f"changes    {_counted(proposal.counts)}", highlight=False)
    out.print(
        f"beside     {proposal.unchanged:,} unchanged, {proposal.rejected:,} rejected, {proposal.protected:,} protected",
        highlight=False,
    )
    out.print(f"content    {proposal.content_sha256}", highlight=False)
    if proposal.decided_by:
        out.print(
            f"decided    {proposal.decided_at:%Y-%m-%d %H:%M} UTC by {escape(proposal.decided_by)}",
            highlight=False,
        )
    for reason in proposal.reasons:
        out.print(f"held       {reason}", markup=False, highlight=False, soft_wrap=True)


_HASH = Annotated[str | None, typer.Option("--hash", help="The content's hash, as `changes show` prints it.")]
_BY = Annotated[str | None, typer.Option("--by", help="Who decides; you, by default.")]
_NOTE = Annotated[str, typer.Option("--note", help="Why; goes into the audit.")]
_YES = Annotated[bool, typer.Option("--yes", help="Do not ask, without a hash.")]


@changes_app.command()
def approve(
    change_set_id: ChangeSetId, *, content: _HASH = None, by: _BY = None, note: _NOTE = "", yes: _YES = False
) -> None:
    """Apply a held change set."""
    _decide("approve", change_set_id, content, by, note, yes=yes)


@changes_app.command()
def discard(
    change_set_id: ChangeSetId, *, content: _HASH = None, by: _BY = None, note: _NOTE = "", yes: _YES = False
) -> None:
    """Drop a held change set; it comes back only with other bytes."""
    _decide("discard", change_set_id, content, by, note, yes=yes)


@changes_app.command()
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
    with _lake() as warehouse, warehouse.read() as connection:
        proposal = _one(connection, change_set_id)
    if content is None and not yes:
        if not (sys.stdin.isatty() and out.is_terminal):
            _stop(f"Give --hash with the content's hash, or --yes, to {decision} without being asked.")
        _print_proposal(proposal)
        if not typer.confirm(f"{decision.capitalize()} this change set?"):
            _stop("Nothing was decided.")
    with _lake(write=True) as warehouse:
        done = decide(
            warehouse,
            Clock(),
            decision,
            change_set_id,
            content_sha256=content or proposal.content_sha256,
            by=by if by is not None else getpass.getuser(),
            note=note,
        )
    out.print(f"{done.change_set_id} is {done.status}: {_counted(done.counts)}.", highlight=False)


def _one(connection: Any, change_set_id: str) -> Proposal:
    from sis_assets.pipeline.decide import find  # noqa: PLC0415 - beside its use

    found = find(connection, "change_set_id = ?", (change_set_id,))
    if not found:
        _stop(f"There is no change set {change_set_id}; `sis-assets changes list` shows them.")
    return found[0]


def _as_object(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.change_set_id,
        "district": proposal.district_id,
        "extract_id": proposal.extract_id,
        "status": proposal.status,
        "reasons": list(proposal.reasons),
        "created_at": _plain(proposal.created_at),
        "decided_at": _plain(proposal.decided_at),
        "decided_by": proposal.decided_by,
        "content_sha256": proposal.content_sha256,
        "counts": proposal.counts,
        "unchanged": proposal.unchanged,
        "rejected": proposal.rejected,
        "protected": proposal.protected,
    }


@outbox_app.command("read")
def outbox_read(
    district: DistrictOption, *, limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000
) -> None:
    """Print what a district's outbox holds and nobody acknowledged, one JSON object a line, in order."""
    from sis_assets.destinations.outbox import pending  # noqa: PLC0415 - beside its use

    with _lake() as warehouse, warehouse.read() as connection:
        for row in pending(connection, district, limit):
            line = {**row, "payload": json.loads(row["payload"])}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


@outbox_app.command("acknowledge")
def outbox_acknowledge(
    district: DistrictOption,
    through: Annotated[int, typer.Option(min=1, help="The last sequence that was taken.")],
) -> None:
    """Mark everything up to a sequence as delivered."""
    from sis_assets.destinations.outbox import acknowledge  # noqa: PLC0415 - beside its use

    with _lake(write=True) as warehouse:
        count = warehouse.write(
            lambda connection: acknowledge(connection, district, through, datetime.now(UTC))
        )
    out.print(f"{count:,} rows of {district} are delivered.", highlight=False)


@plugin_app.callback()
def _plugin() -> None:
    """Keep `powerschool` a command of its own, though it is the only one."""


@plugin_app.command("powerschool")
def plugin_powerschool(
    *,
    to: Annotated[Path, typer.Option("--out", help="The file to write, a zip.")],
    contact: Annotated[
        str, typer.Option(help="The e-mail address that PowerSchool shows as the plugin's contact.")
    ] = "sis-assets@example.org",
) -> None:
    """Build the plugin that lets us read a district's PowerSchool, and say what to do with it."""
    from sis_assets.sis.powerschool import plugin  # noqa: PLC0415 - beside its use

    content = plugin.built(contact)
    try:
        to.write_bytes(content)
    except OSError as error:
        _stop(f"{to} cannot be written: {error.strerror}.")
    out.print(
        f"{to}: version {plugin.version(contact)}. Send it to the district as it is; it must not be unpacked.\n"
        "The district installs and enables it in PowerSchool, opens its Data Configuration page and sends back, by a safe "
        "way, four values:\nthe server's URL, the client id, the client secret and the PowerSchool version.\n"
        "docs/powerschool.md tells an administrator how, step by step.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A query; tables are schema.table, such as core.students.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Ask the warehouse, reading only: one SELECT, DESCRIBE, SHOW or EXPLAIN."""
    import duckdb  # noqa: PLC0415 - heavy, only where needed

    reading = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
    from sis_assets.warehouse.lake import wide  # noqa: PLC0415 - beside its use

    with _lake() as warehouse, warehouse.read() as connection, wide(connection):
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in reading:
                _stop("`query` only reads: give one SELECT, DESCRIBE, SHOW or EXPLAIN.")
            cursor = connection.execute(statements[0])
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
            _stop(str(error))  # of the query's own words
        except duckdb.Error as error:
            _stop(
                f"The query failed with {type(error).__name__}; its text is withheld, it may quote a student's data."
            )
    if form is Format.JSON:
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            _stop(f"Several columns are named {', '.join(doubled)}; give each a name of its own for JSON.")
        objects = [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
        sys.stdout.write(json.dumps(objects, ensure_ascii=False) + "\n")
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(value) for value in row] for row in rows)
    else:
        _print_table(names, rows)


def _print_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    table = _table(*names)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table, markup=False, highlight=False)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times ISO 8601 in UTC, dates ISO 8601, decimals as numbers, the rest as text."""
    plain: Any
    match value:
        case None | bool() | int() | str():
            plain = value
        case datetime():
            plain = (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            plain = value.isoformat()
        case Decimal():
            plain = int(value) if value == value.to_integral_value() else float(value)
        case float():
            plain = value if math.isfinite(value) else str(value)
        case list() | tuple():
            plain = [_plain(item) for item in value]
        case dict():
            plain = {str(key): _plain(item) for key, item in value.items()}
        case bytes() | bytearray():
            plain = bytes(value).hex()
        case _:
            plain = str(value)
    return plain


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


@contextmanager
def _lake(*, write: bool = False) -> Iterator[Warehouse]:
    """Give the warehouse, for reading unless told otherwise."""
    from sis_assets.model.schema import TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.sis.kinds import RAW_TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.warehouse import Warehouse  # noqa: PLC0415 - beside its use

    with Warehouse(Home.from_environment(), (*RAW_TABLES, *TABLES), read_only=not write) as warehouse:
        yield warehouse


@app.command()
def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Play the nights and stop, without the Dagster UI.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
) -> None:
    """Make four made-up districts, play several nights, then show them in the Dagster UI."""
    from sis_assets.sandbox.demo import play  # noqa: PLC0415 - only the demo needs its sandbox

    raise SystemExit(play(Home.from_environment(), once=once, port=port, console=out))


@serve_app.callback()
def _serve() -> None:
    """Keep `powerschool` a command of its own, though it is the only one."""


@serve_app.command("powerschool")
def serve_powerschool(
    *,
    students: Annotated[int, typer.Option(min=1, help="Active students of the district.")] = 500,
    seed: Annotated[int, typer.Option(help="Which district; the same seed gives the same one.")] = 7,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    plugin: Annotated[
        Path | None,
        typer.Option(help="The plugin zip to install; without one everything may be read, without queries."),
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="What goes wrong from the beginning, by name.")] = None,
) -> None:
    """Serve a PowerSchool with a made-up district, and say how to point a district file at it."""
    from sis_assets.sandbox.loopback import NoServer  # noqa: PLC0415 - only here a sandbox is needed
    from sis_assets.sandbox.powerschool.faults import SCENARIOS  # noqa: PLC0415 - as above
    from sis_assets.sandbox.powerschool.plugin import PluginRejected  # noqa: PLC0415 - as above
    from sis_assets.sandbox.powerschool.server import Sandbox, serve  # noqa: PLC0415 - as above

    if scenario is not None and scenario not in SCENARIOS:
        _stop(f"There is no scenario {scenario}; there are {', '.join(sorted(SCENARIOS))}.")
    try:
        sandbox = Sandbox(students=students, seed=seed, port=port, plugin=plugin)
        serve(sandbox, _say_how_to_read_it, scenario=scenario)
    except (PluginRejected, NoServer) as error:
        _stop(f"The server does not start: {error}.")
    except OSError as error:
        _stop(f"{plugin} cannot be read: {error.strerror}.")
    out.print("Stopped.")


def _say_how_to_read_it(sandbox: Sandbox) -> None:
    out.print(
        f"A made-up PowerSchool answers at {sandbox.url} until Ctrl-C.\n"
        f"  client id      {sandbox.client_id}\n"
        f"  client secret  {sandbox.client_secret}\n\n"
        f"To read it, save this as {Home.from_environment().districts}/sandbox.yaml\n\n"
        "district: sandbox\n"
        "name: Sandbox Schools\n"
        f"timezone: {sandbox.settings.timezone}\n"
        f"state: {sandbox.settings.state}\n"
        "sis:\n"
        "  kind: powerschool\n"
        f"  url: {sandbox.url}\n"
        f"  client_id: {sandbox.client_id}\n"
        "  client_secret: {env: SANDBOX_SECRET}\n\n"
        "and run, in another terminal,\n\n"
        f"  export SANDBOX_SECRET={sandbox.client_secret}\n"
        "  sis-assets doctor sandbox\n"
        "  sis-assets sync sandbox",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
