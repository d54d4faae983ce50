"""The way back: students' course requests, what was handed to the SIS, and what it holds of them."""

from collections.abc import Sequence

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.layer import Events, run_layer
from sis_assets.assets.partitions import DISTRICTS
from sis_assets.assets.platform import Platform
from sis_assets.model.requests import UNCONFIRMED_NIGHTS
from sis_assets.pipeline.quality import Finding
from sis_assets.pipeline.requests.overview import CHECK

_ASKED, _HANDED, _CONFIRMED = catalog.requests()
CHECK_SPECS = [
    dg.AssetCheckSpec(
        CHECK,
        asset=_CONFIRMED.key,
        description=f"No request is unconfirmed {UNCONFIRMED_NIGHTS} nights after it was first handed to the SIS.",
        partitions_def=DISTRICTS,
    )
]


@dg.multi_asset(name="course_requests", specs=[_ASKED])
def course_requests(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Take in the files that were dropped, and judge every request."""
    from sis_assets.pipeline.requests.stages import receive  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, receive)


@dg.multi_asset(name="sis_imports", specs=[_HANDED])
def sis_imports(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Hand everything that stands to the SIS."""
    from sis_assets.pipeline.requests.stages import send  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, send)


@dg.multi_asset(name="confirmations", specs=[_CONFIRMED], check_specs=CHECK_SPECS)
def confirmations(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Look for the requests in the SIS, and check that none stays unconfirmed."""
    from sis_assets.pipeline.requests.stages import look  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, look, last=True, findings=_findings)


def _findings(platform: Platform, districts: Sequence[str]) -> list[Finding]:
    from sis_assets.pipeline.requests.stages import examine  # noqa: PLC0415 - keeps the definitions light

    known = platform.registry.districts
    now = platform.clock.now()
    return examine(platform.warehouse, {name: (now, known[name].timezone) for name in districts})
