"""A folder on an SFTP server: a drop, or where our files go. The only module that knows paramiko.

The server must show a host key that the district's file pins; nothing is learnt on first sight. Only modern
algorithms are offered, AES-GCM first; a server that can sign with nothing but SHA-1 (`ssh-rsa`) needs the
district's own opt-in, which binds that one connection. No agent and no key of the machine is ever tried.
Connecting, from the first packet to the open session, has one time limit; reading has one for silence and
one for being slow. Importing this module loads paramiko: import it where it is used.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final, Self, cast

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import IncompatiblePeer

from sis_assets.model.faults import TransientFault
from sis_assets.transport import sftp_faults as faults
from sis_assets.transport import sftp_protocol as protocol
from sis_assets.transport import sftp_writing as writing
from sis_assets.transport.drop import MOST_ENTRIES, Entry, Kind, NotThere, kind_of, too_many, touched
from sis_assets.transport.retry import ATTEMPTS, attempts
from sis_assets.transport.sftp_address import HostKey, SftpAddress
from sis_assets.transport.sftp_faults import Unreached

__all__ = ["SftpAddress", "SftpFolder", "Unreached"]

_CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr")
_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
_KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA)
_SHA1 = "ssh-rsa"

_WINDOW = 4 * protocol.BYTES_UNDER_WAY  # the server may have this much on the way before it waits for us
_SLOWEST: Final = 16 * 1024  # bytes a second; a server below this would keep a run busy for hours
_LISTING_SECONDS: Final = 300.0

# What paramiko would log are the server's words and stack traces. Our faults tell what matters; a person who
# hunts a protocol error lets this logger propagate.
_WIRE = logging.getLogger(f"{__name__}.wire")
_WIRE.addHandler(logging.NullHandler())
_WIRE.propagate = False


class SftpFolder:
    """A folder on a server, open within its `with` block: one connection. See sis_assets.transport.drop.Drop.

    Entering raises NeedsPerson when the server or the credential is not the agreed one, and TransientFault
    when the server cannot be reached after a few attempts. A refused credential is never tried again.
    """

    def __init__(self, address: SftpAddress) -> None:
        self._address = address
        self._transport: paramiko.Transport | None = None
        self._session: protocol.Session | None = None

    @property
    def where(self) -> str:
        """The drop as a URL, without any secret."""
        return self._address.url

    @property
    def grain_ns(self) -> int:
        """SFTP tells whole seconds, and some servers' file systems every other one."""
        return 2_000_000_000

    def __enter__(self) -> Self:
        for attempt in attempts(Unreached, within=ATTEMPTS * self._address.connect_timeout):
            with attempt:
                self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._transport is not None:
            _close(self._transport)
        self._transport = self._session = None

    def entries(self) -> tuple[Entry, ...]:
        """List the folder; links are listed, not followed. Raises NotThere and as Drop says."""
        with self._told("Listing") as session:
            session.finish_within(_LISTING_SECONDS)
            try:
                listed = session.listing(_bytes(self._address.path or "."), most=MOST_ENTRIES)
            except protocol.TooMany:
                raise too_many(self.where) from None
            except protocol.Refused as refused:
                if refused.code == protocol.NO_SUCH_FILE:
                    raise NotThere(self.where) from None
                raise
        return tuple(sorted(map(_entry, listed), key=lambda entry: entry.name))

    def fetch(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, memoryview]]:
        """Read all `entries` at once, their chunks interleaved; see Drop.fetch."""
        folder = (self._address.path or ".").rstrip("/")
        wanted = [
            protocol.Wanted(_bytes(f"{folder}/{e.name}"), e.size, e.mtime_ns // 1_000_000_000 or None)
            for e in entries
        ]
        with self._told("Reading files in") as session:
            session.finish_within(self._address.io_timeout + sum(e.size for e in entries) / _SLOWEST)
            try:
                for index, chunk in session.read(wanted):
                    yield entries[index], chunk
            except protocol.Changed as changed:
                raise touched(self.where, entries[changed.index].name, changed.how) from None

    def put(self, name: str, chunks: Iterable[bytes], size: int) -> None:
        """Write a file of `size` bytes, whole under its name or not there at all. Raises NeedsPerson, TransientFault."""
        folder = (self._address.path or ".").rstrip("/")
        with self._told(f"Writing {name} into") as session:
            session.finish_within(self._address.io_timeout + size / _SLOWEST)
            try:
                writing.put(session, _bytes(folder), _bytes(name), chunks)
            except protocol.Refused as refused:
                raise faults.unwritable(f"Writing {name} into {self.where}", refused) from None

    @contextmanager
    def _told(self, doing: str) -> Iterator[protocol.Session]:
        """Give the session, and tell what goes wrong with it as faults."""
        if self._session is None:
            raise RuntimeError("an SftpFolder is used within its with block")
        tried = f"{doing} {self.where}"
        try:
            yield self._session
        except protocol.Refused as refused:
            raise faults.refused(tried, refused) from None
        except protocol.TooSlow:
            raise faults.broken(tried, "the server was too slow to finish in time") from None
        except protocol.Garbled as garbled:
            raise faults.broken(tried, f"the server broke the SFTP protocol: {garbled}") from None
        except TimeoutError:
            silence = f"the server was silent for {self._address.io_timeout:g} s"
            raise faults.broken(tried, silence) from None
        except (EOFError, OSError, paramiko.SSHException) as error:
            raise faults.broken(tried, "the connection was lost") from error

    def _connect(self) -> None:
        address = self._address
        tried = f"Connecting to {self.where}"
        pinned = _pinned(tried, address.host_keys)
        try:
            endpoint = (address.host, address.port)
            line = socket.create_connection(endpoint, timeout=address.connect_timeout)
        except (socket.gaierror, UnicodeError) as error:
            raise faults.unknown_host(tried) from error
        except OSError as error:
            raise faults.unreached(tried, error) from error
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = _transport(line, pinned, legacy=address.legacy_ssh_rsa)
        try:
            with _cut_off_after(address.connect_timeout, line, tried):
                _agree(tried, transport, legacy=address.legacy_ssh_rsa)
                _check_host_key(tried, transport, pinned)
                self._log_in(tried, transport)
                self._session = self._open_session(tried, transport)
        except BaseException:
            _close(transport)
            raise
        self._transport = transport

    def _log_in(self, tried: str, transport: paramiko.Transport) -> None:
        """Try our key, then our password; each once. Raises NeedsPerson, TransientFault."""
        address = self._address
        user = address.username
        if address.key_file is not None:
            key = _private_key(tried, address.key_file, address.key_passphrase)
            if address.legacy_ssh_rsa and isinstance(key, paramiko.RSAKey):
                key = _LegacyRsaKey(key=key.key)
            if not _refusal(tried, transport, lambda event: transport.auth_publickey(user, key, event)):
                return
        if address.password is not None:
            secret = address.password()
            refusal = _refusal(tried, transport, lambda event: transport.auth_password(user, secret, event))
            if not refusal:
                return
            by_prompt = isinstance(refusal, paramiko.BadAuthenticationType) and (
                "keyboard-interactive" in refusal.allowed_types
            )
            if by_prompt and _answered_prompt(tried, transport, user, secret):
                return
        raise faults.no_entry(tried, address)

    def _open_session(self, tried: str, transport: paramiko.Transport) -> protocol.Session:
        try:
            channel = transport.open_session(window_size=_WINDOW)
            channel.settimeout(self._address.io_timeout)
            channel.invoke_subsystem("sftp")
            return protocol.Session(channel)
        except (EOFError, OSError, paramiko.SSHException, protocol.Garbled) as error:
            raise faults.broken(tried, "the server let us in but opened no SFTP session") from error


class _LegacyRsaKey(paramiko.RSAKey):
    """An RSA key that may sign and verify with SHA-1 as well."""

    HASHES: ClassVar = {**paramiko.RSAKey.HASHES, _SHA1: hashes.SHA1}  # type: ignore[misc]


class _LegacyTransport(paramiko.Transport):
    """A connection that may fall back to SHA-1 signatures, also when it renews its keys. No other one may."""

    # Names that paramiko has and its stubs leave out.
    _preferred_keys: tuple[str, ...]
    host_key_type: str | None

    _key_info: ClassVar[dict[str, type[paramiko.PKey]]] = {
        **paramiko.Transport._key_info,  # type: ignore[attr-defined]
        _SHA1: _LegacyRsaKey,
    }

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Leave out certificates: there is none of this kind."""
        return tuple(self._preferred_keys)

    @property
    def preferred_pubkeys(self) -> tuple[str, ...]:
        """Sign with SHA-1 ourselves only where the server could do no better either."""
        modern = tuple(super().preferred_pubkeys)
        return (_SHA1, *modern) if self.host_key_type == _SHA1 else modern


def _transport(line: socket.socket, pinned: Sequence[HostKey], *, legacy: bool) -> paramiko.Transport:
    transport = (_LegacyTransport if legacy else paramiko.Transport)(line)
    transport.set_log_channel(_WIRE.name)
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.digests = _MACS
    options.kex = tuple(name for name in _KEX if name in options.kex)  # OpenSSL may lack one
    # The pinned types first: a server with several keys then shows the one we know. The others follow so that
    # a changed key can be told from a missing one.
    known = [name for key in pinned for name in (_RSA if key.type == _SHA1 else (key.type,))]
    asked = [name for name in known if name in _HOST_KEYS] + list(_HOST_KEYS)
    options.key_types = tuple(dict.fromkeys([*asked, _SHA1] if legacy else asked))
    return transport


def _agree(tried: str, transport: paramiko.Transport, *, legacy: bool) -> None:
    """Exchange keys. Raises NeedsPerson when there is no common algorithm, Unreached when the line breaks."""
    done = threading.Event()
    transport.start_client(event=done)
    done.wait()
    if transport.is_active():
        return
    error = transport.get_exception()
    if isinstance(error, IncompatiblePeer):
        raise faults.incompatible(tried, str(error), legacy=legacy) from error
    raise faults.unreached(tried, error) from error


def _pinned(tried: str, lines: Sequence[str]) -> list[HostKey]:
    try:
        return [HostKey.parse(line) for line in lines]
    except ValueError:
        raise faults.unpinned(tried) from None


def _check_host_key(tried: str, transport: paramiko.Transport, pinned: Sequence[HostKey]) -> None:
    key = transport.get_remote_server_key()
    shown = HostKey(key.get_name(), key.asbytes())
    if shown not in pinned:
        raise faults.other_host_key(tried, shown, pinned)


def _private_key(tried: str, path: Path, passphrase: Callable[[], str] | None) -> paramiko.PKey:
    # The stubs want text, the function bytes.
    secret = cast("str", passphrase().encode()) if passphrase else None
    try:
        return paramiko.PKey.from_path(path, secret)
    except FileNotFoundError:
        how = "does not exist"
    except OSError as error:
        how = f"cannot be read: {error.strerror}"
    except (TypeError, ValueError, paramiko.SSHException, UnknownKeyType, UnsupportedAlgorithm):
        how = "is no private key that its passphrase opens" if secret else "needs a passphrase, or is no key"
    raise faults.bad_key_file(tried, path, how)


def _refusal(
    tried: str, transport: paramiko.Transport, start: Callable[[threading.Event], object]
) -> paramiko.AuthenticationException | None:
    """Try one way to log in; return the server's refusal, or None when we are in.

    Raises TransientFault when the line broke instead.
    """
    done = threading.Event()
    try:
        start(done)
    except (EOFError, OSError, paramiko.SSHException) as error:
        raise faults.broken(tried, "the connection was lost") from error
    done.wait()
    if transport.is_authenticated():
        return None
    seen = transport.get_exception()
    if isinstance(seen, paramiko.AuthenticationException):
        return seen
    if transport.is_active():
        return paramiko.AuthenticationException()
    raise faults.broken(tried, "the server broke off while we logged in") from seen


def _answered_prompt(tried: str, transport: paramiko.Transport, username: str, secret: str) -> bool:
    """Give the password to servers that ask for it by a prompt, and to one prompt only."""

    def answer(_title: str, _instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        return [secret] * min(len(prompts), 1)

    try:
        transport.auth_interactive(username, answer)
    except paramiko.AuthenticationException:
        return False
    except (EOFError, OSError, paramiko.SSHException) as error:
        raise faults.broken(tried, "the server broke off while we logged in") from error
    return transport.is_authenticated()


@contextmanager
def _cut_off_after(seconds: float, line: socket.socket, tried: str) -> Iterator[None]:
    """Cut the line when the block takes longer: whatever waits on it fails at once, and is told as late."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        _cut(line)

    watchdog = threading.Timer(seconds, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    except TransientFault as fault:
        if not late.is_set():
            raise
        if isinstance(fault, Unreached):
            raise faults.unreached(tried, TimeoutError()) from fault
        raise faults.broken(tried, "no answer in time") from fault
    finally:
        watchdog.cancel()


def _cut(line: socket.socket | paramiko.Channel) -> None:
    with suppress(OSError):  # it may be down already
        line.shutdown(socket.SHUT_RDWR)


def _close(transport: paramiko.Transport) -> None:
    transport.packetizer.complete_handshake()  # else its timer outlives a handshake that failed
    _cut(transport.sock)  # wakes its thread, which looks for an end only ten times a second
    transport.close()


def _entry(listed: protocol.Listed) -> Entry:
    told = listed.attributes
    return Entry(
        name=listed.name.decode("utf-8", "surrogateescape"),
        size=told.size or 0,
        mtime_ns=(told.mtime or 0) * 1_000_000_000,
        kind=kind_of(told.mode) if told.mode else _kind_by_line(listed.longname),
    )


def _kind_by_line(longname: bytes) -> Kind:
    """Servers without POSIX modes still write an `ls -l` line, and some nothing but the name."""
    kinds: dict[bytes, Kind] = {b"d": "folder", b"l": "link", b"p": "other", b"s": "other", b"b": "other"}
    return kinds.get(longname[:1], "file") if b" " in longname else "file"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
