"""Reads an Aeries district: pulls everything into the landing folder, then makes tables of text of it.

Contract: Aeries §2.1–2.3, §2.5; rules: DESIGN §7, §8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sis_assets.districts import Aeries, District, Problem, reveal
from sis_assets.districts.sources import Feed
from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.aeries.checks import looks
from sis_assets.sis.aeries.contract import ENTITIES
from sis_assets.sis.aeries.feed import read_changes, wall_clock
from sis_assets.sis.aeries.increment import Increment
from sis_assets.sis.aeries.last import LastRead, last_read
from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.aeries.lists import Lists
from sis_assets.sis.aeries.pull import Pull
from sis_assets.sis.aeries.schools import Choice
from sis_assets.sis.aeries.session import NotThere, Session, SwitchedOff
from sis_assets.sis.aeries.system import System, check_year, read_system
from sis_assets.sis.documents.delivered import tables_of
from sis_assets.sis.reading import Delivery, EntityRead, Past, SourceFile
from sis_assets.transport import http, landing
from sis_assets.transport.http import Patience, Server
from sis_assets.transport.visit import Visit

if TYPE_CHECKING:
    from sis_assets.sis.delimited import Readers
    from sis_assets.transport.dropzone import NotYet
    from sis_assets.warehouse.home import Home

_BY_NAME: Mapping[str, Entity] = {entity.name: entity for entity in ENTITIES}
#: Landed rows of another contract have other columns.
_READ_UNDER = fingerprint((entity.name, entity.column_names) for entity in ENTITIES)
#: The transcripts of a large high school come as one answer.
_LARGEST_BODY: Final = 256 << 20


def settings_of(district: District) -> Aeries:
    """Return the `sis` section of an Aeries district. Raises PermanentFault for a district of another kind."""
    if not isinstance(district.sis, Aeries):
        raise PermanentFault(
            tried="Reading Aeries",
            seen=f"sis.kind is {district.sis.kind}",
            todo="Correct sis.kind in the district file",
            mover=Mover.ENGINEER,
        )
    return district.sis


def problems(district: District) -> tuple[Problem, ...]:  # noqa: ARG001 - of the common shape
    """Return what is wrong with `sis` in the light of the contract: nothing that the file's own rules do not know."""
    return ()


def checks(district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:  # noqa: ARG001 - of the common shape
    """Give the checks of a doctor: server, year, time zone, certificate, LEAs, each permission area, the change feed."""
    settings = settings_of(district)
    with session_with(district) as session:
        yield from looks(
            _lists(settings, session),
            choice(district, settings),
            zone=_zone(district, settings),
            staff=settings.staff,
        )


@contextmanager
def session_with(
    district: District, visit: Visit | None = None, patience: Patience | None = None
) -> Iterator[Session]:
    """Give a session with the district's server; no request is made before the first is asked for.

    Raises NeedsPerson when the certificate is not in its place.
    """
    settings = settings_of(district)
    certificate = reveal(settings.certificate)
    patience = patience or replace(http.Patience(), body_bytes=_LARGEST_BODY)
    with Server(settings.url, at_once=settings.concurrency, patience=patience, visit=visit) as server:
        yield Session(server, certificate, settings.database_year)


def fetch(
    district: District,
    home: Home,
    past: Past,  # noqa: ARG001 - every entity is read every time
    visit: Visit,
    patience: Patience | None = None,
) -> Delivery | NotYet:
    """Pull every entity of the district and land one file each below `home.landing`.

    Raises a Fault when any of them cannot be read whole: it names the entity, the school, and the permission area that is
    missing. `NotYet` is of the common shape; an API is always there.
    """
    settings = settings_of(district)
    place = home.landing / district.district
    landing.prepare(place)
    landing.sweep(place)
    with session_with(district, visit, patience) as session, ThreadPoolExecutor(settings.concurrency) as pool:
        system = read_system(session)
        check_year(system, settings.database_year)
        under, last = _under(district, settings), last_read(place)
        pull = _pull(district, session, place, pool)
        files = None
        if last and (since := _changes_since(last, under, system, _zone(district, settings), settings.feed)):
            files = _increment(pull, last, since)
        everything_began = last.everything_began if last and files else system.now
        files = files or pull.everything()
        # A server that went over to another year's database in the middle gives that year's terms by now.
        pull.schools()
    landing.settle(place)
    if system.now and everything_began:
        LastRead(under, system.now, everything_began, files).keep(place)
    return Delivery(files, read_under=_READ_UNDER)


def _under(district: District, settings: Aeries) -> str:
    """Return the hash of the settings that say what is read; access that was granted anew begins with everything."""
    what = settings.model_dump(
        mode="json", exclude={"certificate", "feed", "class_lists", "window_records", "concurrency"}
    )
    sections = (district.schools, district.access)
    return fingerprint((_READ_UNDER, what, *(section.model_dump(mode="json") for section in sections)))


def _changes_since(last: LastRead, under: str, system: System, zone: ZoneInfo, feed: Feed) -> datetime | None:
    """Return from when on, by the server's clock, what changed is to be read; None when everything is."""
    if system.now is None or not system.keeps(zone) or last.under != under:
        return None
    gap, since_everything = system.now - last.began, system.now - last.everything_began
    if not timedelta() <= gap <= timedelta(days=feed.longest_gap_days):
        return None
    if since_everything >= timedelta(hours=feed.full_read_hours):
        return None
    return wall_clock(last.began - timedelta(minutes=feed.overlap_minutes), zone)


def _increment(pull: Pull, last: LastRead, since: datetime) -> tuple[SourceFile, ...] | None:
    """Return the files of a read of what changed; None when the server has no feed, or too much is another way now."""
    try:
        changes = read_changes(pull.lists.session, since)
    except (NotThere, SwitchedOff):
        return None
    return Increment(pull, last.files, changes).everything()


def _pull(district: District, session: Session, place: Path, pool: ThreadPoolExecutor) -> Pull:
    """Return the pull of a district as its file says."""
    settings = settings_of(district)
    return Pull(
        _lists(settings, session),
        choice(district, settings),
        class_lists=settings.class_lists,
        code_tables=settings.code_tables,
        staff=settings.staff,
        landing=place,
        pool=pool,
        at_once=settings.concurrency,
    )


def _lists(settings: Aeries, session: Session) -> Lists:
    years = range(settings.database_year - settings.enrollment_years + 1, settings.database_year + 1)
    return Lists(session, settings.window_records, years)


def choice(district: District, settings: Aeries) -> Choice:
    """Return which schools take part, as the district's file says."""
    schools = district.schools
    return Choice(frozenset(schools.include), frozenset(schools.exclude), settings.leas, settings.lea_column)


def _zone(district: District, settings: Aeries) -> ZoneInfo:
    """Return what we take for the time zone of the server's clock."""
    return ZoneInfo(settings.feed.timezone or district.timezone)


def read(
    deliveries: Mapping[str, tuple[District, Delivery]],
    readers: Readers,  # noqa: ARG001 - of the common shape; what landed was written by us and needs no sandbox
    into: Path,
) -> dict[str, tuple[EntityRead, ...] | Fault]:
    """Make a table of text of every file of all deliveries; a fault of one district touches no other.

    The Parquet files lie in `into`; the caller removes that folder.
    """
    return tables_of(_BY_NAME, deliveries, into)
