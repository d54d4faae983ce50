"""`demo` and `sandbox serve`: made-up districts and servers to try against."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sis_assets.cli.printing import out, stop
from sis_assets.warehouse.home import Home

_SECRET = "SANDBOX_SECRET"  # noqa: S105 - the name of an environment variable
_IN_ENVIRONMENT = f"{{env: {_SECRET}}}"

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
    """Make six made-up districts, play several nights, then show them in the Dagster UI."""
    from sis_assets.sandbox.demo import play  # noqa: PLC0415 - only the demo needs its sandbox

    raise SystemExit(play(Home.from_environment(), once=once, port=port, console=out))


_Students = Annotated[int, typer.Option(min=1, help="Active students of the district.")]
_Seed = Annotated[int, typer.Option(help="Which district; the same seed gives the same one.")]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
_Scenario = Annotated[str | None, typer.Option(help="What goes wrong from the beginning, by name.")]


@serve_app.command("powerschool")
def serve_powerschool(
    *,
    students: _Students = 500,
    seed: _Seed = 7,
    port: _Port = 0,
    plugin: Annotated[
        Path | None,
        typer.Option(help="The plugin zip to install; without one everything may be read, without queries."),
    ] = None,
    scenario: _Scenario = None,
) -> None:
    """Serve a PowerSchool with a made-up district, and say how to point a district file at it."""
    from sis_assets.sandbox.powerschool.faults import SCENARIOS  # noqa: PLC0415 - only here a sandbox is needed
    from sis_assets.sandbox.powerschool.plugin import PluginRejected  # noqa: PLC0415 - as above
    from sis_assets.sandbox.powerschool.server import Sandbox, serve  # noqa: PLC0415 - as above

    def told(sandbox: Sandbox) -> None:
        _say_how_to_read_it(
            _Served(
                what="PowerSchool",
                url=sandbox.url,
                opened_by={"client id": sandbox.client_id, "client secret": sandbox.client_secret},
                timezone=sandbox.settings.timezone,
                state=sandbox.settings.state,
                sis={
                    "kind": "powerschool",
                    "url": sandbox.url,
                    "client_id": sandbox.client_id,
                    "client_secret": _IN_ENVIRONMENT,
                },
                secret=sandbox.client_secret,
            )
        )

    with _refusals(scenario, SCENARIOS):
        try:
            sandbox = Sandbox(students=students, seed=seed, port=port, plugin=plugin)
        except PluginRejected as error:
            stop(f"The server does not start: {error}.")
        except OSError as error:
            stop(f"{plugin} cannot be read: {error.strerror}.")
        serve(sandbox, told, scenario=scenario)


@serve_app.command("aeries")
def serve_aeries(
    *,
    students: _Students = 500,
    seed: _Seed = 7,
    port: _Port = 0,
    leas: Annotated[int, typer.Option(min=1, max=20, help="LEAs that share the server.")] = 1,
    scenario: _Scenario = None,
) -> None:
    """Serve an Aeries with a made-up district, and say how to point a district file at it."""
    from sis_assets.sandbox.aeries.faults import SCENARIOS  # noqa: PLC0415 - only here a sandbox is needed
    from sis_assets.sandbox.aeries.server import Sandbox, serve  # noqa: PLC0415 - as above

    def told(sandbox: Sandbox) -> None:
        year = str(sandbox.database_year)
        _say_how_to_read_it(
            _Served(
                what="Aeries",
                url=sandbox.url,
                opened_by={"certificate": sandbox.certificate, "database year": year},
                timezone=sandbox.settings.timezone,
                state=sandbox.settings.state,
                sis={
                    "kind": "aeries",
                    "url": sandbox.url,
                    "certificate": _IN_ENVIRONMENT,
                    "database_year": year,
                },
                secret=sandbox.certificate,
            )
        )

    with _refusals(scenario, SCENARIOS):
        serve(Sandbox(students=students, seed=seed, leas=leas, port=port), told, scenario=scenario)


@serve_app.command("oneroster")
def serve_oneroster(
    *,
    users: Annotated[int, typer.Option(min=10, help="Active users of the district.")] = 500,
    seed: _Seed = 7,
    port: _Port = 0,
    version: Annotated[str, typer.Option(help="The version to read: 1.1 or 1.2.")] = "1.2",
    guise: Annotated[
        str, typer.Option(help="Whose provider it looks like: standard, plus360, triand or taciturn.")
    ] = "standard",
    scenario: _Scenario = None,
) -> None:
    """Serve a OneRoster provider with a made-up district, and say how to point a district file at it."""
    from sis_assets.sandbox.oneroster.faults import SCENARIOS  # noqa: PLC0415 - only here a sandbox is needed
    from sis_assets.sandbox.oneroster.guises import GUISES  # noqa: PLC0415 - as above
    from sis_assets.sandbox.oneroster.server import Sandbox, serve  # noqa: PLC0415 - as above

    if guise not in GUISES:
        stop(f"There is no guise {guise}; there are {', '.join(sorted(GUISES))}.")
    if version not in GUISES[guise].versions:
        stop(f"There is no version {version}; there are {', '.join(GUISES[guise].versions)}.")

    def told(sandbox: Sandbox) -> None:
        settings = sandbox.settings
        _say_how_to_read_it(
            _Served(
                what="OneRoster provider",
                url=sandbox.url,
                opened_by={"client id": settings.client_id, "client secret": settings.client_secret},
                timezone="America/Chicago",
                state="AR",
                sis={
                    "kind": "eschoolplus_api" if guise == "plus360" else "oneroster_api",
                    "url": sandbox.url,
                    "version": f'"{version}"',
                    "auth": f"{{kind: oauth2, token_url: {sandbox.token_url}, client_id: {settings.client_id},"
                    f" client_secret: {_IN_ENVIRONMENT}}}",
                },
                secret=settings.client_secret,
            )
        )

    with _refusals(scenario, SCENARIOS):
        serve(Sandbox(users=users, seed=seed, settings=GUISES[guise], port=port), told, scenario=scenario)


@contextmanager
def _refusals(scenario: str | None, scenarios: Collection[str]) -> Iterator[None]:
    """Serve in the block: says that it has ended, or why there is nothing to serve."""
    from sis_assets.sandbox.loopback import NoServer  # noqa: PLC0415 - only here a sandbox is needed

    if scenario is not None and scenario not in scenarios:
        stop(f"There is no scenario {scenario}; there are {', '.join(sorted(scenarios))}.")
    try:
        yield
    except NoServer as error:
        stop(f"The server does not start: {error}.")
    out.print("Stopped.")


@dataclass(frozen=True, slots=True)
class _Served:
    """What somebody must know who wants to read a server: what opens it, and the `sis` of a district file."""

    what: str
    url: str
    opened_by: Mapping[str, str]
    timezone: str
    state: str
    sis: Mapping[str, str]
    secret: str


def _say_how_to_read_it(served: _Served) -> None:
    width = max(map(len, served.opened_by)) + 2
    opened_by = "".join(f"  {name:<{width}}{value}\n" for name, value in served.opened_by.items())
    sis = "".join(f"  {key}: {value}\n" for key, value in served.sis.items())
    out.print(
        f"A made-up {served.what} answers at {served.url} until Ctrl-C.\n"
        f"{opened_by}\n"
        f"To read it, save this as {Home.from_environment().districts}/sandbox.yaml\n\n"
        "district: sandbox\n"
        "name: Sandbox Schools\n"
        f"timezone: {served.timezone}\n"
        f"state: {served.state}\n"
        f"sis:\n{sis}\n"
        "and run, in another terminal,\n\n"
        f"  export {_SECRET}={served.secret}\n"
        "  sis-assets doctor sandbox\n"
        "  sis-assets sync sandbox",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
