"""One read of a district's API: it ends politely with the hours in which we may ask, and a later one goes on from there.

What the server answered is kept in the landing folder until the read is whole. A read that goes on asks the same questions
in the same order, and those that were answered are not sent again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, TransientFault

_NAME: Final = ".answers.sqlite"
_TABLES: Final = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS read (under TEXT NOT NULL, began TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers
    (question BLOB PRIMARY KEY, status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL);
"""

Answer = tuple[int, dict[str, str], bytes]


class HoursOverError(Exception):
    """The hours in which the server may be asked are over."""


class Answers:
    """The answers of one read that may be interrupted, in a SQLite file (0600) of the district's landing folder.

    They count while the read is the same one: made `under` the same settings, and begun at most `lasting` before `now`.
    Otherwise they are forgotten, and the read starts anew. For many threads. Raises TransientFault when the disk does not
    take them.
    """

    def __init__(self, folder: Path, *, under: str, now: datetime, lasting: timedelta) -> None:
        self._path = folder / _NAME
        self._lock = threading.Lock()
        self._database = self._opened()
        began = self._same_read(under, now, lasting)
        if began is None:
            self.forget()
            self._database = self._opened()
            with self._changing():
                self._database.executescript(_TABLES)
                self._database.execute("INSERT INTO read VALUES (?, ?)", (under, now.isoformat()))
        #: When the read began, in an earlier part or now.
        self.began = began or now

    def get(self, question: bytes) -> Answer | None:
        """Return status, headers and body of the answer to a question, None when there is none yet."""
        with self._lock:
            found = self._database.execute(
                "SELECT status, headers, body FROM answers WHERE question = ?", (question,)
            ).fetchone()
        return found and (found[0], json.loads(found[1]), found[2])

    def add(self, question: bytes, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer."""
        row = (question, status, json.dumps(dict(headers)), body)
        with self._changing():
            self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    @property
    def count(self) -> int:
        """How many there are."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM answers").fetchone()[0])

    def forget(self) -> None:
        """Remove them all: the read is whole, or must start anew."""
        self.close()
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def close(self) -> None:
        """Leave them to a later read."""
        self._database.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _cannot_keep(str(error.strerror)) from error
        return sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=30)

    def _same_read(self, under: str, now: datetime, lasting: timedelta) -> datetime | None:
        """Return when the read began whose answers these are, None when it is not the one that is made now."""
        try:
            known = self._database.execute("SELECT under, began FROM read").fetchone()
        except sqlite3.DatabaseError:  # a new file has no tables, and a power cut may leave half of one
            return None
        moment = datetime.fromisoformat(known[1]) if known and known[0] == under else None
        return moment if moment and now - lasting <= moment <= now else None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.OperationalError as error:
                raise _cannot_keep(str(error)) from error


class Visit:
    """One read, for many threads: how many seconds are left for it, and the answers that it keeps; None: no end, none kept."""

    def __init__(self, *, seconds: float | None = None, answers: Answers | None = None) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._answers = answers
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def go_on(self) -> None:
        """Return while the server may be asked. Raises HoursOverError afterwards."""
        if self._ends is not None and time.monotonic() >= self._ends:
            raise HoursOverError

    def question(self, *parts: object) -> bytes:
        """Return the name of a question that is asked now: its parts, and how often it was asked before in this read.

        So a count that is taken before and after the pages is two questions.
        """
        told = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            self._asked[told] += 1
            return told + self._asked[told].to_bytes(8)

    def answer(self, question: bytes) -> Answer | None:
        """Return the answer that an earlier part of this read got to the question."""
        return self._answers.get(question) if self._answers else None

    def keep(self, question: bytes, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer for the case that this read is interrupted. Raises TransientFault."""
        if self._answers:
            self._answers.add(question, status, headers, body)


def _cannot_keep(seen: str) -> TransientFault:
    return TransientFault(
        tried="Keeping what the server answered",
        seen=f"the disk does not take it ({seen})",
        todo="Make room on the disk of the landing folder",
        mover=Mover.ENGINEER,
    )
