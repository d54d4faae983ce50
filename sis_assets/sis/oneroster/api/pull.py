"""Pulls every collection of a OneRoster server into the landing folder: one file each, named by its content.

A file has one row a line, as JSON with sorted names, in the order of the rows' sourcedIds: the same rows give the same
bytes, in whatever pages they came. Contract: OneRoster §4.3; rules: DESIGN §7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.districts import Deltas, EschoolplusApi, OneRosterApi
from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.documents import values
from sis_assets.sis.documents.pages import Spool, read_whole
from sis_assets.sis.oneroster.api import deltas
from sis_assets.sis.oneroster.api.deltas import Base, Kept
from sis_assets.sis.oneroster.api.listing import Listing
from sis_assets.sis.oneroster.api.session import FilterRefused, Session
from sis_assets.sis.oneroster.contract import ENTITIES
from sis_assets.sis.oneroster.layout import Entity
from sis_assets.sis.reading import SourceFile

Settings = OneRosterApi | EschoolplusApi

_IN_DEMOGRAPHICS: Final = frozenset({"birthDate", "sex"})


def collections_of(settings: Settings) -> tuple[Entity, ...]:
    """Return the collections that are asked for: those of the version that the provider has."""
    return tuple(
        entity
        for entity in ENTITIES
        if entity.has_api and settings.version in entity.versions and entity.stem not in settings.without
    )


def listing_of(session: Session, entity: Entity, settings: Settings, filtered: str | None = None) -> Listing:
    """Return a collection as it is asked for; `filtered` is the standard's filter expression."""
    order = {"sort": "sourcedId", "orderBy": "asc"} if settings.sort == "sourcedId" else {}
    return Listing(session, entity, settings.limit, order | ({"filter": filtered} if filtered else {}))


def missing_fields(settings: Settings, entity: Entity, lines: Iterator[bytes] | Sequence[bytes]) -> list[str]:
    """Return the fields that the district file expects of an entity and that none of its rows (lines of JSON) has."""
    expected = settings.expects if isinstance(settings, EschoolplusApi) else ()
    missing = {name for name in expected if (name in _IN_DEMOGRAPHICS) == (entity.name == "demographics")}
    missing &= set(entity.column_names)
    for line in lines if missing else ():
        row = values.as_object(values.parse(line))
        missing -= {name for name in missing if row.get(name)}
        if not missing:
            break
    return sorted(missing)


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of one district. Collections are read one after the other, the pages of one at the same time.

    `now` is the real clock, seconds since 1970.
    """

    session: Session
    settings: Settings
    landing: Path
    pool: Executor
    now: float

    def everything(self) -> tuple[SourceFile, ...]:
        """Read all collections, whole or as deltas over what was read before.

        Raises a Fault that names the collection when one cannot be read whole, is empty and may not be, or lacks a field
        that the district file expects.
        """
        found: dict[str, tuple[Path, Kept]] = {}
        settings = self.settings.deltas
        base = deltas.usable(deltas.load(self.landing), self._under, settings, self.now) if settings else None
        with Spool(self.landing, list) as spool:
            for entity in collections_of(self.settings):
                found[entity.name] = self._read(entity, spool, settings, base)
                self._check(entity, found[entity.name][0])
        if settings:
            whole_at = base.full_at if base else self.now
            kept = {name: kept for name, (_, kept) in found.items()}
            deltas.save(self.landing, Base(self._under, whole_at, self.now, kept))
        return tuple(
            SourceFile(entity.name, f"{entity.stem} by the API", kept.bytes, kept.sha256, path)
            for entity in collections_of(self.settings)
            for path, kept in (found[entity.name],)
        )

    @property
    def _under(self) -> str:
        """Hash of what decides which rows the server gives, and how they land."""
        settings = self.settings
        columns = [(entity.name, entity.column_names) for entity in collections_of(settings)]
        return fingerprint([settings.url, settings.base_path, settings.version, columns])

    def _read(
        self, entity: Entity, spool: Spool, settings: Deltas | None, base: Base | None
    ) -> tuple[Path, Kept]:
        if settings is None:
            return self._land(entity, spool)
        before = base.collections.get(entity.name) if base else None
        if base and before and (filtered := deltas.since(before, settings, base)):
            old = deltas.file_of(self.landing, before)
            changes = self._changes(entity, spool, filtered) if old else None
            if changes:
                return deltas.lay_over(old, changes, self.landing, settings, self.now)
        path, _ = self._land(entity, spool)
        return deltas.lay_over(None, path, self.landing, settings, self.now)

    def _changes(self, entity: Entity, spool: Spool, filtered: str) -> Path | None:
        """Land what changed; None where the server does not say what did."""
        try:
            return self._land(entity, spool, filtered)[0]
        except FilterRefused:
            return None

    def _land(self, entity: Entity, spool: Spool, filtered: str | None = None) -> tuple[Path, Kept]:
        path, sha256, size = read_whole(
            f"Reading {entity.stem}",
            [listing_of(self.session, entity, self.settings, filtered)],
            spool,
            landing=self.landing,
            pool=self.pool,
            at_once=self.settings.concurrency,
        )
        return path, Kept(sha256, size, None)

    def _check(self, entity: Entity, path: Path) -> None:
        with path.open("rb") as lines:
            missing = missing_fields(self.settings, entity, lines)
        if missing:
            raise withheld(entity, missing, self.session.release)
        if entity.always and path.stat().st_size == 0:
            raise PermanentFault(
                tried=f"Reading {entity.stem}",
                seen="the server has none",
                todo="See whether sis.url is the district's own address and the client may see all of its schools",
                mover=Mover.DISTRICT,
            )


def withheld(entity: Entity, fields: Sequence[str], release: str) -> NeedsPerson:
    """Return the fault of fields that no record has: they are withheld, and nobody's birth date was deleted."""
    return NeedsPerson(
        tried=f"Reading {entity.stem}",
        seen=f"no record has {' or '.join(fields)}; nothing of this read is taken",
        todo=f"{release}; what is withheld for good, take out of sis.expects",
        mover=Mover.DISTRICT,
    )
