"""Fixtures of the SIS tests."""

from sis_assets_tests.aeries_district import aeries  # noqa: F401 - a fixture
from sis_assets_tests.oneroster_district import served  # noqa: F401 - a fixture
from sis_assets_tests.powerschool_district import reading  # noqa: F401 - a fixture
