"""The server on its loopback socket, in a thread of this process (contract: Aeries; DESIGN §11)."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from sis_assets.sandbox.aeries.data import District
from sis_assets.sandbox.aeries.faults import SCENARIOS, Faults
from sis_assets.sandbox.aeries.founding import founded
from sis_assets.sandbox.aeries.requests import Book
from sis_assets.sandbox.aeries.service import Service
from sis_assets.sandbox.aeries.settings import AREAS, Settings
from sis_assets.sandbox.aeries.truth import Truth, truth_of
from sis_assets.sandbox.loopback import Loopback, serve_until_ended
from sis_assets.sandbox.request_log import Asked, RequestLog


class Sandbox:
    """An Aeries server with made-up districts; serves while the `with` block lasts.

    students, seed, leas  how large, which one, and how many LEAs; left aside where `district` is given
    district              the district to begin with
    settings              how the server behaves
    areas                 the security areas of the certificate
    port                  0 takes a free one

    Raises NoServer when the port cannot be had.
    """

    def __init__(
        self,
        *,
        students: int = 500,
        seed: int = 7,
        leas: int = 1,
        district: District | None = None,
        settings: Settings | None = None,
        areas: frozenset[str] = AREAS,
        port: int = 0,
    ) -> None:
        self.settings = settings or Settings()
        self._service = Service(
            district or founded(students=students, seed=seed, leas=leas), self.settings, areas
        )
        self._loopback = Loopback(self._service.application(), name="aeries-sandbox", port=port)

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return self._loopback.port

    @property
    def url(self) -> str:
        """The address with the site path, as a district would tell it; the API is below `/api/v5`."""
        return f"{self._loopback.url}/{self.settings.site_path}"

    @property
    def certificate(self) -> str:
        """The value of AERIES-CERT that is accepted."""
        return self.settings.certificate

    @property
    def faults(self) -> Faults:
        """The switches of the faults."""
        return self._service.faults

    @property
    def log(self) -> RequestLog:
        """What was asked."""
        return self._service.log

    @property
    def told_in_address(self) -> tuple[Asked, ...]:
        """The requests in whose address the certificate stood, where logs keep it; a client must have none."""
        return tuple(each for each in self.log.asked if self.certificate in f"{each.path}?{each.query}")

    @property
    def district(self) -> District:
        """The district as it is now."""
        return self._service.database.district

    @property
    def database_year(self) -> int:
        """The year to ask for as `DatabaseYear`: the one in which the present school year began."""
        return self.district.year

    @property
    def requests(self) -> Book:
        """The course requests that were written in this year's database."""
        return self._service.books[self.district.year]

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the server's thread has used."""
        return self._loopback.cpu_seconds

    def evolve(self, step: Callable[[District], District]) -> None:
        """Serve what `step` makes of the district from now on."""
        self._service.become(step(self.district))

    def grant(self, areas: frozenset[str]) -> None:
        """Change the certificate's security areas from now on."""
        self._service.areas = areas

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
