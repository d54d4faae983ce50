"""A district's folders, the same for every SIS: its drop, and where our files for it go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sis_assets.transport.dropzone import Drop, LocalFolder

if TYPE_CHECKING:
    from sis_assets.districts import Dropzone, Sftp
    from sis_assets.transport.sftp import SftpFolder


@contextmanager
def opened(dropzone: Dropzone) -> Iterator[Drop]:
    """Give the drop, reached where it is. Raises a Fault when it cannot be."""
    if dropzone.folder is not None:
        yield LocalFolder(dropzone.folder)
    elif dropzone.sftp is not None:
        with on_server(dropzone.sftp) as folder:
            yield folder


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
