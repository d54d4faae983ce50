"""A real PostgreSQL for tests: its installed binaries on a Unix socket in a temporary folder, without a network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

USER = "sis"
SECONDS_TO_START = 60.0


@dataclass
class Server:
    """A running server; `fresh` makes an empty database and returns how to reach it."""

    binaries: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=count)

    def fresh(self) -> str:
        name = f"lake{next(self.numbers)}"
        self.run("createdb", name)
        return f"host={self.folder} user={USER} dbname={name}"

    def run(self, tool: str, *arguments: str) -> str:
        command = [self.binaries / tool, "-h", self.folder, "-U", USER, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def binaries() -> Path | None:
    """Folder of the newest installed server, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def missing() -> str:
    """Why there can be no server here; empty when there can."""
    if binaries() is None:
        return "PostgreSQL's server is not installed (Debian: postgresql)"
    if os.geteuid() == 0 and not _is_user("postgres"):
        return "PostgreSQL refuses to run as root and there is no user postgres"
    return ""


@contextmanager
def running_postgres() -> Iterator[Server]:
    """Start a server of its own and stop it afterwards."""
    tools = binaries()
    assert tools
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path may have 107 characters
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
    folder.chmod(0o755)
    data = folder / "data"
    subprocess.run(
        [tools / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync", "--no-instructions", "-E", "UTF8"],
        check=True, capture_output=True, cwd=folder, **who,
    )  # fmt: skip
    settings = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "max_connections=60"]
    server = subprocess.Popen(
        [tools / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while subprocess.run([tools / "pg_isready", "-q", "-h", folder], check=False).returncode:
            assert server.poll() is None, "the server ended at once"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        yield Server(tools, folder)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
