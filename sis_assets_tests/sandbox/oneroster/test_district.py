"""Made-up districts: the size asked for, the same every time, sound in themselves; and deltas that tell the truth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sis_assets.sandbox.oneroster.database import TABLES, Database
from sis_assets.sandbox.oneroster.day import Churn, after_a_day, after_the_summer
from sis_assets.sandbox.oneroster.district import District, founded
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets.sandbox.oneroster.truth import truth_of

SIZES, SEEDS, FEW = st.integers(10, 1500), st.integers(0, 10_000), st.integers(0, 12)
CHURNS = st.builds(
    Churn,
    days=st.integers(1, 20),
    arrivals=FEW,
    leavers=FEW,
    returners=FEW,
    transfers=FEW,
    pre_registrations=FEW,
    second_schools=FEW,
    renamed=FEW,
    readdressed=FEW,
)
STEPS = st.one_of(
    CHURNS.map(lambda churn: lambda district: after_a_day(district, churn)), st.just(after_the_summer)
)
EVERYTHING = Settings(pre_registered=True, out_of_district=True, tombstone_days=None)


def live(database: Database, table: str) -> pl.DataFrame:
    return database.table(table).filter(pl.col("status") == "active")


def evolved(district: District, steps: list[Callable[[District], District]]) -> District:
    for step in steps:
        district = step(district)
    return district


@given(size=SIZES, seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_district_has_the_users_asked_for(size: int, seed: int) -> None:
    database = Database(founded(users=size, seed=seed), Settings())
    users = live(database, "users")
    assert users.height == size
    assert users["enabledUser"].all()
    assert {"student", "teacher"} <= set(users["role"])
    truth = truth_of(Database(database.district, EVERYTHING))
    assert set(truth.students["state"]) == {"active", "pre_registered", "left"}
    assert "S-9001" in set(truth.orgs["sourcedId"])


@given(size=SIZES, seed=SEEDS, steps=st.lists(STEPS, max_size=4))
@settings(max_examples=10, deadline=None)
def test_every_reference_leads_to_a_record_and_every_id_is_there_once(
    size: int, seed: int, steps: list[Callable[[District], District]]
) -> None:
    database = Database(evolved(founded(users=size, seed=seed), steps), EVERYTHING)
    for name in TABLES:
        ids = database.table(name)["sourcedId"]
        assert ids.n_unique() == len(ids), name
        assert ids.str.contains(r"^[A-Za-z0-9._/@-]{1,255}$").all(), name
    ids = {name: live(database, name)["sourcedId"].implode() for name in TABLES}
    references = {
        "orgs": {"parentSourcedId": "orgs"},
        "academicSessions": {"parentSourcedId": "academicSessions"},
        "courses": {"schoolYearSourcedId": "academicSessions", "orgSourcedId": "orgs"},
        "classes": {
            "courseSourcedId": "courses",
            "schoolSourcedId": "orgs",
            "termSourcedIds": "academicSessions",
        },
        "enrollments": {"classSourcedId": "classes", "schoolSourcedId": "orgs", "userSourcedId": "users"},
        "users": {"orgSourcedIds": "orgs", "agentSourcedIds": "users", "primaryOrgSourcedId": "orgs"},
        "roles": {"userSourcedId": "users", "orgSourcedId": "orgs"},
        "demographics": {"sourcedId": "users"},
    }
    for name, columns in references.items():
        for column, target in columns.items():
            values = live(database, name)[column]
            flat = values.explode() if values.dtype == pl.List else values
            assert flat.drop_nulls().is_in(ids[target]).all(), (name, column)


@given(size=SIZES, seed=SEEDS, steps=st.lists(STEPS, max_size=3))
@settings(max_examples=10, deadline=None)
def test_what_the_checklist_asks_of_roles_terms_and_enrolments_holds(
    size: int, seed: int, steps: list[Callable[[District], District]]
) -> None:
    database = Database(evolved(founded(users=size, seed=seed), steps), EVERYTHING)
    roles = live(database, "roles")
    primary = roles.filter(pl.col("roleType") == "primary")
    assert primary.select("userSourcedId", "orgSourcedId").is_unique().all()
    users = live(database, "users").select("sourcedId", "primaryOrgSourcedId")
    assert users.join(
        primary,
        left_on=["sourcedId", "primaryOrgSourcedId"],
        right_on=["userSourcedId", "orgSourcedId"],
        how="anti",
    ).is_empty()
    seats = spanned(database, live(database, "enrollments"))
    assert seats.filter(
        (pl.col("beginDate") < pl.col("starts"))
        | (pl.col("beginDate") >= pl.col("ends"))
        | (pl.col("endDate") > pl.col("ends"))
    ).is_empty()
    leads = seats.filter(pl.col("primary"))
    assert set(leads["role"]) == {"teacher"}
    assert leads["classSourcedId"].is_unique().all()
    kinds = live(database, "academicSessions")["type"].unique().sort().to_list()
    assert kinds == ["gradingPeriod", "schoolYear", "term"]


def test_who_comes_late_sits_in_no_class_that_is_over_and_who_goes_early_has_ends_after_beginnings() -> None:
    late = after_a_day(founded(users=300, seed=2), Churn(days=130, arrivals=20, leavers=20))
    database = Database(late, EVERYTHING)
    seats = spanned(database, database.table("enrollments"))
    assert seats.filter(pl.col("beginDate") >= pl.col("ends")).is_empty()
    early = Database(after_a_day(founded(users=300, seed=2), Churn(leavers=20)), EVERYTHING)
    seats = early.table("enrollments").filter(pl.col("status") == "tobedeleted")
    assert seats.filter(pl.col("endDate") < pl.col("beginDate")).is_empty()
    assert seats.filter(pl.col("endDate") == pl.col("beginDate")).height > 0


def spanned(database: Database, seats: pl.DataFrame) -> pl.DataFrame:
    """The enrolments with the first day of their class, and the day after its last."""
    sessions = database.table("academicSessions").select("startDate", "endDate", termSourcedIds="sourcedId")
    spans = (
        database.table("classes")
        .select("sourcedId", "termSourcedIds")
        .explode("termSourcedIds")
        .join(sessions, on="termSourcedIds")
        .group_by(classSourcedId="sourcedId")
        .agg(starts=pl.col("startDate").min(), ends=pl.col("endDate").max())
    )
    return seats.join(spans, on="classSourcedId", how="left")


@given(size=SIZES, seed=SEEDS, before=st.lists(STEPS, max_size=2), step=STEPS)
@settings(max_examples=10, deadline=None)
def test_a_delta_makes_yesterdays_records_todays(
    size: int, seed: int, before: list[Callable[[District], District]], step: Callable[[District], District]
) -> None:
    check_delta(evolved(founded(users=size, seed=seed), before), step)


def test_a_delta_over_one_summer_night_tells_the_whole_new_year() -> None:
    spring = after_a_day(founded(users=600, seed=9), Churn(leavers=5, transfers=3, second_schools=4))
    check_delta(after_a_day(spring, Churn(days=321)), after_the_summer)


def test_a_year_does_not_begin_in_the_past() -> None:
    with pytest.raises(ValueError, match="has begun"):
        after_the_summer(after_a_day(founded(users=20, seed=1), Churn(days=400)))


def check_delta(yesterday: District, step: Callable[[District], District]) -> None:
    today = step(yesterday)
    midnight = datetime.combine(yesterday.today + timedelta(days=1), time(), tzinfo=UTC)
    for name in TABLES:
        old, new = (Database(district, EVERYTHING).table(name) for district in (yesterday, today))
        delta = new.filter(pl.col("dateLastModified") >= midnight)
        kept = old.join(delta.select("sourcedId"), on="sourcedId", how="anti")
        told = pl.concat([kept, delta]).sort("sourcedId")
        # Of years long gone not even tombstones are left.
        assert_frame_equal(told.join(new.select("sourcedId"), on="sourcedId", how="semi"), new)
        assert (
            told.join(new.select("sourcedId"), on="sourcedId", how="anti")
            .filter(pl.col("status") == "active")
            .is_empty()
        ), name


def test_leavers_are_deleted_disabled_or_gone_by_switch() -> None:
    before = founded(users=300, seed=3)
    district = after_a_day(before, Churn(leavers=5))
    left = set(live(Database(before, Settings()), "users")["sourcedId"]) - set(
        live(Database(district, Settings()), "users")["sourcedId"]
    )
    assert len(left) == 5
    seen = {}
    for how in ("tobedeleted", "disabled", "gone"):
        users = Database(district, Settings(leavers=how)).table("users")
        seen[how] = set(users.filter(pl.col("sourcedId").is_in(left)).select("status", "enabledUser").rows())
    assert seen == {"tobedeleted": {("tobedeleted", False)}, "disabled": {("active", False)}, "gone": set()}


@pytest.mark.parametrize(("days", "there"), [(7, True), (8, False)])
def test_a_tombstone_lasts_seven_days(days: int, *, there: bool) -> None:
    district = after_a_day(founded(users=300, seed=3), Churn(leavers=5))
    gone = district.people.filter(pl.col("modified") == district.today)
    assert gone.height == 5
    later = Database(after_a_day(district, Churn(days=days)), Settings())
    for name, column in (
        ("users", "sourcedId"),
        ("roles", "userSourcedId"),
        ("enrollments", "userSourcedId"),
    ):
        ids = (gone["number"] + 500_000).cast(pl.String)
        assert (later.table(name)[column].is_in(("U-" + ids).implode()).any()) is there, name


def test_a_transfer_ends_a_role_and_begins_another() -> None:
    before = founded(users=2000, seed=4)
    district = after_a_day(before, Churn(transfers=1))
    database = Database(district, Settings())
    new = database.table("roles").filter(pl.col("dateLastModified") >= datetime(2026, 10, 2, tzinfo=UTC))
    assert sorted(new["status"]) == ["active", "tobedeleted"]
    assert new["userSourcedId"].n_unique() == 1
    assert new["orgSourcedId"].n_unique() == 2


def test_who_moves_to_a_second_school_has_one_role_there() -> None:
    before = founded(users=1500, seed=4)
    district = after_a_day(before, Churn(transfers=1500))
    moved = before.people.join(district.people, on="number", suffix="_now").filter(
        pl.col("second") == pl.col("school_now")
    )
    assert not moved.is_empty()
    assert moved["second_now"].null_count() == moved.height
    assert Database(district, EVERYTHING).table("roles")["sourcedId"].is_unique().all()


def test_a_school_year_changes_grades_and_schools_and_ends_the_last_grade() -> None:
    before = founded(users=1000, seed=5)
    old, new = (truth_of(Database(each, Settings())) for each in (before, after_the_summer(before)))
    assert new.sessions["schoolYear"].unique().to_list() == ["2028"]
    waiting = before.people.filter(pl.col("state") == "pre_registered").height
    assert new.active.height == old.active.height + waiting
    graduates = old.active.filter(pl.col("grade") == "12")["user_id"]
    assert set(new.students.filter(pl.col("user_id").is_in(graduates.implode()))["state"]) == {"left"}
    eighth = old.active.filter(pl.col("grade") == "08")["user_id"]
    moved = new.active.filter(pl.col("user_id").is_in(eighth.implode()))
    assert set(moved["grade"]) == {"09"}
    assert moved["school_id"].str.starts_with("S-3").all()


def test_the_profile_tells_pre_registered_and_out_of_district_students_by_switch() -> None:
    district = founded(users=300, seed=6)
    few = truth_of(Database(district, Settings()))
    some = truth_of(Database(district, Settings(pre_registered=True)))
    more = truth_of(Database(district, EVERYTHING))
    assert "pre_registered" not in set(few.students["state"])
    assert "pre_registered" in set(some.students["state"])
    assert "S-9001" not in set(some.orgs["sourcedId"])
    assert "S-9001" in set(more.active["school_id"])
    soon = after_a_day(district, Churn(days=60))
    came = truth_of(Database(soon, Settings())).active.height - few.active.height
    assert came == some.students.filter(pl.col("state") == "pre_registered").height


def test_odd_students_are_skipped_by_switch_and_nothing_names_them() -> None:
    district = founded(users=500, seed=6)
    every, some = (
        Database(district, Settings(skips_odd_students=skips, tombstone_days=None)) for skips in (False, True)
    )
    told = truth_of(some).students
    skipped = truth_of(every).students.join(told, on="user_id", how="anti")
    assert told["state_id"].null_count() == 0
    assert told["family_name"].str.contains(r"^[A-Za-z0-9' -]+$").all()
    assert skipped.filter(
        pl.col("state_id").is_not_null() & pl.col("family_name").str.contains(r"^[A-Za-z0-9' -]+$")
    ).is_empty()
    assert 0 < skipped.height < told.height
    for name, column in (
        ("enrollments", "userSourcedId"),
        ("roles", "userSourcedId"),
        ("users", "agentSourcedIds"),
    ):
        values = some.table(name)[column]
        named = values.explode() if values.dtype == pl.List else values
        assert not named.is_in(skipped["user_id"].implode()).any(), name


def test_grades_are_the_providers_own() -> None:
    district = founded(users=100, seed=1)
    truth = truth_of(Database(district, Settings(grades={"KG": "KF"})))
    assert "KF" in set(truth.active["grade"])
    assert "KG" not in set(truth.active["grade"])


def test_the_same_seed_gives_the_same_district_in_another_process_and_another_seed_another() -> None:
    code = (
        "from sis_assets.sandbox.oneroster.district import founded;"
        "from sis_assets.sandbox.oneroster.database import TABLES, Database;"
        "from sis_assets.sandbox.oneroster.settings import Settings;"
        "import hashlib, sys;"
        "d = Database(founded(users=200, seed=int(sys.argv[1])), Settings());"
        "print(hashlib.sha256(''.join(d.table(n).write_json() for n in TABLES).encode()).hexdigest())"
    )
    made = [
        subprocess.run([sys.executable, "-c", code, seed], capture_output=True, check=True, text=True).stdout
        for seed in ("7", "7", "8")
    ]
    assert made[0] == made[1] != made[2]


def test_names_hold_what_breaks_careless_readers() -> None:
    families = "".join(truth_of(Database(founded(users=500, seed=1), Settings())).users["familyName"])
    assert all(trap in families for trap in ("O'", '"', ",", "\\", "\u0301", "\u200d", "\U0001f393", "="))
