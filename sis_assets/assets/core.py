"""The core layer: one canonical model for every SIS, with its data quality as asset checks."""

from collections.abc import Sequence

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.layer import Events, run_layer
from sis_assets.assets.partitions import DISTRICTS
from sis_assets.assets.platform import Platform
from sis_assets.pipeline.quality import CHECKS, Finding, examine

CHECK_SPECS = [
    dg.AssetCheckSpec(name, asset=catalog.key("core", "students"), description=text, partitions_def=DISTRICTS)
    for name, text in CHECKS.items()
]


@dg.multi_asset(name="core", specs=catalog.core(), check_specs=CHECK_SPECS, can_subset=True)
def core(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Type the newest complete extracts into the canonical tables."""
    from sis_assets.pipeline.canonicalise import canonicalise  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, canonicalise, findings=_findings)


def _findings(platform: Platform, districts: Sequence[str]) -> list[Finding]:
    with platform.warehouse.read() as connection:
        return examine(connection, districts)
