"""Access tokens of client credentials: fetched once, kept until shortly before they end, shared by runs and processes.

A token is kept in a file (0600) below the scratch folder, encrypted under a key that the client secret gives. The file's
name is made of the credential too: after a district regenerates its secret, the old file is found and read by nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeGuard

from cryptography.fernet import Fernet, InvalidToken

_SPARE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server knows a client by: the address, the client's id and its secret; `scope` is what it asks the token for."""

    url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scope: str = ""

    @property
    def basic(self) -> str:
        """The Authorization header that asks for a token."""
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def derived(self, purpose: str) -> bytes:
        """Return 32 bytes that only this credential gives, for one purpose."""
        told = json.dumps([purpose, self.url, self.client_id, self.scope]).encode()
        return hmac.digest(self.client_secret.encode(), told, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and until when to use it, in seconds since 1970."""

    value: str = field(repr=False)
    use_until: float


def granted(value: str, lifetime: float, now: float) -> Token:
    """Return a token granted `now` for `lifetime` seconds, to be used until shortly before its end."""
    return Token(value, now + lifetime - min(_SPARE_SECONDS, lifetime / 10))


def _usable(token: Token | None, refused: str | None) -> TypeGuard[Token]:
    return token is not None and token.value != refused and time.time() < token.use_until


class Tokens:
    """The current token of one credential, for many threads. `ask` fetches a new one from the server."""

    def __init__(self, credential: Credential, folder: Path, ask: Callable[[], Token]) -> None:
        self._path = folder / credential.derived("name").hex()
        self._cipher = Fernet(base64.urlsafe_b64encode(credential.derived("key")))
        self._ask = ask
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> str:
        """Return a token that should be valid."""
        return self._other_than(None)

    def instead_of(self, refused: str) -> str:
        """Return a token other than the refused one: another thread's or process's newer one, else a new one."""
        return self._other_than(refused)

    def _other_than(self, refused: str | None) -> str:
        with self._lock:
            if not _usable(self._token, refused):
                self._token = self._load()
            if not _usable(self._token, refused):
                self._token = self._ask()
                self._save(self._token)
            return self._token.value

    def _load(self) -> Token | None:
        try:
            value, use_until = json.loads(self._cipher.decrypt(self._path.read_bytes()))
            return Token(str(value), float(use_until))
        except (OSError, InvalidToken, ValueError, TypeError):
            return None  # none yet, or none of ours: a new one is one request away

    def _save(self, token: Token) -> None:
        """Keep the token for others; where the disk does not take it, they ask for their own."""
        temporary = self._path.with_name(f".{self._path.name}-{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "wb") as out:
                out.write(self._cipher.encrypt(json.dumps([token.value, token.use_until]).encode()))
            temporary.replace(self._path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
