"""A district's year, the hours in which its SIS may be read, and the end of our access."""

from __future__ import annotations

from datetime import date, time
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from sis_assets.districts.section import Section, wrong
from sis_assets.districts.text import ClockTime, IsoDate
from sis_assets.model.calendar import Window

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DAYS = get_args(Day)
_LONGEST_YEAR = 366


def _no_day_twice(days: tuple[Day, ...]) -> tuple[Day, ...]:
    if len(set(days)) < len(days):
        raise wrong("names a day twice")
    return days


class Pull(Section):
    """When the SIS may be read, in the district's local time. The window may cross midnight."""

    days: Annotated[tuple[Day, ...], Field(min_length=1), AfterValidator(_no_day_twice)] = Field(
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        description="The days on which a window opens. Absent: every day.",
    )
    opens: ClockTime = Field(time(0, 0), alias="from", description='When the window opens, "HH:MM".')
    closes: ClockTime = Field(
        time(0, 0),
        alias="to",
        description='When it closes, "HH:MM"; not later than `from` means on the next day. '
        "Without `from` and `to` the whole day is open.",
    )

    resume_hours: int = Field(
        36,
        ge=1,
        le=24 * 14,
        description="For how long after its first request a read that the end of the hours interrupts may be gone on with. "
        "Later, it starts anew.",
    )

    grace_hours: int = Field(
        24,
        ge=0,
        le=24 * 14,
        description="For how long a good read by hand outside the hours stands for the nightly ones.",
    )

    @property
    def window(self) -> Window:
        """The same as the model has it."""
        return Window(frozenset(_DAYS.index(day) for day in self.days), self.opens, self.closes)

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if ("opens" in self.model_fields_set) != ("closes" in self.model_fields_set):
            raise wrong("needs both from and to, or neither")
        if "opens" in self.model_fields_set and self.opens == self.closes:
            raise wrong("must differ from from; leave both out for the whole day", key="to")
        return self


class Span(Section):
    """Days of the district's calendar on which another mode holds."""

    first_day: IsoDate = Field(alias="from", description="The first day, district-local.")
    last_day: IsoDate = Field(alias="to", description="The last day, included.")
    mode: Literal["normal", "additions_only", "pause"] = Field(
        description="normal; additions_only: creates and reactivates only; pause: reads and proposes nothing."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day > self.last_day:
            raise wrong("must not be before from", key="to")
        return self


class Calendar(Section):
    """The school year and its unusual days."""

    year_start: IsoDate | None = Field(None, description="The first day of the school year.")
    year_end: IsoDate | None = Field(
        None, description="Its last day. Course requests are for the school year after this one."
    )
    modes: tuple[Span, ...] = Field((), description="Days on which another mode than normal holds.")

    @model_validator(mode="after")
    def _one_year_and_one_mode_a_day(self) -> Self:
        if (
            self.year_start
            and self.year_end
            and not 0 < (self.year_end - self.year_start).days <= _LONGEST_YEAR
        ):
            raise wrong("must lie after year_start, by a year at most", key="year_end")
        spans = sorted(self.modes, key=lambda span: span.first_day)
        for earlier, later in pairwise(spans):
            if later.first_day <= earlier.last_day:
                raise wrong("must not share a day with another span", key=f"modes.{self.modes.index(later)}")
        return self


class Access(Section):
    """The end of the permission to read the SIS."""

    expires: IsoDate | None = Field(None, description="The last day of access. Absent: it does not end.")
    renewal_working_days: int = Field(
        10,
        ge=0,
        le=120,
        description="How many working days a renewal takes: the request must be filed before.",
    )

    def ended(self, today: date) -> bool:
        """Tell whether access is over on the district's day `today`."""
        return self.expires is not None and today > self.expires
