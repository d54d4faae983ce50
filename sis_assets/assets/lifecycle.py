"""The lifecycle layer: proposed differences, the guard, and the accounts."""

import dagster as dg

from sis_assets.assets import catalog
from sis_assets.assets.layer import Events, run_layer
from sis_assets.assets.platform import Platform


@dg.multi_asset(name="lifecycle", specs=catalog.lifecycle(), can_subset=True)
def lifecycle(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Events:
    """Propose change sets, hold what is implausible, apply the rest."""
    from sis_assets.pipeline.propose import propose  # noqa: PLC0415 - keeps the definitions light

    yield from run_layer(context, platform, propose)
