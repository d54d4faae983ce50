"""Lists are read whole or not at all: windows that overlap, lists that move, few requests at once (contract §2.1, §2.3)."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sis_assets.model.faults import Fault, NeedsPerson, PermanentFault, TransientFault
from sis_assets.sis.aeries import client
from sis_assets.sis.documents.pages import MovedError, Page
from sis_assets.sis.documents.windows import read_windows
from sis_assets.transport.landing import prepare
from sis_assets.transport.visit import Answers, HoursOverError, Visit
from sis_assets_tests.aeries_district import Reading
from sis_assets_tests.aeries_server import school, student
from sis_assets_tests.powerschool_district import HURRIED, rows
from sis_assets_tests.powerschool_server import Answer, Asked

STUDENTS = "/schools/994/students"


def window_over(records: list[int], *, cap: int = 1000):
    """A list of the records, served by windows."""

    def window(first: int, last: int) -> Page:
        found = records[first - 1 : last][:cap]
        return Page(len(found), [(number, b"%d\n" % number) for number in found])

    return window


@pytest.mark.parametrize("count", range(12))
@pytest.mark.parametrize("size", [2, 3, 5, 1000])
@pytest.mark.parametrize("cap", [2, 3, 1000])
def test_every_record_is_read_once_however_few_a_window_gives(count: int, size: int, cap: int) -> None:
    records = list(range(count))
    assert [key for key, _ in read_windows(window_over(records, cap=cap), size)] == records


def test_no_window_begins_behind_the_end() -> None:
    asked = []

    def window(first: int, last: int) -> Page:
        asked.append(first)
        return window_over([1, 2, 3, 4])(first, last)

    read_windows(window, 2)
    assert max(asked) == 4


@pytest.mark.parametrize("change", ["inserted", "removed"])
@pytest.mark.parametrize("at", range(3))
def test_a_record_that_comes_or_goes_between_windows_is_seen(change: str, at: int) -> None:
    records = [10, 20, 30, 40, 50, 60]

    def window(first: int, last: int) -> Page:
        found = window_over(records)(first, last)
        if first == 1 and change == "inserted":
            records.insert(at, 15)
        elif first == 1:
            del records[at]
        return found

    with pytest.raises(MovedError):
        read_windows(window, 3)


def test_a_record_that_comes_twice_is_seen() -> None:
    with pytest.raises(MovedError, match="twice"):
        read_windows(window_over([1, 2, 3, 1]), 10)


def test_a_window_with_more_records_than_it_has_places_is_seen() -> None:
    with pytest.raises(MovedError, match="window of 2"):
        read_windows(lambda *_: window_over([1, 2, 3])(1, 3), 2)


def ids(aeries: Reading) -> list[tuple[str]]:
    return rows(aeries.tables()["students"], "StudentID")


@pytest.mark.parametrize("cap", [None, 2, 3])
def test_students_are_whole_also_from_a_server_that_caps_its_windows(
    aeries: Reading, cap: int | None
) -> None:
    aeries.server.largest_window = cap
    aeries.settings["window_records"] = 4
    assert len(ids(aeries)) == 6
    assert len(rows(aeries.tables()["students_extended"], "StudentID")) == 6


def test_a_list_that_is_truncated_in_the_middle_fails_the_read(aeries: Reading) -> None:
    aeries.settings["window_records"] = 3

    def truncated(asked: Asked) -> Answer | None:
        if asked.path.endswith(STUDENTS) and asked.query["StartingRecord"] == "3":
            return Answer(200, [])
        return None

    aeries.server.fault = truncated
    fault = aeries.fault()
    assert isinstance(fault, TransientFault)
    assert fault.tried == "Reading students of school 994"
    assert "changed while they were read, 3 times" in fault.seen


def test_a_list_that_moved_once_is_read_again(aeries: Reading) -> None:
    aeries.settings["window_records"] = 2
    moved = []

    def move(asked: Asked) -> None:
        if asked.path.endswith(STUDENTS) and asked.query["StartingRecord"] == "2" and not moved:
            moved.append(aeries.server.students.pop(0))

    aeries.server.fault = move
    found = ids(aeries)
    assert (str(moved[0]["StudentID"]),) not in found
    assert len(found) == 5


def test_a_student_who_comes_twice_fails_the_read(aeries: Reading) -> None:
    aeries.server.students.append({**aeries.server.students[0]})
    fault = aeries.fault()
    assert isinstance(fault, TransientFault)
    assert "a record came twice" in fault.seen


def test_a_section_that_comes_twice_fails_the_read(aeries: Reading) -> None:
    aeries.server.sections.append({**aeries.server.sections[0]})
    assert "a record came twice" in aeries.fault().seen


def test_a_student_may_have_two_numbers_at_one_school(aeries: Reading) -> None:
    aeries.server.students.append(
        {**aeries.server.students[0], "StudentNumber": 77, "InactiveStatusCode": "I"}
    )
    assert Counter(ids(aeries))[("99400001",)] == 2


def test_a_student_at_two_schools_has_a_record_of_each(aeries: Reading) -> None:
    aeries.server.students.append(student(99500001, 994))
    found = rows(aeries.tables()["students"], "SchoolCode", "StudentID")
    assert {school for school, number in found if number == "99500001"} == {"994", "995"}


def test_records_of_other_schools_in_a_schools_list_come_once(aeries: Reading) -> None:
    everywhere = [row for row in aeries.server.enrollment if row["AcademicYear"] == "2025-2026"]
    aeries.server.fault = lambda asked: (
        Answer(200, everywhere) if asked.path.endswith("/enrollment/0/year/2025") else None
    )
    assert len(rows(aeries.tables()["enrollment"], "StudentID")) == len(everywhere)


def test_a_single_object_stands_for_a_list_of_one(aeries: Reading) -> None:
    aeries.server.schools = aeries.server.schools[0]  # type: ignore[assignment]
    aeries.server.courses = aeries.server.courses[0]  # type: ignore[assignment]
    extended = aeries.server.extended[0]
    aeries.server.fault = lambda asked: (
        Answer(200, extended) if asked.path.endswith("/students/0/extended") else None
    )
    tables = aeries.tables()
    assert rows(tables["schools"], "SchoolCode") == [("994",)]
    assert len(rows(tables["courses"], "ID")) == 1
    assert len(rows(tables["students_extended"], "StudentID")) == 1


@pytest.mark.parametrize("name", ["schools", "students", "extended", "enrollment", "courses"])
def test_an_empty_list_of_what_every_district_has_fails_the_read(aeries: Reading, name: str) -> None:
    getattr(aeries.server, name).clear()
    fault = aeries.fault()
    assert isinstance(fault, PermanentFault)
    assert "empty" in fault.seen or "no school takes part" in fault.seen


@pytest.mark.parametrize("name", ["sections", "classes", "grades", "needs", "requirements"])
def test_an_empty_list_of_what_a_district_may_lack_is_no_failure(aeries: Reading, name: str) -> None:
    getattr(aeries.server, name).clear()
    aeries.fetch()


def test_enrolments_are_asked_for_by_school_and_year(aeries: Reading) -> None:
    aeries.settings["enrollment_years"] = 3
    aeries.server.enrollment.append({**aeries.server.enrollment[0], "AcademicYear": "2023-2024"})
    found = rows(aeries.tables()["enrollment"], "StudentID", "AcademicYear")
    assert ("99400001", "2023-2024") in found
    asked = [path for path in aeries.server.paths() if "enrollment" in path]
    assert len(asked) == 6
    assert all("/schools/" in path and "/year/" in path for path in asked)


def test_classes_come_by_section_or_by_school_and_land_the_same_bytes(aeries: Reading) -> None:
    by_section = aeries.contents()["classes"]
    assert {"/schools/994/sections/101/students", "/schools/994/sections/102/students"} < set(
        aeries.server.paths()
    )
    aeries.server.whole_classes = True
    before = len(aeries.server.asked)
    aeries.settings["feed"] = {"full_read_hours": 0}
    assert aeries.contents()["classes"] == by_section
    assert not any("/sections/" in path for path in aeries.server.paths()[before:])


def test_an_empty_list_of_a_schools_classes_is_not_believed(aeries: Reading) -> None:
    aeries.server.fault = lambda asked: Answer(200, []) if asked.path.endswith("/classes") else None
    assert len(rows(aeries.tables()["classes"], "StudentID")) == 3


def test_the_file_may_say_how_classes_are_read(aeries: Reading) -> None:
    aeries.settings["class_lists"] = "section"
    aeries.fetch()
    assert "/schools/994/classes" not in aeries.server.paths()
    aeries.settings |= {"class_lists": "school", "feed": {"full_read_hours": 0}}
    assert "404" in aeries.fault().seen


def test_few_requests_are_under_way_at_once(aeries: Reading) -> None:
    aeries.server.schools = [school(code) for code in range(900, 920)]
    aeries.server.students = [student(code * 1000, code) for code in range(900, 920)]
    aeries.server.extended = []
    aeries.server.enrollment = []
    aeries.server.__post_init__()
    aeries.settings["concurrency"] = 2
    aeries.fetch()
    assert aeries.server.most_under_way <= 2


def test_a_busy_server_is_asked_again_after_a_pause(aeries: Reading) -> None:
    refused = []

    def busy(asked: Asked) -> Answer | None:
        if asked.path.endswith("/courses") and not refused:
            refused.append(asked)
            return Answer(429)
        return None

    aeries.server.fault = busy
    aeries.fetch()
    assert aeries.server.paths().count("/courses") == 2


LEAS = {"leas": ["99999", "88888"]}


@pytest.fixture
def two_leas(aeries: Reading) -> Reading:
    aeries.server.schools += [school(1201, StateDistrictID="88888"), school(1301, StateDistrictID="77777")]
    aeries.server.students += [student(12010001, 1201), student(13010001, 1301)]
    aeries.server.extended = []
    aeries.server.enrollment = []
    aeries.server.__post_init__()
    aeries.settings |= LEAS
    return aeries


def test_schools_of_leas_that_the_file_does_not_list_are_out(two_leas: Reading) -> None:
    tables = two_leas.tables()
    assert rows(tables["schools"], "SchoolCode", "StateDistrictID") == [
        ("994", "99999"),
        ("995", "99999"),
        ("1201", "88888"),
    ]
    assert {code for (code,) in rows(tables["terms"], "SchoolCode")} == {"994", "995", "1201"}
    assert ("1301",) not in rows(tables["students"], "SchoolCode")
    assert not any("/1301/" in path for path in two_leas.server.paths())


def _gone(server, lea: str) -> None:
    server.schools = [row for row in server.schools if row["StateDistrictID"] != lea]


def _emptied(server, lea: str) -> None:
    codes = {row["SchoolCode"] for row in server.schools if row["StateDistrictID"] == lea}
    server.students = [row for row in server.students if row["SchoolCode"] not in codes]


@pytest.mark.parametrize("disappear", [_gone, _emptied])
@pytest.mark.parametrize("lea", LEAS["leas"])
@pytest.mark.parametrize("read_before", [False, True])
def test_an_lea_that_is_gone_fails_the_read_and_is_named(
    two_leas: Reading, disappear, lea: str, read_before: bool
) -> None:
    if read_before:
        two_leas.fetch()
        two_leas.server.pass_time(hours=21)
    disappear(two_leas.server, lea)
    fault = two_leas.fault()
    assert isinstance(fault, NeedsPerson)
    assert f"of LEA {lea}" in fault.seen
    assert "Multiple LEA Student Data Sharing" in fault.todo


def test_an_lea_that_may_not_be_read_any_more_fails_the_read_and_is_named(two_leas: Reading) -> None:
    two_leas.server.fault = lambda asked: (
        Answer(403, {"Message": "no"}) if "/schools/1201/students" in asked.path else None
    )
    fault: Fault = two_leas.fault()
    assert "school 1201 (LEA 88888)" in fault.tried


def test_another_column_may_say_whose_a_school_is(two_leas: Reading) -> None:
    for row in two_leas.server.schools:
        row["RegionCode"] = "N" if row["SchoolCode"] == 994 else "S"
    two_leas.settings |= {"leas": ["N"], "lea_column": "RegionCode"}
    assert rows(two_leas.tables()["schools"], "SchoolCode") == [("994",)]


@pytest.mark.parametrize(
    ("odd", "more"),
    [
        (school(0), {}),
        (school(900, InactiveStatusCode="I"), {}),
        (school(999), {"schools": {"exclude": ["999"]}}),
        (school(999), {"schools": {"include": ["994", "995"]}}),
    ],
)
def test_students_of_schools_that_take_no_part_are_not_asked_for(aeries: Reading, odd, more) -> None:
    aeries.server.schools.append(odd)
    aeries.more |= more
    tables = aeries.tables()
    assert (str(odd["SchoolCode"]),) in rows(tables["schools"], "SchoolCode")
    assert not any(path.startswith(f"/schools/{odd['SchoolCode']}/") for path in aeries.server.paths())


def test_a_district_of_which_no_school_takes_part_fails(aeries: Reading) -> None:
    aeries.more["schools"] = {"include": ["1"]}
    assert "schools.include" in aeries.fault().todo


def test_a_read_that_the_hours_end_goes_on_without_asking_again(aeries: Reading) -> None:
    folder = aeries.home.landing / "sample"
    prepare(folder)

    def part(visit_ends: float | None) -> list[str]:
        before = len(aeries.server.asked)
        answers = Answers(folder, under="x", now=datetime.now(UTC), lasting=timedelta(days=1))
        try:
            client.fetch(
                aeries.district, aeries.home, frozenset(), Visit(seconds=visit_ends, answers=answers), HURRIED
            )
        finally:
            answers.close()
        return aeries.server.paths()[before:]

    def slow(asked: Asked) -> None:
        if asked.path.endswith("/courses"):
            threading.Event().wait(0.6)

    aeries.server.fault = slow
    with pytest.raises(HoursOverError):
        part(0.5)
    asked = aeries.server.paths()
    aeries.server.fault = lambda _: None
    again = part(None)
    assert len(asked) > 5
    # The schools are looked at once more when all is read: for another year's database.
    assert not {*asked[:-1]} & {path for path in again if not path.endswith(("/students", "/schools"))}
