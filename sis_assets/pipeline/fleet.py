"""Where every district stands: its newest good data, what is wrong, what waits, and whose move it is.

One look at the ledger for all districts; what the calendar, the hours of `pull` and the end of access explain is no trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from sis_assets.model.access import NEAR, file_by, nearness
from sis_assets.model.calendar import Mode, Span, closing, local_day, mode_on, next_opening
from sis_assets.model.faults import Mover, sentence
from sis_assets.model.freshness import stale_since
from sis_assets.model.requests import UNCONFIRMED_NIGHTS
from sis_assets.pipeline.requests.overview import unconfirmed as unconfirmed_requests
from sis_assets.pipeline.stage import REFUSED
from sis_assets.sis.kinds import problems

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District, Registry


#: A sync that is under way has read and not yet compared.
_SETTLING: Final = timedelta(hours=2)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What can be wrong with a district, with Dagster, or with an alert channel; the worst first."""

    BROKEN_FILE = "broken_file"
    FAILING = "failing"
    STALE = "stale"
    ACCESS_ENDED = "access_expired"
    HELD = "held"
    UNCONFIRMED = "unconfirmed_requests"
    ACCESS_ENDS = "access_renewal"
    JOB = "job"
    TICK = "tick"
    CHANNEL = "channel"


_WORST: Final = tuple(Kind)
_STATES: Final = (*Kind, "new", "paused", "ok")


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that people should know of a district: no student's data in it.

    `says` ends with whose move it is. `content` tells whether it is still the same trouble, or worth another word.
    """

    district_id: str
    kind: Kind
    since: datetime
    says: str
    mover: Mover
    content: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A district at one moment. `state` is a word for it: ok, new, paused, or the kind of its worst condition.

    `stale_since` says since when its data is too old, whatever the cause; None while it is not. `opens` is when the hours of
    `pull` begin next, in the district's own time; None while they hold, or without any.
    """

    district_id: str
    name: str
    sis: str
    state: str
    last_good: datetime | None
    accounts: int
    held: tuple[str, ...]
    opens: datetime | None
    access_expires: date | None
    file_by: date | None
    stale_since: datetime | None
    conditions: tuple[Condition, ...]

    @property
    def mover(self) -> str:
        """Whose move it is; empty when it is nobody's."""
        return str(self.conditions[0].mover) if self.conditions else ""

    @property
    def reason(self) -> str:
        """What the worst condition says; empty without one."""
        return self.conditions[0].says if self.conditions else ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of a district."""

    last_good: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""
    mover: Mover = Mover.ENGINEER
    uncompared_since: datetime | None = None
    accounts: int = 0
    unconfirmed: int = 0
    held: tuple[tuple[str, datetime], ...] = ()


_READS = """
WITH good AS (
  SELECT district_id, max(finished_at) AS last_good, max(extract_id) AS extract_id,
    arg_max(extract_id, extract_id) FILTER (status = 'complete') AS complete,
    arg_max(finished_at, extract_id) FILTER (status = 'complete') AS completed_at
  FROM ops.extracts WHERE status <> 'failed' GROUP BY district_id
), bad AS (
  SELECT e.district_id, min(e.finished_at) AS since, arg_max(e.reason, e.extract_id) AS reason
  FROM ops.extracts e LEFT JOIN good g USING (district_id)
  WHERE e.status = 'failed' AND (g.extract_id IS NULL OR e.extract_id > g.extract_id) GROUP BY e.district_id
), compared AS (SELECT district_id, max(extract_id) AS extract_id FROM ops.proposals GROUP BY district_id)
SELECT district_id, epoch(g.last_good), epoch(b.since), b.reason,
  CASE WHEN c.extract_id IS NULL OR c.extract_id < g.complete THEN epoch(g.completed_at) END
