"""The raw layer: what the SIS said, as text, kept per extract."""

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.layer import Events, run_layer
from sis_assets.assets.platform import Platform


@dg.multi_asset(name="raw", specs=catalog.raw(), can_subset=True)
def raw(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Read the districts' sources."""
    from sis_assets.pipeline.extract import extract  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, extract)
