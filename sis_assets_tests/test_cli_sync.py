"""The command line as its users drive it: a home, district files, drops, and what `sync` says and leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sis_assets.transport.landing import temporary_name
from sis_assets_tests.commands import Run
from sis_assets_tests.homes import TestHome, student

AT = "2026-10-15T20:00:00-07:00"
LATER = "2026-10-16T20:00:00-07:00"
KINDS = {"create", "update", "transfer", "promote", "deactivate", "reactivate", "rekey"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    made = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(made.root))
    return made


def asked(run: Run, sql: str) -> Any:
    said = run("query", sql, "--format", "json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_nights_of_one_district_from_its_first_drop_to_an_undo(home: TestHome, run: Run) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [*(student(n) for n in range(1000, 1100)), "1500||Family-1500|N||9|16|16||"])
    applied_then_unchanged(run)
    home.drop("eagle-ridge", [student(n) for n in range(1000, 1080)])
    [line] = run("sync", "eagle-ridge", "--at", LATER, "--json").lines
    assert line["status"] == "held"
    [held] = [found for found in line["change_sets"] if found["status"] == "held"]
    assert held["counts"]["deactivate"] == 20
    decided(run, held["id"])
    handed_on(run)
    for command in (f"changes show {held['id']}", "sync eagle-ridge", "doctor", "doctor eagle-ridge"):
        told = run(*command.split())
        assert (told.code, told.err) == (0, ""), (command, told)
        assert "eagle-ridge" in told.out or command == "doctor"
        assert "Given-" not in told.out
    names = run("changes", "show", held["id"], "--names")
    assert (names.code, names.out) == (2, "")


def applied_then_unchanged(run: Run) -> None:
    said = run("sync", "eagle-ridge", "--at", AT, "--json")
    assert (said.code, len(said.lines)) == (0, 1)
    [line] = said.lines
    assert list(line) == ["district", "status", "change_sets", "reason"]
    assert (line["district"], line["status"]) == ("eagle-ridge", "applied")
    assert line["reason"].endswith("Next move: district.")
    [change_set] = line["change_sets"]
    assert set(change_set) == {"id", "status", "counts"}
    assert set(change_set["counts"]) == KINDS
    assert (change_set["status"], change_set["counts"]["create"]) == ("applied", 100)
    again = run("sync", "eagle-ridge", "--at", AT, "--json").lines[0]
    assert (again["status"], again["change_sets"]) == ("unchanged", [])
    assert again["reason"].endswith("Next move: district.")

    extracts = asked(
        run,
        "SELECT status, rows_loaded, rows_rejected, started_at, files FROM ops.extracts ORDER BY extract_id",
    )
    assert [row["status"] for row in extracts] == ["complete", "unchanged"]
    for row in extracts:
        assert (row["rows_loaded"], row["rows_rejected"]) == (102, 1)
        assert [file["records"] for file in row["files"]] == [2, 101]
        assert row["started_at"] == "2026-10-16T03:00:00+00:00"
    [rejected] = asked(
        run, "SELECT source_file, row_number, record_key, reason_code, message FROM core.rejected_rows"
    )
    assert "Family" not in rejected.pop("message")
    assert list(rejected.values()) == ["Student.txt", 101, "1500", "missing_first_name"]


def decided(run: Run, held: str) -> None:
    shown = json.loads(run("changes", "show", held, "--json").out)
    assert shown["reasons"]
    wrong = run("changes", "approve", held, "--hash", "0" * 64)
    assert (wrong.code, wrong.out) == (2, "")
    assert "another hash" in wrong.err
    assert run("changes", "approve", held).code == 2, "nobody to ask, and no hash"
    approved = run("changes", "approve", held, "--hash", shown["content_sha256"], "--by", "Operator")
    assert approved.code == 0, approved.err
    assert active(run) == 80
    late = run("changes", "discard", held, "--yes")
    assert late.code == 2
    assert "it is applied" in late.err
    assert run("changes", "undo", held, "--yes", "--by", "Operator", "--note", "too early").code == 0
    assert active(run) == 100
    assert [found["status"] for found in run("changes", "list", "--json").lines] == ["applied", "undone"]
    assert run("changes", "list", "--status", "undone", "--json").lines[0]["decided_by"] == "Operator"
    assert asked(run, "SELECT action, actor FROM ops.audit ORDER BY happened_at") == [
        {"action": "approve", "actor": "Operator"},
        {"action": "undo", "actor": "Operator"},
    ]


def handed_on(run: Run) -> None:
    outbox = run("outbox", "read", "--district", "eagle-ridge", "--limit", "3").lines
    assert [row["sequence"] for row in outbox] == [1, 2, 3]
    assert outbox[0]["payload"]["account"]["student_id"] == "1000"
    assert "2 rows" in run("outbox", "acknowledge", "--district", "eagle-ridge", "--through", "2").out
    assert run("outbox", "read", "--district", "eagle-ridge", "--limit", "1").lines[0]["sequence"] == 3


def active(run: Run) -> int:
    return int(asked(run, "SELECT count(*) AS n FROM lifecycle.accounts WHERE is_active")[0]["n"])


def test_with_all_a_broken_file_and_a_bad_drop_fail_alone(home: TestHome, run: Run) -> None:
    for name in ("good", "cut-off", "misnamed"):
        home.add(name)
        home.drop(name, [student(1), student(2)])
    home.add("broken", more="guards: {}\n")
    home.add("waiting")
    file = home.drops / "cut-off" / "Student.txt"
    file.write_text(file.read_text()[:-3])
    settings = home.root / "districts" / "misnamed.yaml"
    settings.write_text(settings.read_text() + "  files: {columns: {students: {StudentNo: UPN}}}\n")
    said = run("sync", "--all", "--json", "--at", AT)
    assert said.code == 3
    assert {line["district"]: line["status"] for line in said.lines} == {
        "broken": "failed",
        "cut-off": "failed",
        "good": "applied",
        "misnamed": "failed",
        "waiting": "skipped",
    }
    reasons = {line["district"]: line["reason"] for line in said.lines}
    assert "guards" in reasons["broken"]
    assert "the nearest known one is guard" in reasons["broken"]
    assert "Reading Student.txt: the file is cut off" in reasons["cut-off"]
    assert "StudentNo" in reasons["misnamed"]
    assert all(
        reason.endswith((" Next move: district.", " Next move: engineer.")) for reason in reasons.values()
    )
    assert [
        row["district_id"] for row in asked(run, "SELECT DISTINCT district_id FROM lifecycle.accounts")
    ] == ["good"]

    for name in ("broken", "misnamed", "nosuch"):
        alone = run("sync", name, "--json")
        assert (alone.code, alone.out) == (2, ""), name
        assert alone.err.count("\n") == 1
    together = run("sync", "broken", "good", "--json")
    assert together.code == 3
    assert {line["district"]: line["status"] for line in together.lines} == {
        "broken": "failed",
        "good": "unchanged",
    }

    checked = run("districts", "check", "--json")
    assert checked.code == 2
    assert {line["district"]: line["ok"] for line in checked.lines} == {
        "broken": False,
        "cut-off": True,
        "good": True,
        "misnamed": False,
        "waiting": True,
    }
    told = run("districts", "check")
    assert (told.code, told.err) == (2, "")
    assert (
        "sis.files.columns.students.StudentNo: is no column of this file; the nearest known one is StudentID"
        in told.out
    )
    for name, code in (("cut-off", 3), ("misnamed", 2), ("nosuch", 2)):
        assert run("doctor", name).code == code, name
    assert run("doctor", "--json").code == 2
    (settings.parent / "broken.yaml").unlink()
    settings.unlink()
    assert run("districts", "check").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync"],
        ["sync", "a", "--all"],
        ["sync", "--all"],
        ["sync", "a"],
        ["sync", "a", "--at", "2026-10-15T20:00:00"],
        ["sync", "a", "--at", "2026-10-15"],
        ["sync", "a", "--at", "yesterday"],
        ["sync", "a", "--at", "0001-01-01T00:00:00+14:00"],
        ["districts", "check"],
        ["doctor"],
        ["doctor", "a"],
        ["query", "SELECT 1"],
        ["changes", "list"],
        ["changes", "show", "a-000001.1"],
        ["changes", "approve", "a-000001.1", "--yes"],
        ["outbox", "read", "--district", "a"],
    ],
)
def test_without_a_home_every_command_says_so_and_exits_2(
    home: TestHome, run: Run, arguments: list[str]
) -> None:
    said = run(*arguments)
    assert said.code == 2
    if arguments != ["doctor"]:
        assert (said.out, said.err.count("\n")) == ("", 1)


def test_help_names_every_command(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    for name in ("sync", "doctor", "query", "demo", "districts", "changes", "outbox"):
        assert f" {name} " in said.out
    assert run("nosuch").code == 2
    assert run("changes", "--help").code == 0


def sis_assets(home: TestHome, *arguments: str, before: str = "pass") -> subprocess.Popen[str]:
    """Run the command in a process of its own; `before` is Python that it runs first."""
    environment = {**os.environ, "SIS_ASSETS_HOME": str(home.root)}
    environment.pop("DAGSTER_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\nfrom sis_assets.cli import main\nmain()", *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_commands_at_once_leave_what_one_after_the_other_would(home: TestHome, run: Run) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [student(n) for n in range(50)])
    both = [sis_assets(home, "sync", "eagle-ridge", "--json", "--at", AT) for _ in range(2)]
    said = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    lines = [json.loads(out) for out, _ in said]
    assert sorted(line["status"] for line in lines) == ["applied", "unchanged"], lines
    assert [
        row["status"] for row in asked(run, "SELECT status FROM ops.extracts WHERE status <> 'unchanged'")
    ] == ["complete"]
    assert asked(run, "SELECT change_set_id, status, creates FROM lifecycle.change_sets") == [
        {"change_set_id": "eagle-ridge-000001.1", "status": "applied", "creates": 50}
    ]
    assert asked(run, "SELECT count(*) AS n, max(sequence) AS last FROM delivery.outbox") == [
        {"n": 50, "last": 50}
    ]
    assert active(run) == 50


def test_ctrl_c_ends_quietly_and_the_next_sync_goes_on(home: TestHome, run: Run) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [student(n) for n in range(2_000)])
    process = sis_assets(home, "sync", "eagle-ridge", "--json")
    deadline = time.monotonic() + 60
    while not (home.root / "landing").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode not in {0, 2}
    assert "Traceback" not in err
    assert "Given-" not in out + err
    assert run("sync", "eagle-ridge", "--json").lines[0]["status"] == "applied"


def test_ended_access_reads_and_changes_nothing_and_says_who_must_renew_it(home: TestHome, run: Run) -> None:
    home.add("eagle-ridge", more="access: {expires: 2026-10-15, renewal_working_days: 10}\n")
    home.drop("eagle-ridge", [student(n) for n in range(3)])
    assert (
        run("sync", "eagle-ridge", "--at", "2026-10-15T23:59:00-07:00", "--json").lines[0]["status"]
        == "applied"
    )
    home.drop("eagle-ridge", [])
    said = run("sync", "eagle-ridge", "--at", "2026-10-16T00:00:00-07:00", "--json")
    [line] = said.lines
    assert (said.code, line["status"], line["change_sets"]) == (0, "skipped", [])
    assert "2026-10-15" in line["reason"]
    assert line["reason"].endswith("Next move: district.")
    assert [row["status"] for row in asked(run, "SELECT status FROM ops.extracts")] == ["complete"]
    home.add("eagle-ridge", more="access: {expires: 2027-06-30}\n")
    home.drop("eagle-ridge", [student(n) for n in range(4)])
    assert run("sync", "eagle-ridge", "--at", LATER, "--json").lines[0]["status"] == "applied"


def test_a_disk_too_full_for_dagsters_history_fails_every_district_by_its_line(
    home: TestHome, run: Run
) -> None:
    for name in ("eagle-ridge", "mockford"):
        home.add(name)
        home.drop(name, [student(n) for n in range(3)])
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))"
    process = sis_assets(home, "sync", "--all", "--json", before=limited)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["district"], line["status"]) for line in lines] == [
        ("eagle-ridge", "failed"),
        ("mockford", "failed"),
    ]
    assert all("disk" in line["reason"] and "Next move: engineer." in line["reason"] for line in lines), lines
    assert [line["status"] for line in run("sync", "--all", "--json").lines] == ["applied", "applied"]


def test_what_a_killed_sync_left_in_the_scratch_folder_goes_with_the_next_one(
    home: TestHome, run: Run
) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [student(1)])
    dead = subprocess.Popen(["true"])
    dead.wait()
    mine = temporary_name("read-")
    left = home.root / "warehouse" / "scratch" / mine.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    left.mkdir(parents=True)
    (left / "eagle-ridge.students.parquet").write_bytes(b"x")
    alive = left.with_name(mine)
    alive.mkdir()
    assert run("sync", "eagle-ridge", "--json").lines[0]["status"] == "applied"
    assert (left.exists(), alive.exists()) == (False, True)


def test_files_elsewhere_than_the_catalog_knows_are_a_setting_to_correct(
    home: TestHome, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [student(1)])
    assert run("sync", "eagle-ridge").code == 0
    monkeypatch.setenv("SIS_ASSETS_FILES", str(home.root / "elsewhere"))
    for command in (["query", "SELECT 1"], ["doctor"]):
        said = run(*command)
        assert said.code == 2
        assert "Set SIS_ASSETS_FILES to what it was" in said.out + said.err


@pytest.mark.parametrize("arguments", [["--status", "bogus"], ["--district", "nosuch"]])
def test_change_sets_are_not_listed_for_what_does_not_exist(
    home: TestHome, run: Run, arguments: list[str]
) -> None:
    home.add("eagle-ridge")
    home.drop("eagle-ridge", [student(1)])
    run("sync", "eagle-ridge")
    said = run("changes", "list", *arguments)
    assert (said.code, said.out) == (2, "")
