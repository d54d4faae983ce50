"""A whole Aeries district read from a server in another process, then what has changed in it by the change feed.

Prints medians of this run: requests, wall time, both CPU shares and our peak memory of a read of everything; how much of
six hours that is with a server that takes half a second for an answer; then the same of reads of what has changed since:
500 students' records, whose share of the requests has a target, and a busy day with class changes, which cost a request
each. Each read runs in a process of its own.
Run: python -m bench.aeries [students] [rounds]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sis_assets.districts import District
from sis_assets.sandbox.aeries.process import SandboxProcess, sandbox_process
from sis_assets.sis.aeries import client
from sis_assets.sis.delimited import Readers
from sis_assets.sis.reading import Delivery, Past
from sis_assets.transport.visit import Visit
from sis_assets.warehouse import Home

AT_ONCE = 4
#: How long a real server is taken to need for an answer, and the hours that a district is taken to give.
SECONDS_AN_ANSWER, HOURS = 0.5, 6
RECORDS = {"renamed": 250, "readdressed": 250}
BUSY_DAY = {
    "arrivals": 40,
    "leavers": 40,
    "transfers": 30,
    "renamed": 60,
    "readdressed": 130,
    "class_changes": 200,
}
TARGET_SHARE = 0.05

Found = dict[str, float]


def main(students: int, rounds: int) -> bool:
    """Measure and print; tells whether the target was met."""
    with sandbox_process("--students", str(students)) as server, tempfile.TemporaryDirectory() as folder:
        print(f"a district of {students:,} students, {AT_ONCE} requests at once, {rounds} rounds, medians")
        homes = [Path(folder) / f"home-{each}" for each in range(rounds + 1)]
        whole = _say("everything", _read_by(homes, server))
        server.control("POST", "day", RECORDS)
        records = _say(f"{sum(RECORDS.values())} students' records", _read_by(homes, server))
        share = records["requests"] / whole["requests"]
        print(f"  {'':<22}{100 * share:.1f} % of the requests (target {100 * TARGET_SHARE:.0f} %)")
        server.control("POST", "day", BUSY_DAY)
        busy = _say("a busy day", _read_by(homes, server))
        print(f"  {'':<22}{100 * busy['requests'] / whole['requests']:.1f} % of the requests")
    return share <= TARGET_SHARE


def _read_by(homes: Sequence[Path], server: SandboxProcess) -> Found:
    """Read for each home, and return medians of all but the first: for that one the server draws up its lists."""
    _, *found = [_read(server, home) for home in homes]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def _say(what: str, told: Found) -> Found:
    """Print what was found, and what it would be where the server, not we, is what is waited for; gives it back."""
    seconds = told["requests"] * SECONDS_AN_ANSWER / AT_ONCE
    print(
        f"  {what:<22}{told['requests']:,.0f} requests, {told['wall']:.1f} s, of them our CPU {told['cpu']:.1f} s and the"
        f" server's {told['theirs']:.1f} s; our peak memory {told['memory']:.0f} MB\n"
        f"  {'':<22}at an assumed {SECONDS_AN_ANSWER} s an answer {seconds / 60:.1f} minutes,"
        f" {100 * seconds / (3600 * HOURS):.1f} % of {HOURS} hours"
    )
    return told


def _read(server: SandboxProcess, root: Path) -> Found:
    server.control("DELETE", "log")
    before = server.cpu_seconds
    command = [sys.executable, "-m", "bench.aeries", "--read", str(root), server.url, server.certificate]
    done = subprocess.run([*command, str(server.database_year)], check=True, capture_output=True, text=True)
    found: Found = json.loads(done.stdout.splitlines()[-1])
    log = server.control("GET", "log")
    assert log["peak"] <= AT_ONCE
    return {**found, "requests": len(log["requests"]), "theirs": server.cpu_seconds - before}


def read(root: Path, url: str, certificate: str, year: str) -> Found:
    """Read the district in this process, and land it below `root`; gives seconds and megabytes."""
    root.mkdir(exist_ok=True)
    (root / "certificate").write_text(certificate)
    district = District.model_validate(
        {
            "district": "bench",
            "name": "Bench",
            "timezone": "America/Los_Angeles",
            "state": "CA",
            "schools": {"exclude": ["99", "998"]},
            "sis": {
                "kind": "aeries",
                "url": url,
                "certificate": {"file": str(root / "certificate")},
                "database_year": int(year),
                "concurrency": AT_ONCE,
                "feed": {"full_read_hours": 100},
            },
        }
    )
    home = Home.at(root / "home")
    wall, cpu = time.perf_counter(), time.process_time()
    delivery = client.fetch(district, home, Past(datetime.now(UTC)), Visit())
    assert isinstance(delivery, Delivery)
    with Readers() as readers, tempfile.TemporaryDirectory(dir=root) as into:
        tables = client.read({"bench": (district, delivery)}, readers, Path(into))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert isinstance(tables["bench"], tuple)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall": wall, "cpu": cpu, "memory": memory}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(read(Path(sys.argv[2]), *sys.argv[3:6])))
    else:
        met = main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3
        )
        sys.exit(0 if met else 1)
