"""From two snapshots in CSV files to a committed change set, against bare DuckDB, dbt's snapshot and dlt's scd2.

Ours is a whole sync without Dagster: hash and land the file, check and count it in a reader process, keep it as text,
type it, compare it with the accounts of the night before, judge, apply, outbox, ledger; encrypted, one transaction a stage.
Bare DuckDB reads both files, joins them fully, classifies and writes the change set, and nothing else. Each side runs in
a process of its own, in turn; a round is one night on which one percent changed. Prints medians of this run and ratios.
Rivals come from the package index into environments of their own below bench/.venvs; where that fails it is said.
Run: python bench/proposal.py [students] [rounds]
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = [
    "StudentID", "FirstName", "MiddleName", "LastName", "Gender", "DateOfBirth", "CurrentGrade", "CurrentSchoolCode",
    "PreRegSchoolCode", "StateProvNumber", "Email", "GraduationYear", "Homeroom", "Counselor", "Track",
]  # fmt: skip
DBT = ["--only-binary", ":all:", "dbt-core==1.12.0", "dbt-duckdb==1.11.1"]
DLT = ["dlt[duckdb]==1.31.0", "pyarrow", "pandas"]
SMALL = 200_000


def snapshots(folder: Path, students: int) -> tuple[Path, Path]:
    """Write two Student.txt of 15 columns; the second differs in one percent of the students."""
    import duckdb

    paths = []
    for night in (0, 1):
        drop = folder / f"night-{night}-{students}"
        drop.mkdir(parents=True)
        schools = "".join(
            f"{school}|Sample School {school}|1\n" for school in range(100, 100 + max(students // 600, 2))
        )
        (drop / "School.txt").write_text(f"SchoolCode|Name|SchoolType\n{schools}")
        school = f"(100 + n % {max(students // 600, 2)})"
        moved = f"{night} = 1 AND n % 400 = 7"
        duckdb.sql(
            f"COPY (SELECT n AS StudentID, 'Given-' || n AS FirstName, 'M' || (n % 26) AS MiddleName,"
            f" 'Family-' || CASE WHEN {night} = 1 AND n % 200 = 3 THEN n + 1 ELSE n END AS LastName, 'N' AS Gender,"
            f" strftime(DATE '2008-01-01' + (n % 4000)::INT, '%Y-%m-%d') AS DateOfBirth, n % 12 + 1 AS CurrentGrade,"
            f" CASE WHEN {moved} THEN 100 + (n + 1) % {max(students // 600, 2)} ELSE {school} END AS CurrentSchoolCode,"
            f" {school} AS PreRegSchoolCode, 'S' || n AS StateProvNumber, 's' || n || '@example.org' AS Email,"
            f" 2027 + n % 12 AS GraduationYear, 'H' || (n % 40) AS Homeroom, 'C' || (n % 9) AS Counselor, 'T' AS Track"
            f" FROM (SELECT r.range + CASE WHEN {night} = 1 AND r.range % 1000 = 11 THEN {10 * students} ELSE 0 END + 1000000 AS n"
            f" FROM range({students}) r)) TO '{drop / 'Student.txt'}' (HEADER, DELIMITER '|', QUOTE '')"
        )
        paths.append(drop)
    return paths[0], paths[1]


def ours(folder: Path, before: Path, after: Path, rounds: int) -> dict[str, object]:
    """Time nights in this process; gives seconds, the change set's counts, and peak memory of us and our readers."""
    from sis_assets.assets.platform import Platform
    from sis_assets.pipeline.canonicalise import canonicalise
    from sis_assets.pipeline.extract import extract
    from sis_assets.pipeline.propose import propose
    from sis_assets.sis.delimited import Readers
    from sis_assets.warehouse import Home

    home = Home.at(folder / "home")
    home.districts.mkdir(parents=True)
    drop = folder / "drop"
    (home.districts / "bench.yaml").write_text(
        "district: bench\nname: Bench\ntimezone: America/Chicago\nstate: AR\n"
        f"sis:\n  kind: eschoolplus_files\n  dropzone: {{folder: {drop}, quiet_seconds: 0}}\n"
    )
    times, stages, counts = [], {}, {}
    with Readers() as readers, Platform(home, readers=readers) as platform:
        for number in range(rounds + 1):
            shutil.rmtree(drop, ignore_errors=True)
            shutil.copytree((before, after)[number % 2], drop)
            platform.outcomes.clear()
            begin = time.perf_counter()
            for stage in (extract, canonicalise, propose):
                started = time.perf_counter()
                platform.run(stage, ["bench"])
                stages.setdefault(stage.__name__, []).append(time.perf_counter() - started)
            seconds = time.perf_counter() - begin
            outcome = platform.outcomes["bench"]
            assert str(outcome.status) == "applied", outcome
            if number:
                times.append(seconds)
                counts = dict(outcome.change_sets[0].counts)
    usage = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return {
        "seconds": times,
        "counts": counts,
        "memory_mb": usage,
        "stages": {name: statistics.median(found[1:]) for name, found in stages.items()},
    }


