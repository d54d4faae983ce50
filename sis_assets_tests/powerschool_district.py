"""A district that reads from a test's PowerSchool: fetch it, read it, look at its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sis_assets.districts import District
from sis_assets.model.faults import Fault
from sis_assets.sis.delimited import ReadFile
from sis_assets.sis.powerschool import client
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.transport.dropzone import NotYet
from sis_assets.transport.http import Patience
from sis_assets.transport.visit import Visit
from sis_assets.warehouse.home import Home
from sis_assets_tests.powerschool_server import CLIENT_ID, CLIENT_SECRET, SchoolServer, serve

SECRET_NAME = "SAMPLE_POWERSCHOOL_SECRET"
HURRIED = Patience(
    connect_seconds=5,
    silence_seconds=5,
    request_seconds=10,
    attempts=4,
    first_pause_seconds=0.005,
    longest_pause_seconds=0.02,
    longest_wished_pause_seconds=2,
    body_bytes=4 << 20,
)


@dataclass
class Reading:
    """One district and its home."""

    server: SchoolServer
    home: Home
    settings: dict[str, Any] = field(default_factory=dict)
    patience: Patience = HURRIED

    @property
    def district(self) -> District:
        sis = {
            "kind": "powerschool",
            "url": self.server.url,
            "client_id": CLIENT_ID,
            "client_secret": {"env": SECRET_NAME},
        }
        return District.model_validate(
            {
                "district": "sample",
                "name": "Sample",
                "timezone": "America/Los_Angeles",
                "sis": sis | self.settings,
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


def rows(read: ReadFile, *columns: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table that was read, in their order."""
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet($file) ORDER BY row_number",
            {"file": str(read.parquet)},
        ).fetchall()


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A running PowerSchool with one made-up district, and a home that reads it."""
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    home = Home.at(tmp_path / "home")
    with serve(SchoolServer()) as server:
        yield Reading(server, home)
