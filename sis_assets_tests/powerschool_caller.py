"""A plain caller of a PowerSchool server: it knows HTTP and nothing else, so that tests see what was really sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets_tests.plain_http import Answer, called


@dataclass
class Caller:
    port: int
    client_id: str
    client_secret: str
    token: str = ""

    def authorize(self) -> Answer:
        answer = self.call(
            "POST", "/oauth/access_token", body="grant_type=client_credentials", headers=self.basic()
        )
        self.token = answer.json.get("access_token", "")
        return answer

    def basic(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}", "Accept": "application/json"}

    def get(self, path: str, **query: object) -> Answer:
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object = None, **query: object) -> Answer:
        return self.call(
            "POST",
            f"{path}?{urlencode(query)}" if query else path,
            body=json.dumps({} if body is None else body),
        )

    def call(
        self, method: str, path: str, *, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        return called(self.port, method, path, body=body, headers=sent if headers is None else headers)

    def rows(self, path: str, **query: object) -> list[dict[str, Any]]:
        """Every row of a /ws/v1 listing, page by page until one is empty."""
        found: list[dict[str, Any]] = []
        for page in range(1, 100_000):
            (wrapper,) = self.get(path, page=page, **query).json.values()
            content = [value for key, value in wrapper.items() if not key.startswith("@")]
            if not content:
                return found
            found += content[0] if isinstance(content[0], list) else content
        raise AssertionError("no end")

    def records(self, table: str, **query: object) -> list[dict[str, str]]:
        """Every record of a table, as its columns."""
        found: list[dict[str, str]] = []
        for page in range(1, 100_000):
            records = self.get(f"/ws/schema/table/{table}", page=page, **query).json["record"]
            if not records:
                return found
            found += [record["tables"][table] for record in records]
        raise AssertionError("no end")


def caller_of(sandbox: Sandbox) -> Caller:
    caller = Caller(sandbox.port, sandbox.client_id, sandbox.client_secret)
    assert caller.authorize().status == 200
    return caller


@contextmanager
def serving(**options: Any) -> Iterator[tuple[Sandbox, Caller]]:
    with Sandbox(**options) as sandbox:
        yield sandbox, caller_of(sandbox)