def bare(folder: Path, before: Path, after: Path, rounds: int) -> dict[str, object]:
    """Time bare DuckDB in this process: a file database, both files read as text, a full join, the change set written."""
    import duckdb

    keys = [column for column in COLUMNS if column != "StudentID"]
    differs = " OR ".join(f"a.{column} IS DISTINCT FROM b.{column}" for column in keys)
    columns = "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS) + "}"
    times, count = [], 0
    for number in range(rounds):
        database = folder / f"bare-{number}.duckdb"
        begin = time.perf_counter()
        with duckdb.connect(str(database)) as connection:
            for name, drop in (("a", before), ("b", after)):
                connection.execute(
                    f"CREATE TABLE {name} AS SELECT * FROM read_csv('{drop / 'Student.txt'}', delim = '|', header = true,"
                    f" quote = '', auto_detect = false, columns = {columns})"
                )
            connection.execute(
                "CREATE TABLE changes AS SELECT coalesce(a.StudentID, b.StudentID) AS student_id, CASE WHEN a.StudentID IS NULL THEN 'create'"
                " WHEN b.StudentID IS NULL THEN 'deactivate' WHEN a.CurrentSchoolCode IS DISTINCT FROM b.CurrentSchoolCode THEN 'transfer'"
                " WHEN a.CurrentGrade IS DISTINCT FROM b.CurrentGrade THEN 'promote' ELSE 'update' END AS kind, a, b"
                f" FROM a FULL JOIN b USING (StudentID) WHERE a.StudentID IS NULL OR b.StudentID IS NULL OR {differs}"
            )
            count = connection.execute("SELECT count(*) FROM changes").fetchall()[0][0]
        times.append(time.perf_counter() - begin)
        database.unlink()
    return {
        "seconds": times,
        "rows": count,
        "memory_mb": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024],
    }


def in_process_of_its_own(side: str, *arguments: object) -> dict[str, object]:
    """Run one side of this file in a new process and return what it measured."""
    command = [sys.executable, __file__, "--side", side, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def environment(name: str, requirements: list[str]) -> Path | None:
    """Return the Python of an environment with a rival in it, made when missing; None where it cannot be had."""
    folder = HERE / ".venvs" / name
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
    done = (
        made.returncode == 0
        and subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=False).returncode
        == 0
    )
    if not done:
        print(f"  {name}: could not be installed here, left out")
        return None
    (folder / "ready").touch()
    return python


def dbt(folder: Path, before: Path, after: Path, rounds: int) -> list[float] | None:
    """Time `dbt snapshot` (check strategy, all columns, deletes invalidated) on the second file; seconds a round."""
    python = environment("dbt", DBT)
    if python is None:
        return None
    times = []
    for number in range(rounds):
        project = folder / f"dbt-{number}"
        (project / "snapshots").mkdir(parents=True)
        (project / "dbt_project.yml").write_text(
            "name: bench\nversion: 1.0.0\nprofile: bench\nsnapshot-paths: [snapshots]\n"
        )
        (project / "profiles.yml").write_text(
            f"bench:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: {project / 'bench.duckdb'}, threads: 2}}\n"
        )
        (project / "snapshots" / "students.sql").write_text(
            "{% snapshot students %}{{ config(target_schema='snap', unique_key='StudentID', strategy='check', check_cols='all',"
            " hard_deletes='invalidate') }} SELECT * FROM read_csv('{{ var(\"file\") }}', delim = '|', header = true, all_varchar = true,"
            " quote = '') {% endsnapshot %}"
        )
        environ = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        for drop in (before, after):
            begin = time.perf_counter()
            subprocess.run(
                [python.with_name("dbt"), "snapshot", "--profiles-dir", ".", "--vars", json.dumps({"file": str(drop / "Student.txt")})],
                check=True, capture_output=True, cwd=project, env=environ,
            )  # fmt: skip
        times.append(time.perf_counter() - begin)
        shutil.rmtree(project)
    return times


