"""Drops for tests: files of a given age, and a drop whose files are touched while it is read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sis_assets.transport.drop import Drop, Entry
from sis_assets.transport.dropzone import Expected

FILES = Expected(
    {
        "schools": ("School.txt", "School.csv"),
        "students": ("Student.txt", "Student.csv"),
        "courses": ("CourseMaster.txt", "CourseCodes.txt"),
    }
)
HOUR = 3600.0


def put(folder: Path, name: str | bytes, content: bytes = b"x|y\n", *, age: float = HOUR) -> Path:
    """Write a file that was last changed `age` seconds ago (negative: in the future)."""
    path = folder / os.fsdecode(name)
    path.write_bytes(content)
    return aged(path, age)


def aged(path: Path, age: float) -> Path:
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def put_manifest(folder: Path, *files: dict[str, object], age: float = 0) -> Path:
    return put(folder, "manifest.json", json.dumps({"files": list(files)}).encode(), age=age)


@dataclass
class Meddled:
    """A drop that somebody changes by `meddle`, once, when the first bytes of a file (of `on`) have come."""

    drop: Drop
    meddle: Callable[[], object]
    on: str | None = None
    done: bool = False

    @property
    def where(self) -> str:
        return self.drop.where

    @property
    def grain_ns(self) -> int:
        return self.drop.grain_ns

    def entries(self) -> tuple[Entry, ...]:
        return self.drop.entries()

    def fetch(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, memoryview]]:
        for item in self.drop.fetch(entries):
            yield item
            if not self.done and self.on in {None, item[0].name}:
                self.done = True
                self.meddle()
