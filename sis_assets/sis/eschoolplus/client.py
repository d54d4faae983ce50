"""Reads eSchoolPLUS/Xello files from a district's drop: is it whole, land it, split it into records.

Contract: eSchoolPLUS §1.1–1.2, Xello files §2.1–2.5; rules: DESIGN §7, §8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.districts import District, EschoolplusFiles, Problem
from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadJob
from sis_assets.sis.drops import opened
from sis_assets.sis.eschoolplus.contract import FILES, File
from sis_assets.sis.kinds import refuse_problems
from sis_assets.sis.reading import Delivery, EntityRead, SourceFile
from sis_assets.transport.dropzone import Expected, NotThere, NotYet, land

if TYPE_CHECKING:
    from sis_assets.sis.delimited import Readers, ReadFile
    from sis_assets.transport.visit import Visit
    from sis_assets.warehouse import Home

_BY_ENTITY = {file.entity: file for file in FILES}


def _settings(district: District) -> EschoolplusFiles:
    if not isinstance(district.sis, EschoolplusFiles):
        raise TypeError(district.sis.kind)
    return district.sis


def problems(district: District) -> tuple[Problem, ...]:
    """Return what is wrong with `sis.files` in the light of the contract's columns and file names."""
    files = _settings(district).files
    found = [
        Problem(
            ("sis", "files", "columns", entity, name),
            None,
            f"is no column of this file; {_nearest(name, file)}",
        ).spoken()
        for entity, columns in files.columns.items()
        for file in (_BY_ENTITY[entity],)
        for name in columns
        if name not in file.column_names
    ]
    for file in FILES:
        if columns := _sharing(_headers(district, file)):
            place = ("sis", "files", "columns", file.entity)
            found.append(Problem(place, None, f"gives the same header to {' and '.join(columns)}"))
    if entities := _sharing(_names(district)):
        found.append(
            Problem(("sis", "files", "names"), None, f"gives the same file to {' and '.join(entities)}")
        )
    return tuple(found)


