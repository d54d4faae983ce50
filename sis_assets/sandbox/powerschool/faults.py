"""Faults that can be switched on while the server runs, each for chosen requests, and scenarios that are made of them.

Contract: PowerSchool §1.12 and the last part: what goes wrong with real servers, or is not confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from sis_assets.sandbox.powerschool.reply import Twist
from sis_assets.sandbox.reply import Break, Reply
from sis_assets.sandbox.switches import Switches, Turn


class Kind(StrEnum):
    """What goes wrong."""

    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - the name of a fault
    STATUS = "status"
    NO_V1_RIGHT = "no_v1_right"
    FORBIDDEN = "forbidden"
    DENY_COLUMNS = "deny_columns"
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
    page         meets this page only; a request without `page` asks for page 1
    after        so many matching requests pass first
    times        so many are met then; None: all
    status       STATUS: what is answered
    retry_after  STATUS: the Retry-After header; None sends none
    seconds      SLOW: the pause before the answer; CLOCK_SKEW: how far the server's clock is ahead
    rows         ROWS_DELETED, ROWS_INSERTED: how many at the beginning go or come while the client reads;
                 ROWS_MOVED: how many go from the beginning to the end, or the other way when negative;
                 TOTAL_CHANGES: what is added to counts; SHORT_PAGE: how many a page lacks;
                 DUPLICATE_ROWS: how many of a page stand there twice
    columns      DENY_COLUMNS: "table.column", in lower case
    """

    kind: Kind
    path: str = "^/ws/"
    page: int | None = None
    after: int = 0
    times: int | None = None
    status: int = 503
    retry_after: str | None = None
    seconds: float = 1.0
    rows: int = 1
    columns: tuple[str, ...] = ()

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Effects:
    """What the faults that meet a request do to it."""

    instead: Reply | None = None
    twist: Twist = field(default_factory=Twist)
    pause: float = 0.0
    revoke: bool = False
    breaks: Break | None = None
    skew: float = 0.0


#: Scenarios by name.
SCENARIOS: Mapping[str, tuple[Fault, ...]] = {
    "revoked_token": (Fault(Kind.REVOKE_TOKEN, path="/student$", after=2, times=1),),
    "storm": (Fault(Kind.STATUS, status=429, times=20),),
    "polite_storm": (Fault(Kind.STATUS, status=429, retry_after="1", times=5),),
    "bad_gateway": (Fault(Kind.STATUS, status=502, after=3, times=2),),
    "unavailable": (Fault(Kind.STATUS, status=503),),
    "page_seven_fails": (Fault(Kind.STATUS, status=500, path="/student$", page=7),),
    "student_deleted": (Fault(Kind.ROWS_DELETED, path="/district/student", after=3),),
    "student_inserted": (Fault(Kind.ROWS_INSERTED, path="/district/student", after=3),),
    "student_moved": (Fault(Kind.ROWS_MOVED, path="/district/student$", after=2),),
    "reset": (Fault(Kind.RESET, path="/student$", after=1, times=1),),
    "truncated": (Fault(Kind.TRUNCATED, path="/student$", after=1, times=1),),
    "maintenance_page": (Fault(Kind.HTML),),
    "no_v1_right": (Fault(Kind.NO_V1_RIGHT, path="^/ws/v1/"),),
    "no_sections": (Fault(Kind.FORBIDDEN, path="/section$"),),
    "clock_ahead": (Fault(Kind.CLOCK_SKEW, path=".", seconds=3600.0),),
}


class Faults(Switches[Fault]):
    """The faults that are switched on. Safe to use from any thread."""

    def effects(self, path: str, page: int) -> Effects:
        """Count a request, and return what the faults do to it."""
        effects = Effects()
        for fault, turn in self.met(path, lambda fault: fault.page in (None, page)):
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
    if fault.kind in _INSTEAD:
        return replace(effects, instead=_INSTEAD[fault.kind](fault))
    return _OTHERWISE[fault.kind](effects, fault)


def _denied(effects: Effects, fault: Fault) -> Effects:
    denied = effects.twist.denied | frozenset(fault.columns)
    return replace(effects, twist=replace(effects.twist, denied=denied))


def missing_v1_right(level: str) -> Reply:
    """Return the 401 that tells of a right, not of a token: it has no `WWW-Authenticate` (contract §1.2)."""
    message = f"Plugin is missing required accessLevelV1Api {level} permission"
    return Reply(json.dumps({"errorMessage": {"message": message}}), 401)


def _twisted(effects: Effects, **rows: int) -> Effects:
    sums = {name: getattr(effects.twist, name) + number for name, number in rows.items()}
    return replace(effects, twist=replace(effects.twist, **sums))


def _failed(fault: Fault) -> Reply:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return Reply(json.dumps({"message": f"Made to fail with {fault.status}"}), fault.status, headers=headers)


#: Which part of a twist the rows of a fault are. Rows that are inserted are hidden before, not after.
_TWISTS: Mapping[Kind, str] = {
    Kind.ROWS_DELETED: "hidden",
    Kind.ROWS_MOVED: "rotated",
    Kind.TOTAL_CHANGES: "total",
    Kind.SHORT_PAGE: "missing",
    Kind.DUPLICATE_ROWS: "repeated",
}
_BREAKS = frozenset(map(Kind, Break))
_INSTEAD: Mapping[Kind, Callable[[Fault], Reply]] = {
    Kind.STATUS: _failed,
    Kind.NO_V1_RIGHT: lambda _: missing_v1_right("READ"),
    Kind.FORBIDDEN: lambda _: Reply(json.dumps({"message": "Access denied"}), 403),
    Kind.HTML: lambda _: Reply(
        "<!DOCTYPE html><html><body><h1>Sign In</h1></body></html>", content_type="text/html;charset=UTF-8"
    ),
}
_OTHERWISE: Mapping[Kind, Callable[[Effects, Fault], Effects]] = {
    Kind.REVOKE_TOKEN: lambda effects, _: replace(effects, revoke=True),
    Kind.SLOW: lambda effects, fault: replace(effects, pause=effects.pause + fault.seconds),
    Kind.CLOCK_SKEW: lambda effects, fault: replace(effects, skew=fault.seconds),
    Kind.DENY_COLUMNS: _denied,
    Kind.ROWS_INSERTED: lambda effects, _: effects,
}
