"""Who we talk to, how we enter, and what happens when that fails: by a real OpenSSH server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault
from sis_assets.transport.sftp import SftpAddress, SftpFolder, Unreached
from sis_assets_tests.drops import put
from sis_assets_tests.faulty_line import Failure, faulty_line
from sis_assets_tests.openssh import SftpServer, needs_sshd, running_sshd

pytestmark = needs_sshd

Addressing = Callable[..., SftpAddress]
SECRET = "correct horse"
SECRET_HASH = (
    "$6$sandbox$mOY97/YRcRvqgtJPdgCpbBzXWNW4A0oXwQ6mFS3cnzkh4LBhSth/FJwJ9TDXFhE4Hi80ZtMuGkg7r5TwPVYpY0"
)


def enter(address: SftpAddress) -> list[str]:
    with SftpFolder(address) as folder:
        return [entry.name for entry in folder.entries()]


def refused(address: SftpAddress) -> NeedsPerson:
    with pytest.raises(NeedsPerson) as caught:
        enter(address)
    assert SECRET not in caught.value.reason
    return caught.value


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


# --- the server's key ---


def test_an_unknown_host_key_needs_a_person_and_sees_no_credential(
    server: SftpServer, address: Addressing, tmp_path: Path
) -> None:
    other = public(make_key(tmp_path / "other"))
    log = server.log.stat().st_size
    fault = refused(address(server, host_keys=(other,)))
    assert fault.mover is Mover.DISTRICT
    for line in (server.host_key, other):
        (tmp_path / "shown.pub").write_text(line)
        command = ["ssh-keygen", "-l", "-f", str(tmp_path / "shown.pub")]
        fingerprint = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]
        assert fingerprint in fault.seen
    with server.log.open("rb") as said:
        said.seek(log)
        assert b"Accepted" not in said.read()


def test_without_a_pinned_key_nobody_logs_in(server: SftpServer, address: Addressing) -> None:
    assert "pinned: none" in refused(address(server, host_keys=())).seen


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 ###", "AAAA"])
def test_a_pinned_key_that_is_none_is_the_engineers_move(
    server: SftpServer, address: Addressing, line: str
) -> None:
    assert refused(address(server, host_keys=(line,))).mover is Mover.ENGINEER


def test_either_of_two_pinned_keys_is_good(server: SftpServer, address: Addressing, tmp_path: Path) -> None:
    other = public(make_key(tmp_path / "other"))
    assert enter(address(server, host_keys=(other, f"{server.host_key} a comment"), path="/")) != []


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_server_with_keys_of_all_types_shows_the_pinned_one(
    tmp_path: Path, address: Addressing, kind: str
) -> None:
    kinds = ("rsa", "ecdsa", "ed25519")
    with running_sshd(tmp_path / "ssh", folder=tmp_path, host_key_types=kinds) as server:
        pinned = server.host_keys[kinds.index(kind)]
        assert enter(address(server, host_keys=(pinned,), path="/")) != []


# --- algorithms ---


@pytest.mark.parametrize(
    "options",
    [
        ["Ciphers aes256-ctr", "MACs hmac-sha2-256"],
        ["Ciphers aes256-ctr", "MACs hmac-sha2-512-etm@openssh.com"],
        ["Ciphers aes128-gcm@openssh.com"],
        ["KexAlgorithms diffie-hellman-group14-sha256"],
    ],
)
def test_modern_algorithms_are_accepted(tmp_path: Path, address: Addressing, options: list[str]) -> None:
    with running_sshd(tmp_path / "ssh", folder=tmp_path, options=options) as server:
        assert enter(address(server, path="/")) != []


@pytest.mark.parametrize(
    "options",
    [
        ["Ciphers 3des-cbc,aes256-cbc"],
        ["Ciphers aes256-ctr", "MACs hmac-md5,hmac-sha1"],
        ["KexAlgorithms diffie-hellman-group14-sha1"],
    ],
)
def test_old_algorithms_are_not(tmp_path: Path, address: Addressing, options: list[str]) -> None:
    with running_sshd(tmp_path / "ssh", folder=tmp_path, options=options) as server:
        assert "no algorithm in common" in refused(address(server)).seen


def test_aes_gcm_is_what_we_agree_on(tmp_path: Path, address: Addressing) -> None:
    with running_sshd(tmp_path / "ssh", folder=tmp_path, options=["LogLevel DEBUG1"]) as server:
        enter(address(server, path="/"))
        said = server.log.read_text()
    assert "kex: server->client cipher: aes256-gcm@openssh.com" in said


@pytest.fixture
def old_server(tmp_path: Path) -> Iterator[SftpServer]:
    options = ["HostKeyAlgorithms ssh-rsa", "PubkeyAcceptedAlgorithms ssh-rsa", "RekeyLimit 1M"]
    work = tmp_path / "ssh"
    with running_sshd(work, folder=tmp_path, host_key_types=("rsa",), options=options) as server:
        (work / "authorized_keys").write_text(public(make_key(tmp_path / "user", "rsa")))
        yield server


def test_a_server_that_signs_with_sha1_only_is_refused(old_server: SftpServer, address: Addressing) -> None:
    fault = refused(address(old_server))
    assert "no acceptable host key" in fault.seen
    assert "legacy_ssh_rsa" in fault.todo


def test_a_server_that_signs_with_sha1_only_is_accepted_by_opt_in_and_only_there(
    old_server: SftpServer, address: Addressing, drop: Path, tmp_path: Path
) -> None:
    content = os.urandom(8 * 1024 * 1024)  # enough for keys to be renewed
    put(drop, "Student.txt", content)
    old = address(old_server, legacy_ssh_rsa=True, key_file=tmp_path / "user")
    with SftpFolder(old) as folder:
        read = b"".join(chunk for _, chunk in folder.fetch(folder.entries()))
        refused(address(old_server, key_file=tmp_path / "user"))
    assert read == content


def test_the_opt_in_still_prefers_modern_signatures(tmp_path: Path, address: Addressing) -> None:
    options = ["LogLevel DEBUG1", "HostKeyAlgorithms ssh-rsa,rsa-sha2-256"]
    with running_sshd(tmp_path / "ssh", folder=tmp_path, host_key_types=("rsa",), options=options) as server:
        enter(address(server, path="/", legacy_ssh_rsa=True))
        assert "host key algorithm: rsa-sha2-256" in server.log.read_text()


# --- our credential ---


def test_a_refused_key_needs_a_person_and_is_tried_once(
    server: SftpServer, address: Addressing, tmp_path: Path
) -> None:
    with faulty_line(server.port, after=10**9, failure="close") as line:
        fault = refused(address(server, port=line.port, key_file=make_key(tmp_path / "stranger")))
        assert line.connections == 1
    assert fault.mover is Mover.DISTRICT
    assert fault.seen == f"the server refused our key for {server.username}"


def test_a_refused_password_needs_a_person(server: SftpServer, address: Addressing) -> None:
    fault = refused(address(server, key_file=None, password=lambda: SECRET))
    assert fault.seen == f"the server refused our password for {server.username}"


def test_without_any_credential_a_person_is_needed(server: SftpServer, address: Addressing) -> None:
    assert "without key or password" in refused(address(server, key_file=None)).seen


def test_a_password_after_a_refused_key_is_used(
    tmp_path: Path, address: Addressing, password_server: SftpServer
) -> None:
    both = address(
        password_server, key_file=make_key(tmp_path / "stranger"), password=lambda: SECRET, path="/"
    )
    assert enter(both) != []


def test_a_missing_key_file_is_the_engineers_move(
    server: SftpServer, address: Addressing, tmp_path: Path
) -> None:
    fault = refused(address(server, key_file=tmp_path / "nowhere"))
    assert (fault.mover, "does not exist" in fault.seen) == (Mover.ENGINEER, True)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_key_file_that_is_none_is_the_engineers_move(
    server: SftpServer, address: Addressing, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert refused(address(server, key_file=tmp_path / "key")).mover is Mover.ENGINEER


def test_an_encrypted_key_needs_its_passphrase(
    server: SftpServer, address: Addressing, tmp_path: Path
) -> None:
    key = tmp_path / "client"
    shutil.copy(server.client_key_path, key)
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(key)], check=True, capture_output=True)
    assert "needs a passphrase" in refused(address(server, key_file=key)).seen
    wrong = refused(address(server, key_file=key, key_passphrase=lambda: "battery staple"))
    assert "no private key that its passphrase opens" in wrong.seen
    assert enter(address(server, key_file=key, key_passphrase=lambda: SECRET, path="/")) != []


def test_an_address_shows_no_secret(server: SftpServer, address: Addressing) -> None:
    known = address(server, password=lambda: SECRET, key_passphrase=lambda: SECRET)
    for shown in (repr(known), str(known), known.url, repr(SftpFolder(known)), SftpFolder(known).where):
        assert SECRET not in shown
        assert "lambda" not in shown


@pytest.fixture
def password_server(tmp_path: Path) -> Iterator[SftpServer]:
    with server_with_password(tmp_path, ["PasswordAuthentication yes"]) as running:
        yield running


@contextmanager
def server_with_password(tmp_path: Path, options: list[str]) -> Iterator[SftpServer]:
    """Run sshd where only it sees a password file of ours: no user of this machine is made or changed."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("a password for sshd needs root and a mount namespace of its own")
    (tmp_path / "shadow").write_text(f"root:{SECRET_HASH}:20000:0:99999:7:::\n")
    (tmp_path / "pam").write_text(
        "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
    )
    script = 'mount --bind "$0/shadow" /etc/shadow && mount --bind "$0/pam" /etc/pam.d/sshd && exec "$@"'
    launcher = ["unshare", "-m", "sh", "-c", script, str(tmp_path)]
    with running_sshd(tmp_path / "ssh", folder=tmp_path, options=options, launcher=launcher) as server:
        yield server


