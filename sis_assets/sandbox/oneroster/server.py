"""The provider on its loopback socket, in a thread of this process (contract: OneRoster; DESIGN §11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sis_assets.sandbox.loopback import Loopback, serve_until_ended
from sis_assets.sandbox.oneroster.district import District, founded
from sis_assets.sandbox.oneroster.faults import SCENARIOS, Faults
from sis_assets.sandbox.oneroster.files import Layout, written
from sis_assets.sandbox.oneroster.service import TOKEN_PATH, Service
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets.sandbox.oneroster.truth import Truth, truth_of
from sis_assets.sandbox.request_log import RequestLog


class Sandbox:
    """A OneRoster provider with a made-up district; serves while the `with` block lasts.

    users, seed  the size of the district and which one; left aside where `district` is given
    district     the district to begin with
    settings     how the provider behaves
    port         0 takes a free one

    Raises NoServer when the port cannot be had.
    """

    def __init__(
        self,
        *,
        users: int = 500,
        seed: int = 7,
        district: District | None = None,
        settings: Settings | None = None,
        port: int = 0,
    ) -> None:
        self._service = Service(district or founded(users=users, seed=seed), settings or Settings())
        self._loopback = Loopback(self._service.application(), name="oneroster-sandbox", port=port)

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return self._loopback.port

    @property
    def url(self) -> str:
        """The base address, up to and without `/ims/oneroster`."""
        return self._loopback.url + self.settings.prefix

    @property
    def token_url(self) -> str:
        """Where client credentials give a token."""
        return self.url + TOKEN_PATH

    @property
    def settings(self) -> Settings:
        """How the provider behaves now."""
        return self._service.settings

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

    def change(self, **settings: Any) -> None:
        """Behave differently from now on: settings by their names."""
        self._service.change(replace(self.settings, **settings))

    def revoke_tokens(self) -> None:
        """Make every token bad that was given out."""
        self._service.tokens.revoke_all()

    def truth(self) -> Truth:
        """Return what a client must have found when it has read everything."""
        return truth_of(self._service.database)

    def write(self, target: Path, layout: Layout | None = None) -> Path:
        """Write the district as it is now as files, and return `target` (see `files.written`)."""
        return written(self._service.database, target, layout or Layout())

    def __enter__(self) -> Self:
        self._loopback.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loopback.__exit__(kind, error, trace)


def serve(sandbox: Sandbox, started: Callable[[Sandbox], None], *, scenario: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM comes; call from the main thread.

    started   called once the provider answers, to tell where it is
    scenario  the name of a scenario of faults that is on from the beginning

    Raises KeyError for another scenario, NoServer when the server does not start.
    """
    if scenario is not None:
        sandbox.faults.arm(*SCENARIOS[scenario])
    serve_until_ended(sandbox, started)
