"""Reads eSchoolPLUS/Xello files from a district's drop: is it whole, land it, split it into records.

Contract: eSchoolPLUS §1.1–1.2, Xello files §2.1–2.5; rules: DESIGN §7, §8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.districts import District, EschoolplusFiles
from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadJob
from sis_assets.sis.eschoolplus.contract import FILES, File
from sis_assets.sis.reading import Delivery, EntityRead, SourceFile
from sis_assets.transport.dropzone import Drop, Expected, LocalFolder, NotThere, NotYet, land
from sis_assets.model.fingerprint import fingerprint

if TYPE_CHECKING:
    from sis_assets.sis.delimited import Readers

_BY_ENTITY = {file.entity: file for file in FILES}


def settings_of(district: District) -> EschoolplusFiles:
    """Return the `sis` section of a district that sends eSchoolPLUS/Xello files."""
    if not isinstance(district.sis, EschoolplusFiles):
        raise PermanentFault(
            tried="Choosing how to read the SIS",
            seen=f"sis.kind {district.sis.kind} has no reader in this version",
            todo="Upgrade, or correct sis.kind in the district file",
            mover=Mover.ENGINEER,
        )
    return district.sis


def fetch(district: District, landing: Path, held_before: frozenset[str]) -> Delivery | NotYet:
    """Land the district's drop, once it is whole, below `landing`.

    `held_before` names the entities of earlier complete extracts: a file that was there once is required ever after.
    Raises a Fault when a required file is missing or the drop cannot be read.
    """
    settings = settings_of(district).files
    names = {file.entity: _names(file, settings.names) for file in FILES}
    with _drop(district) as drop:
        landed = land(
            drop,
            Expected(names),
            quiet_seconds=settings_of(district).dropzone.quiet_seconds,
            landing=landing,
        )
    if isinstance(landed, NotYet):
        return landed
    required = (
        {file.entity for file in FILES if file.always} | set(settings.names) | (held_before & set(names))
    )
    missing = sorted(required - {file.entity for file in landed})
    if missing:
        raise PermanentFault(
            tried="Reading the drop",
            seen="missing: " + ", ".join(" or ".join(names[entity]) for entity in missing),
            todo="Send all files of one export together",
            mover=Mover.DISTRICT,
        )
    files = tuple(SourceFile(file.entity, file.name, file.bytes, file.sha256, file.path) for file in landed)
    return Delivery(files, read_under=_read_under(district))


def listing(district: District) -> str:
    """Return a fingerprint of what the drop lists now: names, sizes and times; cheap, nothing is read.

    Raises a Fault when the drop cannot be listed; a drop that is not there lists nothing.
    """
    with _drop(district) as drop:
        try:
            entries = drop.entries()
        except NotThere:
            return ""
    return fingerprint([(entry.name, entry.size, entry.mtime_ns, entry.kind, entry.identity) for entry in entries])


def names_in_drop(district: District) -> dict[str, str]:
    """Return the expected files that the drop lists now, by entity. Raises a Fault when it cannot be listed."""
    settings = settings_of(district).files
    expected = Expected({file.entity: _names(file, settings.names) for file in FILES})
    with _drop(district) as drop:
        try:
            entries = drop.entries()
        except NotThere:
            return {}
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
        result[district_id] = answer if isinstance(answer, Fault) else (*so_far, EntityRead(source, answer))
    return result


@contextmanager
def _drop(district: District) -> Iterator[Drop]:
    dropzone = settings_of(district).dropzone
    if dropzone.sftp is None:
        yield LocalFolder(dropzone.folder)
        return
    from sis_assets.transport.sftp import SftpAddress, SftpFolder  # noqa: PLC0415 - paramiko, only for SFTP districts

    sftp = dropzone.sftp
    address = SftpAddress(
        host=sftp.host,
        port=sftp.port,
        username=sftp.username,
        host_keys=sftp.host_key,
        path=sftp.path,
        password=sftp.password.reveal if sftp.password else None,
        key_file=sftp.key_file,
        key_passphrase=sftp.key_passphrase.reveal if sftp.key_passphrase else None,
        legacy_ssh_rsa=sftp.legacy_ssh_rsa,
    )
    with SftpFolder(address) as folder:
        yield folder


def _names(file: File, named: Mapping[str, str]) -> tuple[str, ...]:
    return (named[file.entity],) if file.entity in named else file.names


def _read_under(district: District) -> str:
    files = settings_of(district).files
    return fingerprint(
        [files.delimiter, files.encoding, files.final_newline, {entity: dict(columns) for entity, columns in files.columns.items()}]
    )


def _job(district: District, source: SourceFile, into: Path) -> ReadJob:
    file, settings = _BY_ENTITY[source.entity], settings_of(district).files
    renamed = {str(entity): columns for entity, columns in settings.columns.items()}.get(source.entity, {})
    layout = Layout(
        columns={
            field.name: (renamed[field.name],) if field.name in renamed else field.headers
            for field in file.fields
        },
        required=frozenset(field.name for field in file.fields if field.required),
        key=file.key,
    )
    dialect = Dialect(settings.delimiter, settings.encoding, settings.final_newline)
    return ReadJob(source.path, layout, dialect, Limits(), into)
