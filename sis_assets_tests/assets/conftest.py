from sis_assets_tests.dagster_homes import instance, platform, readers, test_home  # noqa: F401 - fixtures
