"""The change feed: what it names is read, everything lands, and a read of everything decides who is gone (contract §2.3)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.sis.aeries.feed import wall_clock
from sis_assets.warehouse.home import Home
from sis_assets_tests.aeries_district import CERTIFICATE_NAME, Reading
from sis_assets_tests.aeries_server import ZONE, AeriesServer, school, student
from sis_assets_tests.powerschool_server import Answer, serve

WHOLE = "/schools/994/students"


def state(aeries: Reading) -> Path:
    return aeries.home.landing / "sample" / ".last-read.json"


def asked_since(aeries: Reading, number: int) -> list[str]:
    return aeries.server.paths()[number:]


def second_read(aeries: Reading, **pause: float) -> list[str]:
    """Read, let time pass, read again; gives what the second read asked."""
    aeries.fetch()
    aeries.server.pass_time(**(pause or {"hours": 1}))
    before = len(aeries.server.asked)
    aeries.fetch()
    return asked_since(aeries, before)


def whole(aeries: Reading) -> dict[str, bytes]:
    """What a read of everything lands in a fresh home."""
    fresh = Reading(aeries.server, Home.at(aeries.home.root.with_name("fresh")), aeries.settings, aeries.more)
    state(fresh).unlink(missing_ok=True)
    return fresh.contents()


def test_the_second_read_asks_for_what_changed_only(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    changed = aeries.server.students[1]
    changed["LastName"] = "Changed"
    aeries.server.touch("student", changed)
    before = len(aeries.server.asked)
    landed = aeries.contents()
    asked = asked_since(aeries, before)
    assert WHOLE in asked or f"{WHOLE}/99400002" in asked
    assert not any("/enrollment/0/" in path or "/sections" in path for path in asked)
    assert b"Changed" in landed["students"]
    assert landed == whole(aeries)


def test_changes_are_asked_for_from_the_last_reads_begin_less_the_overlap(aeries: Reading) -> None:
    asked = second_read(aeries)
    assert "/StudentDataChanges/student/2025/11/20/19/45" in asked
    aeries.settings["feed"] = {"overlap_minutes": 60}
    aeries.server.pass_time(hours=1)
    aeries.fetch()
    assert "/SectionRosterDataChanges/2025/11/20/20/00" in aeries.server.paths()


def test_changes_are_asked_for_by_the_servers_clock(aeries: Reading) -> None:
    aeries.server.now = aeries.server.now.astimezone(ZoneInfo("America/New_York"))
    aeries.settings["feed"] = {"timezone": "America/New_York"}
    aeries.fetch()
    aeries.server.now += timedelta(hours=1)
    aeries.fetch()
    assert "/StudentDataChanges/student/2025/11/20/22/45" in aeries.server.paths()


def test_a_clock_that_goes_by_another_zone_means_a_read_of_everything(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.now = (aeries.server.now + timedelta(hours=1)).astimezone(ZoneInfo("America/New_York"))
    before = len(aeries.server.asked)
    aeries.fetch()
    assert not any("DataChanges" in path for path in asked_since(aeries, before))


@pytest.mark.parametrize(
    ("pause", "feed", "by_feed"),
    [
        ({"hours": 19}, {}, True),
        ({"hours": 20}, {}, False),
        ({"days": 10}, {"full_read_hours": 720}, True),
        ({"days": 10, "minutes": 1}, {"full_read_hours": 720}, False),
        ({"days": 10}, {"full_read_hours": 720, "longest_gap_days": 9}, False),
        ({"hours": -1}, {}, False),
        ({"hours": 1}, {"full_read_hours": 0}, False),
    ],
)
def test_the_feed_is_trusted_for_a_bounded_time(
    aeries: Reading, pause: dict[str, float], feed: dict[str, int], by_feed: bool
) -> None:
    aeries.settings["feed"] = feed
    assert any("DataChanges" in path for path in second_read(aeries, **pause)) is by_feed


def test_a_gap_of_more_than_ten_days_means_a_read_of_everything(aeries: Reading) -> None:
    aeries.settings["feed"] = {"full_read_hours": 720}
    aeries.fetch()
    gone = aeries.server.students.pop(0)
    aeries.server.pass_time(days=10, minutes=1)
    assert str(gone["StudentID"]).encode() not in aeries.contents()["students"]
    assert not any("DataChanges" in path for path in aeries.server.paths())


@pytest.mark.parametrize(
    "settings_then",
    [{"enrollment_years": 3}, {"staff": True}, {"code_tables": ["ENR/ER"]}, {"leas": ["99999"]}],
)
def test_other_settings_mean_a_read_of_everything(aeries: Reading, settings_then: dict[str, object]) -> None:
    aeries.fetch()
    aeries.settings |= settings_then
    aeries.fetch()
    assert not any("DataChanges" in path for path in aeries.server.paths())


def test_access_that_was_granted_anew_begins_with_everything(aeries: Reading) -> None:
    aeries.more["access"] = {"expires": "2026-06-30"}
    aeries.fetch()
    aeries.more["access"] = {"expires": "2027-06-30"}
    aeries.fetch()
    assert not any("DataChanges" in path for path in aeries.server.paths())


def test_settings_of_politeness_do_not(aeries: Reading) -> None:
    aeries.fetch()
    aeries.settings |= {"window_records": 2, "concurrency": 1, "class_lists": "section"}
    aeries.fetch()
    assert any("DataChanges" in path for path in aeries.server.paths())


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"under": 1}', "\x00"])
def test_a_damaged_or_missing_memory_means_a_read_of_everything(aeries: Reading, content: str) -> None:
    aeries.fetch()
    state(aeries).write_text(content)
    aeries.fetch()
    assert not any("DataChanges" in path for path in aeries.server.paths())
    assert json.loads(state(aeries).read_text())["files"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}\n")])
def test_a_damaged_or_missing_file_of_the_last_read_means_a_read_of_everything(
    aeries: Reading, damage
) -> None:
    for file in aeries.fetch().files:
        if file.entity == "enrollment":
            damage(file.path)
    aeries.fetch()
    assert not any("DataChanges" in path for path in aeries.server.paths())


def test_the_memory_is_ours_alone_and_holds_no_student(aeries: Reading) -> None:
    aeries.fetch()
    assert state(aeries).stat().st_mode & 0o777 == 0o600
    assert "9940000" not in state(aeries).read_text()


def test_a_read_that_failed_leaves_the_memory_of_the_one_before(aeries: Reading) -> None:
    aeries.fetch()
    before = state(aeries).read_text()
    aeries.server.pass_time(hours=1)
    aeries.server.fault = lambda asked: Answer(500) if asked.path.endswith("/courses") else None
    aeries.fault()
    assert state(aeries).read_text() == before
    aeries.server.fault = lambda _: None
    aeries.server.pass_time(hours=1)
    aeries.fetch()
    assert "/StudentDataChanges/student/2025/11/20/19/45" in aeries.server.paths()[-60:]


@pytest.mark.parametrize("status", [404, 501])
def test_a_server_without_a_feed_is_read_whole(aeries: Reading, status: int) -> None:
    aeries.server.fault = lambda asked: Answer(status) if "DataChanges" in asked.path else None
    assert WHOLE in second_read(aeries)


def test_another_school_means_a_read_of_everything(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.schools.append(school(996))
    aeries.server.students.append(student(99600001, 996))
    assert b"99600001" in aeries.contents()["students"]


def test_who_is_gone_is_decided_by_a_read_of_everything_only(aeries: Reading) -> None:
    aeries.fetch()
    gone = aeries.server.students.pop(2)
    for area in ("student", "enrollment", "class"):
        aeries.server.touch(area, gone)
    aeries.server.pass_time(hours=1)
    assert str(gone["StudentID"]).encode() in aeries.contents()["students"]
    aeries.server.pass_time(hours=19)
    assert str(gone["StudentID"]).encode() not in aeries.contents()["students"]


def test_a_change_at_one_school_has_the_others_of_the_student_read_too(aeries: Reading) -> None:
    both = student(99500001, 994)
    aeries.server.students.append(both)
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    both["InactiveStatusCode"] = "I"
    aeries.server.touch("student", aeries.server.students[5])
    assert aeries.contents() == whole(aeries)


def test_what_changes_while_a_read_goes_on_is_seen_by_the_next(aeries: Reading) -> None:
    aeries.fetch()
    late = aeries.server.students[0]
    late["LastName"] = "Late"
    aeries.server.touch("student", late)
    aeries.server.pass_time(hours=1)
    assert b"Late" in aeries.contents()["students"]


def test_a_half_character_in_the_last_read_hinders_nothing(aeries: Reading) -> None:
    aeries.server.students[0]["FirstName"] = "\ud800"
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    aeries.server.students[1]["LastName"] = "Changed"
    aeries.server.touch("student", aeries.server.students[1])
    assert aeries.contents() == whole(aeries)


def test_many_changes_of_classes_are_read_as_a_whole(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    for row in aeries.server.classes:
        row["DateEnded"] = "2025-11-20T00:00:00"
        aeries.server.touch("class", row)
    before = len(aeries.server.asked)
    assert aeries.contents() == whole(aeries)
    assert not any("/classes/" in path for path in asked_since(aeries, before))


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2025, 11, 2, 7, 30, tzinfo=UTC), "2025-11-02 00:30"),
        (datetime(2025, 11, 2, 8, 30, tzinfo=UTC), "2025-11-02 00:30"),
        (datetime(2025, 11, 2, 9, 30, tzinfo=UTC), "2025-11-02 01:30"),
        (datetime(2026, 3, 8, 9, 59, tzinfo=UTC), "2026-03-08 01:59"),
        (datetime(2026, 3, 8, 10, 1, tzinfo=UTC), "2026-03-08 03:01"),
    ],
)
def test_no_change_falls_into_the_hour_that_a_clock_shows_twice(moment: datetime, shown: str) -> None:
    assert f"{wall_clock(moment, ZONE):%Y-%m-%d %H:%M}" == shown
    for minutes in range(0, 180, 5):
        assert f"{(moment + timedelta(minutes=minutes)).astimezone(ZONE):%Y-%m-%d %H:%M}" >= shown


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ["name", "tag", "new", "leave", "class", "section", "grade", "course", "code", "extended"]
        ),
        st.integers(0, 30),
        st.integers(1, 9 * 60),
    ),
    max_size=12,
)


def change(server: AeriesServer, kind: str, number: int) -> None:
    """Change the district in one way, and have the feeds name what a real one would."""
    one = server.students[number % len(server.students)]
    if kind in {"name", "tag"}:
        one["LastName" if kind == "name" else "InactiveStatusCode"] = "IN*"[number % 3]
        server.touch("student", one)
    elif kind == "new":
        new = student(99400100 + number, 994 + number % 2)
        if any(row["StudentID"] == new["StudentID"] for row in server.students):
            return
        server.students.insert(number % len(server.students), new)
        server.extended.append(
            {**server.extended[0], "StudentID": new["StudentID"], "SchoolCode": new["SchoolCode"]}
        )
        server.enrollment.append(
            {**server.enrollment[0], "StudentID": new["StudentID"], "SchoolCode": new["SchoolCode"]}
        )
        server.touch("student", new)
        server.touch("enrollment", new)
    elif kind == "leave":
        row = server.enrollment[number % len(server.enrollment)]
        row["LeaveDate"] = f"2025-11-{1 + number % 28:02}T00:00:00"
        server.touch("enrollment", row)
    elif kind == "class":
        row = server.classes[number % len(server.classes)]
        row["DateEnded"] = f"2025-11-{1 + number % 28:02}T00:00:00"
        server.touch("class" if number % 2 else "roster", row)
    elif kind == "section":
        row = server.sections[number % len(server.sections)]
        row["Room"] = str(number)
        server.touch("section", row)
    elif kind == "grade":
        server.grades[(one["SchoolCode"], one["StudentID"])] = [
            {
                "CourseID": "0400",
                "TranscriptCourseTitle": "Algebra 1",
                "Mark": "ABC"[number % 3],
                "SequenceNumber": 1,
            }
        ]
        server.touch("class", one)
    elif kind == "extended":
        row = server.extended[number % len(server.extended)]
        row["EndOfYearStatusCode"] = str(number)
        server.touch("student", row)
    elif kind == "course":
        server.courses[0]["Title"] = f"Algebra {number}"
    else:
        server.codes["STU/TG"][0]["Description"] = f"Meaning {number}"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories=st.lists(CHANGES, min_size=1, max_size=4), window=st.sampled_from([2, 3, 1000]))
def test_reads_of_changes_and_a_read_of_everything_land_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    histories: list[list[tuple[str, int, int]]],
    window: int,
) -> None:
    server = AeriesServer(now=datetime(2025, 11, 1, 20, 0, tzinfo=ZONE))
    monkeypatch.setenv(CERTIFICATE_NAME, server.certificate)
    with serve(server):
        aeries = Reading(
            server,
            Home.at(tmp_path_factory.mktemp("history") / "home"),
            {"window_records": window, "feed": {"full_read_hours": 744}},  # more than all histories take
        )
        aeries.fetch()
        for history in histories:
            for kind, number, minutes in history:
                server.pass_time(minutes=minutes)
                change(server, kind, number)
            server.pass_time(minutes=1)
            before = len(server.asked)
            assert aeries.contents() == whole(aeries)
            assert any("DataChanges" in path for path in asked_since(aeries, before))


def test_a_new_id_means_a_read_of_everything_for_it_says_that_the_old_one_is_gone(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    aeries.server.students[0] = student(99400077, OldStudentID=99400001)
    aeries.server.touch("student", aeries.server.students[0])
    landed = aeries.contents()
    assert landed == whole(aeries)
    assert b"99400077" in landed["students"]
    assert b'"StudentID":99400001' not in landed["students"]


def test_what_a_student_no_longer_has_is_gone_while_the_student_is_there(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    aeries.server.grades.clear()
    aeries.server.enrollment.pop(0)
    for area in ("student", "enrollment"):
        aeries.server.touch(area, aeries.server.students[0])
    landed = aeries.contents()
    assert landed == whole(aeries)
    assert landed["transcripts"] == b""


def test_a_course_that_changed_has_all_transcripts_read(aeries: Reading) -> None:
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    aeries.server.courses[0]["Title"] = "Algebra One"
    for grade in aeries.server.grades[(994, 99400001)]:
        grade["TranscriptCourseTitle"] = "Algebra One"
    assert aeries.contents() == whole(aeries)


@pytest.mark.parametrize("cap", [None, 2])
def test_many_changes_at_one_school_are_read_by_its_lists(aeries: Reading, cap: int | None) -> None:
    aeries.settings |= {"window_records": 3, "concurrency": 1}
    aeries.server.largest_window = cap
    aeries.fetch()
    aeries.server.pass_time(hours=1)
    for one in aeries.server.students:
        one["LastName"] = "Changed"
        aeries.server.touch("student", one)
    before = len(aeries.server.asked)
    landed = aeries.contents()
    asked = asked_since(aeries, before)
    assert landed == whole(aeries)
    assert f"{WHOLE}/99400001" not in asked
    assert asked.count(WHOLE) == (2 if cap is None else 2 + 5)
