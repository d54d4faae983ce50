"""Fixtures of the SIS tests."""

from sis_assets_tests.powerschool_district import reading  # noqa: F401 - a fixture
