"""Dagster's webserver and daemon for one home, as child processes that end with the block.

Each child leads a process group of its own: a Ctrl-C on the terminal reaches us alone, and what a child started (its
code server, its runs) ends with it.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sis_assets.warehouse.home import Home

HOST = "127.0.0.1"
_START_SECONDS = 90.0
_STOP_SECONDS = 10.0
_DEFINITIONS = ("-m", "sis_assets.definitions")


class NoInterface(Exception):
    """The webserver or the daemon did not start, or ended on its own."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process of Dagster's and where it tells its story."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise NoInterface when it has ended."""
        if self.process.poll() is not None:
            raise NoInterface(
                f"Dagster's {self.log.stem} ended with exit code {self.process.returncode}; see {self.log}"
            )


def is_free(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def webserver(home: Home, port: int) -> AbstractContextManager[Child]:
    """Start the webserver of the home on 127.0.0.1; `wait_until_it_answers` says when it is there."""
    return _child(home, "webserver", ["dagster_webserver", *_DEFINITIONS, "-h", HOST, "-p", str(port)])


def daemon(home: Home) -> AbstractContextManager[Child]:
    """Start the daemon of the home: sensors, schedules, queued runs."""
    return _child(home, "daemon", ["dagster._daemon", "run", *_DEFINITIONS])


def wait_until_it_answers(child: Child, port: int) -> None:
    """Return when the webserver serves requests. Raises NoInterface when it ends or takes too long."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        child.check()
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/server_info")
            if connection.getresponse().status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)
        finally:
            connection.close()
    raise NoInterface(f"nothing answered at port {port} within {_START_SECONDS:.0f} s; see {child.log}")


@contextmanager
def _child(home: Home, name: str, command: Sequence[str]) -> Iterator[Child]:
    environment = {
        **os.environ,
        "SIS_ASSETS_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    log = home.dagster / f"{name}.log"
    with log.open("wb") as output:
        log.chmod(0o600)
        process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        yield Child(process, log)
    finally:
        _end(process)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, then end whatever is left of its group."""
    child.terminate()
    try:
        child.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    end = time.monotonic() + _STOP_SECONDS
    how = signal.SIGTERM
    while _signalled(child.pid, how):
        time.sleep(0.1)
        how = signal.SIGKILL if time.monotonic() > end else signal.SIGTERM


def _signalled(group: int, how: signal.Signals) -> bool:
    """Send the signal to the group that the child led; False when nobody is left in it."""
    try:
        os.killpg(group, how)
    except ProcessLookupError:
        return False
    return True
