"""Asking for an access token: by OAuth 2 client credentials, or by another form (contract OneRoster §4.3, eSchoolPLUS §1.4)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from sis_assets.model.faults import AccessRefused, Mover, PermanentFault
from sis_assets.sis.documents import values
from sis_assets.sis.documents.answers import understood
from sis_assets.sis.tokens import Credential, Token, granted
from sis_assets.transport.http import Reply, Request, Server

_WHAT: Final = "Fetching an access token"
_OK: Final = frozenset({200, 201})
_REFUSED: Final = frozenset({400, 401, 403})
#: Of a token whose server tells no lifetime. Too long costs one refused request, which a new token heals.
_UNTOLD_SECONDS: Final = 600
_ERRORS: Final = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


def fetch(server: Server, path: str, credential: Credential, *, in_body: bool) -> Token:
    """Have the server issue a token for the credential's scope; `in_body` sends id and secret in the form.

    Raises AccessRefused when credential or scope are refused.
    """
    form = {"grant_type": "client_credentials"}
    if credential.scope:
        form["scope"] = credential.scope
    if in_body:
        form |= {"client_id": credential.client_id, "client_secret": credential.client_secret}
    return by_form(server, path, form, {} if in_body else {"Authorization": credential.basic})


def by_form(server: Server, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Token:
    """Have the server issue a token for what a form says. Raises AccessRefused when it is refused."""
    usual = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    request = Request(
        _WHAT, "POST", path, headers={**usual, **headers}, body=urlencode(form).encode(), passing=True
    )
    return server.ask(request, lambda reply: _token(reply, time.time()))


def _token(reply: Reply, now: float) -> Token:
    if reply.status in _REFUSED:
        raise AccessRefused(
            tried=_WHAT,
            seen=f"the server refuses {_refused(reply)}",
            todo="Compare the credentials and the scopes with those that the provider shows; see that the client is active there",
            mover=Mover.DISTRICT,
        )
    if reply.status not in _OK:
        raise PermanentFault(
            tried=_WHAT,
            seen=f"the server answers {reply.status}",
            todo="Check the token's address in sis.auth of the district file",
            mover=Mover.ENGINEER,
        )

    def understand(document: Any) -> Token:
        answer = values.as_object(document)
        value = values.text(answer.get("access_token"))
        lifetime = values.whole(answer.get("expires_in", _UNTOLD_SECONDS))
        if not value or lifetime <= 0:
            raise ValueError("no token or no lifetime")
        return granted(value, lifetime, now)

    return understood(_WHAT, reply, understand)


def _refused(reply: Reply) -> str:
    """Return what a refusal is about: the scopes where the server says so, else the client. Only the standard's words are told."""
    try:
        error = values.as_object(values.parse(reply.body)).get("error")
    except ValueError:
        error = None
    known = f", {error}" if isinstance(error, str) and error in _ERRORS else ""
    about = "the scopes" if error == "invalid_scope" else "the credentials"
    return f"{about} ({reply.status}{known})"
