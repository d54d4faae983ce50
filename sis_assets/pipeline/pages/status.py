"""The page of the whole fleet: no students, only districts, times, counts and whose move it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.model.faults import Mover
from sis_assets.pipeline.fleet import Kind, by_state
from sis_assets.pipeline.pages import OPEN, rendered, write_page

if TYPE_CHECKING:
    from sis_assets.pipeline.fleet import Standing

_WORDS: Final = {
    Kind.BROKEN_FILE: "district file broken",
    Kind.FAILING: "failing",
    Kind.STALE: "stale",
    Kind.ACCESS_ENDED: "access ended",
    Kind.HELD: "held",
    Kind.ACCESS_ENDS: "access ends",
    "new": "new",
    "paused": "paused",
    "ok": "ok",
}
_TONES: Final = {
    Kind.BROKEN_FILE: "bad",
    Kind.FAILING: "bad",
    Kind.STALE: "bad",
    Kind.ACCESS_ENDED: "wait",
    Kind.HELD: "wait",
    Kind.ACCESS_ENDS: "wait",
    "new": "",
    "paused": "",
    "ok": "good",
}
_HOURS_OF_DAYS: Final = 72


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the page can be narrowed to: a CSS attribute selector of rows, empty for all."""

    label: str
    count: int
    selector: str = ""


def status_page(found: Sequence[Standing], now: datetime) -> str:
    """Return the page of these districts at `now` (aware); the worst stand first."""
    ordered = sorted(found, key=by_state)
    return rendered(
        "status.html",
        standings=ordered,
        now=now.astimezone(UTC),
        ages={each.district_id: _age(now - each.last_good) for each in ordered if each.last_good},
        choices=_choices(ordered),
        words=_WORDS,
        tones=_TONES,
    )


def write_status_page(path: Path, found: Sequence[Standing], now: datetime) -> None:
    """Write the page to a file, in the place of an older one. Raises OSError when it cannot be written."""
    write_page(path, status_page(found, now), mode=OPEN)


def _choices(ordered: Sequence[Standing]) -> list[_Choice]:
    moves = Counter(each.mover for each in ordered)
    states = Counter(str(each.state) for each in ordered)
    return [
        _Choice("all", len(ordered)),
        *(
            _Choice(f"{mover}'s move", moves[mover], f'data-move="{mover}"')
            for mover in Mover
            if moves[mover]
        ),
        *(
            _Choice(word, states[state], f'data-state="{state}"')
            for state, word in _WORDS.items()
            if states[state]
        ),
    ]


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:,.0f} h old" if hours < _HOURS_OF_DAYS else f"{hours / 24:,.0f} days old"