def test_a_password_lets_us_in_and_a_wrong_one_does_not(
    address: Addressing, password_server: SftpServer
) -> None:
    known = {"key_file": None, "path": "/"}
    assert enter(address(password_server, password=lambda: SECRET, **known)) != []
    refused(address(password_server, password=lambda: SECRET + "!", **known))


def test_a_server_that_wants_key_and_password_gets_both(tmp_path: Path, address: Addressing) -> None:
    options = ["PasswordAuthentication yes", "AuthenticationMethods publickey,password"]
    with server_with_password(tmp_path, options) as server:
        assert enter(address(server, password=lambda: SECRET, path="/")) != []
        refused(address(server))


def test_a_server_that_asks_by_prompt_gets_the_password(tmp_path: Path, address: Addressing) -> None:
    options = ["UsePAM yes", "KbdInteractiveAuthentication yes"]
    with server_with_password(tmp_path, options) as server:
        assert enter(address(server, key_file=None, password=lambda: SECRET, path="/")) != []
        refused(address(server, key_file=None, password=lambda: SECRET + "!"))


# --- lines that fail ---


def test_a_port_where_nothing_listens_is_transient(
    server: SftpServer, address: Addressing, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreached) as caught:
        enter(address(server, port=port))
    assert caught.value.seen == "nothing listens there"
    assert capsys.readouterr().out == "", "standard output is for our results"


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 300])
def test_an_unknown_host_is_the_engineers_move(server: SftpServer, address: Addressing, host: str) -> None:
    with pytest.raises(Unreached) as caught:
        enter(address(server, host=host))
    assert caught.value.mover is Mover.ENGINEER


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-Mute\r\n", b"hello\r\n", b"SSH-2.0-" + b"x" * 100])
def test_a_server_that_hangs_is_left_after_a_few_bounded_attempts(
    server: SftpServer, address: Addressing, greeting: bytes
) -> None:
    with mute(greeting) as (port, visits):
        start = time.monotonic()
        with pytest.raises(Unreached) as caught:
            enter(address(server, port=port, connect_timeout=0.5))
        assert 0.5 < time.monotonic() - start < 5
        assert 1 < len(visits) <= 3
    assert caught.value.seen == "no answer in time"
    assert ends(lambda: not [thread for thread in threading.enumerate() if type(thread) is threading.Timer])


