"""Pulls every entity of a district from its server into the landing folder: one file each, named by its content.

A file has one row a line, as JSON with sorted names, in the order of the row's key. So the same rows
give the same bytes, in whatever order the pages came and whatever the metadata, tokens and clocks said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from sis_assets.model.faults import Mover, PermanentFault, TransientFault
from sis_assets.sis.documents import values
from sis_assets.sis.documents.pages import Collection, Spool, read_whole
from sis_assets.sis.powerschool import contract
from sis_assets.sis.powerschool.contract import ENTITIES
from sis_assets.sis.powerschool.layout import Entity, TableRows
from sis_assets.sis.powerschool.resources import Resources
from sis_assets.sis.reading import SourceFile


class Pull:
    """One pull of one district. Entities are read one after the other, the pages of one at the same time.

    Of the stored grades only those of `store_codes` are read; without any, all.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        store_codes: Sequence[str],
        landing: Path,
        pool: Executor,
        at_once: int,
    ) -> None:
        self._resources = resources
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
        if entity.query is not None and self._resources.has(entity.query, self._first_term()):
            sections = frozenset(self._parents("sections"))
            return [self._resources.query(entity, entity.query, self._first_term(), sections)]
        if isinstance(entity.source, TableRows):
            return [
                self._resources.table(entity, entity.source, filtered) for filtered in self._filters(entity)
            ]
        if entity.source.parent is None:
            return [self._resources.v1(entity, entity.source)]
        return [
            self._resources.v1(entity, entity.source, parent)
            for parent in self._parents(entity.source.parent)
        ]

    def _first_term(self) -> str:
        """Return a number that no TermID of the years that are read is below."""
        return str((self._first_year() - 1990) * 100)

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
                values.text(school["id"])
                for school in self._rows("schools")
                if values.text(school.get("school_number")) != contract.GRADUATED_STUDENTS
            ]
        first = self._first_year()
        terms = {
            values.text(term["id"])
            for term in self._rows("terms")
            if values.whole(term.get("start_year")) >= first
        }
        return [
            values.text(section["id"])
            for section in self._rows("sections")
            if values.text(section.get("term_id")) in terms
        ]

    def _first_year(self) -> int:
        """Return the year in which the current school year began, or the one before while next year has no terms yet.

        The newest year that has terms is this one or, once it is planned, the next; so both are read.
        """
        return max(values.whole(term.get("start_year")) for term in self._rows("terms")) - 1

    def _rows(self, entity: str) -> Iterator[values.Object]:
        with self._files[entity].path.open("rb") as lines:
            yield from map(values.parse, lines)

    def _check_schools(self) -> None:
        """Compare the schools with their count, which leaves out the pseudo-school of graduates (contract §1.4)."""
        found = len(self._parents("schools"))
        told = self._resources.count(contract.SCHOOLS)
        if found != told:
            raise TransientFault(
                tried="Reading schools",
                seen=f"the server lists {found} schools and counts {told}",
                todo="The next run reads again; if it goes on, report this",
                mover=Mover.ENGINEER,
            )


def _empty(entity: Entity) -> PermanentFault:
    return PermanentFault(
        tried=f"Reading {entity.name}",
        seen="the server has none",
        todo="See whether sis.url is the district's own server and the plugin is enabled for all of its schools",
        mover=Mover.DISTRICT,
    )
