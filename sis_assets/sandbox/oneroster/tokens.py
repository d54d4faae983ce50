"""Tokens: given for client credentials with scopes, or for a site login; good for a time, revocable at any.

Contract: OneRoster §4.3 (scopes by version); eSchoolPLUS §1.4 (the older credential set) and §1.6 (a token's version).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sis_assets.sandbox.oneroster.problems import OAuthProblem, Problem
from sis_assets.sandbox.oneroster.settings import Settings, Version
from sis_assets.sandbox.reply import Reply

_SCOPES = "https://purl.imsglobal.org/spec/or/{}/scope/"
_NAMES = (
    "roster-core.readonly",
    "roster.readonly",
    "roster-demographics.readonly",
    "gradebook.readonly",
    "gradebook.createput",
    "gradebook.createpost",
    "gradebook.delete",
)
#: How a version is written in addresses.
VERSION_PARTS: Mapping[Version, str] = {"1.1": "v1p1", "1.2": "v1p2"}


def scope(version: Version, name: str) -> str:
    """Return the address of a scope: `roster.readonly` and so on."""
    return _SCOPES.format(VERSION_PARTS[version]) + name


def grantable(settings: Settings) -> frozenset[str]:
    """Return the scopes that a token may be granted."""
    if settings.scopes is not None:
        return frozenset(settings.scopes)
    return frozenset(scope(version, name) for version in settings.versions for name in _NAMES)


@dataclass(frozen=True, slots=True)
class _Grant:
    until: float
    scopes: frozenset[str]


class Tokens:
    """The tokens that a provider has given out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._grants: dict[str, _Grant] = {}

    def for_client(self, authorization: str, body: str, settings: Settings) -> Reply:
        """Answer a request by client credentials.

        Raises OAuthProblem: 401 for wrong credentials, 400 for another grant, and for scopes that are unknown or missing.
        """
        form = dict(parse_qsl(body, keep_blank_values=True))
        if not _known(authorization, form, settings):
            raise OAuthProblem(401, "invalid_client")
        if form.get("grant_type") != "client_credentials":
            raise OAuthProblem(400, "unsupported_grant_type")
        asked = frozenset(form.get("scope", "").split())
        if not asked or not asked <= grantable(settings):
            raise OAuthProblem(400, "invalid_scope")
        return self._given(asked, settings)

    def for_site_login(self, body: str, settings: Settings) -> Reply:
        """Answer a site login. Raises OAuthProblem 401 unless domain, site code, login and password are right."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        expected = (settings.domain, settings.site_code, settings.login, settings.password)
        given = [form.get(name, "") for name in settings.site_login_fields]
        if not all(map(_same, given, expected)):
            raise OAuthProblem(401, "invalid_client")
        return self._given(grantable(settings), settings)

    def scopes(self, authorization: str) -> frozenset[str]:
        """Return the scopes of a request's token. Raises Problem 401, with `WWW-Authenticate`, where none is good."""
        grant = self._grants.get(authorization.removeprefix("Bearer "))
        if grant is None or grant.until <= self._clock():
            challenge = 'Bearer realm="OneRoster", error="invalid_token"'
            raise Problem(401, "the token is not good", headers={"WWW-Authenticate": challenge})
        return grant.scopes

    def revoke_all(self) -> None:
        """Make every token bad."""
        self._grants.clear()

    def _given(self, scopes: frozenset[str], settings: Settings) -> Reply:
        token, seconds = str(uuid.uuid4()), settings.token_seconds
        self._grants[token] = _Grant(self._clock() + seconds, scopes)
        told = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": str(seconds) if settings.expires_in_as_text else seconds,
            "scope": " ".join(sorted(scopes)),
        }
        return Reply(json.dumps(told))


def permitted(scopes: frozenset[str], version: Version, names: tuple[str, ...], settings: Settings) -> None:
    """Check that a token's scopes hold one of these of this version.

    Raises Problem: 403 where it is missing, the settings' status where all scopes are another version's.
    """
    prefix = scope(version, "")
    if not any(each.startswith(prefix) for each in scopes):
        raise Problem(settings.scope_version, "the token is for another version than the address")
    if not scopes & {scope(version, name) for name in names}:
        raise Problem(403, "the token lacks the scope of this collection")


def _known(authorization: str, form: Mapping[str, str], settings: Settings) -> bool:
    expected = (settings.client_id, settings.client_secret)
    in_header = _basic(authorization) if settings.client_auth != "body" else ()
    in_body = (form.get("client_id", ""), form.get("client_secret", ""))
    given = in_header or (in_body if settings.client_auth != "basic" else ("", ""))
    return all(map(_same, given, expected))


def _basic(authorization: str) -> tuple[str, ...]:
    """Return name and password of a Basic header; nothing where it is none."""
    try:
        name, _, password = (
            base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return ()
    return (name, password) if authorization.startswith("Basic ") else ()


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())
