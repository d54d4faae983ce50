"""The change feeds: keys of what is new or other, in the server's own time, and nothing of what is gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from sis_assets.sandbox.aeries.day import Churn, after, after_the_summer
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import AREAS, CLASSES, ENROLLMENT, STUDENT_DATA, Settings
from sis_assets_tests.aeries_caller import Caller, serving

AREAS_OF_STUDENTS = ("student", "contact", "program", "test", "class", "enrollment")


def path(feed: str, moment: datetime, *, padded: bool = True) -> str:
    parts = [moment.year, moment.month, moment.day, moment.hour, moment.minute]
    return f"{feed}/" + "/".join(f"{part:02d}" if padded else str(part) for part in parts)


def ids(caller: Caller, feed: str, moment: datetime, key: str = "StudentID") -> set[Any]:
    rows = caller.get(path(feed, moment)).json
    return {row[key] for row in rows}


def played(sandbox: Sandbox, churn: Churn, **options: Any) -> datetime:
    """Let something happen; returns when it began."""
    begun = sandbox.district.now
    sandbox.evolve(lambda district: after(district, churn, **options))
    return begun


def test_at_the_beginning_nothing_has_changed() -> None:
    with serving(students=30) as (_, caller):
        for feed in AREAS_OF_STUDENTS:
            assert (
                caller.get(path(f"StudentDataChanges/{feed}", datetime.fromisoformat("2020-01-01"))).json
                == []
            )


def test_what_happened_is_told_and_nothing_else() -> None:
    with serving(students=300) as (sandbox, caller):
        before = sandbox.truth().records
        churn = Churn(arrivals=3, leavers=4, renamed=5, readdressed=2, planned_leavers=3, rekeys=2)
        begun = played(sandbox, churn)
        other = sandbox.truth().records.join(before, on=before.columns, how="anti", nulls_equal=True)
        expected = set(other.select("student_id", "school", "student_number").rows())
        rows = caller.get(path("StudentDataChanges/student", begun)).json
        assert {(row["StudentID"], row["SchoolCode"], row["StudentNumber"]) for row in rows} == expected
        assert len(rows) == len(expected) >= 15
        assert set(rows[0]) == {"StudentID", "SchoolCode", "StudentNumber"}
        enrolled = ids(caller, "StudentDataChanges/enrollment", begun)
        assert len(enrolled) == 3 + 4 + 2


def test_a_feed_begins_with_the_minute_that_is_asked_for() -> None:
    with serving(students=300) as (sandbox, caller):
        begun = played(sandbox, Churn(renamed=40))
        every = ids(caller, "StudentDataChanges/student", begun)
        assert len(every) == 40
        noon = begun + timedelta(hours=12)
        later = ids(caller, "StudentDataChanges/student", noon)
        assert 0 < len(later) < 40
        assert later < every
        assert ids(caller, "StudentDataChanges/student", sandbox.district.now + timedelta(minutes=1)) == set()
        assert ids(caller, "StudentDataChanges/student", sandbox.district.now) <= later
        plain = caller.get(path("StudentDataChanges/student", noon, padded=False))
        assert plain.content == caller.get(path("StudentDataChanges/student", noon)).content


def test_hours_can_pass_in_place_of_a_day() -> None:
    with serving(students=100) as (sandbox, caller):
        played(sandbox, Churn(renamed=3), passed=timedelta(minutes=10))
        assert sandbox.district.now == datetime.fromisoformat("2026-10-01T18:10")
        assert caller.get("systeminfo").json["CurrentDateTime"].startswith("2026-10-01T18:10:00")
        begun = played(sandbox, Churn(renamed=4), passed=timedelta(minutes=10))
        told = ids(caller, "StudentDataChanges/student", begun + timedelta(minutes=1))
        assert len(told) == 4


def test_what_is_gone_is_not_told() -> None:
    with serving(students=100) as (sandbox, caller):
        begun = played(sandbox, Churn(renamed=100))
        before = ids(caller, "StudentDataChanges/student", begun)
        played(sandbox, Churn(erased=5))
        assert sandbox.truth().active.height == 95
        assert (
            ids(caller, "StudentDataChanges/student", begun)
            == set(sandbox.truth().active["student_id"]) & before
        )
        played(sandbox, Churn(rekeys=3))
        rekeyed = sandbox.truth().records.filter(pl.col("student_id") > 100_000_000)
        told = ids(caller, "StudentDataChanges/student", begun)
        assert set(rekeyed["student_id"]) & told
        assert not set(rekeyed["old_student_id"]) & told


def test_the_siblings_tell_courses_sections_rosters_and_staff() -> None:
    with serving(students=600) as (sandbox, caller):
        begun = played(sandbox, Churn(course_changes=2, section_changes=3, staff_changes=4))
        assert len(ids(caller, "CourseDataChanges", begun, "ID")) == 2
        sections = caller.get(path("SectionDataChanges", begun)).json
        assert len(sections) == 3
        assert set(sections[0]) == {"SchoolCode", "SectionNumber"}
        assert len(ids(caller, "StaffDataChanges", begun, "ID")) == 4
        assert caller.get(path("SectionRosterDataChanges", begun)).json == []
        begun = played(sandbox, Churn(class_changes=2))
        assert 1 <= len(ids(caller, "StudentDataChanges/class", begun)) <= 2
        assert caller.get(path("SectionRosterDataChanges", begun)).json
        assert caller.get(path("StudentDataChanges/student", begun)).json == []


def test_the_keys_of_course_and_staff_items_are_a_switch() -> None:
    settings = Settings(course_feed_id="CourseID", staff_feed_id="StaffID")
    with serving(students=50, settings=settings) as (sandbox, caller):
        begun = played(sandbox, Churn(course_changes=1, staff_changes=1))
        assert list(caller.get(path("CourseDataChanges", begun)).json[0]) == ["CourseID"]
        assert list(caller.get(path("StaffDataChanges", begun)).json[0]) == ["StaffID"]


def test_a_feed_may_keep_some_days_only() -> None:
    with serving(students=200, settings=Settings(feed_days=3)) as (sandbox, caller):
        begun = played(sandbox, Churn(renamed=5))
        assert len(ids(caller, "StudentDataChanges/student", begun)) == 5
        played(sandbox, Churn(readdressed=2), passed=timedelta(days=4))
        rows = ids(caller, "StudentDataChanges/student", begun)
        assert len(rows) <= 2


def test_a_feed_of_students_follows_the_right_of_its_area() -> None:
    moment = datetime.fromisoformat("2026-10-01")
    with serving(students=20) as (sandbox, caller):
        for area, feed in ((STUDENT_DATA, "student"), (CLASSES, "class"), (ENROLLMENT, "enrollment")):
            sandbox.grant(frozenset({area}))
            assert caller.get(path(f"StudentDataChanges/{feed}", moment)).status == 200
            sandbox.grant(AREAS - {area})
            assert caller.get(path(f"StudentDataChanges/{feed}", moment)).status == 403


@pytest.mark.parametrize(
    ("wrong", "status"),
    [("2026/10/01/18", 404), ("2026/13/01/18/00", 400), ("2026/10/01/24/00", 400), ("2026/10/01", 404)],
)
def test_all_five_parts_of_the_time_are_needed(wrong: str, status: int) -> None:
    with serving(students=10) as (_, caller):
        assert caller.get(f"StudentDataChanges/student/{wrong}").status == status


def test_a_new_year_is_a_new_database_in_which_everything_is_new() -> None:
    with serving(students=100) as (sandbox, caller):
        begun = sandbox.district.now
        sandbox.evolve(after_the_summer)
        caller.year = 2027
        told = ids(caller, "StudentDataChanges/student", begun)
        assert told >= set(sandbox.truth().active["student_id"])
        caller.year = 2026
        # Of the ended year only the completions.
        assert 0 < len(ids(caller, "StudentDataChanges/student", begun)) < 20


def test_full_and_incremental_reading_of_random_days_come_to_the_same() -> None:
    with serving(students=400) as (sandbox, caller):
        schools = sandbox.truth().schools["code"].to_list()

        def full() -> dict[tuple[int, int], Any]:
            rows = [row for code in [*schools, 99] for row in caller.get(f"schools/{code}/students").json]
            return {(row["SchoolCode"], row["StudentNumber"]): row for row in rows}

        kept, watermark = full(), sandbox.district.now
        for day in range(6):
            played(sandbox, Churn(arrivals=day, leavers=2, returners=1, concurrent=1, renamed=day, rekeys=1))
            for item in caller.get(path("StudentDataChanges/student", watermark)).json:
                for row in caller.get(f"schools/{item['SchoolCode']}/students/{item['StudentID']}").json:
                    kept[row["SchoolCode"], row["StudentNumber"]] = row
            watermark = sandbox.district.now
            assert kept == full()


def test_a_feed_may_tell_what_is_gone_too() -> None:
    with serving(students=60, settings=Settings(feed_deletes=True)) as (sandbox, caller):
        before = set(sandbox.truth().active["student_id"])
        begun = played(sandbox, Churn(erased=5))
        gone = before - set(sandbox.truth().active["student_id"])
        assert ids(caller, "StudentDataChanges/student", begun) == gone


def test_a_feed_may_go_by_utc() -> None:
    with serving(students=60, settings=Settings(feed_clock="utc")) as (sandbox, caller):
        begun = played(sandbox, Churn(renamed=9), passed=timedelta(hours=1))
        in_utc = begun + timedelta(hours=7)
        assert len(ids(caller, "StudentDataChanges/student", in_utc)) == 9
        assert ids(caller, "StudentDataChanges/student", in_utc + timedelta(hours=1, minutes=1)) == set()
        assert len(ids(caller, "StudentDataChanges/student", begun + timedelta(hours=1, minutes=1))) == 9
