"""One real SFTP server for all the tests of a worker; every test has a folder of its own on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sis_assets.transport.sftp import SftpAddress
from sis_assets_tests.openssh import SftpServer, running_sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    root = tmp_path_factory.mktemp("sftp")
    with running_sshd(root / "ssh", folder=root) as running:
        yield running


Addressing = Callable[..., SftpAddress]


@pytest.fixture
def address(tmp_path: Path) -> Addressing:
    """Return a function from a server to the address of `tmp_path/drop` on it; keywords change it."""

    def at(server: SftpServer, **changes: Any) -> SftpAddress:
        known = SftpAddress(
            host=server.host,
            port=server.port,
            username=server.username,
            host_keys=(server.host_key,),
            path=str(tmp_path / "drop"),
            key_file=server.client_key_path,
            connect_timeout=20,
            io_timeout=20,
        )
        return replace(known, **changes)

    return at


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder
