"""One server's state and how it answers: rights and faults first, then the resource (contract: PowerSchool §1.1, §1.2)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sis_assets.sandbox.control import Control, answered, misunderstood
from sis_assets.sandbox.powerschool import queries, tables, v1
from sis_assets.sandbox.powerschool.data import District
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.day import Churn, after_a_day, after_the_summer
from sis_assets.sandbox.powerschool.faults import SCENARIOS, Effects, Fault, Faults, missing_v1_right
from sis_assets.sandbox.powerschool.oauth import Tokens
from sis_assets.sandbox.powerschool.plugin import Plugin
from sis_assets.sandbox.powerschool.reply import Call, Refusal
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.request_log import RequestLog
from sis_assets.sandbox.wire import response_of
from sis_assets.sandbox.xml_text import as_xml

Answer = Callable[[Call], Reply]


class Service:
    """A PowerSchool server without its socket.

    faults, log, tokens, plugin and the district may be changed while it serves.
    """

    def __init__(self, district: District, settings: Settings, plugin: Plugin) -> None:
        self.settings, self.plugin = settings, plugin
        self.database = Database(district, settings)
        self.faults, self.log, self.tokens = Faults(), RequestLog(), Tokens(settings)

    def become(self, district: District) -> None:
        """Serve this district from now on."""
        self.database = Database(district, self.settings)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(routes=[*self._control_routes(), *self._powerschool_routes()])

    def _powerschool_routes(self) -> list[Route]:
        def get(path: str, answer: Answer) -> Route:
            return self._route(path, answer, "GET")

        def post(path: str, answer: Answer) -> Route:
            return self._route(path, answer, "POST")

        def not_found(_: Call) -> Reply:
            raise Refusal(404, "Resource not found")

        query, table = "/ws/schema/query", "/ws/schema/table"
        return [
            Route("/oauth/access_token", self._token, methods=["POST"]),
            Route("/oauth/access_token/", self._token, methods=["POST"]),
            get("/ws/v1/district", v1.district),
            get("/ws/v1/{parent:str}/{one}/count", lambda call: v1.count(call, self.database)),
            get("/ws/v1/{parent}/{dcid:int}/{one}/count", lambda call: v1.count(call, self.database)),
            get("/ws/v1/{parent}/{dcid:int}/{one}", lambda call: v1.listing(call, self.database)),
            get("/ws/v1/{one}/{dcid:int}", lambda call: v1.single(call, self.database)),
            get("/ws/v1/{parent}/{one}", lambda call: v1.listing(call, self.database)),
            get("/ws/powerqueryaccesslist/", lambda _: queries.catalogue(self.plugin)),
            get(f"{query}/api", lambda _: queries.catalogue(self.plugin)),
            post(f"{query}/{{name}}", lambda call: queries.answered(call, self.database, self.plugin)),
            post(f"{query}/{{name}}/count", lambda call: queries.count(call, self.database, self.plugin)),
            get(table, lambda _: tables.catalogue(self.database)),
            get(f"{table}/{{table}}", lambda call: tables.listing(call, self.database, self.plugin.rights)),
            post(f"{table}/{{table}}", self._inserted),
            get(
                f"{table}/{{table}}/count", lambda call: tables.count(call, self.database, self.plugin.rights)
            ),
            get(
                f"{table}/{{table}}/metadata",
                lambda call: tables.metadata(call, self.database, self.plugin.rights),
            ),
            get(
                f"{table}/{{table}}/{{dcid}}",
                lambda call: tables.single(call, self.database, self.plugin.rights),
            ),
            self._route("/{rest:path}", not_found, "GET", "POST", "PUT", "DELETE"),
        ]

    def _route(self, path: str, answer: Answer, *methods: str) -> Route:
        async def endpoint(request: Request) -> Response:
            body = (await request.body()).decode("utf-8", "replace")
            return await self._responded(
                request, lambda effects: self._answered(request, body, effects, answer)
            )

        return Route(path, endpoint, methods=list(methods))

    async def _token(self, request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        header = request.headers.get("authorization", "")
        return await self._responded(request, lambda _: self.tokens.issued(header, body))

    async def _responded(self, request: Request, answer: Callable[[Effects], Reply]) -> Response:
        """Answer a request as the faults let it be answered, and log it."""
        with self.log.request(request.method, request.url.path, request.url.query) as logged:
            page = request.query_params.get("page", "1")
            effects = self.faults.effects(request.url.path, int(page) if page.isdecimal() else 1)
            if effects.pause:
                await asyncio.sleep(effects.pause)
            if effects.revoke:
                self.tokens.revoke_all()
            try:
                reply = effects.instead or answer(effects)
            except Refusal as refusal:
                reply = refusal.reply
            logged.status = reply.status
            return response_of(_as_asked(reply, request), breaks=effects.breaks, skew_seconds=effects.skew)

    def _answered(self, request: Request, body: str, effects: Effects, answer: Answer) -> Reply:
        path = request.url.path
        if path == "/ws/v1/metadata":
            return v1.metadata(self.settings)
        if path == "/ws/v1/time":
            return v1.clock(skew_seconds=effects.skew)
        if path.startswith("/ws/"):
            self.tokens.check(request.headers.get("authorization", ""))
        if path.startswith("/ws/v1/") and self.plugin.rights.v1 not in ("READ", "FULL"):
            return missing_v1_right("READ")
        parameters = {name: str(value) for name, value in request.path_params.items()}
        return answer(Call(parameters, dict(request.query_params), body, effects.twist))

    def _inserted(self, call: Call) -> Reply:
        reply, district = tables.inserted(call, self.database, self.plugin.rights)
        if district is not self.database.district:
            self.become(district)
        return reply

    def _control_routes(self) -> list[Route]:
        return [
            *Control(Fault, self.faults, SCENARIOS, self.log).routes(),
            Route("/_sandbox/day", self._day, methods=["POST"]),
            Route("/_sandbox/summer", self._summer, methods=["POST"]),
        ]

    async def _day(self, request: Request) -> Response:
        """POST {"arrivals": 3, …} plays a day (keys of Churn)."""
        try:
            churn = TypeAdapter(Churn).validate_python(await request.json())
        except ValueError as error:
            return misunderstood(error)
        self.become(after_a_day(self.database.district, churn))
        return answered({"today": self.database.district.today.isoformat()})

    async def _summer(self, request: Request) -> Response:  # noqa: ARG002
        self.become(after_the_summer(self.database.district))
        return answered({"today": self.database.district.today.isoformat()})


def _as_asked(reply: Reply, request: Request) -> Reply:
    """Return the reply as XML where JSON is not asked for; tokens are JSON always."""
    if not reply.content_type.startswith("application/json") or not request.url.path.startswith("/ws/"):
        return reply
    if "json" in request.headers.get("accept", ""):
        return reply
    return dataclasses.replace(reply, text=as_xml(reply.text), content_type="application/xml;charset=UTF-8")
