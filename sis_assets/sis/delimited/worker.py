"""The process in which untrusted bytes are parsed: it may die, and takes nothing with it.

Started by `Readers` as `python -m sis_assets.sis.delimited.worker MEMORY_BYTES FILE_BYTES`; jobs come in on standard
input, results go out on standard output, anything else it says is lost on purpose. It ends when its input ends.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sis_assets.model.faults import Fault, Mover
from sis_assets.sis.delimited.reading import read_in
from sis_assets.sis.delimited.refusals import refused
from sis_assets.sis.delimited.shapes import ReadFile
from sis_assets.sis.delimited.table import Sandbox, connect
from sis_assets.sis.delimited.wire import frame, pack_result, read_frame, unpack_job

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OPEN_FILES = 128


def main() -> None:
    """Read the jobs one after the other until the parent closes the pipe or dies."""
    memory_bytes, file_bytes = map(int, sys.argv[1:3])
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (limit, limit))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when this ends
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file over the limit is an error of the write
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, jobs), daemon=True).start()
    reading = _Reading()
    while True:
        results.write(frame(pack_result(reading.result(jobs.get()))))
        results.flush()
        reading.prepare()


def _receive(stream: BinaryIO, jobs: queue.SimpleQueue[bytes]) -> None:
    while (payload := read_frame(stream)) is not None:
        jobs.put(payload)
    os._exit(0)  # the parent is gone, or done with this process: whatever runs here is of no use any more


class _Reading:
    """Reads job after job; those whose tables belong into one folder share a sandbox, until one ends in a fault."""

    def __init__(self) -> None:
        self._sandbox: Sandbox | None = None
        self._spare: DuckDBPyConnection | None = None
        self.prepare()

    def prepare(self) -> None:
        """Make the next sandbox's connection, while nobody waits for it."""
        self._spare = self._spare or connect()

    def result(self, payload: bytes) -> ReadFile | Fault:
        """Do a job and return what became of it."""
        job = unpack_job(payload)
        try:
            return read_in(self._in(job.into.parent), job)
        except Fault as fault:
            self._leave()
            return fault
        except Exception as error:  # noqa: BLE001 - its text may quote the file, so only its kind leaves this process
            self._leave()
            seen = f"an unexpected error of the kind {type(error).__name__}"
            return refused(
                job.path, seen, "Keep the file and report this: the reader has a defect", Mover.ENGINEER
            )

    def _in(self, folder: Path) -> Sandbox:
        if self._sandbox is None or not self._sandbox.serves(folder):
            self._leave()
            spare, self._spare = self._spare or connect(), None
            self._sandbox = Sandbox(spare, folder)
        return self._sandbox

    def _leave(self) -> None:
        """Close the sandbox: what made a fault may have left the engine in any state."""
        if self._sandbox is not None:
            self._sandbox.close()
        self._sandbox = None


if __name__ == "__main__":
    main()
