"""The server on its loopback socket, in a thread of this process (contract: PowerSchool; DESIGN §11)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sis_assets.sandbox.loopback import Loopback, serve_until_ended
from sis_assets.sandbox.powerschool.data import District, founded
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.faults import SCENARIOS, Faults
from sis_assets.sandbox.powerschool.plugin import Plugin, Rights, read_plugin
from sis_assets.sandbox.powerschool.service import Service
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.powerschool.truth import Truth, truth_of
from sis_assets.sandbox.request_log import RequestLog


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
        self._loopback = Loopback(self._service.application(), name="powerschool-sandbox", port=port)

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return self._loopback.port

    @property
    def url(self) -> str:
        """The base address, without a path."""
        return self._loopback.url

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
        return self._loopback.cpu_seconds

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
        self._loopback.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loopback.__exit__(kind, error, trace)


def serve(sandbox: Sandbox, started: Callable[[Sandbox], None], *, scenario: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM comes; call from the main thread.

    started   called once the server answers, to tell where it is
    scenario  the name of a scenario of faults that is on from the beginning

    Raises KeyError for another scenario, NoServer when the server does not start.
    """
    if scenario is not None:
        sandbox.faults.arm(*SCENARIOS[scenario])
    serve_until_ended(sandbox, started)
