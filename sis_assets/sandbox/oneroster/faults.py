"""Faults that can be switched on while the provider serves, each for chosen requests, and scenarios that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from sis_assets.sandbox.oneroster.problems import Problem
from sis_assets.sandbox.reply import Break, Reply
from sis_assets.sandbox.rows import RowTwist
from sis_assets.sandbox.switches import Switches, Turn


class Kind(StrEnum):
    """What goes wrong."""

    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - the name of a fault
    STATUS = "status"
    FORBIDDEN = "forbidden"
    SLOW = "slow"
    RESET = "reset"
    TRUNCATED = "truncated"
    INVALID_JSON = "invalid_json"
    HTML = "html"
    CLOCK_SKEW = "clock_skew"
    ROWS_DELETED = "rows_deleted"
    ROWS_INSERTED = "rows_inserted"
    ROWS_MOVED = "rows_moved"
    TOTAL_CHANGES = "total_changes"
    SHORT_PAGE = "short_page"
    DUPLICATE_ROWS = "duplicate_rows"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and which requests it meets: of those that match, it lets `after` pass and then meets `times`.

    kind         what goes wrong
    path         a regular expression that is searched in the path
    offset       meets pages that begin there only; a request without `offset` begins at 0
    after        so many matching requests pass first
    times        so many are met then; None: all
    status       STATUS: what is answered
    retry_after  STATUS: the Retry-After header; None sends none
    seconds      SLOW: the pause before the answer; CLOCK_SKEW: how far the provider's clock is ahead
    rows         ROWS_DELETED, ROWS_INSERTED: how many at the beginning go or come while the client reads;
                 ROWS_MOVED: how many go from the beginning to the end, or the other way when negative;
                 TOTAL_CHANGES: what is added to totals; SHORT_PAGE: how many a page lacks;
                 DUPLICATE_ROWS: how many of a page stand there twice
    """

    kind: Kind
    path: str = "/ims/oneroster/"
    offset: int | None = None
    after: int = 0
    times: int | None = None
    status: int = 503
    retry_after: str | None = None
    seconds: float = 1.0
    rows: int = 1

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Twist(RowTwist):
    """What faults do to the rows of an answer; `total` is added to the total that is told."""

    total: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """What the faults that meet a request do to it."""

    instead: Reply | Problem | None = None
    twist: Twist = field(default_factory=Twist)
    pause: float = 0.0
    revoke: bool = False
    breaks: Break | None = None
    skew: float = 0.0


#: Scenarios by name.
SCENARIOS: Mapping[str, tuple[Fault, ...]] = {
    "revoked_token": (Fault(Kind.REVOKE_TOKEN, path="/users$", after=2, times=1),),
    "storm": (Fault(Kind.STATUS, status=429, times=20),),
    "polite_storm": (Fault(Kind.STATUS, status=429, retry_after="1", times=5),),
    "bad_gateway": (Fault(Kind.STATUS, status=502, after=3, times=2),),
    "unavailable": (Fault(Kind.STATUS, status=503),),
    "third_page_fails": (Fault(Kind.STATUS, status=500, path="/(users|students)$", offset=200),),
    "user_deleted": (Fault(Kind.ROWS_DELETED, path="/users$", after=2),),
    "user_inserted": (Fault(Kind.ROWS_INSERTED, path="/users$", after=2),),
    "user_moved": (Fault(Kind.ROWS_MOVED, path="/users$", after=1),),
    "total_changes": (Fault(Kind.TOTAL_CHANGES, path="/users$", after=1),),
    "reset": (Fault(Kind.RESET, path="/users$", after=1, times=1),),
    "truncated": (Fault(Kind.TRUNCATED, path="/users$", after=1, times=1),),
    "maintenance_page": (Fault(Kind.HTML),),
    "no_enrollments": (Fault(Kind.FORBIDDEN, path="/enrollments$"),),
    "slow_page": (Fault(Kind.SLOW, path="/users$", after=1, times=1, seconds=5.0),),
    "clock_ahead": (Fault(Kind.CLOCK_SKEW, path=".", seconds=3600.0),),
}


class Faults(Switches[Fault]):
    """The faults that are switched on. Safe to use from any thread."""

    def effects(self, path: str, offset: int) -> Effects:
        """Count a request, and return what the faults do to it."""
        effects = Effects()
        for fault, turn in self.met(path, lambda fault: fault.offset in (None, offset)):
            # Rows that come later are there from the beginning, and hidden until then.
            if fault.kind is Kind.ROWS_INSERTED and turn is Turn.EARLY:
                effects = _twisted(effects, hidden=fault.rows)
            elif turn is Turn.NOW:
                effects = _with(effects, fault)
        return effects


def _with(effects: Effects, fault: Fault) -> Effects:
    """Return the effects with those of a fault that meets the request."""
    if fault.kind in _TWISTS:
        return _twisted(effects, **{_TWISTS[fault.kind]: fault.rows})
    if fault.kind in _BREAKS:
        return replace(effects, breaks=Break(fault.kind))
    return _OTHERWISE[fault.kind](effects, fault)


def _twisted(effects: Effects, **rows: int) -> Effects:
    sums = {name: getattr(effects.twist, name) + number for name, number in rows.items()}
    return replace(effects, twist=replace(effects.twist, **sums))


def _failed(fault: Fault) -> Problem:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return Problem(fault.status, f"made to fail with {fault.status}", headers=headers)


#: Which part of a twist the rows of a fault are. Rows that are inserted are hidden before, not after.
_TWISTS: Mapping[Kind, str] = {
    Kind.ROWS_DELETED: "hidden",
    Kind.ROWS_MOVED: "rotated",
    Kind.TOTAL_CHANGES: "total",
    Kind.SHORT_PAGE: "missing",
    Kind.DUPLICATE_ROWS: "repeated",
}
_BREAKS = frozenset(map(Kind, Break))
_SIGN_IN = Reply(
    "<!DOCTYPE html><html><body><h1>Sign In</h1></body></html>", content_type="text/html;charset=UTF-8"
)
_OTHERWISE: Mapping[Kind, Callable[[Effects, Fault], Effects]] = {
    Kind.STATUS: lambda effects, fault: replace(effects, instead=_failed(fault)),
    Kind.FORBIDDEN: lambda effects, _: replace(effects, instead=Problem(403, "not subscribed")),
    Kind.HTML: lambda effects, _: replace(effects, instead=_SIGN_IN),
    Kind.REVOKE_TOKEN: lambda effects, _: replace(effects, revoke=True),
    Kind.SLOW: lambda effects, fault: replace(effects, pause=effects.pause + fault.seconds),
    Kind.CLOCK_SKEW: lambda effects, fault: replace(effects, skew=fault.seconds),
    Kind.ROWS_INSERTED: lambda effects, _: effects,
}
