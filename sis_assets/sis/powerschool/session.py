"""Authorised requests to one district's PowerSchool, and what its refusals mean (contract §1.1, §1.2, §1.5, §1.6).

Two kinds of 401 are told apart: of a token that ended, which one new token heals, and of a right that the plugin lacks,
which only a person heals.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from sis_assets.model.faults import AccessRefused, Mover, NeedsPerson, PermanentFault
from sis_assets.sis import clock
from sis_assets.sis.documents import values
from sis_assets.sis.documents.answers import understood
from sis_assets.sis.tokens import Credential, Token, Tokens, granted
from sis_assets.transport.http import Reply, Request, Server

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,80}")
_UNKNOWN_COLUMN: Final = re.compile(
    r"Invalid field specified: (\w{1,30}) is not valid column for table: (\w{1,30})"
)
_V1_RIGHT: Final = "accessLevelV1Api"
_NEWEST_PLUGIN: Final = "Install the newest plugin (`sis-assets plugin powerschool` builds it), which asks for this right, and enable it"


class NotThere(PermanentFault):
    """The server has no such resource (404)."""


class NotAllowed(PermanentFault):
    """The server does not allow this of this resource at all (405)."""


class _TokenRefusedError(Exception):
    """The token ended or was revoked."""


class Session:
    """One district's API, for many threads. Documents come parsed, their numbers as text."""

    def __init__(self, server: Server, credential: Credential, scratch: Path) -> None:
        self._server = server
        self._credential = credential
        self._tokens = Tokens(credential, scratch / "tokens", self._new_token)

    def get(self, what: str, path: str, query: Mapping[str, str], understand: Callable[[Any], T]) -> T:
        """GET with the token, and return what `understand` makes of the document; it raises ValueError where that is odd.

        Raises NeedsPerson for a missing right, NotThere for 404, PermanentFault for what else stays wrong, TransientFault.
        """
        return self._authorised(Request(what, "GET", path, query), understand)

    def post(
        self,
        what: str,
        path: str,
        query: Mapping[str, str],
        arguments: Mapping[str, object],
        understand: Callable[[Any], T],
    ) -> T:
        """POST the arguments of a query, or a row; otherwise as `get`."""
        return self._authorised(
            Request(what, "POST", path, query, body=json.dumps(dict(arguments)).encode()), understand
        )

    def sign_in(self) -> None:
        """Fetch a new token, whether or not one is kept. Raises NeedsPerson when the credential is refused."""
        self._new_token()

    def skew(self, what: str) -> float:
        """Return by how many seconds the server's clock is ahead of ours, whole seconds at best; 0 when it tells no time."""
        request = Request(
            what, "GET", "/ws/v1/metadata", headers={"Accept": "application/json"}, passing=True
        )
        return self._server.ask(request, lambda reply: clock.ahead(reply, time.time()))

    def _authorised(self, request: Request, understand: Callable[[Any], T]) -> T:
        token = self._tokens.current()
        try:
            return self._with_token(request, token, understand)
        except _TokenRefusedError:
            pass
        try:
            return self._with_token(request, self._tokens.instead_of(token), understand)
        except _TokenRefusedError:
            raise NeedsPerson(
                tried=request.what,
                seen="the server refuses a token that it has just issued",
                todo="See whether the plugin is enabled and whether the server's clock is right",
                mover=Mover.DISTRICT,
            ) from None

    def _with_token(self, request: Request, token: str, understand: Callable[[Any], T]) -> T:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        authorised = Request(request.what, request.method, request.path, request.query, headers, request.body)
        return self._server.ask(authorised, lambda reply: _understood(request.what, reply, understand))

    def _new_token(self) -> Token:
        request = Request(
            "Fetching an access token",
            "POST",
            "/oauth/access_token",
            headers={
                "Accept": "application/json",
                "Authorization": self._credential.basic,
                "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            },
            body=b"grant_type=client_credentials",
            passing=True,
        )
        return self._server.ask(request, lambda reply: _token(request.what, reply, time.time()))


def _token(what: str, reply: Reply, now: float) -> Token:
    if reply.status in {400, 401, 403}:
        raise AccessRefused(
            tried=what,
            seen=f"the server refuses the client id or the client secret ({reply.status})",
            todo="Send both values again from the plugin's Data Configuration page; see there that it is enabled",
            mover=Mover.DISTRICT,
        )

    def understand(document: Any) -> Token:
        answer = values.as_object(document)
        value = values.text(answer.get("access_token"))
        lifetime = values.whole(answer.get("expires_in"))
        if not value or lifetime <= 0:
            raise ValueError("no token or no lifetime")
        return granted(value, lifetime, now)

    return _understood(what, reply, understand)


def _understood(what: str, reply: Reply, understand: Callable[[Any], T]) -> T:
    """Return what `understand` makes of a good answer. Raises the fault of any other."""
    if reply.status not in {200, 201}:
        raise _refusal(what, reply)
    return understood(what, reply, understand)


def _refusal(what: str, reply: Reply) -> Exception:
    match reply.status:
        case 401:
            return _unauthorised(what, reply)
        case 403:
            fields = ", ".join(_fields(reply)) or "a right that the server does not name"
            return NeedsPerson(
                tried=what, seen=f"the plugin lacks {fields} (403)", todo=_NEWEST_PLUGIN, mover=Mover.DISTRICT
            )
        case 404:
            return NotThere(
                tried=what,
                seen="the server has no such resource (404)",
                todo="Check sis.url and the PowerSchool version",
                mover=Mover.ENGINEER,
            )
        case 400:
            column = _UNKNOWN_COLUMN.search(_message(reply))
            seen = f"has no column {column[2]}.{column[1]}" if column else "does not accept the request"
            return PermanentFault(
                tried=what,
                seen=f"the server {seen} (400)",
                todo="Report this with the PowerSchool version; the contract must be adapted",
                mover=Mover.ENGINEER,
            )
        case 405:
            return NotAllowed(
                tried=what,
                seen="the server does not allow this (405)",
                todo="Report this with the PowerSchool version; the contract must be adapted",
                mover=Mover.ENGINEER,
            )
        case status:
            return PermanentFault(
                tried=what,
                seen=f"the server answers {status}",
                todo="Look into the PowerSchool server's log for this time",
                mover=Mover.DISTRICT if status >= 500 else Mover.ENGINEER,  # noqa: PLR2004 - server errors
            )


def _unauthorised(what: str, reply: Reply) -> Exception:
    message = _message(reply)
    if _V1_RIGHT in message:
        return NeedsPerson(
            tried=what,
            seen=f'the plugin lacks the right <oauth {_V1_RIGHT}="READ"/> (401)',
            todo=_NEWEST_PLUGIN,
            mover=Mover.DISTRICT,
        )
    if "www-authenticate" in reply.headers:
        return _TokenRefusedError()
    fields = ", ".join(_fields(reply)) or "a right that the server does not name"
    return NeedsPerson(
        tried=what, seen=f"the plugin lacks {fields} (401)", todo=_NEWEST_PLUGIN, mover=Mover.DISTRICT
    )


def _body(reply: Reply) -> dict[str, Any]:
    try:
        return values.as_object(values.parse(reply.body))
    except ValueError:
        return {}


def _message(reply: Reply) -> str:
    """Return the server's message, to look for what we know; it is not shown: it may quote a value."""
    body = _body(reply)
    inner = body.get("errorMessage")
    found = inner.get("message") if isinstance(inner, dict) else body.get("message")
    return found if isinstance(found, str) else ""


def _fields(reply: Reply) -> Iterable[str]:
    """Return the fields that a refusal names, as table.field."""
    for error in values.as_list(_body(reply).get("errors")):
        if isinstance(error, dict):
            named = f"{error.get('resource')}.{error.get('field')}"
            if _NAME.fullmatch(named):
                yield named
