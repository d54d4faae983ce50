"""The server on its loopback socket, in a thread of this process (contract: PowerSchool; DESIGN §11)."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from sis_assets.sandbox.powerschool.data import District, founded
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.faults import SCENARIOS, Faults
from sis_assets.sandbox.powerschool.plugin import Plugin, Rights, read_plugin
from sis_assets.sandbox.powerschool.request_log import RequestLog
from sis_assets.sandbox.powerschool.service import Service
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.powerschool.truth import Truth, truth_of
from sis_assets.sandbox.powerschool.wire import Connection

_HOST = "127.0.0.1"
_START_SECONDS = 30.0


class NoServer(Exception):
    """The server did not start."""


class Sandbox:
    """A PowerSchool server with a made-up district; serves while the `with` block lasts.

    students, seed  the size of the district and which one; left aside where `district` is given
    district        the district to begin with
    settings        how the server behaves
    plugin          the zip that is installed: its rights and queries; without one, `rights` and no query
    rights          what may be read where no plugin is installed
    port            0 takes a free one

    Raises PluginRejected for a plugin that PowerSchool would not take, NoServer when the port cannot be had.
    """

    def __init__(
        self,
        *,
        students: int = 500,
        seed: int = 7,
        district: District | None = None,
        settings: Settings | None = None,
        plugin: Path | None = None,
        rights: Rights | None = None,
        port: int = 0,
    ) -> None:
        self.settings = settings or Settings()
        district = district or founded(students=students, seed=seed)
        installed = Plugin(rights or Rights())
        if plugin is not None:
            tables = Database(district, self.settings)
            installed = read_plugin(plugin, {name: tables.table(name).columns for name in tables.names})
        self._service = Service(district, self.settings, installed)
        self._asked_port = port

    @property
    def client_id(self) -> str:
        """The client id that is accepted."""
        return self.settings.client_id

    @property
    def client_secret(self) -> str:
        """The client secret that is accepted."""
        return self.settings.client_secret

    @property
    def faults(self) -> Faults:
        """The switches of the faults."""
        return self._service.faults

    @property
    def log(self) -> RequestLog:
        """What was asked."""
        return self._service.log

    @property
    def district(self) -> District:
        """The district as it is now."""
        return self._service.database.district

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the server's thread has used."""
        return time.clock_gettime(self._cpu_clock)

    def evolve(self, step: Callable[[District], District]) -> None:
        """Serve what `step` makes of the district from now on."""
        self._service.become(step(self.district))

    def install(self, plugin: Plugin) -> None:
        """Change the rights and queries from now on."""
        self._service.plugin = plugin

    def revoke_tokens(self) -> None:
        """Make every token bad that was given out."""
        self._service.tokens.revoke_all()

    def truth(self) -> Truth:
        """Return what a client must have found when it has read everything."""
        return truth_of(self._service.database)

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
            self._service.application(),
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
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="powerschool-sandbox",
            daemon=True,
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


def serve(sandbox: Sandbox, started: Callable[[Sandbox], None], *, scenario: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM comes; call from the main thread.

    started   called once the server answers, to tell where it is
    scenario  the name of a scenario of faults that is on from the beginning

    Raises KeyError for another scenario, NoServer when the server does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if scenario is not None:
        sandbox.faults.arm(*SCENARIOS[scenario])
    with sandbox:
        started(sandbox)
        stop.wait()
