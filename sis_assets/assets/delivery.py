"""The delivery layer: what other systems read."""

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.layer import Events, run_layer
from sis_assets.assets.platform import Platform


@dg.multi_asset(name="delivery", specs=catalog.delivery(), can_subset=True)
def delivery(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Count the outbox and prove it complete."""
    from sis_assets.pipeline.deliver import deliver  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, deliver, last=True)
