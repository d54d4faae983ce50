"""Authorised requests to one OneRoster server, and what its refusals mean (contract OneRoster §4.3, eSchoolPLUS §1.4, §1.6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sis_assets.model.faults import AccessRefused, Fault, Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.sis import clock
from sis_assets.sis.documents.answers import understood
from sis_assets.sis.oneroster.api import envelope
from sis_assets.sis.oneroster.api.auth import Auth
from sis_assets.transport.http import Reply, Request, Server

T = TypeVar("T")
#: The headers of a reply, names in lower case.
Headers = Mapping[str, str]

_OK: Final = 200
_SERVER_ERRORS: Final = 500


class NotThere(PermanentFault):
    """The server has no such resource (404)."""


class FilterRefused(PermanentFault):
    """The server does not take the filter."""


class _RefusedError(Exception):
    """The server does not take our proof (401); the fault is what to say when there is no better one."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__()


@dataclass(frozen=True, slots=True)
class Provider:
    """Who gives the API, in words for people: how a right to a collection is granted, and where a field is let out."""

    grant: Callable[[str], str]
    release: str


class Session:
    """One server's API under one base path, for many threads."""

    def __init__(self, server: Server, auth: Auth, base_path: str, provider: Provider) -> None:
        self._server = server
        self._auth = auth
        self._base_path = base_path
        self._provider = provider

    def get(
        self,
        what: str,
        collection: str,
        query: Mapping[str, str],
        understand: Callable[[Any, Headers], T],
    ) -> T:
        """GET a collection and return what `understand` makes of document and headers; it raises ValueError where that is odd.

        Raises NeedsPerson for a refused client and a missing right, NotThere for 404, FilterRefused, PermanentFault for
        what else stays wrong, TransientFault.
        """
        path = f"{self._base_path}/{collection}"
        request = self._auth.authorised(
            Request(what, "GET", path, query, headers={"Accept": "application/json"})
        )

        try:
            return self._ask(request, collection, understand)
        except _RefusedError as refused:
            renewed = self._auth.renewed(request)
            if renewed is None:
                raise refused.fault from None
        try:
            return self._ask(renewed, collection, understand)
        except _RefusedError as refused:
            raise refused.fault from None

    def sign_in(self) -> str:
        """Prove anew who we are and return what was seen. Raises NeedsPerson when the credential is refused."""
        return self._auth.sign_in()

    def skew(self, what: str) -> float:
        """Return by how many seconds the server's clock is ahead of ours, whole seconds at best; 0 when it tells no time."""
        request = Request(what, "GET", f"{self._base_path}/orgs", {"limit": "1"}, passing=True)
        return self._server.ask(request, lambda reply: clock.ahead(reply, time.time()))

    @property
    def release(self) -> str:
        """Where a field that is withheld is let out."""
        return self._provider.release

    def _ask(self, request: Request, collection: str, understand: Callable[[Any, Headers], T]) -> T:
        return self._server.ask(
            request, lambda reply: self._answer(request.what, collection, reply, understand)
        )

    def _answer(self, what: str, collection: str, reply: Reply, understand: Callable[[Any, Headers], T]) -> T:
        if reply.status != _OK:
            raise self._refusal(what, collection, reply)

        def sound(document: Any) -> T:
            if envelope.is_failure(document):
                raise self._refusal(what, collection, reply)
            return understand(document, reply.headers)

        return understood(what, reply, sound)

    def _refusal(self, what: str, collection: str, reply: Reply) -> Exception:
        codes = envelope.codes(reply)
        said = f"({', '.join([str(reply.status), *codes])})"
        if envelope.BUSY in codes:
            return _busy(what, said)
        match reply.status:
            case 401:
                fault = AccessRefused(
                    tried=what,
                    seen=f"the server refuses the client {said}",
                    todo=self._auth.refusal,
                    mover=Mover.DISTRICT,
                )
                return _RefusedError(fault)
            case 403:
                return NeedsPerson(
                    tried=what,
                    seen=f"the client lacks the right to {collection} {said}",
                    todo=self._provider.grant(collection),
                    mover=Mover.DISTRICT,
                )
            case 404:
                return NotThere(
                    tried=what,
                    seen=f"the server has no {collection} {said}",
                    todo="Check sis.url, sis.version and sis.base_path; what the provider does not give, belongs to sis.without",
                    mover=Mover.ENGINEER,
                )
            case 400 | 422 if envelope.BAD_FILTER in codes:
                return FilterRefused(
                    tried=what,
                    seen=f"the server does not filter {collection} by dateLastModified {said}",
                    todo="Remove sis.deltas from the district file",
                    mover=Mover.ENGINEER,
                )
            case status:
                return _unaccepted(what, said, is_ours=status < _SERVER_ERRORS)


def _busy(what: str, said: str) -> TransientFault:
    return TransientFault(
        tried=what,
        seen=f"the server is busy {said}",
        todo="The next run tries again; if it goes on, lower sis.concurrency or sis.limit",
        mover=Mover.ENGINEER,
    )


def _unaccepted(what: str, said: str, *, is_ours: bool) -> PermanentFault:
    if is_ours:
        return PermanentFault(
            tried=what,
            seen=f"the server does not accept the request {said}",
            todo="See that sis.version is the one of the address and of the scopes; try a smaller sis.limit and sis.sort none",
            mover=Mover.ENGINEER,
        )
    return PermanentFault(
        tried=what,
        seen=f"the server fails {said}",
        todo="Ask the provider what its log says for this time",
        mover=Mover.DISTRICT,
    )
