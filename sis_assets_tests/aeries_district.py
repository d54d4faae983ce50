"""A district that reads from a test's Aeries: fetch it, read it, look at its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sis_assets.districts import District
from sis_assets.model.faults import Fault
from sis_assets.sis.aeries import client
from sis_assets.sis.delimited import ReadFile
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.transport.dropzone import NotYet
from sis_assets.transport.http import Patience
from sis_assets.transport.visit import Visit
from sis_assets.warehouse.home import Home
from sis_assets_tests.aeries_server import AeriesServer
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_server import serve

CERTIFICATE_NAME = "SAMPLE_AERIES_CERTIFICATE"


@dataclass
class Reading:
    """One district and its home. `settings` are of `sis`, `more` of the district file."""

    server: AeriesServer
    home: Home
    settings: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    patience: Patience = HURRIED

    @property
    def district(self) -> District:
        sis = {
            "kind": "aeries",
            "url": self.server.site,
            "certificate": {"env": CERTIFICATE_NAME},
            "database_year": 2025,
            "code_tables": [],
        }
        return District.model_validate(
            {
                "district": "sample",
                "name": "Sample",
                "timezone": "America/Los_Angeles",
                "sis": sis | self.settings,
                **self.more,
            }
        )

    def fetch(self) -> Delivery:
        found = client.fetch(self.district, self.home, Past(datetime.now(UTC)), Visit(), self.patience)
        assert not isinstance(found, NotYet)
        return found

    def fault(self) -> Fault:
        """Fetch what must fail, and return how it failed."""
        with pytest.raises(Fault) as caught:
            self.fetch()
        return caught.value

    def read(self) -> tuple[EntityRead, ...] | Fault:
        into = self.home.root / "read"
        into.mkdir(parents=True, exist_ok=True)
        delivery = self.fetch()
        return client.read({"sample": (self.district, delivery)}, None, into)["sample"]  # type: ignore[arg-type]

    def tables(self) -> dict[str, ReadFile]:
        """Fetch and read everything."""
        found = self.read()
        assert not isinstance(found, Fault), found
        return {each.source.entity: each.read for each in found}

    def contents(self) -> dict[str, bytes]:
        """Fetch, and return the bytes of each landed file."""
        return {file.entity: file.path.read_bytes() for file in self.fetch().files}


@pytest.fixture
def aeries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A running Aeries with one made-up district, and a home that reads it."""
    server = AeriesServer()
    monkeypatch.setenv(CERTIFICATE_NAME, server.certificate)
    with serve(server):
        yield Reading(server, Home.at(tmp_path / "home"))
