from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sis_assets.transport.drop import Entry
from sis_assets.transport.quiet import seconds_left, signature

QUIET = 300
ENTRIES = st.builds(
    Entry,
    name=st.text(max_size=5),
    size=st.integers(0, 3),
    mtime_ns=st.integers(0, 3),
    kind=st.sampled_from(["file", "link", "other"]),
)


@given(
    skew=st.floats(-10_000, 10_000),
    steps=st.lists(st.tuples(st.floats(1, 400), st.booleans()), min_size=1, max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_by_honest_looks_a_drop_is_never_read_early_nor_later_than_two_waits(
    skew: float, steps: list[tuple[float, bool]]
) -> None:
    """Let the server's clock differ by `skew`. Each step: time passes, and the file may change."""
    now = changed = 1e9
    seen = now
    size = 0
    with tempfile.TemporaryDirectory() as landing:
        for passes, changes in steps:
            now += passes
            if changes:
                changed, size = now, size + 1
                seen = now
            entry = Entry("Student.txt", size, int((changed + skew) * 1e9), "file")
            left = seconds_left("drop", [entry], quiet=QUIET, landing=Path(landing), now=now)
            if skew >= 0 and left <= 0:
                assert now - changed >= QUIET - 1e-3
            if now - seen >= 2 * QUIET + 400:
                assert left <= 0


@given(moves=st.lists(st.floats(-5_000, 299), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_whatever_our_clock_does_a_drop_that_changes_at_each_look_is_not_quiet(moves: list[float]) -> None:
    now = 1e9
    with tempfile.TemporaryDirectory() as landing:
        for size, move in enumerate(moves):
            now += move
            entry = Entry("Student.txt", size, int(2e18), "file")
            assert seconds_left("drop", [entry], quiet=QUIET, landing=Path(landing), now=now) > 0


@given(moves=st.lists(st.floats(-5_000, 5_000), max_size=10))
@settings(max_examples=100, deadline=None)
def test_however_our_clock_was_set_a_drop_that_stands_still_is_quiet_after_two_more_looks(
    moves: list[float],
) -> None:
    now = 1e9
    entry = Entry("Student.txt", 1, int(2e18), "file")
    with tempfile.TemporaryDirectory() as landing:
        for move in moves:
            now += move
            seconds_left("drop", [entry], quiet=QUIET, landing=Path(landing), now=now)
        seconds_left("drop", [entry], quiet=QUIET, landing=Path(landing), now=now)
        left = seconds_left("drop", [entry], quiet=QUIET, landing=Path(landing), now=now + QUIET)
        assert left <= 0


def test_no_time_is_not_an_old_time(tmp_path: Path) -> None:
    entry = Entry("Student.txt", 1, 0, "file")
    assert seconds_left("drop", [entry], quiet=QUIET, landing=tmp_path, now=1e9) == QUIET


def test_looks_of_several_processes_wait_for_each_other(tmp_path: Path) -> None:
    entry = Entry("Student.txt", 1, 0, "file")
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    looking = threading.Thread(
        target=seconds_left, args=("drop", [entry]), kwargs={"quiet": QUIET, "landing": tmp_path, "now": 1e9}
    )
    looking.start()
    looking.join(0.2)
    assert looking.is_alive()
    os.close(folder)
    looking.join(10)
    assert (tmp_path / "observed.json").exists()


@given(st.lists(ENTRIES, unique_by=lambda entry: entry.name), st.randoms())
def test_a_signature_tells_listings_apart_and_not_their_order(entries: list[Entry], random: object) -> None:
    shuffled = sorted(entries, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert signature(shuffled) == signature(entries)
    for position, entry in enumerate(entries):
        changes = {"size": entry.size + 1}, {"mtime_ns": entry.mtime_ns + 1}, {"name": entry.name + "x"}
        for change in changes:
            other = Entry(
                **{
                    "kind": entry.kind,
                    "name": entry.name,
                    "size": entry.size,
                    "mtime_ns": entry.mtime_ns,
                    **change,
                }
            )  # type: ignore[arg-type]
            assert signature([*entries[:position], other, *entries[position + 1 :]]) != signature(entries)
