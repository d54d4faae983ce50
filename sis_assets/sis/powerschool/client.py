"""Reads a PowerSchool district: pulls everything into the landing folder, then makes tables of text of it.

Contract: PowerSchool §1.1–1.7; rules: DESIGN §7, §8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.districts import District, PowerSchool, Problem, reveal
from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.documents.delivered import tables_of
from sis_assets.sis.powerschool.checks import looks
from sis_assets.sis.powerschool.contract import ENTITIES
from sis_assets.sis.powerschool.layout import Entity
from sis_assets.sis.powerschool.pull import Pull
from sis_assets.sis.powerschool.resources import Resources, read_metadata
from sis_assets.sis.powerschool.session import Session
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.sis.tokens import Credential
from sis_assets.transport import landing
from sis_assets.transport.http import Patience, Server
from sis_assets.transport.visit import Visit

if TYPE_CHECKING:
    from sis_assets.sis.delimited import Readers
    from sis_assets.transport.dropzone import NotYet
    from sis_assets.warehouse.home import Home

_BY_NAME: Mapping[str, Entity] = {entity.name: entity for entity in ENTITIES}
#: Landed rows of another contract have other columns.
_READ_UNDER = fingerprint((entity.name, entity.column_names) for entity in ENTITIES)


def settings_of(district: District) -> PowerSchool:
    """Return the `sis` section of a PowerSchool district. Raises PermanentFault for a district of another kind."""
    if not isinstance(district.sis, PowerSchool):
        raise PermanentFault(
            tried="Reading PowerSchool",
            seen=f"sis.kind is {district.sis.kind}",
            todo="Correct sis.kind in the district file",
            mover=Mover.ENGINEER,
        )
    return district.sis


def problems(district: District) -> tuple[Problem, ...]:  # noqa: ARG001 - of the common shape
    """Return what is wrong with `sis` in the light of the contract: nothing that the file's own rules do not know."""
    return ()


def checks(district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the checks of a doctor: the four values that the district sent, and the right to each entity."""
    with session_with(district, home) as session:
        yield from looks(session, district.timezone)


@contextmanager
def session_with(
    district: District, home: Home, visit: Visit | None = None, patience: Patience | None = None
) -> Iterator[Session]:
    """Give an authorised session with the district's server; no request is made before the first is asked for.

    Raises NeedsPerson when a secret is not in its place.
    """
    settings = settings_of(district)
    credential = Credential(settings.url, reveal(settings.client_id), reveal(settings.client_secret))
    with Server(settings.url, at_once=settings.concurrency, patience=patience, visit=visit) as server:
        yield Session(server, credential, home.scratch)


def fetch(
    district: District,
    home: Home,
    past: Past,  # noqa: ARG001 - every entity is read every time
    visit: Visit,
    patience: Patience | None = None,
) -> Delivery | NotYet:
    """Pull every entity of the district and land one file each below `home.landing`.

    Raises a Fault when any of them cannot be read whole: it names the entity, and the right that is missing. `NotYet` is
    of the common shape; an API is always there.
    """
    settings = settings_of(district)
    place = home.landing / district.district
    landing.prepare(place)
    landing.sweep(place)
    with (
        session_with(district, home, visit, patience) as session,
        ThreadPoolExecutor(settings.concurrency) as pool,
    ):
        pull = Pull(
            Resources(session, read_metadata(session)),
            store_codes=settings.store_codes,
            landing=place,
            pool=pool,
            at_once=settings.concurrency,
        )
        files = pull.everything()
    landing.settle(place)
    return Delivery(files, read_under=_READ_UNDER)


def read(
    deliveries: Mapping[str, tuple[District, Delivery]],
    readers: Readers,  # noqa: ARG001 - of the common shape; what landed was written by us and needs no sandbox
    into: Path,
) -> dict[str, tuple[EntityRead, ...] | Fault]:
    """Make a table of text of every file of all deliveries; a fault of one district touches no other.

    The Parquet files lie in `into`; the caller removes that folder.
    """
    return tables_of(_BY_NAME, deliveries, into)
