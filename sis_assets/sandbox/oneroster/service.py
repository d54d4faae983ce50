"""One provider's state and how it answers: faults and access first, then the resource (contract: OneRoster §4.3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from urllib.parse import unquote

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sis_assets.sandbox.control import Control, answered, misunderstood
from sis_assets.sandbox.oneroster import gradebook, rostering
from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.day import Churn, after_a_day, after_the_summer
from sis_assets.sandbox.oneroster.district import District
from sis_assets.sandbox.oneroster.faults import SCENARIOS, Effects, Fault, Faults
from sis_assets.sandbox.oneroster.gradebook import Gradebook
from sis_assets.sandbox.oneroster.oauth1 import SignedRequests
from sis_assets.sandbox.oneroster.pages import Question, whole
from sis_assets.sandbox.oneroster.problems import OAuthProblem, Problem, refused
from sis_assets.sandbox.oneroster.settings import Settings, Version
from sis_assets.sandbox.oneroster.tokens import Tokens, permitted
from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.request_log import RequestLog
from sis_assets.sandbox.wire import response_of

_ROSTERING, _GRADEBOOK = rostering.known, gradebook.known
#: Where each version has what; 1.1 has everything in one place.
_PLACES: tuple[tuple[str, Version, tuple[Callable[[Question], bool], ...]], ...] = (
    ("/ims/oneroster/v1p1", "1.1", (_ROSTERING, _GRADEBOOK)),
    ("/ims/oneroster/rostering/v1p2", "1.2", (_ROSTERING,)),
    ("/ims/oneroster/gradebook/v1p2", "1.2", (_GRADEBOOK,)),
)
TOKEN_PATH = "/token"  # noqa: S105 - where it is, not what it is
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Service:
    """A OneRoster provider without its socket.

    faults, log, tokens, settings and the district may be changed while it serves.
    """

    def __init__(self, district: District, settings: Settings) -> None:
        self.database = Database(district, settings)
        self.faults, self.log = Faults(), RequestLog()
        self.tokens, self.signed, self.gradebook = Tokens(), SignedRequests(), Gradebook()

    @property
    def settings(self) -> Settings:
        """How it behaves now."""
        return self.database.settings

    def become(self, district: District) -> None:
        """Serve this district from now on."""
        self.database = Database(district, self.settings)

    def change(self, settings: Settings) -> None:
        """Behave like this from now on."""
        self.database = Database(self.database.district, settings)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                *Control(Fault, self.faults, SCENARIOS, self.log).routes(),
                Route("/_sandbox/settings", self._settings, methods=["POST"]),
                Route("/_sandbox/day", self._day, methods=["POST"]),
                Route("/_sandbox/summer", self._summer, methods=["POST"]),
                Route("/{rest:path}", self._endpoint, methods=_METHODS),
            ]
        )

    async def _endpoint(self, request: Request) -> Response:
        """Answer a request as the faults let it be answered, and log it."""
        body = (await request.body()).decode("utf-8", "replace")
        with self.log.request(request.method, request.url.path, request.url.query) as logged:
            effects = self.faults.effects(request.url.path, _offset(request))
            if effects.pause:
                await asyncio.sleep(effects.pause)
            if effects.revoke:
                self.tokens.revoke_all()
            reply = self._replied(request, body, effects)
            logged.status = reply.status
            return response_of(reply, breaks=effects.breaks, skew_seconds=effects.skew)

    def _replied(self, request: Request, body: str, effects: Effects) -> Reply:
        try:
            if isinstance(effects.instead, Problem):
                raise effects.instead
            return effects.instead or self._answered(request, body, effects)
        except (Problem, OAuthProblem) as problem:
            return refused(problem, self.settings)

    def _answered(self, request: Request, body: str, effects: Effects) -> Reply:
        settings = self.settings
        path = _raw_path(request)
        if not path.startswith(f"{settings.prefix}/"):
            raise Problem(404, "nothing is here")
        path = path.removeprefix(settings.prefix)
        given = self._token_for(request, path)
        if given is not None:
            if not self._open():
                raise OAuthProblem(401, "invalid_client")
            return given(body)
        if not self._open():
            raise Problem(settings.refused_status, "access has ended")
        question = self._question(request, path, body, effects)
        self._admit(request, question, effects.skew)
        if settings.subscriptions is not None and question.names[0] not in settings.subscriptions:
            raise Problem(403, "the profile does not subscribe to this collection")
        if gradebook.known(question):
            return self.gradebook.answered(question, self.database)
        return rostering.answered(question, self.database)

    def _token_for(self, request: Request, path: str) -> Callable[[str], Reply] | None:
        """Return what gives a token to whoever asks this path for one; nothing where it gives none."""
        settings, authorization = self.settings, request.headers.get("authorization", "")
        if request.method != "POST":
            return None
        if path == TOKEN_PATH and "oauth2" in settings.schemes:
            return lambda body: self.tokens.for_client(authorization, body, settings)
        if path == settings.site_login_path and "site_login" in settings.schemes:
            return lambda body: self.tokens.for_site_login(body, settings)
        return None

    def _open(self) -> bool:
        ends = self.settings.access_ends
        return self.settings.active and (ends is None or self.database.district.today <= ends)

    def _question(self, request: Request, path: str, body: str, effects: Effects) -> Question:
        """Return what is asked. Raises Problem 404 where the path leads nowhere."""
        for place, version, known in _PLACES:
            if path.startswith(f"{place}/") and version in self.settings.versions:
                question = Question(
                    method=request.method,
                    version=version,
                    base=f"{request.url.scheme}://{request.url.netloc}{self.settings.prefix}{place}",
                    path=tuple(map(unquote, path.removeprefix(f"{place}/").rstrip("/").split("/"))),
                    query=dict(request.query_params),
                    body=body,
                    twist=effects.twist,
                )
                if any(leads(question) for leads in known):
                    return question
        raise Problem(404, "nothing is here")

    def _admit(self, request: Request, question: Question, skew: float) -> None:
        """Raise Problem unless the request proves that it may read this."""
        settings, authorization = self.settings, request.headers.get("authorization", "")
        if authorization.startswith("OAuth "):
            if "oauth1" not in settings.schemes or question.version not in settings.oauth1_versions:
                raise Problem(401, "signed requests are not accepted here")
            self.signed.check(request.method, _address(request), authorization, settings, skew_seconds=skew)
            return
        needed = (gradebook if gradebook.known(question) else rostering).scopes(question)
        permitted(self.tokens.scopes(authorization), question.version, needed, settings)

    async def _settings(self, request: Request) -> Response:
        """POST {"leavers": "gone", …} changes settings, by their names."""
        try:
            told = {**_SETTINGS.dump_python(self.settings), **await request.json()}
            self.change(_SETTINGS.validate_python(told))
        except (ValueError, TypeError) as error:
            return misunderstood(error)
        return answered(json.loads(_SETTINGS.dump_json(self.settings)))

    async def _day(self, request: Request) -> Response:
        """POST {"arrivals": 3, …} plays a day (keys of Churn)."""
        try:
            churn = TypeAdapter(Churn).validate_python(await request.json())
        except ValueError as error:
            return misunderstood(error)
        self.become(after_a_day(self.database.district, churn))
        return self._today()

    async def _summer(self, request: Request) -> Response:  # noqa: ARG002
        try:
            self.become(after_the_summer(self.database.district))
        except ValueError as error:
            return misunderstood(error)
        return self._today()

    def _today(self) -> Response:
        return answered({"today": self.database.district.today.isoformat()})


_SETTINGS = TypeAdapter(Settings)


def _raw_path(request: Request) -> str:
    """Return the path as it was sent: in an id, an encoded slash is none."""
    return str(request.scope["raw_path"].decode("ascii", "replace")).partition("?")[0]


def _offset(request: Request) -> int:
    """Return where the page begins that is asked for, as far as faults care."""
    try:
        return whole(request.query_params, "offset", 0)
    except Problem:
        return 0


def _address(request: Request) -> str:
    """Return the address as it was sent, which is what a signature is of."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.scheme}://{request.headers.get('host', '')}{_raw_path(request)}{query}"