FROM good g FULL JOIN bad b USING (district_id) LEFT JOIN compared c USING (district_id)
"""
_ACCOUNTS = "SELECT district_id, count(*) FROM lifecycle.accounts WHERE is_active GROUP BY district_id"
_HELD = (
    "SELECT district_id, list({'id': change_set_id, 'at': epoch(created_at)} ORDER BY change_set_id)"
    " FROM lifecycle.change_sets WHERE status = 'held' GROUP BY district_id"
)


def standings(connection: DuckDBPyConnection, registry: Registry, now: datetime) -> list[Standing]:
    """Return where every district of the registry stands at `now` (aware), the broken ones too, by name."""
    known = _known(
        connection, {name: (now, district.timezone) for name, district in registry.districts.items()}
    )
    found = [
        _standing(district, known.get(name, _Known()), now) for name, district in registry.districts.items()
    ]
    found += [
        _broken(name, error.reason, known.get(name, _Known()), now) for name, error in registry.broken.items()
    ]
    return sorted(found, key=lambda standing: standing.district_id)


def by_state(standing: Standing) -> tuple[int, float, str]:
    """Return what districts are sorted by for the worst state to come first, and of equal ones the oldest data."""
    age = standing.last_good.timestamp() if standing.last_good else 0.0
    return _STATES.index(standing.state), age, standing.district_id


@cache
def working_day(state: str | None) -> Callable[[date], bool]:
    """Return what tells the working days of a US state, or of the country: Monday to Friday, without public holidays."""
    from holidays import country_holidays  # noqa: PLC0415 - it reads its tables, only where needed

    calendar = country_holidays("US", subdiv=state)
    return calendar.is_working_day


def _known(connection: DuckDBPyConnection, clocks: Mapping[str, tuple[datetime, str]]) -> dict[str, _Known]:
    reads = {row[0]: row[1:] for row in connection.execute(_READS).fetchall()}
    accounts = dict(connection.execute(_ACCOUNTS).fetchall())
    held = dict(connection.execute(_HELD).fetchall())
    unconfirmed = {name: count for name, count in unconfirmed_requests(connection, clocks).items() if count}
    return {
        name: _Known(
            last_good=_time(good),
            failing_since=_time(failing),
            reason=reason or "",
            uncompared_since=_time(uncompared),
            accounts=accounts.get(name, 0),
            unconfirmed=unconfirmed.get(name, 0),
            held=tuple((each["id"], _time(each["at"]) or _EPOCH) for each in held.get(name, ())),
        )
        for name, (good, failing, reason, uncompared) in (
            (name, reads.get(name, (None,) * 4)) for name in {*reads, *accounts, *held, *unconfirmed}
        )
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _standing(district: District, known: _Known, now: datetime) -> Standing:
    spans = [Span(span.first_day, span.last_day, Mode(span.mode)) for span in district.calendar.modes]
    paused = mode_on(local_day(now, district.zone), spans)[0] is Mode.PAUSE
    conditions = tuple(
        sorted(_conditions(district, known, now, spans), key=lambda found: _WORST.index(found.kind))
    )
    window = district.pull.window if district.pull and district.sis.by_api else None
    expires = district.access.expires
    return Standing(
        district.district,
        district.name,
        district.sis.kind,
        state=conditions[0].kind if conditions else _calm(known, paused=paused),
        last_good=known.last_good,
        accounts=known.accounts,
        held=tuple(change_set for change_set, _ in known.held),
        opens=None
        if window is None or closing(now, window, district.zone)
        else next_opening(now, window, district.zone).astimezone(district.zone),
        access_expires=expires,
        file_by=_file_by(district),
        stale_since=_stale(district, known, now, spans),
        conditions=conditions,
    )


def _calm(known: _Known, *, paused: bool) -> str:
    if paused:
        return "paused"
    return "ok" if known.last_good else "new"


def _broken(name: str, reason: str, known: _Known, now: datetime) -> Standing:
    """Return where a district stands whose file cannot be read: what it was is known, what it should do is not.

    Its data may be as old as the default says.
    """
    from sis_assets.districts import Freshness  # noqa: PLC0415 - pydantic, only where needed

    within = timedelta(hours=Freshness().within_hours)
    condition = Condition(name, Kind.BROKEN_FILE, now, reason, Mover.ENGINEER)
    held = tuple(change_set for change_set, _ in known.held)
    return Standing(
        name,
        "",
        "",
        Kind.BROKEN_FILE,
        known.last_good,
        known.accounts,
        held,
        opens=None,
        access_expires=None,
        file_by=None,
        stale_since=known.last_good + within if known.last_good and known.last_good + within < now else None,
        conditions=(condition,),
    )


def _conditions(
    district: District, known: _Known, now: datetime, spans: Sequence[Span]
) -> Iterator[Condition]:
    name, today = district.district, local_day(now, district.zone)
    ended = district.access.ended(today)
    if wrong := problems(district):
        says = sentence(f"The district file: {'; '.join(str(problem) for problem in wrong)}", Mover.ENGINEER)
        yield Condition(name, Kind.BROKEN_FILE, now, says, Mover.ENGINEER, says)
    if ended or _is_refused(known):
        yield _access_ended(district, known, now, ended=ended)
    elif known.failing_since:
        yield Condition(
            name, Kind.FAILING, known.failing_since, known.reason, _mover(known.reason), known.reason
        )
    elif (
        known.uncompared_since
        and mode_on(today, spans)[0] is not Mode.PAUSE
        and known.uncompared_since < now - _SETTLING
    ):
        yield Condition(
            name,
            Kind.FAILING,
            known.uncompared_since,
            sentence(
                "The newest extract was read, but not compared with the accounts; see its run, then sync again",
                Mover.ENGINEER,
            ),
            Mover.ENGINEER,
        )
    elif known.last_good and (since := _stale(district, known, now, spans)):
        yield Condition(name, Kind.STALE, since, *_silent(district))
    if known.held:
        ids = ", ".join(change_set for change_set, _ in known.held)
        says = f"{ids} wait{'s' if len(known.held) == 1 else ''} for a decision: `sis-assets changes show`"
        yield Condition(
            name,
            Kind.HELD,
            min(at for _, at in known.held),
            sentence(says, Mover.ENGINEER),
            Mover.ENGINEER,
            ids,
        )
    if known.unconfirmed:
        says, mover = _said(
            f"Course requests that were sent {UNCONFIRMED_NIGHTS} nights ago or earlier are not in the SIS, or otherwise:"
            " `sis-assets requests status` names schools and courses",
            Mover.DISTRICT,
        )
        yield Condition(name, Kind.UNCONFIRMED, now, says, mover, f"{known.unconfirmed}")
    last_day = _file_by(district)
    if last_day and not ended and (near := nearness(today, last_day)) is not None:
        yield _access_ends(district, last_day, near, now)


def _stale(district: District, known: _Known, now: datetime, spans: Sequence[Span]) -> datetime | None:
    """Return since when the data is too old, counted from the first failure where there is no good data at all."""
    begins = known.last_good or known.failing_since
    if begins is None or district.access.ended(local_day(now, district.zone)) or _is_refused(known):
        return None
    return stale_since(
        now,
        begins,
        within=timedelta(hours=district.freshness.within_hours),
        window=district.pull.window if district.pull and district.sis.by_api else None,
        spans=spans,
        zone=district.zone,
    )


def _silent(district: District) -> tuple[str, Mover]:
    """Return what to say of a stale district; the same of all alike, so that they stand in one message."""
    hours = district.freshness.within_hours
    if district.sis.by_api:
        return _said(
            f"Nothing was read for more than {hours} hours: see whether the nightly pulls run", Mover.ENGINEER
        )
    return _said(
        f"No new drop for more than {hours} hours: send one, or see why none is sent", Mover.DISTRICT
    )


def _said(text: str, mover: Mover) -> tuple[str, Mover]:
    return sentence(text, mover), mover


def _file_by(district: District) -> date | None:
    access = district.access
    return access.expires and file_by(
        access.expires, access.renewal_working_days, working_day(district.state)
    )


def _is_refused(known: _Known) -> bool:
    """Whether the newest read was refused because the year's access has ended."""
    return known.reason.startswith(REFUSED)


