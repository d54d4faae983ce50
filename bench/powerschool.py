"""A whole PowerSchool district pulled from a server in another process: who uses the CPU, and how much memory it takes.

Prints medians of this run: our CPU for a page of 100 students (asked, checked, landed, and as a table of text) beside its
target, then whole pulls of two sizes with wall time, both CPU shares and our peak memory, which must not grow with the
number of pages. Each pull runs in a process of its own.
Run: python -m bench.powerschool [students] [rounds]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from sis_assets.districts import District
from sis_assets.sandbox.powerschool.process import SandboxProcess, sandbox_process
from sis_assets.sis.delimited import Readers
from sis_assets.sis.documents.flatten import flatten, flattening
from sis_assets.sis.documents.pages import Spool, read_whole
from sis_assets.sis.powerschool import client, contract
from sis_assets.sis.powerschool.resources import Resources, read_metadata
from sis_assets.sis.reading import Delivery, Past, SourceFile
from sis_assets.transport.visit import Visit
from sis_assets.warehouse import Home

TARGET_MS = 2.0
SMALL = 5_000


def main(students: int, rounds: int) -> None:
    """Measure and print."""
    for size in (SMALL, students):
        with sandbox_process("--students", str(size)) as server:
            _pulled(server)  # the server draws up its pages once a day of the district
            before = server.cpu_seconds
            found = [_pulled(server) for _ in range(rounds)]
            theirs = (server.cpu_seconds - before) / rounds
        told = {name: statistics.median(each[name] for each in found) for name in found[0]}
        print(f"a district of {size:,} students, {told['requests']:,.0f} requests, {rounds} rounds, medians")
        print(
            f"  a page of 100 students         {told['landed']:6.2f} ms of our CPU to land, {told['flattened']:.2f} ms for the table"
            f" (target {TARGET_MS} together)"
        )
        print(
            f"  the whole pull                 {told['wall']:6.1f} s, of them our CPU {told['cpu']:.1f} s, the server's {theirs:.1f} s;"
            f" {1e3 * told['cpu'] / told['requests']:.2f} ms a request"
        )
        print(f"  our peak memory                {told['memory']:6.0f} MB")


def _pulled(server: SandboxProcess) -> dict[str, float]:
    server.control("DELETE", "log")
    command = [
        sys.executable,
        "-m",
        "bench.powerschool",
        "--pull",
        server.url,
        server.client_id,
        server.client_secret,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    students = found.pop("pages of students")
    # Those pages were asked for a second time, by themselves.
    requests = len(server.control("GET", "log")["requests"]) - students
    return {**found, "requests": requests}


def pull(url: str, client_id: str, client_secret: str) -> dict[str, float]:
    """Pull the district in this process; gives seconds, requests, milliseconds a page of students, and megabytes."""
    with tempfile.TemporaryDirectory(prefix="bench-powerschool-") as folder:
        root = Path(folder)
        (root / "secret").write_text(client_secret)
        district = District.model_validate(
            {
                "district": "bench",
                "name": "Bench",
                "timezone": "America/Los_Angeles",
                "state": "CA",
                "sis": {
                    "kind": "powerschool",
                    "url": url,
                    "client_id": client_id,
                    "client_secret": {"file": str(root / "secret")},
                },
            }
        )
        home = Home.at(root / "home")
        wall, cpu = time.perf_counter(), time.process_time()
        delivery = client.fetch(district, home, Past(datetime.now(UTC)), Visit())
        assert isinstance(delivery, Delivery)
        with Readers() as readers:
            tables = client.read({"bench": (district, delivery)}, readers, root)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert isinstance(tables["bench"], tuple)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        landed, flattened, pages = _students(district, home, root)
        return {
            "wall": wall,
            "cpu": cpu,
            "memory": memory,
            "pages of students": pages,
            "landed": 1e3 * landed / pages,
            "flattened": 1e3 * flattened / pages,
        }


def _students(district: District, home: Home, root: Path) -> tuple[float, float, int]:
    """Read the students once more, by themselves; gives CPU seconds to land and to flatten, and the number of pages."""
    source = contract.STUDENTS.source
    place = root / "students"
    place.mkdir()
    at_once = client.settings_of(district).concurrency
    begin = time.process_time()
    with (
        client.session_with(district, home) as session,
        ThreadPoolExecutor(at_once) as pool,
        Spool(place) as spool,
    ):
        resources = Resources(session, read_metadata(session))
        path, sha256, size = read_whole(
            "Reading students",
            [resources.v1(contract.STUDENTS, source)],
            spool,
            landing=place,
            pool=pool,
            at_once=at_once,
        )
    landed = time.process_time() - begin
    file = SourceFile("students", source.path, size, sha256, path)
    begin = time.process_time()
    with flattening(root) as connection:
        read = flatten(connection, contract.STUDENTS, file, root / "students.parquet")
    return landed, time.process_time() - begin, -(-read.records // 100)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pull"]:
        print(json.dumps(pull(*sys.argv[2:5])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