def checks(district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:  # noqa: ARG001 - of the shape
    """Give the one check of a drop: can it be listed, and what of the expected files is there."""
    yield "drop", lambda: _seen_in_drop(district)


def _seen_in_drop(district: District) -> str:
    try:
        names = names_in_drop(district)
    except NotThere:
        raise NeedsPerson(
            tried="Listing the drop",
            seen="the folder does not exist",
            todo="Correct it in the district file, or let the district make it",
            mover=Mover.ENGINEER,
        ) from None
    if not names:
        return "reachable; none of the expected files is there yet"
    missing = [file.names[0] for file in FILES if file.always and file.entity not in names]
    seen = f"reachable; {', '.join(sorted(names.values()))}"
    return f"{seen}; still missing: {', '.join(missing)}" if missing else seen


def fetch(
    district: District,
    home: Home,
    held_before: frozenset[str],
    visit: Visit,  # noqa: ARG001 - of the shape; a drop is taken when it comes
) -> Delivery | NotYet:
    """Land the district's drop, once it is whole, below the home.

    `held_before` names the entities of earlier complete extracts: a file that was there once is required ever after.
    Raises a Fault when a required file is missing, the drop cannot be read, or the district file contradicts the contract.
    """
    settings = _settings(district)
    refuse_problems(district)
    names = _names(district)
    with opened(_settings(district).dropzone) as drop:
        landed = land(
            drop,
            Expected(names),
            quiet_seconds=settings.dropzone.quiet_seconds,
            landing=home.landing / district.district,
        )
    if isinstance(landed, NotYet):
        return landed
    required = (
        {file.entity for file in FILES if file.always}
        | set(settings.files.names)
        | (held_before & set(names))
    )
    missing = sorted(required - {file.entity for file in landed})
    if missing:
        raise PermanentFault(
            tried="Reading the drop",
            seen="missing: " + ", ".join(" or ".join(names[entity]) for entity in missing),
            todo="Send all files of one export together",
            mover=Mover.DISTRICT,
        )
    files = tuple(
        SourceFile(file.entity, file.name, file.bytes, file.sha256, file.path, file.declared_records)
        for file in landed
    )
    return Delivery(files, read_under=_read_under(district))


def listing(district: District) -> str:
    """Return a fingerprint of what the drop lists now: names, sizes and times; cheap, nothing is read.

    Raises a Fault when the drop cannot be listed; a drop that is not there lists nothing.
    """
    with opened(_settings(district).dropzone) as drop:
        try:
            entries = drop.entries()
        except NotThere:
            return ""
    return fingerprint(
        [(entry.name, entry.size, entry.mtime_ns, entry.kind, entry.identity) for entry in entries]
    )


def names_in_drop(district: District) -> dict[str, str]:
    """Return the expected files that the drop lists now, by entity.

    Raises NotThere when there is no such place, a Fault when it cannot be listed.
    """
    refuse_problems(district)
    expected = Expected(_names(district))
    with opened(_settings(district).dropzone) as drop:
        entries = drop.entries()
    return {entity: entry.name for entry in entries if (entity := expected.entity(entry.name))}


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
    result: dict[str, tuple[EntityRead, ...] | Fault] = {}
    for (district_id, source), answer in zip(owners, readers.read(jobs), strict=True):
        so_far = result.get(district_id, ())
        if isinstance(so_far, Fault):
            continue
        checked = _checked(source, answer)
        result[district_id] = (
            checked if isinstance(checked, Fault) else (*so_far, EntityRead(source, checked))
        )
    return result


def _checked(source: SourceFile, answer: ReadFile | Fault) -> ReadFile | Fault:
    """Return the answer of the readers, who know a file by its hash, under the name that the district knows."""
    tried = f"Reading {source.name}"
    if isinstance(answer, Fault):
        return type(answer)(tried=tried, seen=answer.seen, todo=answer.todo, mover=answer.mover)
    if source.declared_records not in {None, answer.records}:
        return PermanentFault(
            tried=tried,
            seen=f"it has {answer.records} records, and the manifest says {source.declared_records}",
            todo="Upload the files again, and the manifest that belongs to them last",
            mover=Mover.DISTRICT,
        )
    return answer


def _names(district: District) -> dict[str, tuple[str, ...]]:
    """Return under which names each file may come: the contract's, unless the district's file names it."""
    named = {str(entity): name for entity, name in _settings(district).files.names.items()}
    return {file.entity: (named[file.entity],) if file.entity in named else file.names for file in FILES}


def _headers(district: District, file: File) -> dict[str, tuple[str, ...]]:
    """Return under which headers each column of the file may stand: the contract's, unless the district renames it."""
    columns = _settings(district).files.columns
    renamed = {str(entity): names for entity, names in columns.items()}.get(file.entity, {})
    return {
        field.name: (renamed[field.name],) if field.name in renamed else field.headers
        for field in file.fields
    }


def _nearest(name: str, file: File) -> str:
    known = {column.lower(): column for column in file.column_names}
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return (
        f"the nearest known one is {known[close[0]]}"
        if close
        else f"known columns: {', '.join(file.column_names)}"
    )


def _sharing(names: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the owners of a name that has more than one owner."""
    owners: dict[str, list[str]] = {}
    for owner, owned in names.items():
        for name in owned:
            owners.setdefault(name.casefold(), []).append(owner)
    return next((found for found in owners.values() if len(found) > 1), [])


def _read_under(district: District) -> str:
    files = _settings(district).files
    columns = {entity: dict(names) for entity, names in files.columns.items()}
    return fingerprint([files.delimiter, files.encoding, files.final_newline, columns])


def _job(district: District, source: SourceFile, into: Path) -> ReadJob:
    file, settings = _BY_ENTITY[source.entity], _settings(district).files
    layout = Layout(
        columns=_headers(district, file),
        required=frozenset(field.name for field in file.fields if field.required),
        key=file.key,
    )
    dialect = Dialect(settings.delimiter, settings.encoding, settings.final_newline)
    return ReadJob(source.path, layout, dialect, Limits(), into)
