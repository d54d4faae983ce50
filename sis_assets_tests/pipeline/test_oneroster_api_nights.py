"""Nights of a made-up district behind the sandbox's provider: the line knows exactly who is there, by deltas too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sis_assets.model.schema import CORE
from sis_assets.sandbox.oneroster.day import Churn, after_a_day
from sis_assets.sandbox.oneroster.faults import SCENARIOS
from sis_assets.sandbox.oneroster.guises import GUISES
from sis_assets.sandbox.oneroster.server import Sandbox
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets_tests.builders import district
from sis_assets_tests.powerschool_district import HURRIED
from sis_assets_tests.powerschool_line import LENIENT
from sis_assets_tests.spine import Spine

pytestmark = pytest.mark.long

Opened = Callable[..., tuple[Spine, Sandbox]]


@pytest.fixture
def provider(tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Start a provider in a guise, and the line of a district that reads it (named by the settings that are given)."""
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    with ExitStack() as stack:

        def start(guise: str, version: str, districts: dict[str, dict[str, Any]]) -> tuple[Spine, Sandbox]:
            box = stack.enter_context(Sandbox(users=160, settings=GUISES[guise]))
            monkeypatch.setenv("SANDBOX_SECRET", box.settings.client_secret)
            spine = Spine(tmp_path, readers)
            auth = {
                "kind": "oauth2",
                "token_url": box.token_url,
                "client_id": box.settings.client_id,
                "client_secret": {"env": "SANDBOX_SECRET"},
            }
            source = {"kind": "oneroster_api", "url": box.url, "version": version, "auth": auth, "limit": 50}
            for name, settings in districts.items():
                spine.districts[name] = district(name, sis={**source, **settings}, guard=LENIENT)
            return spine, box

        yield start


def night(spine: Spine, box: Sandbox) -> dict[str, str]:
    outcomes = spine.sync(at=f"{box.district.today.isoformat()}T20:00:00-05:00")
    return {name: outcome.status for name, outcome in outcomes.items()}


def active(spine: Spine, name: str) -> set[str]:
    return {row["student_id"] for row in spine.accounts(name) if row["is_active"]}


def core(spine: Spine, name: str) -> dict[str, list[str]]:
    return {
        table.name: sorted(
            str({key: value for key, value in row.items() if key != "district_id"})
            for row in spine.rows(f"FROM {table.qualified} WHERE district_id = ?", name)
        )
        for table in CORE
        if table.name != "rejected_rows"
    }


@pytest.mark.parametrize(
    ("guise", "version"), [("standard", "1.1"), ("standard", "1.2"), ("triand", "1.2"), ("taciturn", "1.1")]
)
def test_night_after_night_the_line_knows_who_is_there_by_full_reads_and_by_deltas(
    provider: Opened, guise: str, version: str
):
    spine, box = provider(guise, version, {"full": {}, "delta": {"deltas": {"full_every_days": 366}}})
    for number in range(4):
        statuses = night(spine, box)
        assert statuses["full"] == statuses["delta"] == "applied", (number, statuses)
        expected = set(box.truth().active["user_id"])
        assert active(spine, "full") == expected
        assert active(spine, "delta") == expected
        assert core(spine, "full") == core(spine, "delta")
        box.evolve(lambda town: after_a_day(town, Churn(arrivals=3, leavers=2, returners=1, renamed=2)))


@pytest.mark.parametrize("guise", ["standard", "taciturn"])
@pytest.mark.parametrize(
    "scenario",
    ["user_deleted", "user_inserted", "user_moved", "reset", "truncated", "revoked_token", "bad_gateway"],
)
def test_whatever_happens_while_it_is_read_the_extract_is_right_or_fails(
    provider: Opened, guise: str, scenario: str
):
    spine, box = provider(guise, "1.1", {"sample": {}})
    box.faults.arm(*SCENARIOS[scenario])
    (status,) = night(spine, box).values()
    assert status in {"applied", "failed"}
    known = set(box.truth().active["user_id"])
    found = active(spine, "sample")
    if status == "applied":
        assert len(known - found) <= 1, "who was removed while it was read"
        assert found <= known
    else:
        assert not found
