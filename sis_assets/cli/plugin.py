"""`plugin`: what districts install in their SIS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sis_assets.cli.printing import out, stop
from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.sis.powerschool.plugin import Grant

app = typer.Typer(help="What districts install in their SIS.", no_args_is_help=True)


@app.callback()
def _plugin() -> None:
    """Keep `powerschool` a command of its own, though it is the only one."""


@app.command("powerschool")
def plugin_powerschool(
    *,
    to: Annotated[Path, typer.Option("--out", help="The file to write, a zip.")],
    contact: Annotated[
        str, typer.Option(help="The e-mail address that PowerSchool shows as the plugin's contact.")
    ] = "sis-assets@example.org",
    district: Annotated[
        str | None,
        typer.Option(
            help="Grant this district's course requests too, to see or to write them as its file says."
        ),
    ] = None,
) -> None:
    """Build the plugin that lets us read a district's PowerSchool, and say what to do with it."""
    from sis_assets.sis.powerschool import plugin  # noqa: PLC0415 - beside its use

    more = _of_requests(district) if district else ()
    content = plugin.built(contact, more)
    try:
        to.write_bytes(content)
    except OSError as error:
        stop(f"{to} cannot be written: {error.strerror}.")
    out.print(
        f"{to}: version {plugin.version(contact, more)}. Send it to the district as it is; it must not be unpacked.\n"
        "The district installs and enables it in PowerSchool, opens its Data Configuration page and sends back, by a safe "
        "way, four values:\nthe server's URL, the client id, the client secret and the PowerSchool version.\n"
        "docs/powerschool.md tells an administrator how, step by step.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _of_requests(name: str) -> Sequence[Grant]:
    from sis_assets.districts import load_districts  # noqa: PLC0415 - pydantic, only where needed
    from sis_assets.sis.powerschool.client import settings_of  # noqa: PLC0415 - as above
    from sis_assets.sis.powerschool.schedule_requests import grants  # noqa: PLC0415 - as above
    from sis_assets.sis.requests import form_of  # noqa: PLC0415 - as above

    district = load_districts(Home.from_environment().districts).district(name)
    return grants(form_of(district), written=settings_of(district).requests.mode == "api")
