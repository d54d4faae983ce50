"""Pulls every collection of a OneRoster server into the landing folder: one file each, named by its content.

A file has one row a line, as JSON with sorted names, in the order of the rows' sourcedIds: the same rows give the same
bytes, in whatever pages they came. Contract: OneRoster §4.3; rules: DESIGN §7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sis_assets.districts import EschoolplusApi
from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.sis.documents import values
from sis_assets.sis.documents.pages import Spool, read_whole
from sis_assets.sis.oneroster.api import deltas
from sis_assets.sis.oneroster.api.deltas import Settings, Wanted
from sis_assets.sis.oneroster.api.listing import Listing
from sis_assets.sis.oneroster.api.session import FilterRefused, Session
from sis_assets.sis.oneroster.contract import ENTITIES
from sis_assets.sis.oneroster.layout import Entity
from sis_assets.sis.reading import Past, SourceFile

#: Where a field is expected that is none of a user's.
_HOMES: Final = {"birthDate": "demographics", "sex": "demographics"}


def collections_of(settings: Settings) -> tuple[Entity, ...]:
    """Return the collections that are asked for: those of the version that the provider has."""
    return tuple(
        entity
        for entity in ENTITIES
        if entity.has_api and settings.version in entity.versions and entity.stem not in settings.without
    )


def listing_of(
    session: Session,
    entity: Entity,
    settings: Settings,
    *,
    filtered: str | None = None,
    wanted: Wanted = lambda _: True,
) -> Listing:
    """Return a collection as it is asked for; `filtered` is the standard's filter expression."""
    order = {"sort": "sourcedId", "orderBy": "asc"} if settings.sort == "sourcedId" else {}
    query = order | ({"filter": filtered} if filtered else {})
    return Listing(session, entity, settings.limit, query, wanted)


def _wanted(settings: Settings, entity: Entity, now: datetime) -> Wanted:
    """Return whether a record is taken: no tombstone that has expired, and no person whom the district file leaves out."""
    oldest = now - timedelta(days=settings.tombstone_days)
    populations = (
        (settings.pre_registered, settings.out_of_district) if isinstance(settings, EschoolplusApi) else ()
    )
    left_out = [
        (each.field.split("."), each.values)
        for each in populations
        if entity.name == "users" and each.field and not each.include
    ]
    return lambda row: (
        not (deltas.is_expired(row, oldest) or any(_said(row, path) in marks for path, marks in left_out))
    )


def _said(row: values.Object, path: Sequence[str]) -> str | None:
    """Return the text at the end of a path in a record, None where there is none."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    try:
        return None if found is None else values.text(found)
    except ValueError:
        return None


def missing_fields(settings: Settings, entity: Entity, lines: Iterable[bytes]) -> list[str]:
    """Return the fields that the district file expects of an entity and that none of its rows (lines of JSON) has."""
    expected: tuple[str, ...] = settings.expects if isinstance(settings, EschoolplusApi) else ()
    here = {name for name in expected if entity.name == _HOMES.get(name, "users")}
    missing = {field.name: field.paths for field in entity.fields if field.name in here}
    for line in lines if missing else ():
        row = values.as_object(values.parse(line))
        missing = {name: paths for name, paths in missing.items() if not any(map(row.get, paths))}
        if not missing:
            break
    return sorted(missing)


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of one district. Collections are read one after the other, the pages of one at the same time.

    `past` is the newest complete extract, over which a delta is laid where the settings have it and `is_delta`.
    """

    session: Session
    settings: Settings
    landing: Path
    pool: Executor
    past: Past
    is_delta: bool

    def everything(self) -> tuple[SourceFile, ...]:
        """Read all collections, whole or as deltas over what was read before.

        Raises a Fault that names the collection when one cannot be read whole, is empty and may not be, or lacks a field
        that the district file expects.
        """
        with Spool(self.landing, list) as spool:
            return tuple(self._checked(entity, spool) for entity in collections_of(self.settings))

    def _checked(self, entity: Entity, spool: Spool) -> SourceFile:
        found = self._read(entity, spool)
        self._check(entity, found.path)
        return found

    def _read(self, entity: Entity, spool: Spool) -> SourceFile:
        wanted = _wanted(self.settings, entity, self.past.now)
        base = self.landing / self.past.files[entity.name] if self._has_base(entity) else None
        changes = self._changes(entity, spool, base) if base else None
        if base is None or changes is None:
            return self._land(entity, spool, wanted=wanted)
        return deltas.lay_over(base, changes, self.landing, wanted)

    def _has_base(self, entity: Entity) -> bool:
        return (
            self.is_delta
            and entity.name in self.past.files
            and (self.landing / self.past.files[entity.name]).is_file()
        )

    def _changes(self, entity: Entity, spool: Spool, base: Path) -> SourceFile | None:
        """Land what changed; None where the settings, the base or the server do not say what did."""
        if self.settings.deltas is None:
            return None
        since = deltas.since(base, self.past, timedelta(minutes=self.settings.deltas.overlap_minutes))
        if since is None:
            return None
        try:
            return self._land(entity, spool, filtered=deltas.changed_since(since))
        except FilterRefused:
            return None

    def _land(
        self, entity: Entity, spool: Spool, *, filtered: str | None = None, wanted: Wanted = lambda _: True
    ) -> SourceFile:
        path, sha256, size = read_whole(
            f"Reading {entity.stem}",
            [listing_of(self.session, entity, self.settings, filtered=filtered, wanted=wanted)],
            spool,
            landing=self.landing,
            pool=self.pool,
            at_once=self.settings.concurrency,
        )
        return SourceFile(entity.name, entity.stem, size, sha256, path)

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
