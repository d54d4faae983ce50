"""SFTP downloads against OpenSSH's own `sftp` and paramiko's `get`, by a real sshd on loopback.

Prints two ratios of speeds, each of medians of interleaved rounds within this run; connecting is part of
every time. Landing, with its checksums and a disk that has taken everything, is shown beside. Exit 1 when a
target is missed.
Run: python bench/sftp.py [rounds]
"""

from __future__ import annotations

import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import paramiko

from sis_assets.sandbox.sftp_server import SftpServer, sftp_server
from sis_assets.transport.dropzone import Expected, NotYet, land
from sis_assets.transport.sftp import SftpAddress, SftpFolder

LARGE = 256 * 1024 * 1024
SMALL, SMALL_FILES = 50_000, 200


def address(server: SftpServer) -> SftpAddress:
    return SftpAddress(
        host=server.host,
        port=server.port,
        username=server.username,
        host_keys=(server.host_key,),
        path=str(server.folder),
        key_file=server.client_key_path,
    )


def ours(server: SftpServer, into: Path) -> Callable[[], None]:
    def run() -> None:
        with SftpFolder(address(server)) as drop, ExitStack() as stack:
            files = {}
            for entry, chunk in drop.fetch(drop.entries()):
                if entry.name not in files:
                    files[entry.name] = stack.enter_context((into / entry.name).open("wb"))
                files[entry.name].write(chunk)

    return run


def landing(server: SftpServer, into: Path) -> Callable[[], None]:
    names = sorted(path.name for path in server.folder.iterdir())
    expected = Expected({name: (name,) for name in names})

    def run() -> None:
        with SftpFolder(address(server)) as drop:
            landed = land(drop, expected, quiet_seconds=1, landing=into)
        assert not isinstance(landed, NotYet), landed
        assert len(landed) == len(names)
        for file in landed:  # the next round must write again
            file.path.unlink()

    return run


def openssh(server: SftpServer, into: Path) -> Callable[[], None]:
    known = into / "known_hosts"
    known.write_text(f"[{server.host}]:{server.port} {server.host_key}\n")
    options = [f"UserKnownHostsFile={known}", f"IdentityFile={server.client_key_path}", f"Port={server.port}"]
    flags = [word for option in options for word in ("-o", option)]
    source = f"{server.username}@{server.host}:{server.folder}/*"
    return lambda: void(
        subprocess.run(["sftp", "-q", *flags, source, str(into)], check=True, capture_output=True)
    )


def plain_paramiko(server: SftpServer, into: Path) -> Callable[[], None]:
    def run() -> None:
        with paramiko.SSHClient() as client:
            kind, blob = server.host_key.split()
            key = paramiko.PKey.from_type_string(kind, base64.b64decode(blob))
            client.get_host_keys().add(f"[{server.host}]:{server.port}", kind, key)
            client.connect(
                server.host,
                port=server.port,
                username=server.username,
                key_filename=str(server.client_key_path),
                look_for_keys=False,
                allow_agent=False,
            )
            with client.open_sftp() as sftp:
                for path in sorted(server.folder.iterdir()):
                    sftp.get(str(path), str(into / path.name))

    return run


def void(_: object) -> None:
    return None


def medians(rounds: int, **contestants: Callable[[], None]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def verdict(what: str, ratio: float, target: float) -> bool:
    print(f"{what}: {ratio:.2f} (target ≥ {target}) {'ok' if ratio >= target else 'MISSED'}")
    return ratio >= target


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="bench-sftp-") as name:
        root = Path(name)
        large, small, into = (root / part for part in ("large", "small", "into"))
        for folder in (large, small, into):
            folder.mkdir()
        (large / "large.bin").write_bytes(os.urandom(LARGE))
        for number in range(SMALL_FILES):
            (small / f"{number:03}.bin").write_bytes(os.urandom(SMALL))
        time.sleep(1.1)  # so that the drops are quiet
        with sftp_server(root / "ssh_large", folder=large) as server:
            t = medians(
                rounds,
                ours=ours(server, into),
                openssh=openssh(server, into),
                landing=landing(server, root / "landing"),
            )
        speeds = {name: f"{LARGE / 2**20 / taken:.0f} MiB/s" for name, taken in t.items()}
        print(f"256 MiB: {speeds}")
        good = verdict("256 MiB, speed against the sftp command", t["openssh"] / t["ours"], 0.5)
        with sftp_server(root / "ssh_small", folder=small) as server:
            t = medians(
                rounds,
                ours=ours(server, into),
                paramiko=plain_paramiko(server, into),
                landing=landing(server, root / "landing"),
            )
        print(f"200 files of 50 kB: { {name: f'{taken:.2f} s' for name, taken in t.items()} }")
        good &= verdict("200 files, speed against paramiko's get", t["paramiko"] / t["ours"], 2.0)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
