"""The demo: plays the story's nights on a home of its own, checks each against what it tells, and serves the interface.

Every night is an ordinary sync through the same job as any other, so that Dagster's history shows it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sis_assets.assets.platform import ALL_TABLES, Platform
from sis_assets.automation.launch import instance_of, sync
from sis_assets.pipeline.decide import Decision, decide
from sis_assets.pipeline.review import Proposal, find
from sis_assets.pipeline.stage import Clock, Outcome
from sis_assets.sandbox import dagster_ui, demo_home
from sis_assets.sandbox.aeries.server import Sandbox as Aeries
from sis_assets.sandbox.oneroster.server import Sandbox as Roster
from sis_assets.sandbox.players import (
    AeriesPlayer,
    Player,
    PowerSchoolPlayer,
    RosterPlayer,
    aeries_of,
    file_player,
    powerschool_of,
    roster_of,
)
from sis_assets.sandbox.powerschool.server import Sandbox as PowerSchool
from sis_assets.sandbox.sftp_server import NoServer, SftpServer, sftp_server
from sis_assets.sandbox.story import DROPPING, INVENTON, MOCKFORD, NIGHTS, PRETENDALE, TESTBURY, Night
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Warehouse
from sis_assets.warehouse.home import Home

Sync = Callable[[Platform, Sequence[str]], dict[str, Outcome]]

OK, DIFFERED, USAGE, INTERRUPTED = 0, 1, 2, 130
APPROVER = "the demo"

_COLOURS = {"applied": "green", "held": "yellow", "failed": "red", "unchanged": "dim"}


def play(home: Home, *, once: bool, port: int, console: Console) -> int:
    """Play all nights in a fresh `home`, tell them on `console`, print a summary; without `once`, serve the interface.

    Returns 0 when every night ended as told, 1 when one differed (it is named) or the interface did not start, 2 when
    the port is taken, 130 when somebody stopped it before the end. Raises NeedsPerson when the home is not the demo's
    to delete.
    """
    if not once and not dagster_ui.is_free(port):
        console.print(f"Port {port} of this machine is taken; choose another with --port.", style="red")
        return USAGE
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    try:
        with _ended_by_sigterm(), ExitStack() as stack:
            return _play(stack, home, once=once, port=port, console=console)
    except KeyboardInterrupt:
        console.print("\nStopped before the end; everything that was started has ended.")
        return INTERRUPTED
    except dagster_ui.NoInterface as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return DIFFERED


def _play(stack: ExitStack, home: Home, *, once: bool, port: int, console: Console) -> int:
    stack.enter_context(demo_home.fresh(home))
    sftp = _sftp(stack, home, console)
    powerschool = stack.enter_context(powerschool_of(TESTBURY, 4, demo_home.write_plugin(home)))
    aeries = stack.enter_context(aeries_of(PRETENDALE, 5))
    roster = stack.enter_context(roster_of(INVENTON, 6))
    demo_home.write_district_files(home, sftp, powerschool, aeries, roster)
    console.print(_introduced(home, sftp, powerschool, aeries, roster), highlight=False, soft_wrap=True)
    instance = stack.enter_context(instance_of(home))
    # The webserver takes as long to start as several nights take to play.
    web = None if once else stack.enter_context(dagster_ui.webserver(home, port))
    players: dict[str, Player] = {
        cast.district: file_player(cast, demo_home.drops(home) / cast.district, seed)
        for seed, cast in enumerate(DROPPING, start=1)
    }
    players[TESTBURY.district] = PowerSchoolPlayer(powerschool)
    players[PRETENDALE.district] = AeriesPlayer(aeries, lambda: demo_home.write_aeries_file(home, aeries))
    players[INVENTON.district] = RosterPlayer(
        roster, lambda ends: demo_home.write_roster_file(home, roster, ends)
    )
    differences = _play_nights(
        home, players, lambda platform, names: sync(platform, instance, names), console
    )
    if differences:
        console.print("[red]Not as told:[/]")
        for difference in differences:
            console.print(f"  {difference}", markup=False, highlight=False, soft_wrap=True)
        return DIFFERED
    console.print("[green]Every night ended as told.[/]")
    if web is not None:
        _serve(stack, home, web, port=port, console=console)
    return OK


def _sftp(stack: ExitStack, home: Home, console: Console) -> SftpServer | None:
    folder = demo_home.drops(home)
    for cast in DROPPING:
        (folder / cast.district).mkdir(parents=True)
    try:
        return stack.enter_context(sftp_server(home.root / "sftp", folder=folder))
    except NoServer as missing:
        console.print(
            f"[yellow]Without SFTP:[/] {missing} Files are dropped into local folders instead.",
            highlight=False,
        )
        return None


def _introduced(
    home: Home, sftp: SftpServer | None, powerschool: PowerSchool, aeries: Aeries, roster: Roster
) -> str:
    ways = (
        "three drop their files into local folders"
        if sftp is None
        else f"one drops its files into a local folder, two on an SFTP server (OpenSSH, {sftp.host}:{sftp.port})"
    )
    return (
        f"Made six districts in {home.root}: {ways}, one has a PowerSchool (made up, {powerschool.url}),"
        f" one an Aeries (made up, {aeries.url}), and one an eSchoolPLUS that is read by its API (made up, {roster.url})."
    )


def _play_nights(home: Home, players: Mapping[str, Player], run: Sync, console: Console) -> list[str]:
    """Play every night; gives what differed from the story."""
    with Warehouse(home, ALL_TABLES) as warehouse, Readers() as readers:
        stage = _Stage(home, warehouse, readers, run, console)
        differences = [found for night in NIGHTS for found in stage.play(night, players)]
        console.print(_summary(warehouse))
    return differences


@dataclass(frozen=True, slots=True)
class _Stage:
    """What every night needs; kept open from night to night."""

    home: Home
    warehouse: Warehouse
    readers: Readers
    run: Sync
    console: Console

    def play(self, night: Night, players: Mapping[str, Player]) -> list[str]:
        """Play one night and tell it; gives what differed."""
        self.console.print(f"\n[bold]{night.at:%a %d %b %Y}  {night.title}[/]", highlight=False)
        self.console.print(night.story, style="italic", highlight=False)
        with self.console.status("The districts live on"):
            for name, player in players.items():
                player.take(night.turn(name), night.at)
        for name in night.approves:
            self._approve(night, name, players[name])
        with (
            self.console.status("Syncing"),
            Platform(self.home, at=night.at, warehouse=self.warehouse, readers=self.readers) as platform,
        ):
            outcomes = self.run(platform, list(players))
        for outcome in outcomes.values():
            self.console.print(_told(outcome), highlight=False, soft_wrap=True)
        active = self._active()
        differences = []
        for name, player in players.items():
            player.expected.after(outcomes[name])
            wanted = night.turn(name).ends
            if str(outcomes[name].status) != wanted:
                differences.append(
                    f"{night.title}: {name} was to be {wanted} and is {outcomes[name].status}. {outcomes[name].reason}"
                )
            if active.get(name, 0) != player.expected.active:
                differences.append(
                    f"{night.title}: {name} was to have {player.expected.active:,} active accounts and has {active.get(name, 0):,}."
                )
        return differences

    def _approve(self, night: Night, district: str, player: Player) -> None:
        with self.warehouse.read() as connection:
            held = find(connection, "district_id = ? AND status = 'held'", (district,))
        for proposal in held:
            done = decide(
                self.warehouse,
                Clock(night.at),
                Decision.APPROVE,
                proposal.change_set_id,
                content_sha256=proposal.content_sha256,
                by=APPROVER,
            )
            player.expected.active -= done.counts["deactivate"]
            self.console.print(
                f"  {done.change_set_id} is approved: {done.counts['deactivate']:,} deactivated",
                highlight=False,
            )

    def _active(self) -> dict[str, int]:
        with self.warehouse.read() as connection:
            return dict(
                connection.execute(
                    "SELECT district_id, count(*) FROM lifecycle.accounts WHERE is_active GROUP BY district_id"
                ).fetchall()
            )


def _told(outcome: Outcome) -> str:
    """Return one district's night as a line: its status, what was done, what is held, why it failed."""
    status = str(outcome.status)
    sets = [
        ("held: " if found.status == "held" else "") + _counted(found.counts) for found in outcome.change_sets
    ]
    done = "; ".join(sets) or (outcome.reason if status in {"failed", "skipped"} else "")
    return f"  {outcome.district_id:<14}[{_COLOURS.get(status, 'white')}]{status:<11}[/]{escape(done)}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)


