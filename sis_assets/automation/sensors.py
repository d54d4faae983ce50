"""The sensor on the drops: it notices what arrived and asks for a run whose key is the content.

The cursor keeps, for each district, the listing that was last looked into and the content it had, so that a listing that
did not change is not read again. A listing is settled only when it is older than the coarsest clock by which a server
tells times: a file that was sent again within the same second is looked at once more. No time of a file decides
anything else, so clocks may be wrong or move back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import dagster as dg

from sis_assets.assets.partitions import register
from sis_assets.assets.platform import Platform
from sis_assets.automation.jobs import SYNC_DISTRICT, districts_under_way
from sis_assets.model.calendar import Mode
from sis_assets.model.faults import Fault, TransientFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.pipeline.stage import redacted

if TYPE_CHECKING:
    from sis_assets.districts import District, Dropzone
    from sis_assets.warehouse.ledger import State

TICK_SECONDS = 40.0
SETTLED_SECONDS = 2.0
MOST_TRIES = 3
_CURSOR_VERSION = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of a district's drop: its listing, since when, what it held, and the run that was asked for."""

    listing: str = ""
    since: float = 0.0
    content: str = ""
    reads: int = -1
    tries: int = 0


@dataclass(slots=True)
class Cursor:
    """The sensor's memory. `turn` is the district at which the next tick begins when this one ran out of time."""

    seen: dict[str, Seen] = field(default_factory=dict)
    turn: str = ""

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        """Read a cursor; one of another version is forgotten, which costs one more look at every drop."""
        kept = json.loads(text) if text else {}
        if kept.get("v") != _CURSOR_VERSION:
            return cls()
        return cls({name: Seen(**seen) for name, seen in kept["seen"].items()}, kept["turn"])

    def dump(self) -> str:
        """Return the cursor as text."""
        seen = {name: asdict(seen) for name, seen in self.seen.items()}
        return json.dumps({"v": _CURSOR_VERSION, "seen": seen, "turn": self.turn}, sort_keys=True)


@dg.sensor(
    name="drops",
    job=SYNC_DISTRICT,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at every district's drop and syncs the districts that sent something new.",
)
def drops(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Register new districts as partitions, and request a run for each drop whose content is new.

    Raises a Fault, or a RuntimeError that names the place of an unexpected error but none of its words.
    """
    try:
        return _tick(context)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - its words may quote a student's row, and ticks are kept
        raise RuntimeError(redacted(error).reason) from None


def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    with Platform() as platform:
        if not platform.home.districts.is_dir():
            return dg.SkipReason("There is no folder districts/ in SIS_ASSETS_HOME yet")
        register(context.instance, platform.registry.districts)
        cursor = Cursor.load(context.cursor)
        busy = districts_under_way(context.instance)
        requests, told = look_round(platform, cursor, busy, until=time.monotonic() + TICK_SECONDS)
    context.update_cursor(cursor.dump())
    if not requests:
        return dg.SkipReason("; ".join(told) or "No drop has changed")
    return dg.SensorResult(run_requests=requests)


def look_round(
    platform: Platform, cursor: Cursor, busy: frozenset[str], *, until: float
) -> tuple[list[dg.RunRequest], list[str]]:
    """Look at the drops, in turn, while there is time; gives run requests and what to tell of the others."""
    from sis_assets.warehouse import ledger  # noqa: PLC0415 - keeps the definitions light

    districts = _in_turn(list(platform.registry.districts.values()), cursor.turn)
    with platform.warehouse.read() as connection:
        states = ledger.states(connection, [district.district for district in districts])
    requests: list[dg.RunRequest] = []
    told: list[str] = []
    cursor.turn = ""
    for district in districts:
        if time.monotonic() > until:
            cursor.turn = district.district
            told.append(f"out of time; {district.district} is next")
            break
        dropzone = district.sis.drop
        if dropzone is None or district.district in busy:
            continue
        if platform.stage.closed(district):
            continue
        key, reason = _look(platform, district, dropzone, states[district.district], cursor)
        if key:
            requests.append(dg.RunRequest(run_key=key, partition_key=district.district))
        elif reason:
            told.append(f"{district.district}: {reason}")
    return requests, told


def _in_turn(districts: Sequence[District], turn: str) -> list[District]:
    ordered = sorted(districts, key=lambda district: district.district)
    return [d for d in ordered if d.district >= turn] + [d for d in ordered if d.district < turn]


def _look(
    platform: Platform, district: District, dropzone: Dropzone, state: State, cursor: Cursor
) -> tuple[str | None, str]:
    """Look at one drop; gives a run key when a run is due, else what to tell."""
    from sis_assets.pipeline.extract import past_of  # noqa: PLC0415 - keeps the definitions light
    from sis_assets.sis.drops import listing as listing_of  # noqa: PLC0415 - as above
    from sis_assets.sis.kinds import sis_of  # noqa: PLC0415 - as above
    from sis_assets.transport.dropzone import NotYet  # noqa: PLC0415 - as above
    from sis_assets.transport.visit import Visit  # noqa: PLC0415 - as above

    name = district.district
    before = cursor.seen.get(name, Seen())
    now = time.time()
    try:
        listing = listing_of(dropzone)
        since = before.since if listing == before.listing and before.since <= now else now
        if listing == before.listing and before.content and now - since >= SETTLED_SECONDS:
            cursor.seen[name] = replace(before, since=since)
            return _again(platform, district, state, cursor)
        past = past_of(state, district, platform.stage.clock.now())
        found = sis_of(district).client.fetch(district, platform.home, past, Visit())
    except TransientFault as fault:
        return None, fault.reason
    except Fault as fault:
        # A run that fails is seen and alerted, a skipped tick is not; one such run for one state of affairs.
        content = f"fault-{fingerprint([fault.reason])[:16]}"
        if before.content == content and before.reads == state.reads - 1:
            return None, fault.reason
        cursor.seen[name] = Seen(content=content, reads=state.reads)
        return f"{name}:{content}:{state.reads}", ""
    if isinstance(found, NotYet):
        cursor.seen[name] = Seen(listing=listing, since=since)
        return None, found.reason
    cursor.seen[name] = Seen(listing, since, found.content_sha256, before.reads, before.tries)
    if found.content_sha256 != before.content:
        cursor.seen[name] = replace(cursor.seen[name], reads=-1, tries=0)
    return _again(platform, district, state, cursor)


def _again(platform: Platform, district: District, state: State, cursor: Cursor) -> tuple[str | None, str]:
    """Ask for a run while the content that was seen is not in the ledger, or is there and not compared yet."""
    name = district.district
    seen = cursor.seen[name]
    mode, _ = platform.stage.mode(district)
    taken = state.newest is not None and state.newest.content_sha256 == seen.content and not state.last_failed
    if taken and (mode is Mode.PAUSE or state.is_proposed(mode, district.digest())):
        return None, ""
    tries = seen.tries + 1 if seen.reads == state.reads else 1
    recorded_since = seen.reads not in {-1, state.reads}
    if tries > MOST_TRIES or (recorded_since and state.last_failed):
        return None, "the last run of this content failed; it is not tried again by itself"
    cursor.seen[name] = replace(seen, reads=state.reads, tries=tries)
    return f"{name}:{seen.content}:{state.reads}:{tries}", ""