DLT_SCRIPT = """
import sys, time, dlt, pyarrow.csv as pc
from dlt.sources.helpers.transform import add_row_hash_to_table
before, after = sys.argv[1:3]
pipeline = dlt.pipeline("bench", destination=dlt.destinations.duckdb(sys.argv[3]), dataset_name="history", pipelines_dir=sys.argv[4])
def load(path):
    read = pc.read_csv(path, parse_options=pc.ParseOptions(delimiter="|", quote_char=False),
        convert_options=pc.ConvertOptions(column_types={name: "string" for name in open(path).readline().strip().split("|")}))
    @dlt.resource(name="students", write_disposition={"disposition": "merge", "strategy": "scd2", "row_version_column_name": "row_hash"})
    def students():
        yield read
    pipeline.run(students().add_map(add_row_hash_to_table("row_hash")))
load(before)
begin = time.perf_counter(); load(after); print(time.perf_counter() - begin)
"""


def dlt(folder: Path, before: Path, after: Path, rounds: int) -> list[float] | None:
    """Time dlt's scd2 on its Arrow path for the second file; seconds a round."""
    python = environment("dlt", DLT)
    if python is None:
        return None
    times = []
    for number in range(rounds):
        work = folder / f"dlt-{number}"
        work.mkdir()
        files = [str(drop / "Student.txt") for drop in (before, after)]
        done = subprocess.run(
            [python, "-c", DLT_SCRIPT, *files, str(work / "d.duckdb"), str(work)],
            check=True, capture_output=True, text=True, env={**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"},
        )  # fmt: skip
        times.append(float(done.stdout.splitlines()[-1]))
        shutil.rmtree(work)
    return times


def main(students: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-proposal-") as name:
        folder = Path(name)
        before, after = snapshots(folder, students)
        size = sum((drop / "Student.txt").stat().st_size for drop in (before, after)) / 2**20
        print(
            f"{students:,} students x {len(COLUMNS)} columns, two snapshots of together {size:.0f} MiB, {rounds} rounds, medians"
        )
        mine = in_process_of_its_own("ours", folder, before, after, rounds)
        theirs = in_process_of_its_own("bare", folder, before, after, rounds)
        us, duck = statistics.median(mine["seconds"]), statistics.median(theirs["seconds"])
        print(f"  ours                 {us:7.2f} s   {mine['counts']}")
        print(
            f"    of which           {', '.join(f'{stage} {seconds:.2f} s' for stage, seconds in mine['stages'].items())}"
        )
        print(
            f"    peak memory        {mine['memory_mb'][0]:.0f} MB, largest reader {mine['memory_mb'][1]:.0f} MB (target 1,500)"
        )
        print(
            f"  bare DuckDB          {duck:7.2f} s   {theirs['rows']:,} changes; ours / bare = {us / duck:.2f} (target 1.2)"
        )
        if snapshot := dbt(folder, before, after, rounds):
            print(
                f"  dbt-duckdb snapshot  {statistics.median(snapshot):7.2f} s   ours / dbt = {us / statistics.median(snapshot):.2f} (target 0.5)"
            )
        small = snapshots(folder, SMALL)
        little = statistics.median(in_process_of_its_own("ours", folder / "small", *small, rounds)["seconds"])
        print(f"{SMALL:,} students")
        print(f"  ours                 {little:7.2f} s")
        if history := dlt(folder, *small, rounds):
            print(
                f"  dlt scd2, Arrow path {statistics.median(history):7.2f} s   ours / dlt = {little / statistics.median(history):.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        side = {"ours": ours, "bare": bare}[sys.argv[2]]
        print(json.dumps(side(Path(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]), int(sys.argv[6]))))
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5
        )
