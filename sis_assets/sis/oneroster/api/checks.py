"""What a doctor looks at before a district is read by a OneRoster API: the server, the proof, each collection.

Every look asks the server anew and as little as it can: one page of each collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis import clock
from sis_assets.sis.oneroster.api import deltas
from sis_assets.sis.oneroster.api.deltas import Settings
from sis_assets.sis.oneroster.api.pull import (
    collections_of,
    listing_of,
    missing_fields,
    withheld,
)
from sis_assets.sis.oneroster.api.session import Session
from sis_assets.sis.oneroster.layout import Entity


def looks(session: Session, settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the checks of a server: a name, and a look that returns what was seen or raises a Fault with what to do."""
    yield "server", lambda: clock.compared(session.skew("Reading the server's clock"))
    yield "credentials", session.sign_in
    for entity in collections_of(settings):
        yield entity.stem, partial(_one_page, session, settings, entity)
    if settings.deltas:
        yield "deltas", partial(_filter, session, settings)


def _one_page(session: Session, settings: Settings, entity: Entity) -> str:
    given = listing_of(session, entity, settings).at(0, settings.limit)
    if entity.always and not given.page.found:
        raise NeedsPerson(
            tried=f"Reading {entity.stem}",
            seen="the server has none",
            todo="See whether sis.url is the district's own address and the client may see all of its schools",
            mover=Mover.DISTRICT,
        )
    if missing := missing_fields(settings, entity, [line for _, line in given.page.rows]):
        raise withheld(entity, missing, session.release)
    total = "no total told" if given.total is None else f"{given.total} in all"
    is_capped = given.page.found < (
        settings.limit if given.total is None else min(settings.limit, given.total)
    )
    if not is_capped:
        return f"{given.page.found} on the first page, {total}"
    why = (
        "the server gives fewer than asked"
        if given.total is not None
        else "all, or the server gives fewer than asked"
    )
    return f"{given.page.found} on the first page of {settings.limit}, {total}; {why}"


def _filter(session: Session, settings: Settings) -> str:
    """See whether the server filters by time: nothing has changed in the year 2999."""
    entity = collections_of(settings)[0]
    filtered = deltas.changed_since(_FAR)
    given = listing_of(session, entity, settings, filtered=filtered).at(0, 1)
    if given.page.found:
        raise NeedsPerson(
            tried="Filtering by dateLastModified",
            seen="the server takes the filter and does not heed it",
            todo="Remove sis.deltas from the district file: every read is a full one anyway",
            mover=Mover.ENGINEER,
        )
    return "the server filters by dateLastModified"


_FAR = datetime(2999, 1, 1, tzinfo=UTC)
