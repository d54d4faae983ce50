"""An ASGI application on a loopback socket, in a thread of this process."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar

import uvicorn
from starlette.types import ASGIApp

from sis_assets.sandbox.wire import Connection

_HOST = "127.0.0.1"
_START_SECONDS = 30.0


class NoServer(Exception):
    """The server did not start."""


class Loopback:
    """Serves an application while the `with` block lasts.

    name  of the thread
    port  0 takes a free one

    In the block it has `port` and `url` (without a path). Raises NoServer when the port cannot be had.
    """

    def __init__(self, application: ASGIApp, *, name: str, port: int) -> None:
        self._application, self._name, self._asked_port = application, name, port

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the server's thread has used."""
        return time.clock_gettime(self._cpu_clock)

    def __enter__(self) -> Self:
        # Named as TCP, because asyncio turns off Nagle's delay only then.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((_HOST, self._asked_port))
        except OSError as error:
            self._socket.close()
            raise NoServer(f"port {self._asked_port} cannot be had: {error.strerror}") from error
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{_HOST}:{self.port}"
        config = uvicorn.Config(
            self._application,
            http=Connection,
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=self._name, daemon=True
        )
        self._thread.start()
        self._wait_until_started()
        self._cpu_clock = time.pthread_getcpuclockid(self._thread.ident or 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self._server.should_exit = True
                self._socket.close()
                raise NoServer("the server did not start")
            time.sleep(0.005)


class _Served(Protocol):
    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_Server = TypeVar("_Server", bound=_Served)


def serve_until_ended(server: _Server, started: Callable[[_Server], None]) -> None:
    """Serve until SIGINT or SIGTERM comes; call from the main thread.

    started  called once the server answers, to tell where it is

    Raises NoServer when the server does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        started(server)
        stop.wait()
