"""A plain caller of an Aeries server: it knows HTTP and nothing else, so that tests see what was really sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets_tests.plain_http import Answer, called


@dataclass
class Caller:
    port: int
    certificate: str
    year: int
    site: str = "/aeries"

    def get(self, path: str, **query: object) -> Answer:
        """Asks for this year, unless the query says otherwise: `DatabaseYear=None` leaves it out."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Answer:
        asked = {"DatabaseYear": self.year} | query
        asked = {name: value for name, value in asked.items() if value is not None}
        return self.sent(
            method,
            f"{self.site}/api/v5/{path}" + (f"?{urlencode(asked)}" if asked else ""),
            {"AERIES-CERT": self.certificate, "Accept": "application/json"},
            None if body is None else json.dumps(body),
        )

    def sent(self, method: str, address: str, headers: Mapping[str, str], body: str | None = None) -> Answer:
        return called(self.port, method, address, body=body, headers=headers)

    def control(self, method: str, path: str, body: object = None) -> Answer:
        return self.sent(method, f"/_sandbox/{path}", {}, None if body is None else json.dumps(body))

    def rows(self, path: str, size: int = 50, **query: object) -> list[dict[str, Any]]:
        """Every row of a pupil-type list, window by window until one is empty."""
        found: list[dict[str, Any]] = []
        for first in range(1, 10_000_000, size):
            window = self.get(path, StartingRecord=first, EndingRecord=first + size - 1, **query).json
            if not window:
                return found
            found += window
        raise AssertionError("no end")


def caller_of(sandbox: Sandbox) -> Caller:
    return Caller(sandbox.port, sandbox.certificate, sandbox.database_year)


@contextmanager
def serving(**options: Any) -> Iterator[tuple[Sandbox, Caller]]:
    with Sandbox(**options) as sandbox:
        yield sandbox, caller_of(sandbox)
