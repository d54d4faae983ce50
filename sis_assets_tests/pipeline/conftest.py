"""Reader processes that stay warm for all tests of the stages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sis_assets.sis.delimited import Readers
from sis_assets_tests.powerschool_line import opened  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def readers() -> Iterator[Readers]:
    with Readers() as warm:
        yield warm
