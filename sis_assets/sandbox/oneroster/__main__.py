"""Run the provider: `python -m sis_assets.sandbox.oneroster --version 1.2 --users 500 --seed 7 --port 0`."""

from __future__ import annotations

import argparse
import json
import sys

from sis_assets.sandbox.loopback import NoServer
from sis_assets.sandbox.oneroster.faults import SCENARIOS
from sis_assets.sandbox.oneroster.guises import GUISES
from sis_assets.sandbox.oneroster.server import Sandbox, serve


def main() -> None:
    """Serve until ended; the first line on stdout is JSON with `url`, `token_url` and what opens it."""
    parser = argparse.ArgumentParser(prog="python -m sis_assets.sandbox.oneroster", description=__doc__)
    parser.add_argument("--version", choices=("1.1", "1.2"), help="serve this version only")
    parser.add_argument("--users", type=int, default=500, help="active users of the district")
    parser.add_argument("--seed", type=int, default=7, help="which district")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--guise", choices=sorted(GUISES), default="standard", help="whose provider it looks like"
    )
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="faults that are on from the beginning")
    asked = parser.parse_args()
    sandbox = Sandbox(users=asked.users, seed=asked.seed, settings=GUISES[asked.guise], port=asked.port)
    if asked.version is not None:
        sandbox.change(versions=(asked.version,))
    try:
        serve(sandbox, _told, scenario=asked.scenario)
    except NoServer as error:
        parser.error(str(error))


def _told(sandbox: Sandbox) -> None:
    settings = sandbox.settings
    where = {
        "url": sandbox.url,
        "token_url": sandbox.token_url,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "consumer_key": settings.consumer_key,
        "consumer_secret": settings.consumer_secret,
    }
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
