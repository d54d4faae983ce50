"""Signed requests: OAuth 1.0a without a token of its own ("two-legged"), by RFC 5849, with HMAC-SHA1 or HMAC-SHA256.

Contract: OneRoster §4.3; eSchoolPLUS §1.4 (signature methods, and that a nonce is taken once).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sis_assets.sandbox.oneroster.problems import Problem
from sis_assets.sandbox.oneroster.settings import Settings

_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_MEMBER = re.compile(r'\s*([^=\s,]+)\s*=\s*"([^"]*)"\s*')
_USUAL_PORTS = {"http": 80, "https": 443}
_NEEDED = (
    "oauth_consumer_key",
    "oauth_signature",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature_method",
)

Parameters = list[tuple[str, str]]


def authorization_parameters(header: str) -> Parameters:
    """Return the parameters of an `Authorization: OAuth` header, decoded, without the realm (RFC 5849 §3.5.1)."""
    members = _MEMBER.findall(header.removeprefix("OAuth "))
    return [(unquote(name), unquote(value)) for name, value in members if name != "realm"]


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return what is signed (RFC 5849 §3.4.1).

    url         the whole address; what stands in its query is signed as well
    parameters  those of the header, and of a form in the body, decoded; a signature among them is left out
    """
    parts = urlsplit(url)
    port = "" if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
    place = f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}{port}{parts.path or '/'}"
    every = [*parse_qsl(parts.query, keep_blank_values=True), *parameters]
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in every if name != "oauth_signature")
    normalized = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join((method.upper(), _encoded(place), _encoded(normalized)))


def signature(text: str, method: str, consumer_secret: str, token_secret: str = "") -> str:
    """Return the signature of a base string (RFC 5849 §3.4.2), by HMAC-SHA1 or HMAC-SHA256."""
    key = f"{_encoded(consumer_secret)}&{_encoded(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), _HASHES[method]).digest()).decode()


class SignedRequests:
    """Checks signed requests, and takes none of them twice."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._taken: set[tuple[str, str]] = set()

    def check(
        self, method: str, url: str, authorization: str, settings: Settings, *, skew_seconds: float = 0.0
    ) -> None:
        """Raise Problem unless the header signs this request, now, for the first time.

        skew_seconds  how far the provider's clock is ahead

        400 for a header that lacks something, says it twice or is of another method; 401 for everything else.
        """
        given = authorization_parameters(authorization)
        named = dict(given)
        if len(named) != len(given) or not all(named.get(name) for name in _NEEDED):
            raise Problem(400, "a parameter of OAuth is missing, or there twice")
        if named.get("oauth_version", "1.0") != "1.0":
            raise Problem(400, "oauth_version is 1.0")
        if named["oauth_signature_method"] not in settings.signature_methods:
            raise Problem(400, "this signature method is not accepted")
        if named["oauth_consumer_key"] != settings.consumer_key:
            raise _refused("the consumer key is unknown")
        expected = signature(
            base_string(method, url, given), named["oauth_signature_method"], settings.consumer_secret
        )
        if not secrets.compare_digest(expected.encode(), named["oauth_signature"].encode()):
            raise _refused("the signature is wrong")
        if not self._timely(named["oauth_timestamp"], skew_seconds, settings.clock_skew_seconds):
            raise _refused("the timestamp is too far off")
        once = (named["oauth_timestamp"], named["oauth_nonce"])
        if once in self._taken:
            raise _refused("the nonce was used before")
        self._taken.add(once)

    def _timely(self, timestamp: str, skew: float, allowed: int) -> bool:
        if not re.fullmatch("[0-9]{1,12}", timestamp):
            return False
        return abs(self._clock() + skew - int(timestamp)) <= allowed


def _refused(description: str) -> Problem:
    return Problem(401, description, headers={"WWW-Authenticate": 'OAuth realm="OneRoster"'})


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
