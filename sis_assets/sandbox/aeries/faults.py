"""Faults that can be switched on while the server runs, each for chosen requests, and scenarios that are made of them.

Contract: Aeries §2.1 (errors), §2.5, and the last part: what goes wrong with real servers, or is not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from sis_assets.sandbox.aeries.reply import Twist, message_reply
from sis_assets.sandbox.aeries.settings import GRADUATION_STATUS, STUDENT_DATA
from sis_assets.sandbox.reply import Break, Reply
from sis_assets.sandbox.switches import Switches, Turn


class Kind(StrEnum):
    """What goes wrong."""

    REVOKED = "revoked"
    MISSING_AREA = "missing_area"
    FEATURE_OFF = "feature_off"
    WRONG_YEAR = "wrong_year"
    LEA_ABSENT = "lea_absent"
    LEA_FORBIDDEN = "lea_forbidden"
    STATUS = "status"
    SLOW = "slow"
    RESET = "reset"
    TRUNCATED = "truncated"
    INVALID_JSON = "invalid_json"
    HTML = "html"
    CLOCK_SKEW = "clock_skew"
    ROWS_DELETED = "rows_deleted"
    ROWS_INSERTED = "rows_inserted"
    ROWS_MOVED = "rows_moved"
    SHORT_PAGE = "short_page"
    DUPLICATE_ROWS = "duplicate_rows"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and which requests it meets: of those that match, it lets `after` pass and then meets `times`.

    kind         what goes wrong
    path         a regular expression that is searched in the path
    start        meets the window that begins with this record only; a request without StartingRecord begins with 1
    after        so many matching requests pass first
    times        so many are met then; None: all
    status       STATUS: what is answered
    retry_after  STATUS: the Retry-After header; None sends none
    seconds      SLOW: the pause before the answer; CLOCK_SKEW: how far the server's clock is ahead
    rows         ROWS_DELETED, ROWS_INSERTED: how many at the beginning go or come while the client reads;
                 ROWS_MOVED: how many go from the beginning to the end, or the other way when negative;
                 SHORT_PAGE: how many the window lacks at its end; DUPLICATE_ROWS: how many of it stand there twice
    area         MISSING_AREA, FEATURE_OFF: the security area
    lea          LEA_ABSENT, LEA_FORBIDDEN: which one, from 1
    """

    kind: Kind
    path: str = "/api/"
    start: int | None = None
    after: int = 0
    times: int | None = None
    status: int = 503
    retry_after: str | None = None
    seconds: float = 1.0
    rows: int = 1
    area: str = STUDENT_DATA
    lea: int = 1

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Effects:
    """What the faults that meet a request do to it."""

    instead: Reply | None = None
    twist: Twist = field(default_factory=Twist)
    pause: float = 0.0
    revoked: bool = False
    breaks: Break | None = None
    skew: float = 0.0


_STUDENTS = r"/students/?$"
_ALL_YEARS = r"/enrollment/0/?$"

#: Scenarios by name.
SCENARIOS: Mapping[str, tuple[Fault, ...]] = {
    "revoked_certificate": (Fault(Kind.REVOKED, after=5),),
    "no_student_data": (Fault(Kind.MISSING_AREA),),
    "no_graduation_status": (Fault(Kind.MISSING_AREA, area=GRADUATION_STATUS),),
    "graduation_status_off": (Fault(Kind.FEATURE_OFF, area=GRADUATION_STATUS),),
    "wrong_year": (Fault(Kind.WRONG_YEAR),),
    "wrong_year_later": (Fault(Kind.WRONG_YEAR, after=3),),
    "first_lea_absent": (Fault(Kind.LEA_ABSENT),),
    "first_lea_forbidden": (Fault(Kind.LEA_FORBIDDEN),),
    "school_not_found": (Fault(Kind.STATUS, status=404, path="/schools/101/students"),),
    "storm": (Fault(Kind.STATUS, status=429, times=20),),
    "polite_storm": (Fault(Kind.STATUS, status=429, retry_after="1", times=5),),
    "bad_gateway": (Fault(Kind.STATUS, status=502, after=3, times=2),),
    "unavailable": (Fault(Kind.STATUS, status=503),),
    "all_years_time_out": (
        Fault(Kind.SLOW, path=_ALL_YEARS, seconds=30.0),
        Fault(Kind.STATUS, path=_ALL_YEARS, status=504),
    ),
    "short_list": (Fault(Kind.SHORT_PAGE, path=_STUDENTS),),
    "repeated_rows": (Fault(Kind.DUPLICATE_ROWS, path=_STUDENTS),),
    "student_deleted": (Fault(Kind.ROWS_DELETED, path=_STUDENTS, after=1),),
    "student_inserted": (Fault(Kind.ROWS_INSERTED, path=_STUDENTS, after=1),),
    "student_moved": (Fault(Kind.ROWS_MOVED, path=_STUDENTS, after=1),),
    "reset": (Fault(Kind.RESET, path=_STUDENTS, times=1),),
    "truncated": (Fault(Kind.TRUNCATED, path=_STUDENTS, times=1),),
    "maintenance_page": (Fault(Kind.HTML),),
    "clock_ahead": (Fault(Kind.CLOCK_SKEW, path=".", seconds=3600.0),),
}


