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
from sis_assets.assets.requests import confirmations, course_requests, sis_imports  # noqa: E402
from sis_assets.assets.source import SOURCES  # noqa: E402
from sis_assets.automation.alerts import alerts_fleet  # noqa: E402
from sis_assets.automation.freshness import (  # noqa: E402
    district_fresh,
    districts_fresh,
    freshness,
    report_freshness,
)
from sis_assets.automation.jobs import SYNC_DISTRICT, decide_change_set, maintain_warehouse  # noqa: E402
from sis_assets.automation.pages import pages, write_pages  # noqa: E402
from sis_assets.automation.pulls import pulls  # noqa: E402
from sis_assets.automation.requests import SEND_REQUESTS, requests  # noqa: E402
from sis_assets.automation.retention import purge_expired, purge_expired_nightly  # noqa: E402
from sis_assets.automation.sensors import drops  # noqa: E402

defs = dg.Definitions(
    assets=[*SOURCES, raw, core, lifecycle, delivery, course_requests, sis_imports, confirmations],
    asset_checks=[districts_fresh, district_fresh],
    jobs=[
        SYNC_DISTRICT,
        SEND_REQUESTS,
        decide_change_set,
        maintain_warehouse,
        report_freshness,
        write_pages,
        purge_expired,
    ],
    schedules=[pulls, pages, purge_expired_nightly],
    sensors=[drops, requests, alerts_fleet, freshness],
    resources={"platform": platform, "lake": Lake()},
    executor=dg.in_process_executor,
)
