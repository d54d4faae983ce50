"""What people are told: new trouble once, changed trouble again, its end once; by channel, and alike trouble in one breath.

`ops.alerts` remembers what was told. Nothing that is told holds a student's data: counts, ids of change sets, reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sis_assets.model.faults import Mover, sentence
from sis_assets.model.fingerprint import fingerprint
from sis_assets.model.schema import ALERTS
from sis_assets.pipeline.fleet import Condition, Kind
from sis_assets.warehouse.rows import insert, lay

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.warehouse import Warehouse

#: So many districts are named where many share a trouble; the others are counted.
MOST_NAMES: Final = 12
_TITLES: Final = {
    Kind.BROKEN_FILE: "district file cannot be read",
    Kind.FAILING: "failing",
    Kind.STALE: "stale",
    Kind.ACCESS_ENDED: "access to the SIS has ended",
    Kind.HELD: "held for a decision",
    Kind.UNCONFIRMED: "missing course requests in the SIS",
    Kind.ACCESS_ENDS: "access to the SIS must be renewed",
    Kind.JOB: "failing",
    Kind.TICK: "failing",
    Kind.CHANNEL: "taking no message",
}
#: What a trouble is with, where it is no district.
_NOUNS: Final = {Kind.JOB: "job", Kind.TICK: "sensor", Kind.CHANNEL: "alert channel"}


@dataclass(frozen=True, slots=True)
class Told:
    """A trouble that was told and is not known to be over."""

    district_id: str
    kind: str
    content: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told at once."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told now: troubles that are new or changed, and those that are over."""

    conditions: tuple[Condition, ...]
    over: tuple[Told, ...]

    def of(self, districts: frozenset[str]) -> News:
        """Return what concerns these districts."""
        return News(
            tuple(each for each in self.conditions if each.district_id in districts),
            tuple(each for each in self.over if each.district_id in districts),
        )

    def __bool__(self) -> bool:
        return bool(self.conditions or self.over)


def news(conditions: Sequence[Condition], told: Sequence[Told]) -> News:
    """Compare what is wrong now with what was told."""
    known = {(each.district_id, each.kind): each for each in told}
    now = {(each.district_id, str(each.kind)) for each in conditions}
    return News(
        tuple(
            each
            for each in conditions
            if (before := known.get((each.district_id, each.kind))) is None
            or before.content != content_of(each)
        ),
        tuple(each for each in told if (each.district_id, each.kind) not in now),
    )


def content_of(condition: Condition) -> str:
    """Return the hash by which the same trouble is known again."""
    return fingerprint([condition.content])[:16]


def message(found: News) -> Message:
    """Return the news in words: the districts that share a trouble stand together, the worst first."""
    groups: dict[tuple[Kind, str], list[str]] = {}
    for condition in found.conditions:
        groups.setdefault((condition.kind, condition.says), []).append(condition.district_id)
    parts = [
        f"{_counted(names, kind)} {_TITLES[kind]}: {_listed(names)}\n{says}"
        for (kind, says), names in sorted(
            groups.items(), key=lambda group: (list(Kind).index(group[0][0]), -len(group[1]), group[1][0])
        )
    ]
    over: dict[str, list[str]] = {}
    for each in found.over:
        over.setdefault(each.kind, []).append(each.district_id)
    parts += [
        f"{_counted(names, Kind(kind))} no longer {_TITLES[Kind(kind)]}: {_listed(names)}"
        for kind, names in sorted(over.items())
    ]
    return Message(f"sis-assets: {_heading(found)}", "\n\n".join(parts))


def _heading(found: News) -> str:
    parts = []
    for noun in ("district", *dict.fromkeys(_NOUNS.values())):
        names = {each.district_id for each in found.conditions if _NOUNS.get(each.kind, "district") == noun}
        if names:
            parts.append(f"{_plural(len(names), noun)} need{'s' if len(names) == 1 else ''} attention")
    if found.over:
        parts.append(f"{len(found.over)} trouble{'s are' if len(found.over) > 1 else ' is'} over")
    return ", ".join(parts)


