"""The audit's chain: whatever is done to its rows, the first one that does not fit is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.chain import Entry, examine

START = datetime(2026, 9, 1, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    rows: list[Entry] = []
    for number in range(length):
        row = Entry(
            district_id="d",
            happened_at=START + timedelta(hours=number),
            actor="Operator",
            action="approve",
            subject=f"d-{number:06}.1",
            detail="{}",
            previous_sha256=rows[-1].sha256 if rows else "",
        )
        rows.append(replace(row, sha256=row.seal))
    return rows


def resealed(row: Entry, **fields: object) -> Entry:
    changed = replace(row, **fields)  # type: ignore[arg-type]
    return replace(changed, sha256=changed.seal)


@given(st.integers(0, 8), st.randoms())
def test_a_chain_that_nobody_touched_fits_in_whatever_order_it_is_read(length: int, random: object) -> None:
    rows = chain(length)
    head = rows[-1].sha256 if rows else ""
    random.shuffle(rows)  # type: ignore[attr-defined]
    found = examine(rows, head)
    assert (found.rows, found.head, found.problem) == (length, head, "")


@given(st.integers(2, 8), st.data())
def test_a_removed_row_is_noticed_at_the_row_after_it(length: int, data: st.DataObject) -> None:
    rows = chain(length)
    place = data.draw(st.integers(0, length - 2))
    after = rows[place + 1]
    del rows[place]
    found = examine(rows)
    assert found.rows == place
    assert found.problem.startswith(f"{after}: the row before it was removed")


@pytest.mark.parametrize(
    "fields",
    [
        {"actor": "Somebody"},
        {"action": "discard"},
        {"subject": "d-000009.1"},
        {"detail": '{"note": "x"}'},
        {"happened_at": START},
        {"district_id": "e"},
    ],
)
def test_a_changed_row_is_named_whatever_was_changed_in_it(fields: dict[str, object]) -> None:
    rows = chain(4)
    rows[2] = replace(rows[2], **fields)  # type: ignore[arg-type]
    found = examine(rows)
    assert found.rows == 2
    assert found.problem.startswith(f"{rows[2]}: the row was changed or forged")


def test_a_changed_row_with_a_new_hash_is_noticed_at_the_row_after_it() -> None:
    rows = chain(4)
    rows[1] = resealed(rows[1], actor="Somebody")
    assert examine(rows).problem.startswith(f"{rows[2]}: the row before it was removed, changed")


def test_exchanged_rows_are_noticed() -> None:
    rows = chain(4)
    rows[1], rows[2] = (
        replace(rows[1], previous_sha256=rows[2].previous_sha256),
        replace(rows[2], previous_sha256=rows[1].previous_sha256),
    )
    assert examine(rows).problem.startswith(f"{rows[2]}: the row was changed or forged")


def test_a_forged_row_in_the_middle_is_noticed_though_its_hash_is_right() -> None:
    rows = chain(4)
    forged = resealed(rows[2], actor="Forger", happened_at=START + timedelta(days=9))
    found = examine([*rows, forged])
    assert found.rows == 2
    assert found.problem.startswith(f"{forged}: a second row follows the same one")


def test_a_copied_row_is_noticed() -> None:
    rows = chain(3)
    assert "a second row follows" in examine([*rows, rows[1]]).problem


def test_a_cut_off_end_is_noticed_by_the_head_that_was_known() -> None:
    rows = chain(5)
    assert not examine(rows[:3]).problem, "by itself a shorter chain fits"
    found = examine(rows[:3], rows[4].sha256)
    assert (found.rows, found.head) == (3, rows[2].sha256)
    assert "the end was cut off" in found.problem
    assert not examine(rows, rows[2].sha256).problem, "it may have grown"


def test_a_chain_that_was_made_anew_or_is_gone_is_noticed_by_the_head_that_was_known() -> None:
    rows = chain(3)
    anew = [resealed(rows[0], actor="Somebody")]
    assert "made anew" in examine(anew, rows[2].sha256).problem
    assert "cut off" in examine([], rows[2].sha256).problem
