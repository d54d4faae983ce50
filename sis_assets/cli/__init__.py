"""The command line: what an engineer runs and what scripts call.

Exit 0 when no district failed, 2 for a usage or configuration error, 3 when a district failed. `--json` prints for
programs and nothing else on standard output; everything else is for people.
"""

from __future__ import annotations

import typer

from sis_assets.cli import (
    audit,
    changes,
    checks,
    outbox,
    plugin,
    purge,
    query,
    requests,
    sandbox,
    status,
    sync,
)
from sis_assets.cli.printing import stop
from sis_assets.model.faults import Fault

app = typer.Typer(
    help="Keeps an education product in step with the Student Information Systems of many districts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (sync.sync, status.status, checks.doctor, query.query, purge.purge, sandbox.demo):
    app.command()(command)
app.add_typer(checks.districts_app, name="districts")
app.add_typer(plugin.app, name="plugin")
app.add_typer(changes.app, name="changes")
app.add_typer(audit.app, name="audit")
app.add_typer(status.alerts_app, name="alerts")
app.add_typer(requests.app, name="requests")
app.add_typer(outbox.app, name="outbox")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except Fault as fault:
        stop(fault.reason)
    except Exception as error:  # noqa: BLE001 - a traceback may quote a student's row
        from sis_assets.pipeline.stage import redacted  # noqa: PLC0415 - beside its use

        stop(redacted(error).reason, code=1)
