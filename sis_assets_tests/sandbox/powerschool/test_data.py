"""Made-up PowerSchool districts: the size asked for, every status, identifiers apart, and the same every time."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sis_assets.sandbox.powerschool import data
from sis_assets.sandbox.powerschool.data import described, founded
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.day import Churn, after_a_day, after_the_summer
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.powerschool.truth import truth_of

SIZES, SEEDS, FEW = st.integers(10, 2500), st.integers(0, 10_000), st.integers(0, 12)
CHURNS = st.builds(
    Churn,
    arrivals=FEW,
    leavers=FEW,
    returners=FEW,
    transfers=FEW,
    pre_registrations=FEW,
    renamed=FEW,
    readdressed=FEW,
)


def by_number(people: pl.DataFrame, *columns: str) -> dict[int, tuple[object, ...]]:
    return {row[0]: row[1:] for row in people.select("number", *columns).iter_rows()}


def active(people: pl.DataFrame) -> pl.DataFrame:
    return people.filter(pl.col("status") == data.ACTIVE)


@given(size=SIZES, seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_a_district_has_the_active_students_asked_for_and_some_of_every_other_status(
    size: int, seed: int
) -> None:
    district = founded(students=size, seed=seed)
    assert active(district.people).height == size
    assert set(district.people["status"]) == {0, -1, 1, 2, 3, 4, -2}
    assert district.people["number"].to_list() == list(range(1, district.arrived + 1))
    placed = district.people.filter(pl.col("school") != data.GRADUATED_STUDENTS).join(
        district.schools.rename({"number": "school"}), on="school"
    )
    assert placed.filter(~pl.col("grade").is_between(pl.col("low"), pl.col("high"))).is_empty()
    assert (
        placed.height + district.people.filter(pl.col("status") == data.GRADUATED).height == district.arrived
    )


def test_identifiers_are_apart_and_taking_one_for_another_finds_the_wrong_person() -> None:
    people = described(founded(students=200, seed=1))
    assert people.filter(
        (pl.col("dcid") == pl.col("id")) | (pl.col("id") == pl.col("student_number"))
    ).is_empty()
    confused = people.join(people, left_on="id", right_on="dcid")
    assert confused.height == people.height - 1
    assert confused.filter(pl.col("student_number") == pl.col("student_number_right")).is_empty()
    schools = founded(students=2000, seed=1).schools
    assert set(schools["dcid"]).isdisjoint(schools["number"])


def test_active_students_have_an_exit_date_that_is_the_planned_end_and_pre_registered_ones_come_later() -> (
    None
):
    district = founded(students=400, seed=3)
    assert set(active(district.people)["exit"]) == {district.year_end.replace(day=6)}
    waiting = district.people.filter(pl.col("status") == data.PRE_REGISTERED)
    assert waiting["entry"].min() > district.today  # type: ignore[operator]


def test_names_hold_what_breaks_careless_readers() -> None:
    names = "".join(described(founded(students=100, seed=1))["last_name"])
    for trap in ("'", '"', "\\", "\u0301", "\u05de", "\u200d", "\u00a0", "\U0001f393", "\t", "|", ",", ";"):
        assert trap in names


@given(size=SIZES, seed=SEEDS, churn=CHURNS)
@settings(max_examples=25, deadline=None)
def test_a_day_changes_exactly_as_many_as_it_says(size: int, seed: int, churn: Churn) -> None:
    before = founded(students=size, seed=seed)
    after = after_a_day(before, churn)
    was, now = by_number(before.people, "status", "school"), by_number(after.people, "status", "school")
    left = {number for number in was if was[number][0] == data.ACTIVE != now[number][0]}
    assert len(left) == min(churn.leavers, size)
    assert {now[number][0] for number in left} <= {data.TRANSFERRED, data.INACTIVE}
    assert set(after.people.filter(pl.col("number").is_in(left))["exit_code"]) <= {"T1", "W1"}
    away = {number for number in was if was[number][0] in (data.TRANSFERRED, data.INACTIVE)}
    returned = {number for number in away if now[number][0] == data.ACTIVE}
    assert len(returned) == min(churn.returners, len(away))
    moved = {number for number in was if was[number][1] != now[number][1]}
    assert len(moved) <= churn.transfers
    assert after.enrollments.height == len(moved) + len(returned)
    fresh = after.people.filter(pl.col("number") > before.arrived)
    assert fresh.height == churn.arrivals + churn.pre_registrations
    changed = after.people.join(before.people, on="number")
    assert changed.filter(pl.col("family") != pl.col("family_right")).height <= churn.renamed
    assert changed.filter(pl.col("mailbox") != pl.col("mailbox_right")).height <= churn.readdressed


def test_a_transfer_overwrites_the_school_and_keeps_the_enrolment_before_in_reenrollments() -> None:
    before = founded(students=3000, seed=2)
    after = after_a_day(before, Churn(transfers=5))
    was, now = (
        by_number(before.people, "school", "entry"),
        by_number(after.people, "school", "entry", "exit_code"),
    )
    past = by_number(after.enrollments, "school", "entry", "exit", "exit_code")
    moved = {number for number in was if was[number][0] != now[number][0]}
    assert len(moved) == len(past) == 5
    for number in moved:
        assert now[number][1:] == (after.today, None)
        assert past[number] == (*was[number], after.today, "S1")
    rows = Database(after, Settings()).table("reenrollments")
    assert set(rows["studentid"]) == {number + 1001 for number in moved}


def test_a_pre_registered_student_is_active_once_the_entry_date_has_come() -> None:
    district = founded(students=300, seed=2)
    waiting = set(district.people.filter(pl.col("status") == data.PRE_REGISTERED)["number"])
    for _ in range(41):
        district = after_a_day(district, Churn())
        here = district.people.filter(pl.col("number").is_in(waiting) & (pl.col("entry") <= district.today))
        assert set(here["status"]) <= {data.ACTIVE}
    assert waiting <= set(active(district.people)["number"])


def test_pre_registered_students_are_active_when_the_new_year_has_begun() -> None:
    before = founded(students=300, seed=2)
    waiting = set(before.people.filter(pl.col("status") == data.PRE_REGISTERED)["number"])
    assert waiting <= set(active(after_the_summer(before).people)["number"])


def test_the_summer_promotes_graduates_to_the_pseudo_school_and_closes_last_years_enrolments() -> None:
    before = founded(students=3000, seed=2)
    after = after_the_summer(before)
    was = by_number(active(before.people), "grade", "school")
    now = by_number(after.people, "grade", "status", "school", "last_school")
    for number, (grade, school) in was.items():
        if grade == data.LAST_GRADE:
            assert now[number] == (grade, data.GRADUATED, data.GRADUATED_STUDENTS, school)
        else:
            assert now[number][:2] == (grade + 1, data.ACTIVE)  # type: ignore[operator]
    assert after.enrollments.height == len(was)
    assert set(after.enrollments["exit_code"]) == {"22"}
    assert active(after.people).height >= len(was)
    placed = active(after.people).join(after.schools.rename({"number": "school"}), on="school")
    assert placed.height == active(after.people).height
    assert placed.filter(~pl.col("grade").is_between(pl.col("low"), pl.col("high"))).is_empty()


def test_who_somebody_is_does_not_change_with_the_years() -> None:
    lasting = (
        "dcid",
        "student_number",
        "state_id",
        "first_name",
        "last_name",
        "birth_date",
        "gender",
        "graduation_year",
    )
    before = founded(students=300, seed=2)
    after = after_the_summer(after_a_day(after_the_summer(before), Churn(leavers=20, returners=10)))
    now = by_number(described(after), *lasting)
    assert all(now[number] == who for number, who in by_number(described(before), *lasting).items())
    here = described(after).filter(pl.col("status") == data.ACTIVE)
    ages = here.select(after.year - pl.col("birth_date").dt.year() - pl.col("grade")).to_series()
    # Whoever comes back after a summer away is in the grade that was left, a year older.
    assert set(ages) <= {6, 7}


@pytest.mark.parametrize("students", [10, 700])
def test_every_key_of_every_table_finds_its_row(students: int) -> None:
    district = after_the_summer(after_a_day(founded(students=students, seed=5), Churn(3, 3, 1, 2, 1, 1, 1)))
    tables = Database(district, Settings())
    for name in tables.names:
        assert tables.table(name)["dcid"].n_unique() == tables.table(name).height > 0
    for table, column, target, key in (
        ("cc", "studentid", "students", "id"),
        ("cc", "course_number", "courses", "course_number"),
        ("cc", "schoolid", "schools", "school_number"),
        ("students", "schoolid", "schools", "school_number"),
        ("sections", "course_number", "courses", "course_number"),
        ("sections", "teacher", "schoolstaff", "id"),
        ("sections", "termid", "terms", "id"),
        ("school_course", "courseid", "courses", "id"),
        ("schoolstaff", "users_dcid", "users", "dcid"),
        ("storedgrades", "studentid", "students", "id"),
        ("gradreq", "gradreqsetid", "gradreqsets", "id"),
        ("reenrollments", "studentid", "students", "id"),
        ("schedulerequests", "studentid", "students", "id"),
        ("schedulerequests", "coursenumber", "courses", "course_number"),
    ):
        assert set(tables.table(table)[column]) <= set(tables.table(target)[key]), (table, column)
    seats = tables.table("cc").with_columns(section=pl.col("sectionid").abs())
    assert set(seats["section"]) == set(tables.table("sections")["id"])
    dropped = tables.frame("cc")["dropped"].to_list()
    assert (seats["termid"] < 0).to_list() == (seats["sectionid"] < 0).to_list() == dropped


def test_every_active_student_sits_in_each_course_of_the_grade_once() -> None:
    truth = truth_of(Database(founded(students=700, seed=5), Settings()))
    per_student = truth.seats.group_by("student_number").len()
    grades = truth.active.select("student_number", "grade")
    counts = per_student.join(grades, on="student_number", how="full", coalesce=True)
    assert counts.filter(pl.col("len") != pl.when(pl.col("grade") < 6).then(1).otherwise(5)).is_empty()
    assert counts["len"].null_count() == 0
    assert truth.seats["dropped"].any()


def test_graduates_stand_at_the_pseudo_school_and_name_the_one_they_left() -> None:
    district = after_the_summer(founded(students=1200, seed=5))
    students = Database(district, Settings()).table("students")
    high = set(district.schools.filter(pl.col("high") == data.LAST_GRADE)["number"])
    graduates = students.filter(pl.col("enroll_status") == data.GRADUATED)
    assert set(graduates["schoolid"]) == {data.GRADUATED_STUDENTS}
    assert set(graduates["graduated_schoolid"]) <= high
    assert set(students.filter(pl.col("enroll_status") != data.GRADUATED)["graduated_schoolid"]) == {0}


def test_marks_are_of_past_years_in_grades_that_have_marks() -> None:
    tables = Database(founded(students=700, seed=5), Settings())
    stored = tables.table("storedgrades").join(
        tables.table("students").select("id", now="grade_level"), left_on="studentid", right_on="id"
    )
    assert stored.filter(~pl.col("grade_level").is_between(6, pl.col("now") - 1)).is_empty()
    assert stored.filter((pl.col("grade") == "F") != (pl.col("earnedcrhrs") == 0)).is_empty()


def test_requests_are_for_the_next_grade_at_the_school_that_teaches_it() -> None:
    district = founded(students=1200, seed=5)
    tables = Database(district, Settings())
    asked = (
        tables.table("schedulerequests")
        .join(tables.table("courses"), left_on="coursenumber", right_on="course_number")
        .with_columns(grade=pl.col("reggradelevels").cast(pl.Int64))
        .join(tables.table("students").select("id", "grade_level"), left_on="studentid", right_on="id")
        .join(district.schools.select("low", "high", school="number"), left_on="schoolid", right_on="school")
    )
    assert asked.height == tables.table("schedulerequests").height
    assert asked.filter(pl.col("grade") != pl.col("grade_level") + 1).is_empty()
    assert asked.filter(~pl.col("grade").is_between(pl.col("low"), pl.col("high"))).is_empty()


@pytest.mark.parametrize("students", [0, 1])
def test_a_district_may_be_empty_or_of_one(students: int) -> None:
    before = founded(students=students, seed=1)
    after = after_the_summer(after_a_day(before, Churn(1, 1, 1, 1, 1, 1, 1)))
    for district in (before, after):
        tables = Database(district, Settings())
        assert all(tables.table(name).width for name in tables.names)
    assert truth_of(Database(before, Settings())).active.height == students


def test_course_numbers_have_digits_with_and_without_a_leading_zero_and_one_too_long_to_request() -> None:
    numbers = Database(founded(students=10, seed=1), Settings()).table("courses")["course_number"].to_list()
    assert any(number.isdecimal() and number.startswith("0") for number in numbers)
    assert any(number.isdecimal() and not number.startswith("0") for number in numbers)
    assert max(map(len, numbers)) == 11


@given(size=st.integers(10, 400), seed=SEEDS, churn=CHURNS)
@settings(max_examples=10, deadline=None)
def test_the_same_seed_and_steps_give_the_same_rows(size: int, seed: int, churn: Churn) -> None:
    def played() -> data.District:
        return after_the_summer(after_a_day(founded(students=size, seed=seed), churn))

    one, two = Database(played(), Settings()), Database(played(), Settings())
    for name in one.names:
        assert one.table(name).equals(two.table(name))


def test_another_process_makes_the_same_rows() -> None:
    made = (
        "from sis_assets.sandbox.powerschool.data import founded, described\n"
        "print(described(founded(students=50, seed=9)).write_csv())"
    )
    told = subprocess.run([sys.executable, "-c", made], capture_output=True, check=True).stdout.decode()
    assert told.strip() == described(founded(students=50, seed=9)).write_csv().strip()


def test_another_seed_gives_another_district() -> None:
    assert not founded(students=50, seed=1).people.equals(founded(students=50, seed=2).people)
