"""Requests to one district's Aeries by its certificate, and what its refusals mean (contract §2.1).

Which status a server has for a bad certificate, and which for a missing area, is not agreed: 401 and 403 are both told of
both. What every certificate may read tells them apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from sis_assets.model.faults import AccessRefused, Fault, Mover, NeedsPerson, PermanentFault
from sis_assets.sis.documents.answers import understood
from sis_assets.transport.http import Reply, Request, Server

T = TypeVar("T")

API: Final = "/api/v5"
SYSTEM_INFO: Final = "/systeminfo"
#: What every certificate may read, whatever its areas.
FOR_ALL: Final = "/schools"
_JSON: Final = {"Accept": "application/json"}
_A_HEADER_VALUE: Final = re.compile(r"[!-~]+")
_NEW_CERTIFICATE: Final = "Send the certificate again as Aeries' API Security page shows it, letter by letter; see there that it is active"


class NotThere(PermanentFault):
    """The server has no such resource (404)."""


class NotAccepted(PermanentFault):
    """The server does not accept what was sent (400): a value, or a rule of its own."""


class SwitchedOff(NeedsPerson):
    """The server knows the resource but does not offer it: a feature flag is off (501)."""


class AreaMissing(NeedsPerson):
    """The certificate is right and may not read this (401 or 403)."""


class _RefusedError(Exception):
    """The server refuses the certificate, or its permission."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


class Session:
    """One district's API, for many threads; every request but the one about the system is of the database `year`."""

    def __init__(self, server: Server, certificate: str, year: int) -> None:
        self._server = server
        self._certificate = certificate
        self.year = year

    def get(
        self,
        what: str,
        path: str,
        understand: Callable[[Any], T],
        query: Mapping[str, str] | None = None,
        *,
        area: str = "",
    ) -> T:
        """GET below `/api/v5`, and return what `understand` makes of the document; it raises ValueError where that is odd.

        `area` names the permission area that opens it. Raises AreaMissing, AccessRefused for a certificate that is refused,
        NotThere for 404, SwitchedOff for 501, PermanentFault for what else stays wrong, TransientFault.
        """
        asked = self._request(what, path, query or {})
        try:
            return self._server.ask(asked, lambda reply: _understood(what, reply, understand))
        except _RefusedError as refused:
            status = refused.status
        raise self._refusal(what, area, status)

    def send(
        self,
        what: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        understand: Callable[[Any], T],
        *,
        area: str,
    ) -> T:
        """POST, PUT or DELETE below `/api/v5`; what was deleted is understood from None. Raises NotAccepted, else as `get`."""
        content = None if body is None else json.dumps(dict(body)).encode()
        asked = self._request(what, path, {}, method=method, body=content)
        try:
            return self._server.ask(asked, lambda reply: _understood(what, reply, understand))
        except _RefusedError as refused:
            status = refused.status
        raise self._refusal(what, area, status, right="Insert, Update and Delete")

    def system(self, understand: Callable[[Any], T]) -> T:
        """GET what the server tells everybody of itself, without the certificate; otherwise as `get`."""
        what = "Reading what the server tells of itself"
        request = Request(what, "GET", API + SYSTEM_INFO, headers=_JSON)
        try:
            return self._server.ask(request, lambda reply: _understood(what, reply, understand))
        except _RefusedError as refused:
            status = refused.status
        raise PermanentFault(
            tried=what,
            seen=f"the server answers {status}, though this needs no certificate",
            todo="Check sis.url; see whether something in front of the server lets our address through on port 443",
            mover=Mover.DISTRICT,
        )

    def _request(
        self,
        what: str,
        path: str,
        query: Mapping[str, str],
        *,
        passing: bool = False,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Request:
        if not _A_HEADER_VALUE.fullmatch(self._certificate):
            raise NeedsPerson(
                tried=what,
                seen="the certificate has white space or characters that no certificate has",
                todo="Put the certificate alone into its place, without quotes and line ends",
                mover=Mover.ENGINEER,
            )
        headers = {**_JSON, "AERIES-CERT": self._certificate}
        if body is not None:
            headers["Content-Type"] = "application/json"
        asked = {"DatabaseYear": str(self.year), **query}
        return Request(what, method, API + path, asked, headers, body, passing=passing)

    def _refusal(self, what: str, area: str, status: int, right: str = "Read") -> Fault:
        try:
            self._server.ask(
                self._request("Trying the certificate", FOR_ALL, {}, passing=True),
                lambda reply: _understood(what, reply, lambda _: None),
            )
        except _RefusedError as refused:
            return AccessRefused(
                tried=what,
                seen=f"the server refuses the certificate ({refused.status})",
                todo=_NEW_CERTIFICATE,
                mover=Mover.DISTRICT,
            )
        named = f'{right} of "{area}"' if area else "what lets it read this, which every certificate should"
        return AreaMissing(
            tried=what,
            seen=f"the certificate is right, but lacks the permission for {area or 'this'} ({status})",
            todo=f"In Aeries, on the API Security page, open the permissions of our certificate and tick {named}",
            mover=Mover.DISTRICT,
        )


def _understood(what: str, reply: Reply, understand: Callable[[Any], T]) -> T:
    """Return what `understand` makes of a good answer. Raises the fault of any other."""
    if reply.status in {401, 403}:
        raise _RefusedError(reply.status)
    if reply.status == 204:  # noqa: PLR2004 - no content
        return understand(None)
    if reply.status not in {200, 201}:
        raise _fault(what, reply.status)
    return understood(what, reply, understand)


def _fault(what: str, status: int) -> Fault:
    match status:
        case 404:
            return NotThere(
                tried=what,
                seen="the server has no such resource (404)",
                todo="Check sis.url (it must end with the site path, such as /aeries or /admin) and the Aeries version",
                mover=Mover.ENGINEER,
            )
        case 501:
            return SwitchedOff(
                tried=what,
                seen="the server has switched this off by a feature flag (501)",
                todo="Ask Aeries' support to switch on the feature flag of the API's v5 enhancements",
                mover=Mover.DISTRICT,
            )
        case 400:
            return NotAccepted(
                tried=what,
                seen="the server does not accept the request (400)",
                todo="Report this with the Aeries version; the contract must be adapted",
                mover=Mover.ENGINEER,
            )
        case _:
            return PermanentFault(
                tried=what,
                seen=f"the server answers {status}",
                todo="Look into the Aeries server's log for this time",
                mover=Mover.DISTRICT if status >= 500 else Mover.ENGINEER,  # noqa: PLR2004 - server errors
            )