class Faults(Switches[Fault]):
    """The faults that are switched on. Safe to use from any thread."""

    def effects(self, path: str, start: int) -> Effects:
        """Count a request, and return what the faults do to it."""
        effects = Effects()
        for fault, turn in self.met(path, lambda fault: fault.start in (None, start)):
            # Rows that come later are there from the beginning, and hidden until then.
            if fault.kind is Kind.ROWS_INSERTED and turn is Turn.EARLY:
                effects = _twisted(effects, hidden=fault.rows)
            elif turn is Turn.NOW:
                effects = _with(effects, fault)
        return effects


def _with(effects: Effects, fault: Fault) -> Effects:
    """Return the effects with those of a fault that meets the request."""
    if fault.kind in _ROWS:
        return _twisted(effects, **{_ROWS[fault.kind]: fault.rows})
    if fault.kind in _BREAKS:
        return replace(effects, breaks=Break(fault.kind))
    if fault.kind in _SETS:
        name, told = _SETS[fault.kind]
        more = getattr(effects.twist, name) | {told(fault)}
        return replace(effects, twist=replace(effects.twist, **{name: more}))
    return _OTHERWISE[fault.kind](effects, fault)


def _twisted(effects: Effects, **rows: int) -> Effects:
    sums = {name: getattr(effects.twist, name) + number for name, number in rows.items()}
    return replace(effects, twist=replace(effects.twist, **sums))


def _failed(fault: Fault) -> Reply:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return replace(message_reply(fault.status, f"Made to fail with {fault.status}"), headers=headers)


#: Which part of a twist the rows of a fault are. Rows that are inserted are hidden before, not after.
_ROWS: Mapping[Kind, str] = {
    Kind.ROWS_DELETED: "hidden",
    Kind.ROWS_MOVED: "rotated",
    Kind.SHORT_PAGE: "missing",
    Kind.DUPLICATE_ROWS: "repeated",
}
_BREAKS = frozenset(map(Kind, Break))
#: Which set of a twist a fault adds to, and what.
_SETS: Mapping[Kind, tuple[str, Callable[[Fault], object]]] = {
    Kind.MISSING_AREA: ("without", lambda fault: fault.area),
    Kind.FEATURE_OFF: ("off", lambda fault: fault.area),
    Kind.LEA_ABSENT: ("absent", lambda fault: fault.lea),
    Kind.LEA_FORBIDDEN: ("forbidden", lambda fault: fault.lea),
}
_SIGN_IN = Reply(
    "<!DOCTYPE html><html><body><h1>Sign In</h1></body></html>", content_type="text/html; charset=utf-8"
)
_OTHERWISE: Mapping[Kind, Callable[[Effects, Fault], Effects]] = {
    Kind.REVOKED: lambda effects, _: replace(effects, revoked=True),
    Kind.WRONG_YEAR: lambda effects, _: replace(effects, twist=replace(effects.twist, wrong_year=True)),
    Kind.STATUS: lambda effects, fault: replace(effects, instead=_failed(fault)),
    Kind.HTML: lambda effects, _: replace(effects, instead=_SIGN_IN),
    Kind.SLOW: lambda effects, fault: replace(effects, pause=effects.pause + fault.seconds),
    Kind.CLOCK_SKEW: lambda effects, fault: replace(effects, skew=fault.seconds),
    Kind.ROWS_INSERTED: lambda effects, _: effects,
}