_SUMMARY = """
SELECT e.district_id, count(*), count(*) FILTER (e.status = 'failed'), any_value(s.applied), any_value(s.held),
    any_value(a.active), any_value(a.inactive), any_value(o.entries)
FROM ops.extracts e
JOIN (SELECT district_id, count(*) FILTER (status = 'applied') AS applied, count(*) FILTER (status = 'held') AS held
    FROM lifecycle.change_sets GROUP BY district_id) s USING (district_id)
JOIN (SELECT district_id, count(*) FILTER (is_active) AS active, count(*) FILTER (NOT is_active) AS inactive
    FROM lifecycle.accounts GROUP BY district_id) a USING (district_id)
JOIN (SELECT district_id, count(*) AS entries FROM delivery.outbox GROUP BY district_id) o USING (district_id)
GROUP BY e.district_id ORDER BY e.district_id
"""


def _summary(warehouse: Warehouse) -> Table:
    table = Table(title="\nWhat the warehouse holds now", title_justify="left", box=None, pad_edge=False)
    table.add_column("district")
    for column in ("reads", "failed", "applied", "held", "active", "inactive", "outbox"):
        table.add_column(column, justify="right")
    with warehouse.read() as connection:
        rows = connection.execute(_SUMMARY).fetchall()
    for district, *numbers in rows:
        table.add_row(district, *(f"{number:,}" for number in numbers))
    return table


