"""Pulls every entity of a district from its server into the landing folder: one file each, named by its content.

A file has one row a line, as JSON with sorted names and numbers as text, in the order of the row's key. So the same rows
give the same bytes, in whatever order the pages came and whatever the metadata, tokens and clocks said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sis_assets.model.faults import Mover, PermanentFault, TransientFault
from sis_assets.sis.powerschool import contract, shapes
from sis_assets.sis.powerschool.contract import ENTITIES, TABLE_LIMIT
from sis_assets.sis.powerschool.layout import V1, Entity, Query, TableRows
from sis_assets.sis.powerschool.lines import page_of
from sis_assets.sis.powerschool.pages import Collection, Page, Spool, read_whole
from sis_assets.sis.powerschool.session import NotThere, Session
from sis_assets.sis.reading import SourceFile


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
    if "metadata" not in shapes.as_object(document):
        raise ValueError("the metadata is missing")
    told = shapes.as_object(document["metadata"])
    return Metadata(
        version=shapes.text(told.get("powerschool_version")),
        timezone=shapes.text(told.get("district_timezone")),
        sizes={name: shapes.whole(size) for name, size in told.items() if name.endswith("_max_page_size")},
    )


class Pull:
    """One pull of one district. Entities are read one after the other, the pages of one at the same time.

    Of the stored grades only those of `store_codes` are read; without any, all.
    """

    def __init__(
        self,
        session: Session,
        metadata: Metadata,
        *,
        store_codes: Sequence[str],
        landing: Path,
        pool: Executor,
        at_once: int,
    ) -> None:
        self._session = session
        self._metadata = metadata
        self._store_codes = store_codes
        self._landing = landing
        self._pool = pool
        self._at_once = at_once
        self._files: dict[str, SourceFile] = {}

    def everything(self) -> tuple[SourceFile, ...]:
        """Read all entities.

        Raises a Fault that names the entity when one cannot be read whole, or is empty and may not be.
        """
        with Spool(self._landing) as spool:
            for entity in ENTITIES:
                path, sha256, size = read_whole(
                    f"Reading {entity.name}",
                    self._collections(entity),
                    spool,
                    landing=self._landing,
                    pool=self._pool,
                    at_once=self._at_once,
                )
                if size == 0 and not entity.may_be_empty:
                    raise _empty(entity)
                self._files[entity.name] = SourceFile(entity.name, entity.source.path, size, sha256, path)
                if entity is contract.SCHOOLS:
                    self._check_schools()
        return tuple(self._files.values())

    def _collections(self, entity: Entity) -> Sequence[Collection]:
        if entity.query is not None and self._is_there(entity.query):
            return [self._of_query(entity, entity.query)]
        if isinstance(entity.source, TableRows):
            return [self._of_table(entity, entity.source, filtered) for filtered in self._filters(entity)]
        if entity.source.parent is None:
            return [self._of_v1(entity, entity.source, entity.source.path)]
        return [
            self._of_v1(entity, entity.source, entity.source.path.format(id=parent))
            for parent in self._parents(entity.source.parent)
        ]

    def _of_v1(self, entity: Entity, source: V1, path: str) -> Collection:
        size = None if source.limit is None else self._metadata.size(source.limit)
        paging = {} if size is None else {"pagesize": str(size)}
        as_page = page_of(entity)

        def page(number: int) -> Page:
            query = entity.parameters | paging | ({} if size is None else {"page": str(number)})
            return self._session.get(
                _what(entity, number),
                path,
                query,
                lambda found: as_page(shapes.objects_at(found, source.at)),
            )

        return Collection(page, partial(self._count, entity, path, {}) if source.counted else None, size)

    def _of_table(self, entity: Entity, source: TableRows, filtered: Mapping[str, str]) -> Collection:
        size, as_page = self._metadata.size(TABLE_LIMIT), page_of(entity)

        def page(number: int) -> Page:
            query = {**entity.parameters, **filtered, "pagesize": str(size), "page": str(number)}
            return self._session.get(
                _what(entity, number),
                source.path,
                query,
                lambda found: as_page(shapes.table_rows(found, source.table)),
            )

        return Collection(page, partial(self._count, entity, source.path, filtered), size)

    def _of_query(self, entity: Entity, query: Query) -> Collection:
        size, arguments = self._metadata.size(TABLE_LIMIT), self._arguments(query)
        wanted, as_page = frozenset(self._parents("sections")), page_of(entity)

        def understand(found: Any) -> Page:
            rows = shapes.query_rows(found)
            return Page(
                len(rows), as_page([row for row in rows if shapes.text(row.get("section_id")) in wanted]).rows
            )

        def page(number: int) -> Page:
            paging = {"pagesize": str(size), "page": str(number)}
            return self._session.post(_what(entity, number), query.path, paging, arguments, understand)

        return Collection(page, partial(self._count_query, query), size)

    def _count(self, entity: Entity, path: str, query: Mapping[str, str]) -> int:
        return self._session.get(f"Counting {entity.name}", f"{path}/count", query, shapes.count_of)

    def _count_query(self, query: Query) -> int:
        return self._session.post(
            f"Counting by {query.name}", f"{query.path}/count", {}, self._arguments(query), shapes.count_of
        )

    def _is_there(self, query: Query) -> bool:
        """Whether the district's plugin has our query; an older plugin, or one without queries, is no failure."""
        try:
            self._count_query(query)
        except NotThere:
            return False
        return True

    def _arguments(self, query: Query) -> dict[str, str]:
        return {query.argument[0]: str((self._first_year() - 1990) * 100)}

    def _filters(self, entity: Entity) -> Sequence[Mapping[str, str]]:
        if entity is contract.SCHOOL_COURSES:
            return [{"q": f"yearid=ge={self._first_year() - 1990}"}]
        if entity is contract.STORED_GRADES and self._store_codes:
            return [{"q": f"storecode=={code}"} for code in self._store_codes]
        return [{}]

    def _parents(self, entity: str) -> list[str]:
        """Return the DCIDs of the schools, or of the sections of this year and the next."""
        if entity == "schools":
            return [
                shapes.text(school["id"])
                for school in self._rows("schools")
                if shapes.text(school.get("school_number")) != contract.GRADUATED_STUDENTS
            ]
        first = self._first_year()
        terms = {
            shapes.text(term["id"])
            for term in self._rows("terms")
            if shapes.whole(term.get("start_year")) >= first
        }
        return [
            shapes.text(section["id"])
            for section in self._rows("sections")
            if shapes.text(section.get("term_id")) in terms
        ]

    def _first_year(self) -> int:
        """Return the year in which the current school year began, or the one before while next year has no terms yet.

        The newest year that has terms is this one or, once it is planned, the next; so both are read.
        """
        return max(shapes.whole(term.get("start_year")) for term in self._rows("terms")) - 1

    def _rows(self, entity: str) -> Iterator[shapes.Object]:
        with self._files[entity].path.open("rb") as lines:
            yield from map(shapes.parse, lines)

    def _check_schools(self) -> None:
        """Compare the schools with their count, which leaves out the pseudo-school of graduates (contract §1.4)."""
        found = len(self._parents("schools"))
        told = self._count(contract.SCHOOLS, contract.SCHOOLS.source.path, {})
        if found != told:
            raise TransientFault(
                tried="Reading schools",
                seen=f"the server lists {found} schools and counts {told}",
                todo="The next run reads again; if it goes on, report this",
                mover=Mover.ENGINEER,
            )


def _what(entity: Entity, number: int) -> str:
    return f"Reading {entity.name}, page {number}"


def _empty(entity: Entity) -> PermanentFault:
    return PermanentFault(
        tried=f"Reading {entity.name}",
        seen="the server has none",
        todo="See whether sis.url is the district's own server and the plugin is enabled for all of its schools",
        mover=Mover.DISTRICT,
    )
