"""Tokens: issued for the right credentials, good for a time, revocable at any (contract: PowerSchool §1.1)."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
import uuid
from collections.abc import Callable
from urllib.parse import parse_qs

from sis_assets.sandbox.powerschool.reply import Refusal
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.reply import Reply


class Tokens:
    """The tokens that a server has given out."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._until: dict[str, float] = {}

    def issued(self, authorization: str, body: str) -> Reply:
        """Answer `POST /oauth/access_token`. Raises Refusal 401 for wrong credentials, 400 for another grant."""
        if not self._known(authorization):
            raise Refusal(401, body={"error": "invalid_client"})
        if parse_qs(body).get("grant_type") != ["client_credentials"]:
            raise Refusal(400, body={"error": "unsupported_grant_type"})
        token, seconds = str(uuid.uuid4()), self._settings.token_seconds
        self._until[token] = self._clock() + seconds
        expires_in = str(seconds) if self._settings.expires_in_as_text else seconds
        return Reply(json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}))

    def check(self, authorization: str) -> None:
        """Raise Refusal 401, with `WWW-Authenticate`, unless the header holds a token that is still good."""
        token = authorization.removeprefix("Bearer ")
        if self._until.get(token, 0.0) <= self._clock():
            challenge = 'Bearer error="invalid_token",realm="PowerSchool",error_description="The access token has expired"'
            raise Refusal(401, body={"error": "invalid_token"}, headers={"WWW-Authenticate": challenge})

    def revoke_all(self) -> None:
        """Make every token bad, as when an administrator regenerates the credentials or disables the plugin."""
        self._until.clear()

    def _known(self, authorization: str) -> bool:
        try:
            given = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        expected = f"{self._settings.client_id}:{self._settings.client_secret}"
        return secrets.compare_digest(given.encode(), expected.encode())
