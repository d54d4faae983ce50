"""A pool of processes that read untrusted files, so that no file can take this process down.

Each worker has its own limits on memory, files and time, an environment without secrets, and no way to say anything but
results. A worker that dies or hangs fails the job it held and is replaced.
"""

from __future__ import annotations

import os
import queue
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sis_assets.model.faults import Fault, Mover
from sis_assets.sis.delimited.refusals import refused
from sis_assets.sis.delimited.shapes import MIB, ReadFile, ReadJob, scratch_files
from sis_assets.sis.delimited.wire import LENGTH_BYTES, frame, pack_job, unpack_result

_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE")
_GOODBYE_SECONDS = 5.0


class _LostError(Exception):
    """The worker did not answer; the text says why."""


class Readers:
    """Reads files in child processes, `workers` at a time; use it as a context manager.

    The processes start with the first jobs and stay for the next ones. `memory_bytes` is the address space that a
    worker may have, `file_bytes` the largest file it may write, `seconds` the longest that one file may take.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        memory_bytes: int = 4096 * MIB,
        file_bytes: int = 8192 * MIB,
        seconds: float = 900.0,
    ) -> None:
        self._workers = [_Worker(memory_bytes, file_bytes) for _ in range(workers)]
        self._seconds = seconds
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, "reader")

    def __enter__(self) -> Readers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # nobody waits for the results any more
            for worker in self._workers:
                worker.abandon()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def warm(self) -> None:
        """Start all worker processes now."""
        for worker in self._workers:
            worker.start()

    def read(self, jobs: Sequence[ReadJob]) -> list[ReadFile | Fault]:
        """Read all files and return one result per job, in the order of the jobs. A file's fault is its result."""
        return list(self._threads.map(self._read_one, jobs))

    def _read_one(self, job: ReadJob) -> ReadFile | Fault:
        worker = self._idle.get()
        try:
            return unpack_result(worker.ask(pack_job(job), self._seconds))
        except _LostError as lost:
            return _given_up(job, str(lost))
        except (ValueError, KeyError, TypeError):
            return _given_up(job, "the reader process gave no sensible answer")
        except OSError as error:
            return _given_up(job, f"the reader process could not be used ({type(error).__name__})")
        finally:
            self._idle.put(worker)


def _given_up(job: ReadJob, seen: str) -> Fault:
    for leftover in (job.into, *scratch_files(job.into)):
        leftover.unlink(missing_ok=True)
    todo = "Look at the file in a safe place, and at this machine's memory"
    return refused(job.path, seen, todo, Mover.ENGINEER)


@dataclass
class _Worker:
    """One child process, started when it is needed."""

    memory_bytes: int
    file_bytes: int
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Return the running process, a new one if there is none."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            module = f"{__package__}.worker"
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by this interpreter
                [sys.executable, "-m", module, str(self.memory_bytes), str(self.file_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
            )
        return self._process

    def ask(self, payload: bytes, seconds: float) -> bytes:
        """Send a job and return the answer; a worker that does not give one in time is ended."""
        try:
            process = self.start()
            return _converse(process, frame(payload), time.monotonic() + seconds)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the process in good order: it goes when its input ends."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GOODBYE_SECONDS)
        self.kill()

    def abandon(self) -> None:
        """End the process from another thread: whoever waits for its answer learns that it died."""
        if self._process is not None:
            self._process.kill()

    def kill(self) -> None:
        """End the process at once, and leave neither a zombie nor an open pipe."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return kept | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _converse(process: subprocess.Popen[bytes], question: bytes, deadline: float) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise _LostError("the reader process has no pipes")
    try:
        process.stdin.write(question)
        process.stdin.flush()
    except BrokenPipeError:
        raise _LostError("the reader process died") from None
    descriptor = process.stdout.fileno()
    length = int.from_bytes(_receive(descriptor, LENGTH_BYTES, deadline), "big")
    return _receive(descriptor, length, deadline)


def _receive(descriptor: int, size: int, deadline: float) -> bytes:
    received = bytearray()
    while len(received) < size:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise _LostError("the reader process took too long and was ended")
        piece = os.read(descriptor, min(size - len(received), MIB))
        if not piece:
            raise _LostError("the reader process died")
        received += piece
    return bytes(received)
