"""One server's state and how it answers: certificate and faults first, then the resource (contract: Aeries §2.1)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sis_assets.sandbox.aeries.answers import ENDPOINTS
from sis_assets.sandbox.aeries.call import Call
from sis_assets.sandbox.aeries.data import District
from sis_assets.sandbox.aeries.database import Database
from sis_assets.sandbox.aeries.day import Churn, after, after_the_summer
from sis_assets.sandbox.aeries.endpoint import Endpoint
from sis_assets.sandbox.aeries.faults import SCENARIOS, Effects, Fault, Faults
from sis_assets.sandbox.aeries.feeds import History
from sis_assets.sandbox.aeries.reply import Refusal
from sis_assets.sandbox.aeries.requests import Book
from sis_assets.sandbox.aeries.settings import Settings
from sis_assets.sandbox.control import Control, answered, misunderstood
from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.request_log import RequestLog
from sis_assets.sandbox.wire import response_of
from sis_assets.sandbox.xml_text import as_xml

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_NOT_FOUND = Reply(
    "<!DOCTYPE html><html><body><h1>404</h1></body></html>", 404, content_type="text/html; charset=utf-8"
)


class Service:
    """An Aeries server without its socket.

    areas, faults, log and the district may be changed while it serves.
    """

    def __init__(self, district: District, settings: Settings, areas: frozenset[str]) -> None:
        self.settings, self.areas = settings, areas
        self.faults, self.log = Faults(), RequestLog()
        self._histories = {each.year: History(Database(each, settings)) for each in _each_year(district)}
        #: Course requests by the year of the database.
        self.books: defaultdict[int, Book] = defaultdict(Book)

    @property
    def database(self) -> Database:
        """The database of this school year."""
        return self._histories[max(self._histories)].database

    def become(self, district: District) -> None:
        """Serve this district from now on; the feeds tell what has changed."""
        self._histories = {each.year: self._continued(each) for each in _each_year(district)}

    def _continued(self, district: District) -> History:
        """Return the history of one year's database, with a step more where it has changed."""
        history = self._histories.get(district.year)
        if history is None:
            return History.beginning(Database(district, self.settings))
        if history.database.district is district:
            return history
        return history.then(Database(district, self.settings))

    def application(self) -> Starlette:
        """Return the ASGI application."""
        api = f"/{self.settings.site_path}/api/{{version}}/{{resource:path}}"
        return Starlette(
            routes=[
                *Control(Fault, self.faults, SCENARIOS, self.log).routes(),
                Route("/_sandbox/day", self._day, methods=["POST"]),
                Route("/_sandbox/summer", self._summer, methods=["POST"]),
                Route(api, self._responded, methods=_METHODS),
                Route("/{elsewhere:path}", self._responded, methods=_METHODS),
            ]
        )

    async def _responded(self, request: Request) -> Response:
        """Answer a request as the faults let it be answered, and log it."""
        body = (await request.body()).decode("utf-8", "replace")
        query = {name.lower(): value for name, value in request.query_params.items()}
        with self.log.request(request.method, request.url.path, request.url.query) as logged:
            start = query.get("startingrecord", "1")
            effects = self.faults.effects(request.url.path, int(start) if start.isdecimal() else 1)
            if effects.pause:
                await asyncio.sleep(effects.pause)
            try:
                reply = effects.instead or self._answered(request, query, body, effects)
            except Refusal as refusal:
                reply = refusal.reply
            logged.status = reply.status
            return response_of(
                self._as_asked(reply, request), breaks=effects.breaks, skew_seconds=effects.skew
            )

    def _answered(self, request: Request, query: Mapping[str, str], body: str, effects: Effects) -> Reply:
        resource = request.path_params.get("resource")
        if resource is None or request.path_params["version"].lower() != "v5":
            return _NOT_FOUND
        found, parameters = _found(request.method, resource)
        if not found.open:
            told = request.headers.get("aeries-cert", query.get("cert"))
            if told != self.settings.certificate or effects.revoked:
                raise Refusal(self.settings.bad_certificate_status, "Invalid certificate")
        if found.area in self.settings.off | effects.twist.off:
            raise Refusal(501, "This feature is not turned on")
        if found.area is not None and found.area not in self.areas - effects.twist.without:
            raise Refusal(self.settings.missing_area_status, f"No permission to {found.area}")
        history = self._history_of(query.get("databaseyear", ""), wrong=effects.twist.wrong_year)
        local = self.database.district.now.replace(tzinfo=ZoneInfo(self.settings.timezone))
        return found.answer(
            Call(
                history=history,
                book=self.books[history.database.district.year],
                path=parameters,
                query=query,
                body=body,
                twist=effects.twist,
                now=local + timedelta(seconds=effects.skew),
                years=self.database.district.years,
            )
        )

    def _history_of(self, asked: str, *, wrong: bool) -> History:
        """Return the year that is asked for; the default one, without a word, where the year is missing or invalid."""
        years = sorted(self._histories, reverse=True)
        default = years[0 if self.settings.default_year == "current" else 1]
        year = int(asked) if asked.isdecimal() and int(asked) in years else default
        if wrong:
            year = next(each for each in years if each != year)
        return self._histories[year]

    def _as_asked(self, reply: Reply, request: Request) -> Reply:
        """Return the reply as XML where JSON is not asked for."""
        accept = request.headers.get("accept", "*/*")
        wants_json = "json" in accept or (accept == "*/*" and self.settings.any_accept == "json")
        if wants_json or not reply.content_type.startswith("application/json") or not reply.text:
            return reply
        return dataclasses.replace(
            reply, text=as_xml(reply.text), content_type="application/xml; charset=utf-8"
        )

    async def _day(self, request: Request) -> Response:
        """POST {"arrivals": 3, …} plays a day (keys of Churn)."""
        try:
            churn = TypeAdapter(Churn).validate_python(await request.json())
        except ValueError as error:
            return misunderstood(error)
        self.become(after(self.database.district, churn))
        return answered({"today": self.database.district.today.isoformat()})

    async def _summer(self, request: Request) -> Response:  # noqa: ARG002
        self.become(after_the_summer(self.database.district))
        return answered({"today": self.database.district.today.isoformat()})


def _each_year(district: District) -> list[District]:
    return [each for each in map(district.database, district.years) if each is not None]


def _found(method: str, resource: str) -> tuple[Endpoint, Mapping[str, str]]:
    """Return the resource of a path (a slash at its end counts for nothing). Raises Refusal where there is none."""
    path, known = resource.removesuffix("/"), False
    for each in ENDPOINTS:
        if match := each.path.fullmatch(path):
            known = True
            if each.method == method:
                return each, match.groupdict()
    if known:
        raise Refusal(405, f"The requested resource does not support http method '{method}'.")
    raise Refusal(404, "No HTTP resource was found that matches the request URI")
