"""A district that reads from a test's OneRoster server: fetch it, read it, look at its rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sis_assets.districts import District
from sis_assets.model.faults import Fault
from sis_assets.sis.delimited import ReadFile
from sis_assets.sis.oneroster.api import client
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.transport.dropzone import NotYet
from sis_assets.transport.http import Patience
from sis_assets.transport.visit import Visit
from sis_assets.warehouse.home import Home
from sis_assets_tests.oneroster_server import CLIENT_SECRET, RosterServer, settings_of
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_server import serve

SECRET_NAME = "SAMPLE_ONEROSTER_SECRET"
#: A Wednesday noon.
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class Roster:
    """One district and its home; the newest delivery is what the next read knows of the past."""

    server: RosterServer
    home: Home
    settings: dict[str, Any] = field(default_factory=dict)
    patience: Patience = HURRIED
    client: Any = client
    past: Past = field(default_factory=lambda: Past(NOW))

    @property
    def district(self) -> District:
        return District.model_validate(
            {
                "district": "sample",
                "name": "Sample",
                "timezone": "America/Chicago",
                "sis": {**settings_of(self.server, SECRET_NAME), **self.settings},
            }
        )

    def fetch(self, visit: Visit | None = None) -> Delivery:
        found = self.client.fetch(self.district, self.home, self.past, visit or Visit(), self.patience)
        assert not isinstance(found, NotYet)
        return found

    def later(self, **passed: float) -> Delivery:
        """Fetch, take that for the newest extract, and let so much time pass (as for timedelta)."""
        found = self.fetch()
        self.past = Past(
            now=self.past.now + timedelta(**passed),
            entities=frozenset(file.entity for file in found.files),
            files={file.entity: file.sha256 for file in found.files},
            read_at=self.past.now,
            read_under=found.read_under,
        )
        self.server.asked.clear()
        return found

    def anew(self) -> Delivery:
        """Fetch as if nothing had been read before."""
        return replace(self, past=Past(self.past.now)).fetch()

    def fault(self) -> Fault:
        """Fetch what must fail, and return how it failed."""
        with pytest.raises(Fault) as caught:
            self.fetch()
        return caught.value

    def tables(self) -> dict[str, ReadFile]:
        """Fetch and read everything."""
        into = self.home.root / "read"
        into.mkdir(parents=True, exist_ok=True)
        found: tuple[EntityRead, ...] | Fault = self.client.read(
            {"sample": (self.district, self.fetch())}, None, into
        )["sample"]
        assert not isinstance(found, Fault), found
        return {each.source.entity: each.read for each in found}


Served = Callable[..., Roster]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Start a OneRoster server with the given options, and a home that reads it."""
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    with ExitStack() as stack:

        def start(**options: Any) -> Roster:
            server = stack.enter_context(serve(RosterServer(**options)))
            return Roster(server, Home.at(tmp_path / "home"))

        yield start


def ids(delivery: Delivery, entity: str) -> list[str]:
    """The sourcedIds of a delivered collection, in their order, each with a mark when it is to be deleted."""
    return [
        row["sourcedId"] + ("!" if row.get("status") == "tobedeleted" else "")
        for row in landed(delivery, entity)
    ]


def landed(delivery: Delivery, entity: str) -> list[dict[str, Any]]:
    """The landed rows of a delivered collection."""

    (file,) = [file for file in delivery.files if file.entity == entity]
    return [json.loads(line) for line in file.path.read_bytes().splitlines()]