def ends(condition: Callable[[], bool], within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


@contextmanager
def mute(greeting: bytes) -> Iterator[tuple[int, list[socket.socket]]]:
    visits: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                visitor, _ = listener.accept()
            except OSError:
                return
            visits.append(visitor)
            visitor.sendall(greeting)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], visits
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for visitor in visits:
            visitor.close()


@pytest.mark.parametrize("failure", ["reset", "close", "stall"])
@pytest.mark.parametrize("after", [0, 700, 1600, 2100, 2500])
def test_a_line_that_fails_while_connecting_is_transient(
    server: SftpServer, address: Addressing, after: int, failure: Failure
) -> None:
    with faulty_line(server.port, after=after, failure=failure) as line, pytest.raises(TransientFault):
        enter(address(server, port=line.port, connect_timeout=0.4, io_timeout=0.4, path="/"))


def test_a_line_that_fails_once_is_tried_again(server: SftpServer, address: Addressing) -> None:
    with faulty_line(server.port, after=0, failure="reset") as line:

        def heal() -> None:
            while line.connections < 1:
                time.sleep(0.01)
            line.after = 10**9

        healer = threading.Thread(target=heal)
        healer.start()
        assert enter(address(server, port=line.port, path="/")) != []
        healer.join()
        assert line.connections == 2


def test_a_server_without_sftp_is_told_so(tmp_path: Path, address: Addressing) -> None:
    with (
        running_sshd(tmp_path / "ssh", folder=tmp_path, options=["ForceCommand /bin/false"]) as server,
        pytest.raises(TransientFault, match="opened no SFTP session"),
    ):
        enter(address(server))


def test_nothing_is_left_running(server: SftpServer, address: Addressing) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        enter(address(server, path="/"))
    assert ends(lambda: not set(threading.enumerate()) - before)
