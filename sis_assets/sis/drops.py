"""A district's folders, the same for every SIS: its drop, what becomes of its files, and where ours for it go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.reading import EntityRead, SourceFile
from sis_assets.transport.dropzone import Drop, LocalFolder, NotThere

if TYPE_CHECKING:
    from sis_assets.districts import Dropzone, Sftp
    from sis_assets.sis.delimited import ReadFile
    from sis_assets.transport.sftp import SftpFolder


@contextmanager
def opened(dropzone: Dropzone) -> Iterator[Drop]:
    """Give the drop, reached where it is. Raises a Fault when it cannot be."""
    if dropzone.folder is not None:
        yield LocalFolder(dropzone.folder)
    elif dropzone.sftp is not None:
        with on_server(dropzone.sftp) as folder:
            yield folder


def listing(dropzone: Dropzone) -> str:
    """Return a fingerprint of what the drop lists now: names, sizes and times; cheap, nothing is read.

    Raises a Fault when the drop cannot be listed; a drop that is not there lists nothing.
    """
    with opened(dropzone) as drop:
        try:
            entries = drop.entries()
        except NotThere:
            return ""
    return fingerprint(
        [(entry.name, entry.size, entry.mtime_ns, entry.kind, entry.identity) for entry in entries]
    )


def by_owner(
    owners: Sequence[tuple[str, SourceFile]], answers: Sequence[ReadFile | Fault]
) -> dict[str, tuple[EntityRead, ...] | Fault]:
    """Return what became of each district's files: all of them, or the first fault of one.

    `owners` are the district and the file of each answer of the readers.
    """
    result: dict[str, tuple[EntityRead, ...] | Fault] = {}
    for (district_id, source), answer in zip(owners, answers, strict=True):
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


def on_server(sftp: Sftp) -> SftpFolder:
    """Return the folder on a server that the district's file describes; entering it connects."""
    from sis_assets.transport.sftp import SftpAddress, SftpFolder  # noqa: PLC0415 - paramiko, only for SFTP districts

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
        connect_timeout=sftp.timeouts.connect_seconds,
        io_timeout=sftp.timeouts.reply_seconds,
    )
    return SftpFolder(address)
