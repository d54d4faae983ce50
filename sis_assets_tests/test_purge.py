"""Deletion on request: afterwards no byte below the home, and no file of before, holds anything of it."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from sis_assets.assets.platform import ALL_TABLES, Platform
from sis_assets.automation.launch import instance_of, sync
from sis_assets.model.faults import TransientFault
from sis_assets.pipeline.audit import heads_file, verify
from sis_assets.pipeline.purge import Order, purge
from sis_assets.pipeline.stage import Clock
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.commands import Run, run
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.test_canary import CANARIES, canary

__all__ = ["run"]


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(1) as warm:
        yield warm


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    found = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(found.root))
    monkeypatch.setenv("DAGSTER_HOME", str(found.root / "dagster"))
    return found


def everything(root: Path) -> dict[Path, str]:
    """Every file below the home with the hash of its bytes."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def leaks(root: Path, words: tuple[str, ...] = CANARIES) -> list[str]:
    """Every file whose name or bytes hold one of the words, in whatever case or encoding."""
    found = []
    for path in root.rglob("*"):
        content = path.read_bytes().lower() if path.is_file() else b""
        for word in words:
            forms = [word.lower().encode(form) for form in ("utf-8", "utf-16-le", "utf-16-be")]
            if word.lower() in str(path.relative_to(root)).lower() or any(form in content for form in forms):
                found.append(f"{word} in {path.relative_to(root)}")
    return found


def nights(home: TestHome, readers: Readers) -> None:
    """Syncs of every sort: applied, held, rejected rows, a failed read, and what others lay beside them."""
    place = Home.at(home.root)
    with instance_of(place) as instance, Platform(place, readers=readers) as platform:
        for name in ("gone", "gone-too"):
            home.add(name)
        home.drop("gone", [canary(n) for n in range(60)])
        home.drop("gone-too", [student(2000 + n) for n in range(60)])
        sync(platform, instance, ["gone", "gone-too"])
        more = [
            canary(70, grade="Canarygiven"),
            canary(71, birth="Canaryfamily"),
            canary(72, more="|Canarygiven|x"),
        ]
        home.drop("gone", [*(canary(n).replace("Canarygiven", "CanarygivenNew") for n in range(59)), *more])
        sync(platform, instance, ["gone"])
        home.drop("gone", [canary(n) for n in range(20)])
        sync(platform, instance, ["gone"])
        home.drop("gone", [canary(n) for n in range(30)])
        cut = home.drops / "gone" / "Student.txt"
        cut.write_text(cut.read_text().rstrip("\n"))
        sync(platform, instance, ["gone"])
    for path in (
        "landing/gone/.answers.sqlite",
        "landing/gone/.incoming-x-1-2",
        "outbox/reviews/gone-000003.1.html",
        "outbox/schoology/gone-prep.csv",
        "outbox/requests/gone/requests.csv",
        "warehouse/scratch/tokens/0a0b",
    ):
        (home.root / path).parent.mkdir(parents=True, exist_ok=True)
        (home.root / path).write_text(f"{canary(1)} {path}")
    (home.root / "outbox/reviews/gone-too-000003.1.html").write_text("of another district")


