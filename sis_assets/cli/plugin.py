"""`plugin`: what districts install in their SIS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sis_assets.cli.printing import out, stop

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
) -> None:
    """Build the plugin that lets us read a district's PowerSchool, and say what to do with it."""
    from sis_assets.sis.powerschool import plugin  # noqa: PLC0415 - beside its use

    content = plugin.built(contact)
    try:
        to.write_bytes(content)
    except OSError as error:
        stop(f"{to} cannot be written: {error.strerror}.")
    out.print(
        f"{to}: version {plugin.version(contact)}. Send it to the district as it is; it must not be unpacked.\n"
        "The district installs and enables it in PowerSchool, opens its Data Configuration page and sends back, by a safe "
        "way, four values:\nthe server's URL, the client id, the client secret and the PowerSchool version.\n"
        "docs/powerschool.md tells an administrator how, step by step.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
