"""How a layer's step turns outcomes into Dagster's events, truthfully for every district of the run.

A run of one district, or a range of which every district succeeds, is Dagster's ordinary case. In a range with a bad
district the good ones are recorded one by one and the bad ones named. A run that defers its asset events (many
districts in one run, any subset) goes on with the good ones through all layers, and its last layer fails with the
names of the bad ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import dagster as dg

from sis_assets.assets.platform import Platform, StageFunction, districts_of, failing_plainly
from sis_assets.model.schema import CHANGE_KINDS
from sis_assets.pipeline.quality import Finding
from sis_assets.pipeline.stage import Outcome, Status

DEFER_TAG = "dagster/defer_asset_events"
Findings = Callable[[Platform, Sequence[str]], Sequence[Finding]]
Events = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def run_layer(
    context: dg.AssetExecutionContext,
    platform: Platform,
    stage: StageFunction,
    *,
    last: bool = False,
    findings: Findings | None = None,
) -> Events:
    """Run one stage for the run's districts and yield what Dagster is to know.

    Raises dg.Failure naming every district that failed: at once, or in a run that defers, in its last layer.
    """
    names = _districts(context)
    deferred = context.run.tags.get(DEFER_TAG) == "true"
    outcomes = platform.run(stage, names)
    good = [
        name
        for name in names
        if name in outcomes and outcomes[name].status not in {Status.FAILED, Status.SKIPPED}
    ]
    bad = {name: platform.outcomes[name] for name in names if platform.outcomes[name].status is Status.FAILED}
    for outcome in outcomes.values():
        for note in outcome.notes:
            context.log.info(f"{outcome.district_id}: {note}")
    # In a batch, tables that stayed as they were are not examined again: what was found of them stands.
    examined = [name for name in good if outcomes[name].rows] if deferred else good
    yield from _checks(context, platform, findings, examined, deferred=deferred)
    if deferred or len(good) < len(names):
        _record_by_hand(context, outcomes, good)
    if (bad and not deferred) or (bad and last):
        raise _failure(bad)
    if deferred or len(good) == len(names):
        for key in _selected(context):
            if not deferred:
                for name in good:
                    context.add_asset_metadata(
                        _metadata(key, outcomes[name]), asset_key=key, partition_key=_one_of(context, name)
                    )
            yield dg.MaterializeResult(asset_key=key, data_version=_version(outcomes, good))


def _districts(context: dg.AssetExecutionContext) -> list[str]:
    """Return the run's districts: those of its tag, else its partition or range."""
    return districts_of(context.run.tags) or list(context.partition_keys)


def _selected(context: dg.AssetExecutionContext) -> list[dg.AssetKey]:
    """Return the step's selected assets in the order of their definition: none before what it is made of."""
    return [spec.key for spec in context.assets_def.specs if spec.key in context.selected_asset_keys]


def _one_of(context: dg.AssetExecutionContext, name: str) -> str | None:
    return name if context.has_partition_key or context.has_partition_key_range else None


def _record_by_hand(
    context: dg.AssetExecutionContext, outcomes: Mapping[str, Outcome], good: Sequence[str]
) -> None:
    selected = _selected(context)
    with together(context.instance):
        for name in good:
            for key in selected:
                context.log_event(
                    dg.AssetMaterialization(
                        key,
                        partition=name,
                        metadata=_metadata(key, outcomes[name]),
                        tags={"dagster/data_version": outcomes[name].extract_id or "none"},
                    )
                )


def together(instance: dg.DagsterInstance) -> AbstractContextManager[None]:
    """Give a block whose events are written at once: our SQLite event log can, others take each as it comes."""
    block: Callable[[], AbstractContextManager[None]] = getattr(
        instance.event_log_storage, "together", nullcontext
    )
    return block()


def _version(outcomes: Mapping[str, Outcome], good: Sequence[str]) -> dg.DataVersion | None:
    if len(good) != 1:
        return None
    return dg.DataVersion(outcomes[good[0]].extract_id or "none")


def _metadata(key: dg.AssetKey, outcome: Outcome) -> dict[str, dg.MetadataValue | int | str]:
    """Numbers and ids only: the event log is kept for ever and has no lock."""
    name = "/".join(key.path)
    metadata: dict[str, dg.MetadataValue | int | str] = {}
    if outcome.extract_id:
        metadata["extract_id"] = outcome.extract_id
    if name in outcome.rows:
        metadata["dagster/partition_row_count"] = outcome.rows[name]
    if key.path[0] in {"raw", "core"} and key.path[1] in outcome.rejected:
        metadata["rejected"] = outcome.rejected[key.path[1]]
    if pending := outcome.rows.get(f"{name} pending"):
        metadata["pending"] = pending
    if name == "lifecycle/change_sets":
        metadata |= _counts(outcome)
        if outcome.status:
            metadata["status"] = str(outcome.status)
        if outcome.reason:
            metadata["reason"] = outcome.reason
    return metadata


def _counts(outcome: Outcome) -> dict[str, dg.MetadataValue | int | str]:
    """Count what was applied by kind, zeros too so that a plot has a point for every sync, and what is held."""
    found: dict[str, dg.MetadataValue | int | str] = dict.fromkeys(CHANGE_KINDS, 0)
    for change_set in outcome.change_sets:
        if change_set.status == "held":
            found["held change set"] = change_set.id
            found |= {f"{kind} (held)": count for kind, count in change_set.counts.items() if count}
        else:
            found |= change_set.counts
    return found


def _checks(
    context: dg.AssetExecutionContext,
    platform: Platform,
    findings: Findings | None,
    good: Sequence[str],
    *,
    deferred: bool,
) -> Iterator[dg.AssetCheckResult]:
    if findings is None:
        return
    with failing_plainly():
        found = findings(platform, good) if good else []
    wanted = {check.name: check.asset_key for check in context.selected_asset_check_keys}
    by_check = {check: [finding for finding in found if finding.check == check] for check in wanted}
    with together(context.instance):
        for check, mine in sorted(by_check.items()):
            for finding in mine if deferred or len(mine) != 1 else ():
                context.log_event(
                    dg.AssetCheckEvaluation(
                        asset_key=wanted[check],
                        check_name=check,
                        passed=finding.passed,
                        partition=finding.district_id,
                        metadata=finding.figures,
                        severity=dg.AssetCheckSeverity.WARN,
                    )
                )
    for check, mine in sorted(by_check.items()):
        yield dg.AssetCheckResult(
            asset_key=wanted[check],
            check_name=check,
            passed=all(finding.passed for finding in mine),
            severity=dg.AssetCheckSeverity.WARN,
            metadata=mine[0].figures
            if len(mine) == 1
            else {"districts": len(mine), "failed": sum(not f.passed for f in mine)},
        )


def _failure(bad: Mapping[str, Outcome]) -> dg.Failure:
    listed = "\n".join(f"{name}: {outcome.reason}" for name, outcome in sorted(bad.items()))
    return dg.Failure(
        description=f"{len(bad)} of the run's districts failed.\n{listed}",
        metadata={
            "districts": dg.MetadataValue.json(
                {name: outcome.reason for name, outcome in sorted(bad.items())}
            )
        },
        allow_retries=False,
    )
