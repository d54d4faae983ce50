"""The demo's districts as they live: each changes, shows that in its own way, and knows how many accounts it must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from sis_assets.pipeline.stage import Outcome
from sis_assets.sandbox import districts
from sis_assets.sandbox.aeries import day as aeries_day
from sis_assets.sandbox.aeries.faults import SCENARIOS as AERIES_SCENARIOS
from sis_assets.sandbox.aeries.founding import founded as aeries_founded
from sis_assets.sandbox.aeries.server import Sandbox as Aeries
from sis_assets.sandbox.aeries.settings import Settings as AeriesSettings
from sis_assets.sandbox.oneroster import day as roster_day
from sis_assets.sandbox.oneroster.district import founded as roster_founded
from sis_assets.sandbox.oneroster.guises import PLUS_360
from sis_assets.sandbox.oneroster.server import Sandbox as Roster
from sis_assets.sandbox.powerschool import day as powerschool_day
from sis_assets.sandbox.powerschool.data import founded as powerschool_founded
from sis_assets.sandbox.powerschool.faults import SCENARIOS as POWERSCHOOL_SCENARIOS
from sis_assets.sandbox.powerschool.server import Sandbox as PowerSchool
from sis_assets.sandbox.powerschool.settings import Settings as PowerSchoolSettings
from sis_assets.sandbox.story import FIRST_NIGHT, SCHOOL_YEAR, Cast, Day, FileCast, Summer, Turn
from sis_assets.sandbox.switches import Armable, Switches

_LAST_MONTH = 6
_Fault = TypeVar("_Fault", bound=Armable)


@dataclass(slots=True)
class Expected:
    """How many accounts must be active, told without the code that makes them: `shown` by the source, `active` after syncs."""

    shown: int = 0
    active: int = 0

    def after(self, outcome: Outcome) -> None:
        """Take note of a sync: what is held has not happened yet, what failed has not at all."""
        if str(outcome.status) in {"applied", "held"}:
            held = [found.counts for found in outcome.change_sets if found.status == "held"]
            self.active = self.shown + sum(c["deactivate"] - c["create"] - c["reactivate"] for c in held)


class Player(Protocol):
    """One district of the demo."""

    @property
    def expected(self) -> Expected:
        """What must be true of its accounts."""

    def take(self, turn: Turn, at: datetime) -> None:
        """Let the district change until that moment, and show it."""


@dataclass(slots=True)
class FilePlayer:
    """A district that sends files into its drop."""

    cast: FileCast
    drop: Path
    truth: districts.SampleDistrict
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn, at: datetime) -> None:  # noqa: ARG002 - files do not tell the time
        """Let the district change, and put its files into its drop."""
        match turn.becomes:
            case Day(arrivals, leavers, transfers, corrections):
                churn = districts.Churn(
                    arrivals, leavers, transfers, renamed=corrections, readdressed=corrections
                )
                self.truth = districts.after_a_day(self.truth, churn)
            case Summer():
                self.truth = districts.after_the_summer(self.truth)
        if not turn.sends:
            return
        shown = self.truth
        if turn.forgets is not None:
            shown = districts.without_school(self.truth, turn.forgets)
        written = districts.write(shown, self.drop, self.cast.form)
        if turn.cut_at is not None:
            districts.cut_off(written["students"], share=turn.cut_at)
        else:
            self.expected.shown = shown.students.height


@dataclass(slots=True)
class PowerSchoolPlayer:
    """A district whose PowerSchool is asked; it has nothing to send."""

    server: PowerSchool
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn, at: datetime) -> None:  # noqa: ARG002 - its days are counted, not dated
        """Let the district change, and what goes wrong with its server be that of the turn alone."""
        match turn.becomes:
            case Day(arrivals, leavers, transfers, corrections):
                churn = powerschool_day.Churn(
                    arrivals,
                    leavers,
                    transfers=transfers,
                    renamed=corrections,
                    readdressed=corrections,
                )
                self.server.evolve(lambda district: powerschool_day.after_a_day(district, churn))
            case Summer():
                self.server.evolve(powerschool_day.after_the_summer)
        _arm(self.server.faults, POWERSCHOOL_SCENARIOS, turn.scenario)
        self.expected.shown = self.server.truth().active.height


@dataclass(slots=True)
class AeriesPlayer:
    """A district whose Aeries is asked; `tell_year` is called when it has a new database, whose year must be asked for."""

    server: Aeries
    tell_year: Callable[[], object]
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn, at: datetime) -> None:
        """Let the district change until that moment, and what goes wrong with its server be that of the turn alone."""
        match turn.becomes:
            case Day() as day:
                churn = aeries_day.Churn(
                    arrivals=day.arrivals,
                    leavers=day.leavers,
                    transfers=day.transfers,
                    planned_leavers=day.planned_leavers,
                    renamed=day.corrections,
                    readdressed=day.corrections,
                )
                clock = at.astimezone(ZoneInfo(self.server.settings.timezone)).replace(tzinfo=None)
                passed = clock - self.server.district.now
                self.server.evolve(lambda district: aeries_day.after(district, churn, passed=passed))
            case Summer(no_shows, rekeys):
                rekeyed = aeries_day.Churn(rekeys=rekeys)
                self.server.evolve(lambda district: aeries_day.after_the_summer(district, no_shows=no_shows))
                self.server.evolve(lambda district: aeries_day.after(district, rekeyed, passed=timedelta()))
                self.tell_year()
        _arm(self.server.faults, AERIES_SCENARIOS, turn.scenario)
        self.expected.shown = self.server.truth().active.height


@dataclass(slots=True)
class RosterPlayer:
    """A district whose eSchoolPLUS is asked by its API; `tell_access` writes the day on which the new access ends."""

    server: Roster
    tell_access: Callable[[date], object]
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn, at: datetime) -> None:
        """Let the district change until that day, and have its access granted anew where the turn says so."""
        match turn.becomes:
            case Day() as day:
                churn = roster_day.Churn(
                    days=(at.date() - self.server.district.today).days,
                    arrivals=day.arrivals,
                    leavers=day.leavers,
                    transfers=day.transfers,
                    renamed=day.corrections,
                    readdressed=day.corrections,
                )
                self.server.evolve(lambda district: roster_day.after_a_day(district, churn))
            case Summer():
                self.server.evolve(roster_day.after_the_summer)
        if turn.renews:
            ends = end_of_access(at.date())
            self.server.change(access_ends=ends)
            self.tell_access(ends)
        self.expected.shown = self.server.truth().active.height


def end_of_access(today: date) -> date:
    """Return the day on which Arkansas ends all access that is granted today."""
    return date(today.year + (today.month > _LAST_MONTH), _LAST_MONTH, 30)


def file_player(cast: FileCast, drop: Path, seed: int) -> FilePlayer:
    """Return the district at the beginning; its drop is empty."""
    return FilePlayer(
        cast, drop, districts.founded(students=cast.students, seed=seed, school_year=SCHOOL_YEAR)
    )


def powerschool_of(cast: Cast, seed: int, plugin: Path) -> PowerSchool:
    """Return the district's PowerSchool with the plugin installed, not serving yet."""
    at_first = powerschool_founded(students=cast.students, seed=seed, today=FIRST_NIGHT.date())
    settings = PowerSchoolSettings(timezone=cast.timezone, state=cast.state)
    return PowerSchool(district=at_first, settings=settings, plugin=plugin)


def aeries_of(cast: Cast, seed: int) -> Aeries:
    """Return the district's Aeries, not serving yet."""
    at_first = aeries_founded(students=cast.students, seed=seed, today=FIRST_NIGHT.date())
    return Aeries(district=at_first, settings=AeriesSettings(timezone=cast.timezone, state=cast.state))


def roster_of(cast: Cast, seed: int) -> Roster:
    """Return the district's eSchoolPLUS by its API, with the birth date ticked; not serving yet."""
    at_first = roster_founded(users=cast.students, seed=seed, today=FIRST_NIGHT.date())
    ends = end_of_access(FIRST_NIGHT.date())
    return Roster(district=at_first, settings=replace(PLUS_360, withheld=(), access_ends=ends))


def _arm(faults: Switches[_Fault], scenarios: Mapping[str, tuple[_Fault, ...]], scenario: str | None) -> None:
    """Let exactly what the scenario says go wrong from now on."""
    faults.clear()
    if scenario is not None:
        faults.arm(*scenarios[scenario])
