"""The ways in which a OneRoster client proves who it is, behind one face (contract OneRoster §4.3, eSchoolPLUS §1.4).

OAuth 1.0a signs every request anew, with a nonce and a time that no other try has; OAuth 2 brings a token; a site login
brings a token too, or itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from oauthlib import oauth1

from sis_assets.sis.tokens import Tokens
from sis_assets.transport.http import Request

_SCOPE: Final = "https://purl.imsglobal.org/spec/or/{version}/scope/"
_SCOPES: Final = ("roster-core.readonly", "roster.readonly", "roster-demographics.readonly")
_VERSIONS: Final[Mapping[str, str]] = {"1.1": "v1p1", "1.2": "v1p2"}


#: What to look at when a site login is refused.
SITE_REFUSED: Final = "Compare domain, site code, login and password with those that the district has"


class Auth(Protocol):
    """Makes requests authorised. Threads share one."""

    def authorised(self, request: Request) -> Request:
        """Return the request with what proves who we are. Raises a Fault when that cannot be had."""

    def renewed(self, refused: Request) -> Request | None:
        """Return the request with a newer proof than the one that the server refused, None where there is no other."""

    def sign_in(self) -> str:
        """Prove anew who we are, where that takes a request of its own, and return what was seen. Raises a Fault."""

    @property
    def refusal(self) -> str:
        """What a person is to look at when the server refuses us."""


@dataclass(frozen=True, slots=True)
class OAuth1:
    """Signs with a consumer's key and secret; `method` is HMAC-SHA1 or HMAC-SHA256. All that is signed is read by GET."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    method: str

    def authorised(self, request: Request) -> Request:
        """Return the request; it is signed when it is sent, every time it is sent."""
        return replace(request, sign=self._signature)

    def renewed(self, refused: Request) -> None:
        """Return None: another signature proves nothing more."""

    def sign_in(self) -> str:
        """Return that nothing is to be fetched."""
        return f"requests are signed by {self.method}; the collections below show whether that is accepted"

    @property
    def refusal(self) -> str:
        """Key, secret, method or clock."""
        return (
            "Compare the consumer key and secret and the signature method with those that the provider shows;"
            " see that both clocks are right, and that the client is active there"
        )

    def _signature(self, _: str, url: str) -> Mapping[str, str]:
        client = oauth1.Client(self.consumer_key, self.consumer_secret, signature_method=self.method)
        _, headers, _ = client.sign(url, http_method="GET")
        return {"Authorization": headers["Authorization"]}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Brings an access token. `fetch` has the server issue a new one, whether or not one is kept; `refusal` is what to check."""

    tokens: Tokens = field(repr=False)
    fetch: Callable[[], object] = field(repr=False)
    refusal: str = "See that sis.version and the scopes belong together, and that the client is active there"

    def authorised(self, request: Request) -> Request:
        """Return the request with the current token."""
        return _bearing(request, self.tokens.current())

    def renewed(self, refused: Request) -> Request:
        """Return the request with another token than before."""
        old = refused.headers["Authorization"].removeprefix("Bearer ")
        return _bearing(refused, self.tokens.instead_of(old))

    def sign_in(self) -> str:
        """Fetch a new token. Raises NeedsPerson when the credential or a scope is refused."""
        self.fetch()
        return "a token was issued"


@dataclass(frozen=True, slots=True)
class SiteLogin:
    """Brings the login itself by HTTP Basic, with every request, and the site in two headers, whose names are the district file's."""

    login: str = field(repr=False)
    password: str = field(repr=False)
    site: Mapping[str, str]

    def authorised(self, request: Request) -> Request:
        """Return the request with login and site."""
        pair = base64.b64encode(f"{self.login}:{self.password}".encode()).decode()
        return replace(request, headers={**request.headers, **self.site, "Authorization": f"Basic {pair}"})

    def renewed(self, refused: Request) -> None:
        """Return None: there is no other proof."""

    def sign_in(self) -> str:
        """Return that nothing is to be fetched."""
        return "login and site go with every request; the collections below show whether they are accepted"

    @property
    def refusal(self) -> str:
        """Login and site."""
        return SITE_REFUSED


def scope_names(collection: str) -> str:
    """Return the short names of the scopes of which one lets a collection be read."""
    return _SCOPES[2] if collection == "demographics" else " or ".join(_SCOPES[:2])


def scopes_of(version: str) -> tuple[str, ...]:
    """Return the scopes that rostering needs, those of one OneRoster version."""
    prefix = _SCOPE.format(version=_VERSIONS[version])
    return tuple(prefix + scope for scope in _SCOPES)


def _bearing(request: Request, token: str) -> Request:
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})
