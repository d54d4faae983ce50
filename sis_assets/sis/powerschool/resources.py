"""The resources of one server as collections of pages, each asked in its own way: `/ws/v1`, tables, queries of our plugin.

Contract: PowerSchool §1.3 (pages, counts), §1.4, §1.6, §1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.documents import values
from sis_assets.sis.documents.lines import numbered_by, page_of
from sis_assets.sis.documents.pages import Collection, Page
from sis_assets.sis.powerschool import shapes
from sis_assets.sis.powerschool.contract import TABLE_LIMIT
from sis_assets.sis.powerschool.layout import V1, Entity, Query, TableRows
from sis_assets.sis.powerschool.session import NotThere, Session


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the server tells of itself before anything is read: its version, its time zone, and how long pages are."""

    version: str
    timezone: str
    sizes: Mapping[str, int]

    def size(self, limit: str) -> int:
        """Return how many rows a full page has. Raises PermanentFault when the server does not say: nothing is assumed."""
        size = self.sizes.get(limit, 0)
        if size < 1:
            raise PermanentFault(
                tried="Reading the metadata",
                seen=f"the server does not say {limit}",
                todo="Report this with the PowerSchool version; the contract must be adapted",
                mover=Mover.ENGINEER,
            )
        return size


def read_metadata(session: Session) -> Metadata:
    """Read the server's metadata. Raises the session's faults."""
    return session.get("Reading the metadata", "/ws/v1/metadata", {}, _metadata)


def _metadata(document: Any) -> Metadata:
    if "metadata" not in values.as_object(document):
        raise ValueError("the metadata is missing")
    told = values.as_object(document["metadata"])
    return Metadata(
        version=values.text(told.get("powerschool_version")),
        timezone=values.text(told.get("district_timezone")),
        sizes={name: values.whole(size) for name, size in told.items() if name.endswith("_max_page_size")},
    )


class Resources:
    """What one server has, to be read by one session with the page sizes that its metadata names."""

    def __init__(self, session: Session, metadata: Metadata) -> None:
        self._session = session
        self._metadata = metadata

    def v1(self, entity: Entity, source: V1, parent: str = "") -> Collection:
        """Return a resource of `/ws/v1`; `parent` is the DCID of the school or section that it belongs to."""
        path = source.path.format(id=parent)
        size = None if source.limit is None else self._metadata.size(source.limit)
        as_page = page_of(entity, numbered_by(entity.key))

        def page(number: int) -> Page:
            paging = {} if size is None else {"pagesize": str(size), "page": str(number)}
            return self._session.get(
                _what(entity, number),
                path,
                entity.parameters | paging,
                lambda found: as_page(shapes.objects_at(found, source.at)),
            )

        return Collection(page, partial(self._count, entity, path, {}) if source.counted else None, size)

    def table(self, entity: Entity, source: TableRows, filtered: Mapping[str, str]) -> Collection:
        """Return a table's rows, those that the filter (`q`) admits."""
        size, as_page = self._metadata.size(TABLE_LIMIT), page_of(entity, numbered_by(entity.key))

        def page(number: int) -> Page:
            query = {**entity.parameters, **filtered, "pagesize": str(size), "page": str(number)}
            return self._session.get(
                _what(entity, number),
                source.path,
                query,
                lambda found: as_page(shapes.table_rows(found, source.table)),
            )

        return Collection(page, partial(self._count, entity, source.path, filtered), size)

    def query(self, entity: Entity, query: Query, argument: str, sections: frozenset[str]) -> Collection:
        """Return the rows of a query of our plugin, those of the sections (DCIDs) only."""
        size, as_page = self._metadata.size(TABLE_LIMIT), page_of(entity, numbered_by(entity.key))

        def understand(found: Any) -> Page:
            rows = shapes.query_rows(found)
            wanted = [row for row in rows if values.text(row.get("section_id")) in sections]
            return Page(len(rows), as_page(wanted).rows)

        def page(number: int) -> Page:
            paging = {"pagesize": str(size), "page": str(number)}
            arguments = {query.argument[0]: argument}
            return self._session.post(_what(entity, number), query.path, paging, arguments, understand)

        return Collection(page, partial(self._count_query, query, argument), size)

    def has(self, query: Query, argument: str) -> bool:
        """Whether the district's plugin has our query; an older plugin, or one without queries, is no failure."""
        try:
            self._count_query(query, argument)
        except NotThere:
            return False
        return True

    def count(self, entity: Entity) -> int:
        """Return how many records the server counts."""
        return self._count(entity, entity.source.path, {})

    def _count(self, entity: Entity, path: str, query: Mapping[str, str]) -> int:
        return self._session.get(f"Counting {entity.name}", f"{path}/count", query, shapes.count_of)

    def _count_query(self, query: Query, argument: str) -> int:
        what, path = f"Counting by {query.name}", f"{query.path}/count"
        return self._session.post(what, path, {}, {query.argument[0]: argument}, shapes.count_of)


def _what(entity: Entity, number: int) -> str:
    return f"Reading {entity.name}, page {number}"
