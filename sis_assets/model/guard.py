"""The guard: which parts of a proposal are implausible and wait for a person (DESIGN §6). Pure functions over counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sis_assets.model.faults import Mover, sentence

GUARDED = ("deactivate", "create", "transfer", "update", "rekey")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A share in percent and a number; a count trips when it is over the share and reaches the number."""

    percent: float
    at_least: int

    def trips(self, count: int, whole: int) -> bool:
        """Whether `count` of `whole` is too much. Of a whole of nothing, any count is over every share."""
        return count >= self.at_least and count * 100 > self.share_of(whole)

    def share_of(self, whole: int) -> Decimal:
        """Return the share of `whole`, times 100 and exact: a count that equals it is on the border, not over it."""
        return Decimal(str(self.percent)) * whole


@dataclass(frozen=True, slots=True)
class Limits:
    """A district's thresholds: by kind of change, for rejected records, and for an extract that shrank."""

    kinds: Mapping[str, Threshold]
    rejected: Threshold
    shrink: Threshold
    hold_all: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a kind a place has, and how many accounts are active there. `school_id` None: the district."""

    kind: str
    school_id: str | None
    rows: int
    active: int


@dataclass(frozen=True, slots=True)
class Extent:
    """Size and soundness of an extract: records by entity, those of the yardstick extract, rejected student records.

    `missing` counts the deactivates of students who are merely absent from it.
    """

    records: Mapping[str, int]
    yardstick: Mapping[str, int]
    rejected_students: int = 0
    unreadable_keys: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of a district's proposal is held, and why.

    `everything`: the whole set. `kinds`: all rows of these kinds. `schools`: (kind, school_id) pairs. `missing`: the
    deactivates of students who are merely absent.
    """

    everything: bool = False
    kinds: frozenset[str] = frozenset()
    schools: frozenset[tuple[str, str]] = frozenset()
    missing: bool = False
    reasons: tuple[str, ...] = ()


def judge(
    limits: Limits, counts: Iterable[Count], extent: Extent, *, first_sync: bool, near_year_start: bool
) -> Verdict:
    """Return what is to be held of a proposal with these counts, from an extract of this extent.

    Where the whole district trips, its schools are not named one by one.
    """
    free = {kind for kind, exempt in (("create", first_sync), ("transfer", near_year_start)) if exempt}
    trips = [
        count
        for count in sorted(
            counts, key=lambda c: (GUARDED.index(c.kind), c.school_id is not None, c.school_id or "")
        )
        if count.kind not in free and limits.kinds[count.kind].trips(count.rows, count.active)
    ]
    kinds = frozenset(trip.kind for trip in trips if trip.school_id is None)
    told = [trip for trip in trips if trip.school_id is None or trip.kind not in kinds]
    size = [*_shrunk(limits.shrink, extent), *_rejected(limits.rejected, extent)]
    missing = extent.unreadable_keys > 0 and extent.missing > 0
    reasons = [*size, *(_told(trip, limits.kinds[trip.kind]) for trip in told)]
    if missing:
        reasons.append(_unreadable(extent))
    return Verdict(
        everything=bool(size) or (limits.hold_all and bool(reasons)),
        kinds=kinds,
        schools=frozenset((trip.kind, trip.school_id) for trip in told if trip.school_id is not None),
        missing=missing,
        reasons=tuple(reasons),
    )


def _shrunk(limit: Threshold, extent: Extent) -> list[str]:
    return [
        sentence(
            f"shrink: {entity} has {extent.records.get(entity, 0)} records, the last extract that was accepted had {before}"
            f" (held below {limit.percent:g} %). Check the export, then approve or discard",
            Mover.DISTRICT,
        )
        for entity, before in sorted(extent.yardstick.items())
        if before >= limit.at_least and extent.records.get(entity, 0) * 100 < limit.share_of(before)
    ]


def _rejected(limit: Threshold, extent: Extent) -> list[str]:
    records = extent.records.get("students", 0)
    if not limit.trips(extent.rejected_students, records):
        return []
    return [
        sentence(
            f"rejected: {extent.rejected_students} of {records} student records were rejected (held above {limit.percent:g} %"
            f" and from {limit.at_least}). Repair the records that core.rejected_rows names, then approve or discard",
            Mover.DISTRICT,
        )
    ]


def _told(trip: Count, limit: Threshold) -> str:
    place = "the district" if trip.school_id is None else f"school {trip.school_id}"
    return sentence(
        f"{trip.kind}: {trip.rows} in {place}, where {trip.active} accounts are active (held above {limit.percent:g} % and from"
        f" {limit.at_least}). Ask the district whether this is meant, then approve or discard",
        Mover.ENGINEER,
    )


def _unreadable(extent: Extent) -> str:
    return sentence(
        f"missing: {extent.missing} students are absent, but {extent.unreadable_keys} rejected student records have no readable"
        " key and may be theirs. Repair those records, then approve or discard",
        Mover.DISTRICT,
    )
