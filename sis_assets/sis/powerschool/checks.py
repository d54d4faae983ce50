"""What a doctor looks at before a PowerSchool district is read: each of the four values, each right, the clock.

Every look asks the server anew and as little as it can: one page of each entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis import clock
from sis_assets.sis.documents import values
from sis_assets.sis.documents.pages import Page
from sis_assets.sis.powerschool import contract
from sis_assets.sis.powerschool.contract import ENTITIES, TABLE_LIMIT
from sis_assets.sis.powerschool.layout import V1, Entity, TableRows
from sis_assets.sis.powerschool.resources import Resources, read_metadata
from sis_assets.sis.powerschool.session import Session


def looks(session: Session, timezone: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the checks of a server: a name, and a look that returns what was seen or raises a Fault with what to do.

    `timezone` is the district file's, to be compared with the server's.
    """
    yield "clock", partial(_clock, session)
    yield "credentials", partial(_credentials, session)
    yield "version", partial(_version, session, timezone)
    yield "page sizes", partial(_sizes, session)
    first: dict[str, str] = {}
    for entity in ENTITIES:
        yield entity.name, partial(_one_page, session, entity, first)


def _clock(session: Session) -> str:
    return clock.compared(session.skew("Reading the server's clock"))


def _credentials(session: Session) -> str:
    session.sign_in()
    return "a token was issued for the client id and the client secret"


def _version(session: Session, timezone: str) -> str:
    metadata = read_metadata(session)
    if metadata.timezone not in {"", timezone}:
        raise NeedsPerson(
            tried="Comparing the server's time zone with the district file's",
            seen=f"the server has {metadata.timezone}, the file {timezone}",
            todo="Correct timezone in the district file, or ask the district",
            mover=Mover.ENGINEER,
        )
    return f"PowerSchool {metadata.version}, {metadata.timezone or 'no time zone told'}"


def _sizes(session: Session) -> str:
    metadata = read_metadata(session)
    limits = {TABLE_LIMIT} | {
        entity.source.limit for entity in ENTITIES if isinstance(entity.source, V1) and entity.source.limit
    }
    told = {limit: metadata.size(limit) for limit in sorted(limits)}
    return ", ".join(f"{limit.removesuffix('_max_page_size')} {size}" for limit, size in told.items())


def _one_page(session: Session, entity: Entity, first: dict[str, str]) -> str:
    """Read one page; `first` keeps the DCID of a school and of a section, by which others are asked for."""
    parent = entity.source.parent if isinstance(entity.source, V1) else None
    if parent is not None and parent not in first:
        return f"not asked: there are no {parent} to ask by"
    page = _page(Resources(session, read_metadata(session)), entity, first.get(parent or "", ""))
    for _, line in page.rows:
        row = values.parse(line)
        if values.text(row.get("school_number")) != contract.GRADUATED_STUDENTS:
            first.setdefault(entity.name, values.text(row[entity.key]))
    return f"{page.found} on the first page"


def _page(resources: Resources, entity: Entity, parent: str) -> Page:
    if isinstance(entity.source, TableRows):
        return resources.table(entity, entity.source, {}).page(1)
    return resources.v1(entity, entity.source, parent).page(1)