def _counted(names: Sequence[str], kind: Kind) -> str:
    return _plural(len(names), _NOUNS.get(kind, "district"))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(sorted(names)[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to people: what to call it, its Apprise URL (a secret), and the districts it is told of; None: of all.

    `url` is None when the secret is not in its place.
    """

    name: str
    url: str | None = field(repr=False)
    districts: frozenset[str] | None = None


Send = Callable[[str, Message], bool]


@dataclass(frozen=True, slots=True)
class Telling:
    """What came of telling: how many messages were sent, and the channels that took none."""

    sent: int
    dead: tuple[str, ...]

    def __str__(self) -> str:
        sent = f"{self.sent:,} message{'' if self.sent == 1 else 's'} sent"
        return f"{sent}; no message was taken by {', '.join(self.dead)}" if self.dead else sent


def tell(
    warehouse: Warehouse,
    conditions: Sequence[Condition],
    channels: Sequence[Channel],
    now: datetime,
    send: Send,
) -> Telling:
    """Tell the channels what they do not know yet, and remember it.

    What no channel took is told the next time. A channel that takes nothing is itself a trouble that the others hear of.
    """
    with warehouse.read() as connection:
        told = _told(connection)
    dead_before = {each.district_id for each in told if each.kind == Kind.CHANNEL}
    found = news(conditions, [each for each in told if each.kind != Kind.CHANNEL])
    results = {
        channel.name: channel.url is not None and send(channel.url, message(theirs))
        for channel in channels
        if (theirs := found if channel.districts is None else found.of(channel.districts))
    }
    dead = tuple(sorted(name for name, worked in results.items() if not worked))
    about_channels = News(
        tuple(_dead(name, now) for name in dead if name not in dead_before),
        tuple(each for each in told if each.kind == Kind.CHANNEL and results.get(each.district_id)),
    )
    working = [
        channel
        for channel in channels
        if channel.districts is None and channel.url and channel.name not in dead
    ]
    heard = (
        [send(channel.url or "", message(about_channels)) for channel in working] if about_channels else []
    )
    reached = [channel for channel in channels if results.get(channel.name)]
    known = News(
        tuple(each for each in found.conditions if _reaches(reached, each.district_id)),
        tuple(each for each in found.over if _reaches(reached, each.district_id)),
    )
    changes = [known, about_channels] if any(heard) else [known]
    if any(changes):
        warehouse.write(lambda connection: _remember(connection, changes, now))
    return Telling(sum([*results.values(), *heard]), dead)


def _reaches(channels: Sequence[Channel], district_id: str) -> bool:
    return any(channel.districts is None or district_id in channel.districts for channel in channels)


def _dead(name: str, now: datetime) -> Condition:
    says = sentence(
        f"The alert channel {name} takes no message; see whether its address and its secret are right, and its server is up",
        Mover.ENGINEER,
    )
    return Condition(name, Kind.CHANNEL, now, says, Mover.ENGINEER, name)


def _told(connection: DuckDBPyConnection) -> list[Told]:
    return [
        Told(district_id, kind, content, datetime.fromtimestamp(since, UTC))
        for district_id, kind, content, since in connection.execute(
            "SELECT district_id, kind, content, epoch(since) FROM ops.alerts WHERE recovered_at IS NULL"
        ).fetchall()
    ]


def _remember(connection: DuckDBPyConnection, changes: Sequence[News], now: datetime) -> None:
    columns = {"district_id": "VARCHAR", "kind": "VARCHAR"}
    for found in changes:
        lay(connection, "over", columns, [(each.district_id, each.kind) for each in found.over])
        lay(connection, "again", columns, [(each.district_id, str(each.kind)) for each in found.conditions])
        these = "recovered_at IS NULL AND (district_id, kind) IN (SELECT (district_id, kind) FROM {})"
        connection.execute(f"UPDATE ops.alerts SET recovered_at = ? WHERE {these.format('over')}", [now])
        connection.execute(f"DELETE FROM ops.alerts WHERE {these.format('again')}")
        insert(connection, ALERTS, [_row(each, now) for each in found.conditions])


def _row(condition: Condition, now: datetime) -> dict[str, object]:
    return {
        "district_id": condition.district_id,
        "kind": str(condition.kind),
        "content": content_of(condition),
        "since": condition.since,
        "told_at": now,
        "recovered_at": None,
    }
