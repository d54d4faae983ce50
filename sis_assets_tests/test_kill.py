"""kill -9 in the middle of each stage, then the same night again: as if nothing had happened."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from sis_assets.sis.delimited import Readers
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.nights_to_kill import Death, contents, play

ROOT = Path(__file__).parents[1]
FIRST, SECOND, DECIDED = "2026-09-01T20:00:00-07:00", "2026-09-02T20:00:00-07:00", "2026-09-03T09:00:00-07:00"
NIGHT = ("extract", "canonicalise", "propose", "deliver")
#: Rounds by stage, fifty in all: more where there is more to interrupt.
ROUNDS = {"extract": 13, "canonicalise": 13, "propose": 14, "deliver": 3, "approve": 7}


@dataclass
class Undertaker:
    """The process from which victims are forked."""

    process: subprocess.Popen[str]

    def kill(self, root: Path, at: str, stages: Sequence[str], death: Death) -> dict[str, Any]:
        asked = {"root": str(root), "at": at, "stages": list(stages), "death": asdict(death)}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer


@pytest.fixture(scope="module")
def undertaker() -> Iterator[Undertaker]:
    with subprocess.Popen(
        [sys.executable, "-m", "sis_assets_tests.nights_to_kill"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield Undertaker(process)
        assert process.stdin
        process.stdin.close()


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(1) as warm:
        yield warm


def night_before(folder: Path, readers: Readers) -> TestHome:
    """A home of two districts after its first night, and in its drops the second: every kind of change, one set held."""
    home = TestHome(folder / "home", folder / "drops")
    for name in ("north", "south"):
        home.add(name)
        home.drop(name, [student(1000 + number) for number in range(60)])
    play(home.root, FIRST, list(NIGHT), Death(), readers)
    for name, gone in (("north", 20), ("south", 2)):
        kept = [student(1000 + number, grade="10" if number < 5 else "9") for number in range(60 - gone)]
        kept[10:12] = [student(1010, school="27"), student(1011, first="Other-0011")]
        home.drop(name, [*kept, student(2000), student(2001, grade="not a grade")])
    return home


@dataclass
class Prepared:
    """The home as it is before a stage, how many statements the stage has, and what the whole night comes to."""

    stage: str
    root: Path
    at: str
    again: list[str]
    statements: int
    expected: dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module", params=list(ROUNDS))
def prepared(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    readers: Readers,
    undertaker: Undertaker,
) -> Prepared:
    stage: str = request.param
    folder = tmp_path_factory.mktemp(stage)
    root = night_before(folder, readers).root
    done = list(NIGHT) if stage == "approve" else list(NIGHT[: NIGHT.index(stage)])
    if done:
        play(root, SECOND, done, Death(), readers)
    at, again = (DECIDED, ["approve"]) if stage == "approve" else (SECOND, list(NIGHT))
    twin = folder / "twin"
    copy(root, twin)
    statements = undertaker.kill(twin, at, [stage], Death())["statements"]
    play(twin, at, again, Death(), readers)
    expected = contents(twin)
    assert expected["delivery.outbox"]
    return Prepared(stage, root, at, again, statements, expected)


def copy(root: Path, into: Path) -> None:
    """Copy a home and tell the copy's catalog where its files are now."""
    shutil.copytree(root, into, symlinks=True)
    with closing(sqlite3.connect(into / "warehouse" / "catalog.sqlite")) as catalog, catalog:
        catalog.execute(
            "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [f"{into}/warehouse/files/"]
        )


def deaths(statements: int, rounds: int) -> list[Death]:
    """Spread the rounds over all statements, the last of which is the commit; a third of them die while it runs."""
    generator = random.Random(20260901)
    spread = [1 + round(place * (statements - 1) / max(rounds - 1, 1)) for place in range(rounds)]
    return [
        Death(statement, generator.uniform(0.0005, 0.02) if place % 3 == 2 else 0.0)
        for place, statement in enumerate(spread)
    ]


def test_a_night_that_is_killed_and_run_again_is_as_if_nothing_had_happened(
    prepared: Prepared, undertaker: Undertaker, readers: Readers, tmp_path: Path
) -> None:
    rounds = ROUNDS[prepared.stage]
    killed = 0
    for number, death in enumerate(deaths(prepared.statements, rounds)):
        victim = tmp_path / f"victim{number}"
        copy(prepared.root, victim)
        ended = undertaker.kill(victim, prepared.at, [prepared.stage], death)
        killed += ended.get("signal") == signal.SIGKILL
        play(victim, prepared.at, prepared.again, Death(), readers)
        assert contents(victim) == prepared.expected, (prepared.stage, death, ended)
        shutil.rmtree(victim)
    assert killed >= rounds * 0.6, "most rounds must die in the middle"


PURGES = 5


@pytest.mark.long
def test_a_purge_that_is_killed_is_finished_by_the_same_order(
    tmp_path: Path, undertaker: Undertaker, readers: Readers
) -> None:
    """Killed before, between and after the rows, the files, the lake's upkeep and the certificate."""
    root = night_before(tmp_path / "before", readers).root
    play(root, SECOND, list(NIGHT), Death(), readers)
    twin = tmp_path / "twin"
    copy(root, twin)
    statements = undertaker.kill(twin, DECIDED, ["purge"], Death())["statements"]
    expected, others = certificate(twin), contents(twin)
    killed = 0
    for number, death in enumerate(deaths(statements, PURGES)):
        victim = tmp_path / f"victim{number}"
        copy(root, victim)
        ended = undertaker.kill(victim, DECIDED, ["purge"], death)
        killed += ended.get("signal") == signal.SIGKILL
        purges = victim / "outbox" / "purges"
        if list(purges.glob("*.draft")) or not list(purges.glob("*.json")):
            play(victim, DECIDED, ["purge"], Death(), readers)
        assert certificate(victim) == expected, (death, ended)
        found = contents(victim)
        assert {table: rows for table, rows in found.items() if table != "ops.audit"} == {
            table: rows for table, rows in others.items() if table != "ops.audit"
        }
        assert not (victim / "landing" / "north").exists()
        assert not [
            path for path in (victim / "warehouse" / "files").rglob("*") if "district_id=north/" in str(path)
        ]
        shutil.rmtree(victim)
    assert killed >= PURGES * 0.6


def certificate(root: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """What the one certificate says was removed; no draft may be left beside it."""
    [path] = (root / "outbox" / "purges").glob("*.json")
    assert not list((root / "outbox" / "purges").glob("*.draft"))
    told = json.loads(path.read_text())
    return told["rows"], told["files"]
