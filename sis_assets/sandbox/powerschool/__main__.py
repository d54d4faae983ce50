"""Run the server: `python -m sis_assets.sandbox.powerschool --students 500 --seed 7 --port 0`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sis_assets.sandbox.loopback import NoServer
from sis_assets.sandbox.powerschool.faults import SCENARIOS
from sis_assets.sandbox.powerschool.plugin import PluginRejected
from sis_assets.sandbox.powerschool.server import Sandbox, serve


def main() -> None:
    """Serve until ended; the first line on stdout is JSON with `url`, `client_id` and `client_secret`."""
    parser = argparse.ArgumentParser(prog="python -m sis_assets.sandbox.powerschool", description=__doc__)
    parser.add_argument("--students", type=int, default=500, help="active students of the district")
    parser.add_argument("--seed", type=int, default=7, help="which district")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--plugin", type=Path, help="a plugin zip to install")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="faults that are on from the beginning")
    asked = parser.parse_args()
    try:
        sandbox = Sandbox(students=asked.students, seed=asked.seed, port=asked.port, plugin=asked.plugin)
        serve(sandbox, _told, scenario=asked.scenario)
    except (PluginRejected, NoServer, OSError) as error:
        parser.error(str(error))


def _told(sandbox: Sandbox) -> None:
    where = {"url": sandbox.url, "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
