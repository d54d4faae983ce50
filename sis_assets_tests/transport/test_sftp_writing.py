"""Files of ours on a real OpenSSH server, and on servers that know less than OpenSSH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault
from sis_assets.transport import sftp_protocol
from sis_assets.transport.sftp import SftpAddress, SftpFolder
from sis_assets_tests.openssh import SftpServer, needs_sshd

pytestmark = needs_sshd

Addressing = Callable[..., SftpAddress]
LARGE = os.urandom(300_000)


def put(address: SftpAddress, content: bytes, name: str = "requests.csv") -> None:
    with SftpFolder(address) as folder:
        folder.put(name, iter([content[:100_000], content[100_000:]]), len(content))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("extensions", [True, False])
def test_a_file_takes_the_place_of_an_older_one(
    server: SftpServer, address: Addressing, drop: Path, monkeypatch: pytest.MonkeyPatch, *, extensions: bool
) -> None:
    if not extensions:
        plain = sftp_protocol.Session.__init__

        def knows_nothing(session: sftp_protocol.Session, stream: sftp_protocol.Stream) -> None:
            plain(session, stream)
            session.extensions = frozenset()

        monkeypatch.setattr(sftp_protocol.Session, "__init__", knows_nothing)
    put(address(server), LARGE)
    put(address(server), b"short\n")
    put(address(server), LARGE, "other.csv")
    assert (drop / "requests.csv").read_bytes() == b"short\n"
    assert (drop / "other.csv").read_bytes() == LARGE
    assert names(drop) == {"requests.csv", "other.csv"}


def test_a_line_that_breaks_leaves_the_older_file_and_nothing_that_looks_whole(
    server: SftpServer, address: Addressing, drop: Path
) -> None:
    put(address(server), b"old\n")

    def broken() -> Iterator[bytes]:
        yield LARGE
        raise OSError

    with pytest.raises(TransientFault), SftpFolder(address(server)) as folder:
        folder.put("requests.csv", broken(), len(LARGE))
    assert (drop / "requests.csv").read_bytes() == b"old\n"
    assert names(drop) == {"requests.csv", ".requests.csv.part"}
    put(address(server), b"new\n")
    assert (drop / "requests.csv").read_bytes() == b"new\n"
    assert names(drop) == {"requests.csv"}


def test_a_folder_that_is_not_there_is_the_districts_to_make(
    server: SftpServer, address: Addressing, drop: Path
) -> None:
    drop.rename(drop.with_name("elsewhere"))
    with pytest.raises(NeedsPerson, match="no such folder") as told:
        put(address(server), b"x")
    assert told.value.mover is Mover.DISTRICT
    drop.with_name("elsewhere").rename(drop)
