"""A plain caller of a OneRoster provider: it knows HTTP and nothing else, so that tests see what was really sent."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from sis_assets.sandbox.oneroster.server import Sandbox

BASES = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
SCOPE = "https://purl.imsglobal.org/spec/or/v{}/scope/{}"
NAMES = ("roster-core.readonly", "roster-demographics.readonly")


def scopes(version: str, *names: str) -> str:
    return " ".join(SCOPE.format(version.replace(".", "p"), name) for name in names or NAMES)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def minor(self) -> str:
        """The code of an error in the standard's envelope."""
        (field,) = self.json["imsx_CodeMinor"]["imsx_codeMinorField"]
        return str(field["imsx_codeMinorFieldValue"])


@dataclass
class Caller:
    sandbox: Sandbox
    version: str
    token: str = ""

    @property
    def base(self) -> str:
        return urlsplit(self.sandbox.url).path + BASES[self.version]

    def authorize(self, scope: str | None = None, **changed: str) -> Answer:
        settings = self.sandbox.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": scopes(self.version) if scope is None else scope,
        }
        path = urlsplit(self.sandbox.token_url).path
        answer = self.call("POST", path, body=urlencode(form | changed), headers={})
        self.token = answer.json.get("access_token", "")
        return answer

    def get(self, collection: str, **query: object) -> Answer:
        """Ask for what is below the version's base."""
        path = f"{self.base}/{collection}"
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def rows(self, collection: str, *, limit: int = 1_000_000, **query: object) -> list[dict[str, Any]]:
        """Every record, page by page until one is empty."""
        found: list[dict[str, Any]] = []
        for place in range(10_000):
            answer = self.get(collection, limit=limit, offset=place * limit, **query)
            assert answer.status == 200, answer.content
            page = next(iter(answer.json.values()))
            if not page:
                return found
            found += page
        raise AssertionError("no end")

    def ids(self, collection: str, **query: Any) -> list[str]:
        return [row["sourcedId"] for row in self.rows(collection, **query)]

    def call(
        self, method: str, path: str, *, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.sandbox.port, timeout=20)
        try:
            sent = {"Authorization": f"Bearer {self.token}"} if headers is None else dict(headers)
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        finally:
            connection.close()

    def control(self, method: str, path: str, body: object = None) -> Answer:
        return self.call(method, f"/_sandbox/{path}", body=None if body is None else json.dumps(body))


@contextmanager
def serving(version: str = "1.2", **options: Any) -> Iterator[tuple[Sandbox, Caller]]:
    with Sandbox(**options) as sandbox:
        caller = Caller(sandbox, version)
        assert caller.authorize().status == 200
        yield sandbox, caller
