"""Where an SFTP drop is, how we enter it, and by which host keys we know its server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class SftpAddress:
    """Where a district's SFTP drop is and how we enter.

    host_keys       the server's keys as "type base64"; it may show any of them: the second is for a rotation
    path            the folder of the drop on the server; empty: where a session starts
    key_file        our private key; tried before the password
    legacy_ssh_rsa  lets this server sign with SHA-1
    connect_timeout seconds for everything up to the open session, of one attempt
    io_timeout      seconds that the server may stay silent afterwards
    """

    host: str
    port: int
    username: str
    host_keys: tuple[str, ...]
    path: str
    password: Callable[[], str] | None = field(default=None, repr=False)
    key_file: Path | None = None
    key_passphrase: Callable[[], str] | None = field(default=None, repr=False)
    legacy_ssh_rsa: bool = False
    connect_timeout: float = 45
    io_timeout: float = 60

    @property
    def url(self) -> str:
        """The drop as a URL, without any secret."""
        return f"sftp://{self.username}@{self.host}:{self.port}/{self.path.lstrip('/')}"

    @property
    def credentials(self) -> str:
        """Which credentials are configured, in words."""
        held = [name for name, value in (("key", self.key_file), ("password", self.password)) if value]
        return " and ".join(held) or "entry without key or password"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key: its type and its bytes."""

    type: str
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read "type base64", whatever follows. Raises ValueError."""
        kind, text = line.split()[:2]
        return cls(kind, base64.b64decode(text, validate=True))

    def __str__(self) -> str:
        """Return type and fingerprint, as OpenSSH shows them."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"{self.type} SHA256:{digest.rstrip('=')}"