def _access_ended(district: District, known: _Known, now: datetime, *, ended: bool) -> Condition:
    expires = district.access.expires
    if ended and expires:
        since = datetime.combine(expires + timedelta(days=1), time(), district.zone)
        says, mover = _said(
            f"Access to the SIS ended on {expires}: ask for its renewal ({district.access.renewal_working_days} working"
            " days), then set the new credential or access.expires; until then nothing is read and nobody changes",
            Mover.DISTRICT,
        )
    else:
        since, says, mover = known.failing_since or now, known.reason, _mover(known.reason)
    return Condition(district.district, Kind.ACCESS_ENDED, since, says, mover, says)


def _access_ends(district: District, last_day: date, near: int, now: datetime) -> Condition:
    expires = district.access.expires
    begins = datetime.combine(last_day - timedelta(days=NEAR[0]), time(), district.zone)
    text = (
        f"Access to the SIS ends on {expires}; its renewal must be asked for by {last_day}"
        if near >= 0
        else f"Access to the SIS ends on {expires}; its renewal should have been asked for by {last_day}: ask now"
    )
    says, mover = _said(text, Mover.DISTRICT)
    return Condition(district.district, Kind.ACCESS_ENDS, min(begins, now), says, mover, f"{last_day} {near}")


def _mover(reason: str) -> Mover:
    return next((mover for mover in Mover if reason.endswith(f" {mover}.")), Mover.ENGINEER)
