"""Freshness by district, as asset checks: which districts' data is too old, since when, and whose move it is.

Dagster's own freshness policies look at an asset as a whole, so one district's load makes it fresh; they are the coarse
alarm, for a night in which nothing came at all. These checks read the ledger. `districts_fresh` speaks of the fleet;
`district_fresh` has a result for each district, reported only when that changes: thousands of results every few minutes
would drown the event log. It takes a short run, as Dagster's tables have room for one result of a partition without a run.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from sis_assets.assets.catalog import DISTRICT_FRESH, DISTRICTS_FRESH
from sis_assets.assets.layer import together
from sis_assets.assets.partitions import DISTRICTS, register
from sis_assets.assets.platform import Platform, failing_plainly
from sis_assets.model.faults import Fault
from sis_assets.pipeline.fleet import Standing, standings
from sis_assets.pipeline.stage import redacted

#: Above this share of stale districts, in percent, the trouble is ours and no longer single districts'.
MOST_STALE: Final = 10
#: So many districts stand in the check's table, those that are stale the longest; all are counted.
MOST_NAMED: Final = 100
_AGAIN: Final = timedelta(hours=1)
_TABLE: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("district"),
        dg.TableColumn("stale since"),
        dg.TableColumn("newest good data"),
        dg.TableColumn("next move"),
        dg.TableColumn("reason"),
    ]
)


@dg.asset_check(
    asset=DISTRICTS_FRESH.asset_key,
    name=DISTRICTS_FRESH.name,
    description="No district's newest good data is older than its file allows. What the calendar, the hours of pull and the"
    f" end of access explain does not count. A warning, and an error above {MOST_STALE} % of the districts.",
)
def districts_fresh(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Look at the whole fleet."""
    with failing_plainly():
        found = _standings(platform)
    return dg.AssetCheckResult(passed=not _stale(found), severity=_severity(found), metadata=_metadata(found))


@dg.asset_check(
    asset=DISTRICT_FRESH.asset_key,
    name=DISTRICT_FRESH.name,
    partitions_def=DISTRICTS,
    description="This district's newest good data is not older than its file allows.",
)
def district_fresh(
    context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.AssetCheckResult:
    """Look at the run's district."""
    name = context.op_execution_context.partition_key
    with failing_plainly():
        standing = next((each for each in _standings(platform) if each.district_id == name), None)
    stale = standing is not None and standing.stale_since is not None
    return dg.AssetCheckResult(
        passed=not stale, severity=dg.AssetCheckSeverity.WARN, metadata=_of_one(standing)
    )


class ChangedConfig(dg.Config):
    """The districts whose own result is to be reported."""

    districts: list[str]


@dg.op(
    description="Report the freshness of the fleet, and of each district that has become stale or fresh again."
)
def report_freshness_op(
    context: dg.OpExecutionContext, config: ChangedConfig, platform: dg.ResourceParam[Platform]
) -> None:
    """Report how things stand now."""
    with failing_plainly():
        found = _standings(platform)
    wanted = set(config.districts)
    with together(context.instance):
        for standing in found:
            if standing.district_id in wanted:
                # The pinned version takes it; its type says so of an asset's context only.
                context.log_event(_of_district(standing))  # type: ignore[arg-type]
    context.instance.report_runless_asset_event(_of_fleet(found))


@dg.job(
    name="report_freshness",
    executor_def=dg.in_process_executor,
    description="Report the checks of freshness; the sensor freshness starts it when a district has changed.",
)
def report_freshness() -> None:
    """Report once."""
    report_freshness_op()


@dg.sensor(
    name="freshness",
    minimum_interval_seconds=300,
    job_name=report_freshness.name,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports the check districts_fresh once an hour, and with the check district_fresh of those that it concerns when"
    " a district becomes stale or fresh again.",
)
def freshness(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Have reported what has changed. Raises a Fault, or a RuntimeError without the words of an unexpected error."""
    try:
        with Platform() as platform:
            if not platform.home.districts.is_dir():
                return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
            found, now = _standings(platform), platform.clock.now()
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None
    stale = {each.district_id for each in _stale(found)}
    told_at, before = _told(context.cursor)
    changed = sorted((before ^ stale) & {each.district_id for each in found})
    due = bool(changed) or told_at is None or told_at <= now - _AGAIN
    context.update_cursor(
        json.dumps({"at": (now if due or told_at is None else told_at).isoformat(), "stale": sorted(stale)})
    )
    if changed:
        register(context.instance, changed)
        config = {"ops": {report_freshness_op.name: {"config": {"districts": changed}}}}
        return dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M:%S}", run_config=config)
    if due:
        context.instance.report_runless_asset_event(_of_fleet(found))
    return dg.SkipReason(f"{len(stale):,} of {len(found):,} districts are stale, as before.")


def _of_district(standing: Standing) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=DISTRICT_FRESH.asset_key,
        check_name=DISTRICT_FRESH.name,
        passed=standing.stale_since is None,
        partition=standing.district_id,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=_of_one(standing),
    )


def _of_fleet(found: Sequence[Standing]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=DISTRICTS_FRESH.asset_key,
        check_name=DISTRICTS_FRESH.name,
        passed=not _stale(found),
        severity=_severity(found),
        metadata=_metadata(found),
    )


def _told(cursor: str | None) -> tuple[datetime | None, set[str]]:
    """Return when the fleet was reported last, and the districts that were last reported as stale."""
    if not cursor:
        return None, set()
    known = json.loads(cursor)
    return datetime.fromisoformat(known["at"]), set(known["stale"])


def _standings(platform: Platform) -> list[Standing]:
    with platform.warehouse.read() as connection:
        return standings(connection, platform.registry, platform.clock.now())


def _stale(found: Sequence[Standing]) -> list[Standing]:
    return [each for each in found if each.stale_since]


def _severity(found: Sequence[Standing]) -> dg.AssetCheckSeverity:
    if len(_stale(found)) * 100 > MOST_STALE * len(found):
        return dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckSeverity.WARN


def _metadata(found: Sequence[Standing]) -> Mapping[str, dg.MetadataValue | int]:
    """Return counts, and the districts that are stale the longest. Names of districts only."""
    stale = sorted(_stale(found), key=lambda each: (each.stale_since, each.district_id))
    rows = [
        dg.TableRecord(
            {
                "district": each.district_id,
                "stale since": _text(each.stale_since),
                "newest good data": _text(each.last_good),
                "next move": each.mover,
                "reason": each.reason,
            }
        )
        for each in stale[:MOST_NAMED]
    ]
    movers: dict[str, int] = {}
    for each in stale:
        movers[f"next move: {each.mover}"] = movers.get(f"next move: {each.mover}", 0) + 1
    return {
        "districts": len(found),
        "stale": len(stale),
        **movers,
        "stale districts": dg.MetadataValue.table(rows, schema=_TABLE),
    }


def _of_one(standing: Standing | None) -> Mapping[str, str]:
    if standing is None:
        return {}
    said = {
        "newest good data": _text(standing.last_good),
        "stale since": _text(standing.stale_since),
        "next move": standing.mover,
        "reason": standing.reason,
    }
    return {name: text for name, text in said.items() if text}


def _text(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M UTC}" if time else ""
