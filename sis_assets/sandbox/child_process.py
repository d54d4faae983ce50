"""A server in a process of its own, so that its CPU and its client's are told apart."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sis_assets.sandbox.loopback import NoServer

_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server and where it is."""

    url: str

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control API below `/_sandbox/` and return its answer.

        GET usage, GET|DELETE log, GET|POST|DELETE faults, and what else the server has. Raises ValueError with the
        server's message when it does not understand.
        """
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, f"/_sandbox/{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(answer["message"])
        return answer

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the whole process has used."""
        return float(self.control("GET", "usage")["process_cpu_seconds"])


_Running = TypeVar("_Running", bound=ServerProcess)


@contextmanager
def server_process(module: str, options: Sequence[str], kind: Callable[..., _Running]) -> Iterator[_Running]:
    """Run a server in a child process while the block lasts.

    module   is run with `-m`; the first line that it prints is JSON
    options  of its command line, such as "--students", "50000"
    kind     what is made of that JSON's values, by their names

    Raises NoServer when it does not start; its own words are on stderr.
    """
    command = (sys.executable, "-m", module, *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            told = process.stdout.readline()
            if not told:
                raise NoServer("the server did not start")
            yield kind(**json.loads(told))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
