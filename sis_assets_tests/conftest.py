"""What tests anywhere may ask for."""

from sis_assets_tests.commands import run  # noqa: F401 - a fixture
from sis_assets_tests.webhooks import webhook  # noqa: F401 - a fixture
