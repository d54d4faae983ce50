"""What every stage is given, and what it says of each district."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.model.calendar import Mode, Span, closing, local_day, mode_on, next_opening
from sis_assets.model.faults import AccessRefused, Fault, Mover, PermanentFault, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sis_assets.districts import District
    from sis_assets.sis.delimited import Readers
    from sis_assets.warehouse import Home, Warehouse

#: How the reason begins of a read that was refused because the year's access has ended.
REFUSED: Final = "Signing in after the end of the school year"
_JULY: Final = 7


@dataclass(frozen=True, slots=True)
class Clock:
    """The business clock: stands still at `at` where one was given, else runs. Always aware, in UTC."""

    at: datetime | None = None

    def now(self) -> datetime:
        """Return the business time."""
        return self.at.astimezone(UTC) if self.at else datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """The surroundings of a stage. `outside_window` names the person who has it read whatever the hours of pull say."""

    home: Home
    warehouse: Warehouse
    readers: Readers
    clock: Clock = field(default_factory=Clock)
    outside_window: str | None = None

    def day(self, district: District) -> date:
        """Return the day that it is in the district."""
        return local_day(self.clock.now(), district.zone)

    def mode(self, district: District) -> tuple[Mode, date | None]:
        """Return the district's calendar mode today and the last day on which it holds."""
        spans = [Span(span.first_day, span.last_day, Mode(span.mode)) for span in district.calendar.modes]
        return mode_on(self.day(district), spans)

    def closed(self, district: District) -> str | None:
        """Return the reason why the district's SIS must not be read now, None when it may be."""
        if district.access.ended(self.day(district)):
            return sentence(
                f"Access to the SIS ended on {district.access.expires}; nothing is read and nothing changes until it is renewed"
                f" ({district.access.renewal_working_days} working days) and access.expires says so",
                Mover.DISTRICT,
            )
        opens = self.opens(district)
        if opens is None or self.outside_window:
            return None
        return sentence(
            f"The hours in which the SIS may be read are over; the next begin at {opens.astimezone(district.zone):%Y-%m-%d %H:%M}"
            f" ({district.timezone}), or now with --outside-window",
            Mover.ENGINEER,
        )

    def access_has_ended(self, district: District, fault: Fault) -> str | None:
        """Return why a refused credential means that the year's access has ended, None when it means what it says.

        In July, without a date in the district file: many a state ends all access on 30 June until it is asked for anew.
        """
        if not (
            isinstance(fault, AccessRefused)
            and district.access.expires is None
            and self.day(district).month == _JULY
        ):
            return None
        return sentence(
            f"{REFUSED}: {fault.seen}. Where access ends each year, ask for its renewal"
            f" ({district.access.renewal_working_days} working days) and set access.expires; until it is granted nobody changes",
            Mover.DISTRICT,
        )

    def opens(self, district: District) -> datetime | None:
        """Return when the hours of `pull` begin next, None when they hold now or there are none. They bind API reads only."""
        if district.pull is None or not district.sis.by_api:
            return None
        now, window = self.clock.now(), district.pull.window
        return None if closing(now, window, district.zone) else next_opening(now, window, district.zone)


class Status(StrEnum):
    """How a district's sync ended; what a script reads from `sync --json`."""

    APPLIED = "applied"
    HELD = "held"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set in an outcome: `counts` has one number for each kind of change."""

    id: str
    status: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage says of one district.

    `status` is None while nothing speaks against going on. `reason` is a sentence without students' data that ends
    with whose move it is. `rows` counts what each table now holds of the district, for those that were written.
    """

    district_id: str
    status: Status | None = None
    reason: str = ""
    extract_id: str | None = None
    change_sets: tuple[ChangeSet, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def failed(cls, district_id: str, fault: Fault) -> Outcome:
        """Return the outcome of a district that a fault stopped."""
        return cls(district_id, Status.FAILED, fault.reason)


def redacted(error: BaseException) -> PermanentFault:
    """Return a fault that tells where an unexpected error came from, but none of its words: they may quote a record."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "sis_assets" in frame.filename]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return PermanentFault(
        tried="Running a stage",
        seen=f"an unexpected {type(error).__name__} at {places or 'an unknown place'}; its text is withheld, it may quote data",
        todo="Report this with the place named here",
        mover=Mover.ENGINEER,
    )
