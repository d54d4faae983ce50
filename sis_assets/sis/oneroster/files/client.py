"""Reads OneRoster files from a district's drop: is it whole, land it, lay changes over what stood before, split it.

Contract: OneRoster §4.1, §4.2; rules: DESIGN §7, §8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.districts import District, OneRosterFiles, Problem
from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadJob
from sis_assets.sis.drops import by_owner, opened
from sis_assets.sis.oneroster.conformance.examine import Report, examine
from sis_assets.sis.oneroster.conformance.report import told, write
from sis_assets.sis.oneroster.contract import BY_NAME, ENTITIES
from sis_assets.sis.oneroster.files.changes import laid_over
from sis_assets.sis.oneroster.files.manifest import Mode
from sis_assets.sis.oneroster.files.package import IN_DROP, Package, package_of
from sis_assets.sis.oneroster.layout import Entity
from sis_assets.sis.reading import Delivery, EntityRead, Past, SourceFile
from sis_assets.transport.dropzone import NotThere, NotYet, land

if TYPE_CHECKING:
    from sis_assets.districts import Ids
    from sis_assets.sis.delimited import Readers
    from sis_assets.transport.visit import Visit
    from sis_assets.warehouse import Home

_COMMA: Final = ","


def _settings(district: District) -> OneRosterFiles:
    if not isinstance(district.sis, OneRosterFiles):
        raise TypeError(district.sis.kind)
    return district.sis


def problems(district: District) -> tuple[Problem, ...]:  # noqa: ARG001 - of the common shape
    """Return what is wrong with `sis` in the light of the contract: nothing that the file's own rules do not know."""
    return ()