def ask(run: Run, sql: str) -> list[dict[str, object]]:
    said = run("query", sql, "--format", "json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def counts(run: Run, name: str) -> dict[str, object]:
    """Rows of a district in every table that has a district_id."""
    tables = ask(
        run,
        "SELECT table_schema || '.' || table_name AS t FROM information_schema.columns WHERE column_name = 'district_id'"
        " AND table_catalog = 'lake'",
    )
    union = " UNION ALL ".join(
        f"SELECT '{row['t']}' AS t, count(*) AS n FROM {row['t']} WHERE district_id = '{name}'"
        for row in tables
    )
    return {str(row["t"]): row["n"] for row in ask(run, union) if row["n"]}


def test_of_a_purged_district_no_byte_and_no_file_is_left(home: TestHome, readers: Readers, run: Run) -> None:
    nights(home, readers)
    before = everything(home.root)
    rows = counts(run, "gone")
    assert {"core.rejected_rows", "raw.eschoolplus_students", "delivery.outbox", "ops.extracts"} <= set(rows)
    others = counts(run, "gone-too")
    assert leaks(home.root)
    said = run("purge", "--district", "gone", "--yes", "--by", "Officer", "--note", "the contract ended")
    assert said.code == 0, said.err
    assert leaks(home.root) == []
    assert counts(run, "gone") == {"ops.audit": 2}
    assert counts(run, "gone-too") == others
    [path] = (home.root / "outbox" / "purges").iterdir()
    told = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert told["rows"] == {table: n for table, n in rows.items() if table != "ops.audit"}
    assert (told["by"], told["note"], told["of"]) == ("Officer", "the contract ended", "district")
    assert told["files"]["landing"]["count"] == sum("landing/gone/" in str(path) for path in before)
    assert told["files"]["outbox"]["count"] == 3
    assert told["dagster_partition_removed"] is True
    with dg.DagsterInstance.get() as instance:
        assert instance.get_dynamic_partitions("districts") == ["gone-too"]
    # Encrypted files show nothing to grep: none of those in which the district's rows stood may be left.
    lake = home.root / "warehouse" / "files"
    assert [path for path in lake.rglob("*") if "district_id=gone/" in str(path)] == []
    assert not [path for path in before if "landing/gone/" in str(path) and path.exists()]
    assert (home.root / "outbox/reviews/gone-too-000003.1.html").exists()
    assert run("audit", "verify").code == 0
    path.write_text(path.read_text().replace("Officer", "Somebody"))
    assert "certificate was changed" in run("audit", "verify").out
    path.unlink()
    said = run("audit", "verify")
    assert said.code == 3
    assert "certificate is gone" in said.out


def test_of_a_purged_student_nothing_is_left_and_the_others_are_as_they_were(
    home: TestHome, readers: Readers, run: Run
) -> None:
    person = "ZZCanarystudent"
    row = canary(70).replace("Canary", "ZZCanarystudent").replace("canary", "ZZCanarystudent")
    others = [student(1000 + n) for n in range(40)]
    place = Home.at(home.root)
    with instance_of(place) as instance, Platform(place, readers=readers) as platform:
        home.add("d")
        home.drop("d", [*others, row.replace("CANARYSTATE", person)])
        sync(platform, instance, ["d"])
        home.drop("d", [*others, row.replace("CANARYSTATE", person).replace("|9|", "|10|"), student(3000)])
        sync(platform, instance, ["d"])
        home.drop(
            "d", [*others, row.replace("CANARYSTATE", person).replace("|9|", "|no grade|"), student(3000)]
        )
        sync(platform, instance, ["d"])
    (home.root / "outbox/reviews").mkdir(parents=True)
    (home.root / "outbox/reviews/d-000003.1.html").write_text(row)
    known = ask(run, "SELECT student_id FROM core.students ORDER BY ALL")
    accounts = ask(run, "FROM lifecycle.accounts WHERE student_id NOT LIKE 'ZZ%' ORDER BY ALL")
    assert leaks(home.root, (person,))
    said = run("purge", "--district", "d", "--student", "ZZCanarystudentid70", "--yes", "--by", "Officer")
    assert said.code == 0, said.err
    assert "The next sync brings the student back" in said.out
    assert leaks(home.root, (person,)) == []
    for table in (
        "raw.eschoolplus_students",
        "core.rejected_rows",
        "lifecycle.changes",
        "lifecycle.accounts",
        "delivery.outbox",
    ):
        assert ask(
            run, f"SELECT count(*) AS n FROM {table} t WHERE CAST(t AS VARCHAR) ILIKE '%ZZcanary%'"
        ) == [{"n": 0}], table
    assert ask(run, "SELECT student_id FROM core.students ORDER BY ALL") == [
        row for row in known if not str(row["student_id"]).startswith("ZZ")
    ]
    assert ask(run, "FROM lifecycle.accounts ORDER BY ALL") == accounts
    [path] = (home.root / "outbox" / "purges").iterdir()
    told = json.loads(path.read_text())
    assert told["rows"]["raw.eschoolplus_students"] == 3
    assert told["rows"]["core.rejected_rows"] == 1
    assert told["rows"]["lifecycle.changes"] == told["rows"]["delivery.outbox"] == 2
    assert set(told["student"]) == {"salt", "scrypt"}
    assert ask(
        run,
        "SELECT count(*) AS n FROM ops.extracts WHERE rows_loaded + rows_rejected <> list_sum([f.records for f in files])",
    ) == [{"n": 0}]
    with Platform(place, readers=readers) as platform, instance_of(place) as instance:
        home.drop("d", [*others, student(3000)])
        outcome = sync(platform, instance, ["d"])["d"]
        assert str(outcome.status) == "unchanged", outcome
    assert run("audit", "verify").code == 0


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_is_told_and_the_same_order_finishes_the_purge(home: TestHome, readers: Readers) -> None:
    """The draft, the rows, the lake's upkeep, the certificate: wherever the room ends, the order can be given again."""
    nights(home, readers)
    order = Order("gone", None, "Officer")
    told = []
    for room in (0, 300, 3_000, 100_000):
        with Warehouse(Home.at(home.root), ALL_TABLES) as warehouse:
            with warehouse.read():
                pass
            with full_disk(room), pytest.raises(TransientFault) as caught:
                purge(warehouse, Clock(), order, set(), lambda: False)
        told.append(caught.value.reason)
    assert all("the disk is full" in reason and "run the same command again" in reason for reason in told)
    with Warehouse(Home.at(home.root), ALL_TABLES) as warehouse:
        path = purge(warehouse, Clock(), order, set(), lambda: False)
        assert [found.problems for found in verify(warehouse, heads_file(warehouse.home))] == [()]
    assert leaks(home.root) == []
    assert [path] == list((home.root / "outbox" / "purges").iterdir())
    assert json.loads(path.read_text())["rows"]["core.students"]
