"""The guard's thresholds: from which share and which number on a change set is held for a person."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sis_assets.districts.section import Section


class _Threshold(Section):
    """Held when more than `percent` of the accounts active there and at least `at_least` are concerned."""

    percent: float
    at_least: int


_PERCENT = "Held above this share, in percent of the accounts active there before the sync …"
_AT_LEAST = "… and from this number on; both must hold."


class Deactivate(_Threshold):
    """Students who leave."""

    percent: float = Field(10, ge=0, le=100, description=_PERCENT)
    at_least: int = Field(10, ge=0, description=_AT_LEAST)


class Create(_Threshold):
    """New students; a district's first sync is never held for them."""

    percent: float = Field(25, ge=0, description=_PERCENT)
    at_least: int = Field(50, ge=0, description=_AT_LEAST)


class Transfer(_Threshold):
    """Students who change school."""

    percent: float = Field(25, ge=0, le=100, description=_PERCENT)
    at_least: int = Field(50, ge=0, description=_AT_LEAST)
    year_start_days: int = Field(
        60, ge=0, le=366, description="Within this many days of `calendar.year_start` transfers are not held."
    )


class Update(_Threshold):
    """Students of whom another tracked field changes."""

    percent: float = Field(75, ge=0, le=100, description=_PERCENT)
    at_least: int = Field(50, ge=0, description=_AT_LEAST)


class Rekey(_Threshold):
    """Students whose id changes."""

    percent: float = Field(5, ge=0, le=100, description=_PERCENT)
    at_least: int = Field(10, ge=0, description=_AT_LEAST)


class Rejected(_Threshold):
    """Student records that could not be read."""

    percent: float = Field(
        5, ge=0, le=100, description="Held above this share, in percent of the student records …"
    )
    at_least: int = Field(10, ge=0, description=_AT_LEAST)


class Shrink(_Threshold):
    """An extract with fewer records of an entity than the last one that was applied or approved."""

    percent: float = Field(
        80, ge=0, le=100, description="Held below this share, in percent of the records of that extract …"
    )
    at_least: int = Field(10, ge=0, description="… where that entity had at least this many.")


class Guard(Section):
    """From when on a proposal is implausible. Every key has a default."""

    deactivate: Deactivate = Field(Deactivate(), description="Students who leave.")
    create: Create = Field(Create(), description="New students; never on a district's first sync.")
    transfer: Transfer = Field(Transfer(), description="Students who change school.")
    update: Update = Field(Update(), description="Students of whom another tracked field changes.")
    rekey: Rekey = Field(Rekey(), description="Students whose id changes.")
    rejected: Rejected = Field(Rejected(), description="Student records that could not be read.")
    shrink: Shrink = Field(Shrink(), description="An extract that is smaller than the last one.")
    on_hold: Literal["split", "all"] = Field(
        "split", description="What trips is split off and the rest applied, or everything is held."
    )
    approve_within_days: int = Field(
        30,
        ge=1,
        le=366,
        description="So long what is held may be approved; the next sync then proposes anew what still differs.",
    )