def checks(district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the checks of a drop: can it be listed, what of the expected files is there, and are they as the standard says."""
    yield "drop", lambda: _seen_in_drop(district)
    yield "conformance", lambda: _conformance(district, home)


def _seen_in_drop(district: District) -> str:
    try:
        with opened(_settings(district).dropzone) as drop:
            entries = drop.entries()
    except NotThere:
        raise NeedsPerson(
            tried="Listing the drop",
            seen="the folder does not exist",
            todo="Correct it in the district file, or let the district make it",
            mover=Mover.ENGINEER,
        ) from None
    names = sorted(entry.name for entry in entries if IN_DROP.entity(entry.name))
    return f"reachable; {', '.join(names) or 'none of the expected files is there yet'}"


def _conformance(district: District, home: Home) -> str:
    """Hold what lies in the drop now against the standard. In the strict profile departures are a fault."""
    settings, place = _settings(district), home.landing / district.district
    with opened(settings.dropzone) as drop:
        landed = land(drop, IN_DROP, quiet_seconds=0, landing=place)
    if isinstance(landed, NotYet):
        return "nothing to look at yet"
    package = package_of(landed, place)
    report, path = _reported(district, home, package)
    if settings.profile == "strict":
        _refuse_departures(report, path)
    return told(report, path)


def _refuse_departures(report: Report, path: Path) -> None:
    """Raise PermanentFault, which names the report's file, for a package that is not as the standard says."""
    if report.findings.counts:
        raise PermanentFault(
            tried="Holding the package against the standard, as sis.profile strict wants",
            seen=told(report, path),
            todo="Correct the export, or read it with sis.profile lenient",
            mover=Mover.DISTRICT,
        )


def _reported(district: District, home: Home, package: Package) -> tuple[Report, Path]:
    """Examine a package and write the report's file below the outbox."""
    report = examine(package, _settings(district).encoding, home.landing / district.district)
    path = home.outbox / "oneroster" / f"{district.district}-conformance.csv"
    write(report, path)
    return report, path


def fetch(
    district: District,
    home: Home,
    past: Past,
    visit: Visit,  # noqa: ARG001 - of the shape; a drop is taken when it comes
) -> Delivery | NotYet:
    """Land the district's package, once it is whole, below the home; changes are laid over the newest extract's files.

    Raises a Fault when the drop cannot be read, the package contradicts itself, a file is missing, or changes cannot be
    trusted to be all that there were.
    """
    settings = _settings(district)
    place = home.landing / district.district
    with opened(settings.dropzone) as drop:
        landed = land(drop, IN_DROP, quiet_seconds=settings.dropzone.quiet_seconds, landing=place)
    if isinstance(landed, NotYet):
        return landed
    package = package_of(landed, place)
    if settings.profile == "strict":
        _refuse_departures(*_reported(district, home, package))
    modes = package.modes
    if "delta" in modes.values() or not package.files:
        _refuse_gaps(past, settings.tombstone_days)
    files = tuple(
        source
        for entity in ENTITIES
        if (source := _source(entity, package, modes, past=past, encoding=settings.encoding, landing=place))
    )
    if missing := _missing({file.entity for file in files}, past):
        raise PermanentFault(
            tried="Reading the drop",
            seen=f"missing: {', '.join(BY_NAME[name].file for name in missing)}",
            todo="Send all files of one export together",
            mover=Mover.DISTRICT,
        )
    return Delivery(files, _read_under(settings), _stated(settings.ids, modes))


def _source(
    entity: Entity,
    package: Package,
    modes: Mapping[str, Mode],
    *,
    past: Past,
    encoding: str | None,
    landing: Path,
) -> SourceFile | None:
    """Return an entity's file of now: as it came, with changes laid over the one before, or the one before.

    A package that brings everything of some files and nothing of this one has none of it.
    """
    mode, found = modes[entity.name], package.files.get(entity.name)
    if found is not None and mode == "delta":
        found = laid_over(_base(entity, past, landing), found, encoding, landing)
    if found is not None:
        return SourceFile(found.entity, found.name, found.bytes, found.sha256, found.path)
    only_bulk = "bulk" in modes.values() and "delta" not in modes.values()
    if only_bulk or entity.name not in past.files:
        return None
    path = _base(entity, past, landing)
    return SourceFile(entity.name, entity.file, path.stat().st_size, past.files[entity.name], path)


def _base(entity: Entity, past: Past, landing: Path) -> Path:
    """Return the landed file of the newest complete extract. Raises PermanentFault when there is none."""
    path = landing / past.files.get(entity.name, "")
    if entity.name in past.files and path.is_file():
        return path
    raise _needs_everything(f"{entity.file} holds only changes, and there is no such file from before")


def _refuse_gaps(past: Past, tombstone_days: int) -> None:
    """Refuse changes between which and the last good read others may have been lost."""
    if past.refused:
        raise _needs_everything(
            "the changes of the read before this one were refused, so these are not all there were"
        )
    if past.read_at is not None and past.now - past.read_at > timedelta(days=tombstone_days):
        raise _needs_everything(
            f"the last good read is more than {tombstone_days} days ago, and deleted records are told of for so long"
        )


def _needs_everything(seen: str) -> PermanentFault:
    return PermanentFault(
        tried="Laying changes over the files before them",
        seen=seen,
        todo="Send a package with everything (bulk)",
        mover=Mover.DISTRICT,
    )


def _missing(there: set[str], past: Past) -> list[str]:
    required = {entity.name for entity in ENTITIES if entity.always} | past.entities
    return [entity.name for entity in ENTITIES if entity.name in required - there]


def _stated(ids: Ids, modes: Mapping[str, Mode]) -> dict[str, str]:
    return {
        "ids.student": ids.student,
        "ids.school": ids.school,
        "ids.state_id": ids.state_id or "none",
        "files": ", ".join(f"{BY_NAME[name].stem} {mode}" for name, mode in modes.items()),
    }


def _read_under(settings: OneRosterFiles) -> str:
    columns = [(entity.name, entity.column_names) for entity in ENTITIES]
    return fingerprint([settings.encoding, settings.final_newline, settings.ids.student, columns])


def read(
    deliveries: Mapping[str, tuple[District, Delivery]], readers: Readers, into: Path
) -> dict[str, tuple[EntityRead, ...] | Fault]:
    """Split all files of all deliveries into records, at once; a fault of one district touches no other.

    The Parquet files lie in `into`; the caller removes that folder.
    """
    jobs, owners = [], []
    for district_id, (district, delivery) in deliveries.items():
        for source in delivery.files:
            jobs.append(_job(district, source, into / f"{district_id}.{source.entity}.parquet"))
            owners.append((district_id, source))
    return {
        name: answer if isinstance(answer, Fault) else _of_people(answer)
        for name, answer in by_owner(owners, readers.read(jobs)).items()
    }


def _of_people(entities: tuple[EntityRead, ...]) -> tuple[EntityRead, ...] | Fault:
    """Return the entities, or the fault of files that do not say who is a student."""
    by_name = {entity.source.entity: entity.read for entity in entities}
    if "roles" in by_name or "role" not in by_name["users"].missing_optional:
        return entities
    return PermanentFault(
        tried="Reading users.csv",
        seen="it has no column role, and there is no roles.csv: nothing says who is a student",
        todo="Send roles.csv too (OneRoster 1.2), or the column (1.1)",
        mover=Mover.DISTRICT,
    )


def _job(district: District, source: SourceFile, into: Path) -> ReadJob:
    entity, settings = BY_NAME[source.entity], _settings(district)
    by_identifier = entity.name == "users" and settings.ids.student == "identifier"
    layout = Layout(
        columns={field.name: field.spellings for field in entity.fields},
        required=frozenset(field.name for field in entity.fields if field.required),
        # What a rejected record is known by must be what an account is known by.
        key="identifier" if by_identifier else entity.fields[0].name,
        unwanted=frozenset(name for column in entity.columns if not column.kept for name in column.spellings),
    )
    dialect = Dialect(_COMMA, settings.encoding, settings.final_newline)
    return ReadJob(source.path, layout, dialect, Limits(), into)
