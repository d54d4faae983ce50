"""A home, a Dagster instance beside it, and reader processes that stay warm for the whole module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sis_assets.assets.platform import Platform
from sis_assets.automation.launch import instance_of
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome


@pytest.fixture(scope="session")
def readers() -> Iterator[Readers]:
    with Readers() as warm:
        yield warm


@pytest.fixture
def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    home = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(home.root))
    return home


@pytest.fixture
def instance(test_home: TestHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance that commands and the UI open, with its own settings."""
    monkeypatch.setenv("DAGSTER_HOME", str(test_home.root / "dagster"))
    with instance_of(Home.at(test_home.root)) as opened:
        yield opened


@pytest.fixture
def platform(test_home: TestHome, readers: Readers) -> Iterator[Platform]:
    with Platform(Home.at(test_home.root), readers=readers) as opened:
        yield opened
