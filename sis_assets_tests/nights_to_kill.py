"""Nights that are killed: a home, its stages, and a process that dies by SIGKILL at a chosen moment.

Run as `python -m sis_assets_tests.nights_to_kill` it is the process from which the victims are forked: it imports
everything once, opens nothing, and kills what it is asked to kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sis_assets.assets.platform import ALL_TABLES
from sis_assets.districts import load_districts
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.decide import Decision, decide
from sis_assets.pipeline.deliver import deliver
from sis_assets.pipeline.extract import extract
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.purge import Order, purge
from sis_assets.pipeline.review import find
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home, Warehouse

STAGES = {function.__name__: function for function in (extract, canonicalise, propose, deliver)}
NEVER = -1


@dataclass(frozen=True)
class Death:
    """When a victim dies: at its `statement`-th statement of the stage, `seconds` after that one began."""

    statement: int = NEVER
    seconds: float = 0.0


class Dying:
    """A connection whose statements are counted, and at one of which the process is killed from another thread."""

    def __init__(self, connection: Any, death: Death, counted: list[int]) -> None:
        self._connection, self._death, self._counted = connection, death, counted

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in {"execute", "executemany"}:
            return found

        def counting(*arguments: Any) -> Any:
            self._counted[0] += 1
            if self._counted[0] == self._death.statement:
                if not self._death.seconds:
                    os.kill(os.getpid(), signal.SIGKILL)
                threading.Timer(self._death.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return found(*arguments)

        return counting


class DyingWarehouse(Warehouse):
    """A warehouse that counts every statement of its sessions, BEGIN and COMMIT too."""

    def __init__(self, home: Home, death: Death) -> None:
        super().__init__(home, ALL_TABLES)
        self._death = death
        self.counted = [0]

    @contextmanager
    def _session(self) -> Iterator[Any]:
        with super()._session() as session:
            yield Dying(session, self._death, self.counted)


def play(root: Path, at: str, stages: list[str], death: Death, readers: Readers) -> int:
    """Run stages on the home as a sync does, or a person's approval; returns how many statements they took."""
    home = Home.at(root)
    districts = list(load_districts(home.districts).districts.values())
    with DyingWarehouse(home, death) as warehouse:
        clock = Clock(datetime.fromisoformat(at))
        for name in stages:
            if name == "approve":
                approve(warehouse, clock)
            elif name == "purge":
                purge(warehouse, clock, Order("north", None, "Officer"), {"north", "south"}, lambda: True)
            else:
                STAGES[name](Stage(home, warehouse, readers, clock), districts)
        return warehouse.counted[0]


def approve(warehouse: Warehouse, clock: Clock) -> None:
    with warehouse.read() as connection:
        found = find(connection, "status IN ('held', 'applied') AND len(reasons) > 0")
    for proposal in found:
        decide(
            warehouse, clock, Decision.APPROVE, proposal.change_set_id, content_sha256=proposal.content_sha256, by="Operator"
        )  # fmt: skip


def contents(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that the stages wrote, row for row."""
    with Warehouse(Home.at(root), ALL_TABLES, read_only=True) as warehouse, warehouse.read() as connection:
        return {
            table: connection.execute(f"FROM {table} ORDER BY ALL").fetchall()
            for table in (
                "lifecycle.accounts", "lifecycle.change_sets", "lifecycle.changes", "delivery.outbox", "core.students",
                "core.rejected_rows", "ops.audit", "ops.proposals", "raw.eschoolplus_students",
            )
        }  # fmt: skip


def forked(work: Callable[[], int]) -> dict[str, int | str]:
    """Do the work in a fork of this process; returns what it came to, or the signal that ended it."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        try:
            answer = json.dumps({"statements": work()})
        except Exception:  # noqa: BLE001 - whatever it is, the test that asked shows it
            answer = json.dumps({"error": traceback.format_exc()})
        os.write(writable, answer.encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else json.loads(said)


def serve() -> None:
    """Answer one request a line: the home, the time, the stages and the death of a victim."""
    for line in sys.stdin:
        asked = json.loads(line)

        def work(asked: dict[str, Any] = asked) -> int:
            with Readers(1) as readers:
                return play(
                    Path(asked["root"]), asked["at"], asked["stages"], Death(**asked["death"]), readers
                )

        sys.stdout.write(json.dumps(forked(work)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
