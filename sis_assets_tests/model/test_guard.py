from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.guard import GUARDED, Count, Extent, Limits, Threshold, Verdict, judge

KINDS = {
    "deactivate": Threshold(10, 10),
    "create": Threshold(25, 50),
    "transfer": Threshold(25, 50),
    "update": Threshold(75, 50),
    "rekey": Threshold(5, 10),
}
SHRINK, REJECTED = Threshold(80, 10), Threshold(5, 10)
SOUND = Extent(records={"students": 1000}, yardstick={"students": 1000})
MOVE = re.compile(r"Next move: (district|vendor|engineer)\.$")


def held(
    *counts: Count, extent: Extent = SOUND, first: bool = False, near: bool = False, hold_all: bool = False
) -> Verdict:
    limits = Limits(KINDS, rejected=REJECTED, shrink=SHRINK, hold_all=hold_all)
    verdict = judge(limits, counts, extent, first_sync=first, near_year_start=near)
    assert all(MOVE.search(reason) for reason in verdict.reasons)
    return verdict


@pytest.mark.parametrize("school", [None, "16"])
@pytest.mark.parametrize(
    ("kind", "on_the_border", "active"),
    [
        ("deactivate", 20, 200),
        ("create", 100, 400),
        ("transfer", 100, 400),
        ("update", 150, 200),
        ("rekey", 20, 400),
    ],
)
def test_a_share_on_the_border_passes_and_one_row_more_is_held(
    kind: str, on_the_border: int, active: int, school: str | None
) -> None:
    assert held(Count(kind, school, on_the_border, active)) == Verdict()
    over = held(Count(kind, school, on_the_border + 1, active))
    assert over.kinds == (frozenset({kind}) if school is None else frozenset())
    assert over.schools == (frozenset({(kind, school)}) if school else frozenset())
    assert not over.everything
    assert not over.missing
    [reason] = over.reasons
    assert reason.startswith(f"{kind}: {on_the_border + 1} in ")
    assert f"{active} accounts" in reason
    assert (f"school {school}" if school else "the district") in reason


@pytest.mark.parametrize("kind", GUARDED)
def test_any_share_of_fewer_rows_than_the_floor_passes(kind: str) -> None:
    floor = KINDS[kind].at_least
    assert held(Count(kind, None, floor - 1, 1)) == Verdict()
    assert held(Count(kind, None, floor, 1)).kinds == {kind}


def test_of_no_accounts_any_number_from_the_floor_on_is_too_much() -> None:
    assert held(Count("create", "new", 49, 0)) == Verdict()
    assert held(Count("create", "new", 50, 0)).schools == {("create", "new")}


def test_at_a_share_of_zero_the_first_row_is_over_it() -> None:
    nothing = Threshold(0, 0)
    assert not nothing.trips(0, 100)
    assert nothing.trips(1, 100)


@given(st.decimals(0, 100, places=2), st.integers(1, 10**6))
def test_a_count_equal_to_any_share_is_on_the_border(percent: object, hundreds: int) -> None:
    threshold = Threshold(float(str(percent)), 0)
    whole = hundreds * 10_000
    exact = int(str(percent).replace(".", "")) * hundreds
    assert not threshold.trips(exact, whole)
    assert threshold.trips(exact + 1, whole)


def test_the_first_sync_is_free_for_creates_only() -> None:
    rows = [Count("create", place, 500, 0) for place in (None, "16")]
    assert held(*rows, first=True) == Verdict()
    assert held(Count("deactivate", None, 500, 600), first=True).kinds == {"deactivate"}


def test_near_the_year_start_transfers_are_free_and_nothing_else() -> None:
    rows = [Count("transfer", place, 300, 400) for place in (None, "16")]
    assert held(*rows, near=True) == Verdict()
    assert held(Count("create", None, 300, 400), near=True).kinds == {"create"}


def test_where_the_district_trips_its_schools_are_not_named_one_by_one() -> None:
    verdict = held(
        Count("deactivate", None, 60, 400),
        Count("deactivate", "16", 30, 200),
        Count("deactivate", "27", 30, 200),
        Count("rekey", "27", 30, 200),
    )
    assert verdict.kinds == {"deactivate"}
    assert verdict.schools == {("rekey", "27")}
    assert [reason.split(",")[0] for reason in verdict.reasons] == [
        "deactivate: 60 in the district",
        "rekey: 30 in school 27",
    ]


@pytest.mark.parametrize(
    ("records", "yardstick", "shrunk"),
    [
        ({"students": 80}, {"students": 100}, False),
        ({"students": 79}, {"students": 100}, True),
        ({"students": 0}, {"students": 9}, False),
        ({"students": 7}, {"students": 10}, True),
        ({"students": 100, "courses": 7}, {"students": 100, "courses": 10}, True),
        ({"students": 100}, {"students": 100, "courses": 10}, True),
        ({"students": 100}, {}, False),
    ],
)
def test_an_extract_below_the_share_of_any_entity_holds_everything(
    records: dict[str, int], yardstick: dict[str, int], shrunk: bool
) -> None:
    verdict = held(extent=Extent(records, yardstick))
    assert verdict.everything is shrunk
    assert len(verdict.reasons) == shrunk


def test_the_reason_of_a_shrunken_extract_names_the_entity_and_both_figures() -> None:
    [reason] = held(extent=Extent({"courses": 3}, {"courses": 40})).reasons
    assert reason.startswith(
        "shrink: courses has 3 records, the last extract that was accepted had 40 (held below 80 %)"
    )
    assert reason.endswith("Next move: district.")


@pytest.mark.parametrize(
    ("rejected", "records", "too_many"),
    [(50, 1000, False), (51, 1000, True), (9, 10, False), (10, 199, True)],
)
def test_too_many_rejected_student_records_hold_everything(
    rejected: int, records: int, too_many: bool
) -> None:
    verdict = held(extent=Extent({"students": records, "courses": 1}, {}, rejected_students=rejected))
    assert verdict.everything is too_many
    assert len(verdict.reasons) == too_many


def test_an_unreadable_key_holds_the_missing_however_few() -> None:
    one = Count("deactivate", None, 1, 1000)
    verdict = held(
        one, extent=Extent({"students": 1000}, {}, rejected_students=1, unreadable_keys=1, missing=1)
    )
    assert verdict == Verdict(missing=True, reasons=verdict.reasons)
    assert verdict.reasons[0].startswith("missing: 1 ")


@pytest.mark.parametrize("extent", [Extent({}, {}, unreadable_keys=1), Extent({}, {}, missing=1)])
def test_without_both_an_unreadable_key_and_a_missing_student_nothing_is_held(extent: Extent) -> None:
    assert held(Count("deactivate", None, 1, 1000), extent=extent, hold_all=True) == Verdict()


def test_on_hold_all_holds_everything_once_anything_trips() -> None:
    assert held(Count("update", None, 10, 1000), hold_all=True) == Verdict()
    verdict = held(Count("update", "16", 51, 60), hold_all=True)
    assert verdict.everything
    assert len(verdict.reasons) == 1
