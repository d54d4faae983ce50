"""What Dagster loads. Nothing here touches the disk, the network or a secret."""

from __future__ import annotations

import warnings

import dagster as dg

# Checks by partition are marked as a preview; the pinned version is the one they were verified on.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, module=r"sis_assets\..*|dagster\..*")

from sis_assets.assets.core import core  # noqa: E402 - after the filter that they need
from sis_assets.assets.delivery import delivery  # noqa: E402
from sis_assets.assets.lifecycle import lifecycle  # noqa: E402
from sis_assets.assets.platform import Lake, platform  # noqa: E402
from sis_assets.assets.raw import raw  # noqa: E402
from sis_assets.assets.source import SOURCES  # noqa: E402
from sis_assets.automation.alerts import alerts_fleet  # noqa: E402
from sis_assets.automation.jobs import SYNC_DISTRICT, decide_change_set, maintain_warehouse  # noqa: E402
from sis_assets.automation.pulls import pulls  # noqa: E402
from sis_assets.automation.retention import purge_expired, purge_expired_nightly  # noqa: E402
from sis_assets.automation.sensors import drops  # noqa: E402

defs = dg.Definitions(
    assets=[*SOURCES, raw, core, lifecycle, delivery],
    jobs=[SYNC_DISTRICT, decide_change_set, maintain_warehouse, purge_expired],
    schedules=[pulls, purge_expired_nightly],
    sensors=[drops, alerts_fleet],
    resources={"platform": platform, "lake": Lake()},
    executor=dg.in_process_executor,
)
