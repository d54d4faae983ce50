"""No student's data outside landing/ and warehouse/: whatever happens, and wherever one might look.

Every personal value of the made-up students is a canary. After good, rejected, failing and crashing syncs through the
command line and Dagster, none of them may stand in Dagster's databases, in what commands print, in file names, in the
system's temporary folder or anywhere else in the home.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import instance_of, sync
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import STUDENT_HEADER, TestHome

CANARIES = ("Canarygiven", "Canaryfamily", "canarymail", "1999-12-3", "CANARYSTATE", "canaryid")


def canary(number: int, *, grade: str = "9", birth: str | None = None, more: str = "") -> str:
    """One record whose every personal value can be recognised."""
    birth = birth or f"1999-12-3{number % 2}"
    return (
        f"canaryid{number}|Canarygiven{number}|Canaryfamily{number}|N|{birth}|{grade}|16|16|CANARYSTATE{number}"
        f"|canarymail{number}@example.org{more}"
    )


def leaks(folder: Path, *, spare: tuple[str, ...] = ()) -> list[str]:
    """Return the files below a folder whose name or content holds a canary, but for the spared folders."""
    found = []
    for path in folder.rglob("*"):
        if path.relative_to(folder).parts[0] in spare:
            continue
        if any(word.lower() in path.name.lower() for word in CANARIES):
            found.append(f"name of {path}")
        if path.is_file() and any(word.encode() in path.read_bytes() for word in CANARIES):
            found.append(f"content of {path}")
    return found


def command(home: TestHome, temporary: Path, *arguments: str) -> str:
    """Run the command line as a user does; gives everything that it printed."""
    environment = {**os.environ, "SIS_ASSETS_HOME": str(home.root), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", "from sis_assets.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> TestHome:
    return TestHome(tmp_path / "home", tmp_path / "drops")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def test_nothing_personal_is_printed_logged_or_left_behind(home: TestHome, temporary: Path) -> None:
    for name in ("good", "dirty", "broken"):
        home.add(name)
    home.drop("good", [canary(n) for n in range(60)])
    home.drop(
        "dirty",
        [
            *(canary(n) for n in range(40)),
            canary(41, grade="Canarygiven"),
            canary(42, birth="Canaryfamily"),
            canary(43, more="|Canarygiven|too|many"),
            "canaryid44|Canarygiven44",
            canary(1).replace("Canarygiven1", "Canarygiven99"),
        ],
    )
    home.drop("broken", [canary(1)])
    cut = home.drops / "broken" / "Student.txt"
    cut.write_text(cut.read_text().rstrip("\n"))
    printed = command(home, temporary, "sync", "--all")
    home.drop("good", [canary(n) for n in range(40)])
    (home.drops / "dirty" / "Student.txt").write_text(
        STUDENT_HEADER.replace("LastName", "Canaryfamily") + "\n" + canary(1) + "\n"
    )
    printed += command(home, temporary, "sync", "--all", "--json")
    printed += command(home, temporary, "sync", "good")
    for arguments in (
        ["changes", "list"],
        ["changes", "show", "good-000002.1"],
        ["doctor"],
        ["doctor", "dirty"],
        ["districts", "check"],
    ):
        printed += command(home, temporary, *arguments)
    printed += command(home, temporary, "changes", "show", "good-000002.1", "--names")
    printed += command(home, temporary, "changes", "approve", "good-000002.1", "--yes", "--by", "someone")
    assert "failed" in printed
    assert "held" in printed
    assert "good-000002.1 is applied" in printed
    assert not [word for word in CANARIES if word in printed]
    assert leaks(home.root, spare=("landing", "warehouse")) == []
    assert leaks(temporary) == []
    assert [leak for leak in leaks(home.root) if leak.startswith("name")] == []


def test_the_lakes_files_hold_nothing_in_clear(home: TestHome, temporary: Path) -> None:
    home.add("good")
    home.drop("good", [canary(n) for n in range(60)])
    command(home, temporary, "sync", "good")
    files = home.root / "warehouse" / "files"
    assert list(files.rglob("*.parquet"))
    assert leaks(files) == []
    assert list((home.root / "warehouse" / "scratch").glob("*.parquet")) == []


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as warm:
        yield warm


@pytest.mark.parametrize(
    "stage",
    [
        "sis_assets.pipeline.extract.extract",
        "sis_assets.pipeline.canonicalise.canonicalise",
        "sis_assets.pipeline.propose.propose",
        "sis_assets.pipeline.deliver.deliver",
    ],
)
def test_an_error_that_quotes_a_student_is_told_without_its_words(
    home: TestHome, readers: Readers, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a stage raises, and whatever caused it, the events and the reason hold only where it happened."""

    def broken(*_: object) -> None:
        raise RuntimeError(f"could not convert {canary(2)}") from ValueError(canary(1))

    monkeypatch.setenv("SIS_ASSETS_HOME", str(home.root))
    monkeypatch.setenv("DAGSTER_HOME", str(home.root / "dagster"))
    home.add("good")
    home.drop("good", [canary(n) for n in range(5)])
    monkeypatch.setattr(stage, broken)
    place = Home.at(home.root)
    with instance_of(place) as instance, Platform(place, readers=readers) as platform:
        outcome = sync(platform, instance, ["good"])["good"]
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
    assert str(outcome.status) == "failed"
    assert "RuntimeError" in outcome.reason
    assert not [word for word in CANARIES if word in outcome.reason]
    assert leaks(home.root / "dagster") == []
