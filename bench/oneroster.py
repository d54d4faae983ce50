"""A OneRoster package with many users in one file: read from the drop, kept as text, and made into the canonical model.

Prints medians of this run beside the targets: seconds and peak memory (our process and its readers) until the canonical
tables stand, of a zip with 55,000 users, and of a small delta over it. Each round is a process and a home of its own. Exit 1
when a target is missed.
Run: python -m bench.oneroster [users] [rounds]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from sis_assets.districts import District
from sis_assets.model.schema import TABLES
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.extract import extract
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.sis.delimited import Readers
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse

TARGET_SECONDS, TARGET_MEGABYTES = 10.0, 500.0
HEADERS = {
    "orgs": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "users": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
    "demographics": "sourcedId,status,dateLastModified,birthDate,sex",
}


def main(users: int, rounds: int) -> int:
    """Measure, print, and return the exit code."""
    found = [_round(users) for _ in range(rounds)]
    told = {name: statistics.median(each[name] for each in found) for name in found[0]}
    print(f"{users:,} users in one file of a zip, {rounds} rounds, medians")
    print(f"  until the canonical tables stand  {told['bulk']:6.2f} s   (target {TARGET_SECONDS:g})")
    print(f"  peak memory                       {told['memory']:6.0f} MB  (target {TARGET_MEGABYTES:g})")
    print(f"  the same for 100 changes over it  {told['delta']:6.2f} s")
    print(f"  CPU of both                       {told['cpu']:6.2f} s")
    return int(told["bulk"] > TARGET_SECONDS or told["memory"] > TARGET_MEGABYTES)


def _round(users: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.oneroster", "--round", str(users)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(users: int) -> dict[str, float]:
    """Take a package and then a delta in; gives seconds of both, and megabytes."""
    with tempfile.TemporaryDirectory(prefix="bench-oneroster-") as folder:
        root = Path(folder)
        drop = root / "drop"
        drop.mkdir()
        district = District.model_validate(
            {
                "district": "bench",
                "name": "Bench",
                "timezone": "America/Los_Angeles",
                "sis": {"kind": "oneroster_files", "dropzone": {"folder": str(drop), "quiet_seconds": 0}},
            }
        )
        home = Home.at(root / "home")
        with Warehouse(home, (*RAW_TABLES, *TABLES)) as warehouse, Readers() as readers:
            stage = Stage(home, warehouse, readers, Clock(datetime.now(UTC)))
            _write(drop / "package.zip", "bulk", range(users))
            begin = time.process_time()
            bulk = _take_in(stage, district)
            _write(drop / "package.zip", "delta", range(0, users, max(1, users // 100)))
            delta = _take_in(stage, district)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return {
            "bulk": bulk,
            "delta": delta,
            "memory": sum(each.ru_maxrss for each in used) / 1024,
            "cpu": sum(each.ru_utime + each.ru_stime for each in used) - begin,
        }


def _take_in(stage: Stage, district: District) -> float:
    begin = time.perf_counter()
    for step in (extract, canonicalise):
        outcome = step(stage, [district])["bench"]
        assert outcome.status is None, outcome.reason
    return time.perf_counter() - begin


def _write(package: Path, mode: str, numbers: range) -> None:
    stamp = "active,2026-10-15T10:00:00Z" if mode == "delta" else ","
    schools = [f"o-{number},{stamp},School {number},school,{number},\n" for number in range(60)]
    users = [
        f"u-{number},{stamp},true,o-{number % 60},student,s{number},,Given-{number},Family-{number},,{100000 + number},"
        f"s{number}@example.org,,,,{9 + number % 4:02},\n"
        for number in numbers
    ]
    births = [
        f"u-{number},{stamp},20{10 + number % 5:02}-0{1 + number % 9}-1{number % 9},female\n"
        for number in numbers
    ]
    rows = {"orgs": schools, "users": users, "demographics": births}
    modes = "".join(f"file.{name},{mode}\n" for name in rows)
    manifest = f"propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n{modes}"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.csv", manifest)
        for name, lines in rows.items():
            archive.writestr(f"{name}.csv", HEADERS[name] + "\n" + "".join(lines))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--round"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        given = [int(argument) for argument in sys.argv[1:]]
        sys.exit(main(*(given or [55_000]), *([] if len(given) > 1 else [3])))
