"""Every test here that asks for `home` runs on a SQLite catalog and on a PostgreSQL one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sis_assets.warehouse import Home
from sis_assets_tests import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    if why := postgres.missing():
        pytest.skip(why)
    with postgres.running_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    settings = {"SIS_ASSETS_HOME": str(tmp_path / "home")}
    if request.param == "postgres":
        settings["SIS_ASSETS_CATALOG"] = f"ducklake:postgres:{request.getfixturevalue('server').fresh()}"
    return Home.from_environment(settings)


@pytest.fixture
def sqlite_home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")
