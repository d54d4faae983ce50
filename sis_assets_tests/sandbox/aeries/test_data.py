"""The made-up districts themselves: what is there at the beginning, and what a day and a summer change."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from sis_assets.sandbox.aeries.data import ACTIVE, INACTIVE_SCHOOL, District
from sis_assets.sandbox.aeries.database import Database
from sis_assets.sandbox.aeries.day import Churn, after, after_the_summer
from sis_assets.sandbox.aeries.founding import founded
from sis_assets.sandbox.aeries.settings import Settings
from sis_assets.sandbox.aeries.students import described
from sis_assets.sandbox.aeries.truth import Truth, truth_of


@pytest.fixture(scope="module")
def district() -> District:
    return founded(students=1200, seed=7)


def truth(district: District) -> Truth:
    return truth_of(Database(district, Settings()))


def active(district: District) -> set[int]:
    return set(truth(district).active["student_id"])


@pytest.mark.parametrize(("students", "leas"), [(10, 1), (299, 1), (300, 1), (1000, 4), (5000, 1)])
def test_a_district_has_the_students_asked_for_and_sound_keys(students: int, leas: int) -> None:
    made = founded(students=students, seed=3, leas=leas)
    records = truth(made).records
    assert truth(made).active.height == students
    assert not made.records.select(pl.struct("school", "sn").is_duplicated().any()).item()
    assert made.records.filter("main")["number"].n_unique() == made.people.height
    assert made.records.filter("main").height == made.people.height
    schools = made.schools.select("low", "high", school="code")
    placed = records.filter(pl.col("tag") == ACTIVE).join(schools, on="school")
    assert placed.filter(~pl.col("grade").is_between(pl.col("low"), pl.col("high"))).is_empty()
    assert made.schools["lea"].n_unique() == leas
    assert made.years == (2026, 2025)


def test_the_same_seed_is_the_same_district_in_another_process_too(district: District) -> None:
    code = (
        "from sis_assets.sandbox.aeries.founding import founded\n"
        "from sis_assets.sandbox.aeries.students import described\n"
        "print(described(founded(students=1200, seed=7)).hash_rows().sum())"
    )
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(there.stdout) == described(district).hash_rows().sum()
    assert not described(founded(students=1200, seed=8)).equals(described(district))


def test_a_step_leaves_the_district_before_as_it_was(district: District) -> None:
    before = described(district).clone()
    after_the_summer(after(district, Churn(leavers=5, transfers=5, erased=3)))
    assert described(district).equals(before)


def test_every_grade_before_and_after_school_is_there(district: District) -> None:
    assert set(truth(founded(students=5000, seed=7)).active["grade"]) == set(range(-2, 14))


def test_a_leaver_turns_inactive_and_his_enrolment_has_an_exit_code(district: District) -> None:
    later = after(district, Churn(leavers=6))
    left = active(district) - active(later)
    assert len(left) == 6
    records = truth(later).records.filter(pl.col("student_id").is_in([*left]))
    assert set(records["tag"]) == {"I"}
    assert set(records["leave"]) == {date(2026, 10, 2)}
    ended = truth(later).enrollments.filter(
        pl.col("student_id").is_in([*left]) & (pl.col("leave") == date(2026, 10, 2))
    )
    assert ended.height == 6
    assert set(ended["exit_code"]) == {"E1", "E2"}


def test_a_returner_is_active_again_with_an_enrolment_more(district: District) -> None:
    later = after(after(district, Churn(leavers=9)), Churn(returners=4))
    back = active(later) - active(after(district, Churn(leavers=9)))
    assert len(back) == 4
    opened = truth(later).enrollments.filter(pl.col("student_id").is_in([*back]) & pl.col("leave").is_null())
    assert opened["student_id"].to_list() == opened["student_id"].unique(maintain_order=True).to_list()
    assert opened.height == 4


def test_a_transfer_is_a_second_record_and_the_old_one_turns_inactive() -> None:
    before = founded(students=3000, seed=7)
    later = after(before, Churn(transfers=7))
    assert active(before) == active(later)
    records = truth(before).records.filter(pl.col("tag") == ACTIVE)
    at_one = records.filter(~pl.col("student_id").is_duplicated()).select("student_id", was="school")
    moved = truth(later).active.join(at_one, on="student_id").filter(pl.col("was") != pl.col("school"))
    assert 5 <= moved.height <= 7
    old = truth(later).records.join(moved.select("student_id", school="was"), on=["student_id", "school"])
    assert (set(old["tag"]), set(old["leave"])) == ({"T"}, {date(2026, 10, 2)})


def test_a_student_at_two_schools_is_one_active_person() -> None:
    before = founded(students=3000, seed=7)
    later = after(before, Churn(concurrent=5))
    assert active(before) == active(later)
    both = truth(later).records.filter((pl.col("tag") == ACTIVE) & pl.col("student_id").is_duplicated())
    assert both.height >= 10
    newest = both.filter(pl.col("enter") == date(2026, 10, 2))
    primary = truth(later).active.join(newest.select("student_id", at="school"), on="student_id")
    assert (primary["school"] == primary["at"]).all()


def test_a_rekeyed_student_names_the_id_before(district: District) -> None:
    later = after(district, Churn(rekeys=4))
    gone, come = active(district) - active(later), active(later) - active(district)
    assert len(gone) == len(come) == 4
    rekeyed = truth(later).active.filter(pl.col("student_id").is_in([*come]))
    assert set(rekeyed["old_student_id"]) == gone


def test_corrections_change_names_addresses_and_nothing_else(district: District) -> None:
    later = after(district, Churn(renamed=5, readdressed=6))
    columns = truth(district).active.columns
    joined = truth(district).active.join(truth(later).active, on="student_id", suffix="_then")
    changed = {
        name: joined.filter(pl.col(name).ne_missing(pl.col(f"{name}_then"))).height
        for name in columns
        if name != "student_id"
    }
    assert {name: count for name, count in changed.items() if count} == {"last_name": 5, "email": 6}


def test_a_completion_in_the_year_is_a_graduate(district: District) -> None:
    later = after(district, Churn(completions=3))
    gone = active(district) - active(later)
    records = truth(later).records.filter(pl.col("student_id").is_in([*gone]) & (pl.col("tag") != "T"))
    assert set(records["status"]) == {"graduated"}
    assert len(gone) == 3


def test_the_clock_goes_by_what_has_passed(district: District) -> None:
    assert after(district, Churn()).now == datetime.fromisoformat("2026-10-02T18:00")
    assert after(district, Churn(), passed=timedelta(hours=3)).now.hour == 21


def test_a_summer_promotes_graduates_and_ends_what_was_planned(district: District) -> None:
    planned = truth(district).active.filter("planned_to_leave")["student_id"]
    waiting = truth(district).records.filter(pl.col("tag") == "*")["student_id"]
    next_ = after_the_summer(district, no_shows=8)
    now = truth(next_)
    assert (next_.year, next_.now) == (2027, datetime.fromisoformat("2027-08-18T18:00"))
    assert now.active.height >= 1200
    joined = truth(district).active.join(now.active, on="student_id", suffix="_then")
    assert set(joined["grade_then"] - joined["grade"]) == {1}
    assert not set(planned) & active(next_)
    assert set(now.active.filter(pl.col("student_id").is_in(waiting.implode()))["grade"]) == {0}
    assert set(waiting) <= active(next_)
    no_shows = now.records.filter(
        pl.col("no_show") & (pl.col("enter") < date(2027, 8, 18)) & (pl.col("tag") == "N")
    )
    assert no_shows.height >= 8
    through = truth(district).active.filter(pl.col("grade") == 12)["student_id"]
    graduates = now.records.filter(pl.col("status") == "graduated")
    assert len(set(graduates["student_id"]) & set(through)) > 60
    entered = now.active.filter(pl.col("enter") == date(2027, 8, 18))
    assert entered.height == now.active.height


def test_after_a_summer_some_of_the_left_are_in_the_school_for_them(district: District) -> None:
    next_ = after_the_summer(after(district, Churn(leavers=20)))
    there = next_.records.filter(pl.col("school") == INACTIVE_SCHOOL)
    assert there.height > 10
    assert ACTIVE not in set(there["tag"])


def test_the_year_before_stays_as_it_ended(district: District) -> None:
    next_ = after_the_summer(district)
    before = next_.database(2026)
    assert before is not None
    assert before.now == datetime.fromisoformat("2027-06-04T18:00")
    assert active(before) == active(district)
    completed = described(before).filter(pl.col("completion_date") == date(2027, 6, 4))
    assert set(completed["tag"]) == {ACTIVE}
    assert next_.database(1999) is None


def test_every_active_record_has_one_open_enrolment_of_this_year(district: District) -> None:
    for made in (
        district,
        after_the_summer(district),
        after(district, Churn(transfers=3, leavers=4, returners=2)),
    ):
        opened = truth(made).enrollments.filter(pl.col("leave").is_null())
        records = truth(made).records.filter(pl.col("tag") == ACTIVE)
        assert sorted(opened.select("student_id", "school").rows()) == sorted(
            records.select("student_id", "school").rows()
        )
        assert set(opened["year"]) == {made.year}


def test_erased_students_leave_nothing(district: District) -> None:
    later = after(district, Churn(erased=4))
    gone = active(district) - active(later)
    assert len(gone) == 4
    for frame in (truth(later).records, truth(later).enrollments, truth(later).seats):
        assert not set(frame["student_id"]) & gone


def test_hardest_names_and_a_hundred_days_are_borne() -> None:
    made = founded(students=400, seed=5)
    assert any('"' in name for name in truth(made).active["last_name"])
    churn = Churn(
        arrivals=3, leavers=3, returners=1, transfers=2, concurrent=1, rekeys=1, renamed=2, class_changes=2
    )
    for _ in range(20):
        made = after(made, churn)
    assert not made.records.select(pl.struct("school", "sn").is_duplicated().any()).item()
    assert truth(made).records.filter((pl.col("tag") == ACTIVE) & pl.col("leave").is_not_null()).is_empty()