def _serve(stack: ExitStack, home: Home, web: dagster_ui.Child, *, port: int, console: Console) -> None:
    """Serve the interface until somebody stops it, then end everything."""
    daemon = stack.enter_context(dagster_ui.daemon(home))
    with console.status("Starting Dagster"):
        dagster_ui.wait_until_it_answers(web, port)
    _say_what_to_look_at(home, f"http://{dagster_ui.HOST}:{port}", console)
    # Once more: Dagster has given SIGTERM whatever SIGINT has, which a shell's background job ignores.
    with suppress(KeyboardInterrupt), _ended_by_sigterm() as asked:
        while not asked.wait(1):
            web.check()
            daemon.check()
    stack.close()
    console.print(
        "\nStopped: the webserver, the daemon, their code servers, the SFTP server and the made-up SIS have ended."
    )


def _say_what_to_look_at(home: Home, url: str, console: Console) -> None:
    with Warehouse(home, (), read_only=True) as warehouse, warehouse.read() as connection:
        held: list[Proposal] = find(connection, "status = 'held'")
    change_sets = f"{url}/assets/lifecycle/change_sets"
    console.print(f"\n[bold]Dagster answers at {url}[/]  Look at", highlight=False)
    for what, where in (
        (
            "the lineage, from the SIS to the outbox",
            f"{url}/assets/delivery/outbox?view=lineage&lineageScope=upstream&lineageDepth=4",
        ),
        ("a table's columns, and what each is made of", f"{url}/assets/core/students?view=overview"),
        ("one district's history", f"{change_sets}?view=partitions&partition={MOCKFORD.district}"),
        (
            "what PowerSchool said, and when it failed",
            f"{url}/assets/raw/students?view=partitions&partition={TESTBURY.district}",
        ),
        (
            "what Aeries said",
            f"{url}/assets/raw/students?view=partitions&partition={PRETENDALE.district}",
        ),
        (
            "what eSchoolPLUS said by its API, and what it did not in summer",
            f"{url}/assets/raw/users?view=partitions&partition={INVENTON.district}",
        ),
        ("counts per kind of change: Metadata, then Plots", f"{change_sets}?view=overview"),
        ("the quality checks", f"{url}/assets/core/students?view=checks"),
    ):
        console.print(f"  {what}\n    {where}", highlight=False, soft_wrap=True)
    command = _command(home)
    for proposal in held:
        console.print(
            f"\n{proposal.district_id} has a change set that waits for you. Look at it, then decide:",
            highlight=False,
        )
        for what in ("changes show", "changes approve"):
            console.print(f"  {command} {what} {proposal.change_set_id}", highlight=False, soft_wrap=True)
    console.print(
        "\nCtrl-C stops everything. The data stay for `sis-assets query` until the next demo.",
        highlight=False,
    )


def _command(home: Home) -> str:
    """Return how this program is called from where the person is."""
    program = Path(sys.executable).with_name("sis-assets")
    here = Path.cwd()
    called = str(program.relative_to(here)) if program.is_relative_to(here) else str(program)
    return called if home.root == Home.from_environment({}).root else f"SIS_ASSETS_HOME={home.root} {called}"


@contextmanager
def _ended_by_sigterm() -> Iterator[threading.Event]:
    """Let a SIGTERM end the demo as Ctrl-C does, so that it stops what it started.

    Gives the event that tells of it: where the signal comes while Python runs a finalizer, what its handler raises is lost.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def interrupt(*_: object) -> None:
        asked.set()
        raise KeyboardInterrupt

    before: Callable[..., object] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
