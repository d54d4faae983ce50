"""A real OpenSSH SFTP server on loopback, for the demo and the tests.

It runs the installed `sshd` as the current user with a configuration, host keys and a user key of its own,
on 127.0.0.1 only, and is ended by its own process id. Nothing of the machine's own SSH setup is read or
changed; only as root, sshd insists on the empty folder /run/sshd, which is made when missing.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 15.0
_PRIVILEGE_SEPARATION_FOLDER = Path("/run/sshd")


class NoServer(Exception):
    """OpenSSH's server is not installed, or it did not start."""


@dataclass(frozen=True)
class SftpServer:
    """A running server: where it listens, its host keys, and the key that `username` may enter with.

    `host_keys` are lines as a district file pins them ("ssh-ed25519 AAAA…"), in the order of the key
    types asked for; `host_key` is the first.
    """

    host: str
    port: int
    username: str
    host_keys: tuple[str, ...]
    client_key_path: Path
    folder: Path
    log: Path

    @property
    def host_key(self) -> str:
        """The first host key."""
        return self.host_keys[0]


def sshd() -> Path | None:
    """Return the path of the installed sshd, or None. It must be an absolute one: sshd re-executes itself."""
    found = shutil.which(
        "sshd", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    )
    return Path(found).resolve() if found and shutil.which("ssh-keygen") else None


@contextmanager
def sftp_server(
    work: Path,
    *,
    folder: Path,
    host_key_types: Sequence[str] = ("ed25519",),
    options: Sequence[str] = (),
    launcher: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[SftpServer]:
    """Serve the file system by SFTP, with `folder` as the working folder of every session.

    work            a folder of its own for keys, configuration and log; made when missing
    host_key_types  as ssh-keygen names them: ed25519, ecdsa, rsa
    options         further sshd_config lines; they win, because sshd takes the first value it reads
    launcher        a command to start sshd with, such as `unshare`; it must exec
    port            None takes a free one

    Raises NoServer when sshd is missing, cannot serve `folder`, or does not start: then its log is told.
    """
    program = sshd()
    if len(str(folder).split()) != 1:
        raise NoServer(f"sshd knows no way to start in a folder with a space in its name: {folder}")
    if program is None:
        raise NoServer("OpenSSH's server is not installed (Debian: openssh-server).")
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION_FOLDER.mkdir(mode=0o755, exist_ok=True)
    host_key_files = [_key(work / f"host_{kind}", kind) for kind in host_key_types]
    client_key = _key(work / "client_ed25519", "ed25519")
    authorized = work / "authorized_keys"
    authorized.write_text(client_key.with_name(client_key.name + ".pub").read_text())
    server = SftpServer(
        host="127.0.0.1",
        port=port or _free_port(),
        username=pwd.getpwuid(os.geteuid()).pw_name,
        host_keys=tuple(_public(key) for key in host_key_files),
        client_key_path=client_key,
        folder=folder,
        log=work / "sshd.log",
    )
    config = work / "sshd_config"
    config.write_text(_configuration(server, host_key_files, authorized, options))
    with server.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words: a resolved program and our own files
            [*launcher, str(program), "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(process, server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configuration(
    server: SftpServer, host_keys: Sequence[Path], authorized: Path, options: Sequence[str]
) -> str:
    return "\n".join(
        [
            *options,
            f"ListenAddress {server.host}:{server.port}",
            *(f'HostKey "{key}"' for key in host_keys),
            f'AuthorizedKeysFile "{authorized}"',
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "AllowTcpForwarding no",
            "AllowAgentForwarding no",
            "X11Forwarding no",
            "UseDNS no",
            f"Subsystem sftp internal-sftp -d {server.folder}",
            f"ForceCommand internal-sftp -d {server.folder}",
            "",
        ]
    )


def _key(path: Path, kind: str) -> Path:
    if not path.exists():
        subprocess.run(  # noqa: S603 - as above
            ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "sandbox", "-f", str(path)],  # noqa: S607 - found on PATH by sshd()
            check=True,
            stdin=subprocess.DEVNULL,
        )
    return path


def _public(key: Path) -> str:
    kind, blob, *_ = key.with_name(key.name + ".pub").read_text().split()
    return f"{kind} {blob}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], server: SftpServer) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection((server.host, server.port), timeout=1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.02)
    raise NoServer(f"sshd did not start: {server.log.read_text(errors='replace')[-2000:]}")
