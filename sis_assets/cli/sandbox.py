"""`demo` and `sandbox serve`: made-up districts and servers to try against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sis_assets.cli.printing import out, stop
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.sandbox.powerschool.server import Sandbox

app = typer.Typer(help="Made-up servers to try against.", no_args_is_help=True)
serve_app = typer.Typer(help="Serve one on this machine alone, until Ctrl-C.", no_args_is_help=True)
app.add_typer(serve_app, name="serve")


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
        stop(f"There is no scenario {scenario}; there are {', '.join(sorted(SCENARIOS))}.")
    try:
        sandbox = Sandbox(students=students, seed=seed, port=port, plugin=plugin)
        serve(sandbox, _say_how_to_read_it, scenario=scenario)
    except (PluginRejected, NoServer) as error:
        stop(f"The server does not start: {error}.")
    except OSError as error:
        stop(f"{plugin} cannot be read: {error.strerror}.")
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
