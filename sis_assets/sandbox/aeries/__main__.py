"""Run the server: `python -m sis_assets.sandbox.aeries --students 500 --seed 7 --port 0`."""

from __future__ import annotations

import argparse
import json
import sys

from sis_assets.sandbox.aeries.faults import SCENARIOS
from sis_assets.sandbox.aeries.server import Sandbox, serve
from sis_assets.sandbox.loopback import NoServer


def main() -> None:
    """Serve until ended; the first line on stdout is JSON with `url`, `certificate` and `database_year`."""
    parser = argparse.ArgumentParser(prog="python -m sis_assets.sandbox.aeries", description=__doc__)
    parser.add_argument("--students", type=int, default=500, help="active students of the district")
    parser.add_argument("--seed", type=int, default=7, help="which district")
    parser.add_argument("--leas", type=int, default=1, help="local education agencies that share the server")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="faults that are on from the beginning")
    asked = parser.parse_args()
    try:
        sandbox = Sandbox(students=asked.students, seed=asked.seed, leas=asked.leas, port=asked.port)
        serve(sandbox, _told, scenario=asked.scenario)
    except NoServer as error:
        parser.error(str(error))


def _told(sandbox: Sandbox) -> None:
    where = {
        "url": sandbox.url,
        "certificate": sandbox.certificate,
        "database_year": sandbox.database_year,
    }
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
