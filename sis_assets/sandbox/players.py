"""The demo's districts as they live: each changes, shows that in its own way, and knows how many accounts it must have."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sis_assets.pipeline.stage import Outcome
from sis_assets.sandbox import districts
from sis_assets.sandbox.powerschool import day
from sis_assets.sandbox.powerschool.data import founded
from sis_assets.sandbox.powerschool.faults import SCENARIOS
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.story import FIRST_NIGHT, SCHOOL_YEAR, Cast, Day, FileCast, Summer, Turn


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

    def take(self, turn: Turn) -> None:
        """Let the district change, and show that."""


@dataclass(slots=True)
class FilePlayer:
    """A district that sends files into its drop."""

    cast: FileCast
    drop: Path
    truth: districts.SampleDistrict
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn) -> None:
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
class ServerPlayer:
    """A district whose PowerSchool is asked; it has nothing to send."""

    server: Sandbox
    expected: Expected = field(default_factory=Expected)

    def take(self, turn: Turn) -> None:
        """Let the district change, and what goes wrong with its server be that of the turn alone."""
        match turn.becomes:
            case Day(arrivals, leavers, transfers, corrections):
                churn = day.Churn(
                    arrivals,
                    leavers,
                    transfers=transfers,
                    renamed=corrections,
                    readdressed=corrections,
                )
                self.server.evolve(lambda district: day.after_a_day(district, churn))
            case Summer():
                self.server.evolve(day.after_the_summer)
        self.server.faults.clear()
        if turn.scenario is not None:
            self.server.faults.arm(*SCENARIOS[turn.scenario])
        self.expected.shown = self.server.truth().active.height


def file_player(cast: FileCast, drop: Path, seed: int) -> FilePlayer:
    """Return the district at the beginning; its drop is empty."""
    return FilePlayer(
        cast, drop, districts.founded(students=cast.students, seed=seed, school_year=SCHOOL_YEAR)
    )


def powerschool_of(cast: Cast, seed: int, plugin: Path) -> Sandbox:
    """Return the district's PowerSchool with the plugin installed, not serving yet."""
    at_first = founded(students=cast.students, seed=seed, today=FIRST_NIGHT.date())
    return Sandbox(
        district=at_first, settings=Settings(timezone=cast.timezone, state=cast.state), plugin=plugin
    )
