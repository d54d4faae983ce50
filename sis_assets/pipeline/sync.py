"""How the stages of one sync become one answer for each district."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sis_assets.pipeline.stage import Outcome, Status

STOPS = (Status.FAILED, Status.SKIPPED)


def goes_on(outcome: Outcome | None) -> bool:
    """Whether the next stage has something to do for a district: nothing failed, and its drop was there."""
    return outcome is None or outcome.status not in STOPS


def merge(earlier: Outcome, later: Outcome) -> Outcome:
    """Return what is known after the later stage: its verdict where it has one, everything that was counted."""
    decided = later if later.status is not None else earlier
    return replace(
        decided,
        extract_id=later.extract_id or earlier.extract_id,
        change_sets=later.change_sets or earlier.change_sets,
        rows={**earlier.rows, **later.rows},
        rejected={**earlier.rejected, **later.rejected},
        notes=(*earlier.notes, *later.notes),
    )


def as_line(outcome: Outcome) -> Mapping[str, object]:
    """Return the outcome as `sync --json` prints it."""
    return {
        "district": outcome.district_id,
        "status": str(outcome.status),
        "change_sets": [
            {"id": change_set.id, "status": change_set.status, "counts": dict(change_set.counts)}
            for change_set in outcome.change_sets
        ],
        "reason": outcome.reason,
    }
