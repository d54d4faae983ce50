"""The district file as a whole: one district, everything that is particular to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from sis_assets.districts.alerts import Alert
from sis_assets.districts.calendar import Access, Calendar, Pull
from sis_assets.districts.destinations import Destinations
from sis_assets.districts.guard import Guard
from sis_assets.districts.section import Section, wrong
from sis_assets.districts.sources import Aeries, Source
from sis_assets.districts.text import Code, DistrictKey, GradeCode, StateCode, Text, ZoneName

Status = Literal["active", "pre_registered", "inactive", "graduated"]
ExitReason = Literal["withdrawn", "transferred_out", "graduated", "no_show"]


class Schools(Section):
    """Which schools take part."""

    include: tuple[Code, ...] = Field((), description="Only these schools. Absent: all.")
    exclude: tuple[Code, ...] = Field((), description="All but these schools.")
    planning: Mapping[Code, Code] = Field(
        {},
        description="school_id → the school that plans its students' next year, where the SIS does not say.",
    )

    @model_validator(mode="after")
    def _in_or_out(self) -> Self:
        if set(self.include) & set(self.exclude):
            raise wrong("names a school that include names too", key="exclude")
        return self


class Codes(Section):
    """This district's codes and what they mean to us."""

    status: Mapping[Code, Status] = Field(
        {}, description="Enrolment status → active, pre_registered, inactive, graduated."
    )
    grade: Mapping[Code, GradeCode] = Field({}, description="Grade → CEDS code PK, KG, 01 … 13, UG.")
    exit: Mapping[Code, ExitReason] = Field(
        {}, description="Exit code → withdrawn, transferred_out, graduated, no_show."
    )


class Freshness(Section):
    """How old the newest data may be."""

    within_hours: int = Field(
        30, ge=1, le=8784, description="Older than this, the district is stale and alerts."
    )


class District(Section):
    """One district, as its file describes it."""

    district: DistrictKey = Field(
        description="The district's key: the file's name without .yaml, and the partition."
    )
    name: Text = Field(description="The district's name, for people.")
    timezone: ZoneName = Field(description="The IANA time zone of the district's calendar days and hours.")
    state: StateCode | None = Field(
        None, description="The US state, two letters; it decides the public holidays."
    )
    sis: Source = Field(description="The Student Information System and how to read it.")
    schools: Schools = Field(Schools(), description="Which schools take part.")
    codes: Codes = Field(Codes(), description="This district's codes and what they mean to us.")
    pull: Pull | None = Field(
        None, description="When an API may be read, district-local. Absent: at any time."
    )
    calendar: Calendar = Field(Calendar(), description="The school year and its unusual days.")
    access: Access = Field(Access(), description="The end of the permission to read the SIS.")
    guard: Guard = Field(Guard(), description="From when on a proposal is held for a person.")
    freshness: Freshness = Field(Freshness(), description="How old the newest data may be.")
    alerts: tuple[Alert, ...] = Field(
        (), description="Where alerts go: Apprise URLs; one with a credential as {env: NAME} or {file: PATH}."
    )
    destinations: Destinations = Field(Destinations(), description="Where to write, apart from the outbox.")

    @property
    def sis_name(self) -> str:
        """The prefix of this SIS's raw tables: eschoolplus, powerschool, aeries or oneroster."""
        return self.sis.sis_name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the district's days and hours."""
        return ZoneInfo(self.timezone)

    @property
    def leas(self) -> tuple[str, ...]:
        """The LEAs whose students the source shows, where the file names them."""
        return self.sis.leas if isinstance(self.sis, Aeries) else ()

    @property
    def lea_column(self) -> str | None:
        """The raw column that says to which LEA a school belongs, where the SIS has several to choose from."""
        return self.sis.lea_column if isinstance(self.sis, Aeries) else None

    def digest(self) -> str:
        """Return the SHA-256, in hex, that tells whether two readings are the same district file.

        Taken over what the file says, in canonical JSON: the order of keys, comments, formatting and a
        default that is written out do not count. A secret counts by its reference.
        """
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
