"""Pages are read whole or not at all, however the source moves and the line breaks (contract §1.3, §1.12)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sis_assets.model.faults import Fault, NeedsPerson, PermanentFault, TransientFault
from sis_assets.sis.documents.pages import READS
from sis_assets_tests.powerschool_district import Reading, rows
from sis_assets_tests.powerschool_server import Answer, Asked, SchoolServer, student

STUDENTS = "/ws/v1/district/student"


def of_page(number: int, path: str = STUDENTS) -> Callable[[Asked], bool]:
    return lambda asked: asked.path == path and asked.page == number


def once(matches: Callable[[Asked], bool], answer: Answer) -> Callable[[Asked], Answer | None]:
    """Return a fault that strikes at the first request that matches."""
    left = [answer]
    return lambda asked: left.pop() if matches(asked) and left else None


def always(matches: Callable[[Asked], bool], answer: Answer) -> Callable[[Asked], Answer | None]:
    return lambda asked: answer if matches(asked) else None


def before(
    matches: Callable[[Asked], bool], act: Callable[[], object], times: int = 1
) -> Callable[[Asked], None]:
    """Return a `fault` that answers nothing itself, but changes the district before the first requests that match."""
    left = [act] * times

    def struck(asked: Asked) -> None:
        if matches(asked) and left:
            left.pop()()

    return struck


def pages_asked(server: SchoolServer, number: int) -> int:
    return sum(of_page(number)(asked) for asked in server.asked)


@pytest.mark.parametrize("count", [1, 2, 3, 100, 101])
def test_so_many_students_are_read(reading: Reading, count: int) -> None:
    reading.server.size = 100
    reading.server.students = [student(dcid) for dcid in range(1, count + 1)]
    found = reading.tables()["students"]
    assert rows(found, "id") == [(str(dcid),) for dcid in range(1, count + 1)]
    assert found.records == count


def test_no_student_at_all_is_no_empty_district(reading: Reading) -> None:
    reading.server.students = []
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert fault.tried == "Reading students"


def test_the_page_size_is_the_servers_for_each_resource_and_never_assumed(reading: Reading) -> None:
    reading.server.sizes = {"student_max_page_size": "7", "schema_table_query_max_page_size": 5}
    reading.server.students = [student(dcid) for dcid in range(20)]
    reading.fetch()
    sizes = {
        asked.path: asked.query["pagesize"] for asked in reading.server.asked if "pagesize" in asked.query
    }
    assert sizes[STUDENTS] == "7"
    assert sizes["/ws/schema/table/courses"] == "5"
    assert sizes["/ws/v1/school/3/term"] == "2"


def test_a_page_size_that_the_server_does_not_tell_stops_the_read_by_its_name(reading: Reading) -> None:
    reading.server.sizes = {"staff_max_page_size": 0}
    assert "staff_max_page_size" in reading.fault().seen


def test_the_metadata_is_read_first(reading: Reading) -> None:
    reading.fetch()
    assert reading.server.paths()[:2] == ["/oauth/access_token", "/ws/v1/metadata"]


def test_the_same_rows_give_the_same_bytes_whatever_the_pages_tokens_and_order(reading: Reading) -> None:
    reading.server.students = [student(dcid) for dcid in range(1, 10)]
    first = reading.fetch()
    reading.server.size = 100
    reading.server.students.reverse()
    reading.server.sizes = {"machine_uptime": 77}
    reading.server.revoke()
    assert reading.fetch().content_sha256 == first.content_sha256
    reading.server.students[0]["name"]["first_name"] = "Other"
    assert reading.fetch().content_sha256 != first.content_sha256


def test_landed_files_are_ours_alone_named_by_content_and_nothing_else_stays(reading: Reading) -> None:
    delivery = reading.fetch()
    landing = reading.home.landing / "sample"
    assert {path.name for path in landing.iterdir()} == {file.sha256 for file in delivery.files}
    assert landing.stat().st_mode & 0o777 == 0o700
    for file in delivery.files:
        assert file.path.stat().st_mode & 0o777 == 0o600
        assert file.path.stat().st_size == file.bytes


def test_a_student_who_moves_between_pages_is_neither_lost_nor_doubled(reading: Reading) -> None:
    """The last student moves to the front after page 1 was read: page 2 repeats one row and lacks the mover."""
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 7)]
    reading.settings = {"concurrency": 1}
    server.fault = before(of_page(2), lambda: server.students.insert(0, server.students.pop()))
    assert rows(reading.tables()["students"], "id") == [(str(dcid),) for dcid in range(1, 7)]
    assert pages_asked(server, 1) == 2


def test_students_who_always_move_fail_the_read_after_a_bounded_number_of_times(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 7)]
    reading.settings = {"concurrency": 1}
    server.fault = before(of_page(2), lambda: server.students.insert(0, server.students.pop()), times=99)
    fault = reading.fault()
    assert isinstance(fault, TransientFault)
    assert "Reading students" in fault.reason
    assert pages_asked(server, 1) == READS


def test_a_total_that_changes_while_paging_repeats_the_read(reading: Reading) -> None:
    """The newcomer stands on the last page, which is full: only the second count tells."""
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 5)]
    server.fault = before(
        lambda asked: asked.path == f"{STUDENTS}/count" and pages_asked(server, 2) == 1,
        lambda: server.students.append(student(5)),
    )
    assert len(rows(reading.tables()["students"], "id")) == 5


def test_a_short_page_repeats_the_read(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 7)]
    server.fault = once(of_page(2), Answer(200, {"students": {"student": student(3)}}))
    assert len(rows(reading.tables()["students"], "id")) == 6
    server.fault = always(of_page(2), Answer(200, {"students": {"student": student(3)}}))
    assert "page 2 has 1 rows where 2 belong" in reading.fault().seen


def test_a_page_that_is_too_full_repeats_the_read(reading: Reading) -> None:
    server = reading.server
    full = Answer(200, {"staffs": {"staff": [dict(server.staff[0], id=dcid) for dcid in (1, 2, 3)]}})
    server.fault = always(lambda asked: asked.path.endswith("/staff"), full)
    assert "page 1 has 3 rows where at most 2 belong" in reading.fault().seen


@pytest.mark.parametrize(
    "empty", [{"staffs": ""}, {"staffs": {}}, {"staffs": {"staff": ""}}, {"staffs": {"staff": []}}]
)
def test_an_empty_list_comes_in_several_forms(reading: Reading, empty: object) -> None:
    reading.server.fault = always(lambda asked: asked.path.endswith("/staff"), Answer(200, empty))
    assert reading.tables()["staff"].records == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_staff_have_no_count_and_end_at_a_page_that_is_not_full(reading: Reading, count: int) -> None:
    reading.server.staff = [dict(reading.server.staff[0], id=dcid) for dcid in range(count)]
    assert len(rows(reading.tables()["staff"], "id")) == count


def test_a_person_of_two_schools_counts_once(reading: Reading) -> None:
    reading.server.schools.append(dict(reading.server.schools[0], id=4, school_number=3002))
    assert len(rows(reading.tables()["staff"], "id")) == 1


def test_the_count_of_schools_leaves_out_the_pseudo_school_of_graduates(reading: Reading) -> None:
    reading.server.schools.append({"id": 9, "name": "Graduated Students", "school_number": 999999})
    assert len(rows(reading.tables()["schools"], "id")) == 2
    assert not any(path.startswith("/ws/v1/school/9/") for path in reading.server.paths())


def test_a_school_that_the_list_lacks_is_missed_by_the_count(reading: Reading) -> None:
    reading.server.fault = always(
        lambda asked: asked.path == "/ws/v1/district/school/count", Answer(200, {"resource": {"count": 2}})
    )
    assert "lists 1 schools and counts 2" in reading.fault().seen


def test_a_storm_of_429_is_weathered(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 20)]
    struck: set[str] = set()

    def storm(asked: Asked) -> Answer | None:
        if asked.url in struck:
            return None
        struck.add(asked.url)
        return Answer(429, None, {"Retry-After": "0"} if len(struck) % 2 else {})

    server.fault = storm
    assert len(rows(reading.tables()["students"], "id")) == 19


def test_a_pause_that_the_server_asks_for_is_kept(reading: Reading) -> None:
    struck: list[float] = []

    def busy(asked: Asked) -> Answer | None:
        if not of_page(2)(asked):
            return None
        struck.append(time.monotonic())
        return Answer(429, None, {"Retry-After": "1"}) if len(struck) == 1 else None

    reading.server.fault = busy
    reading.fetch()
    assert struck[1] - struck[0] >= 1


def test_a_pause_that_is_too_long_ends_the_read_at_once(reading: Reading) -> None:
    reading.server.fault = always(of_page(1), Answer(429, None, {"Retry-After": "3600"}))
    fault = reading.fault()
    assert isinstance(fault, TransientFault)
    assert "asks to wait 3600 s" in fault.seen
    assert pages_asked(reading.server, 1) == 1


def test_a_storm_of_429_that_does_not_end_is_given_up(reading: Reading) -> None:
    reading.server.fault = always(of_page(1), Answer(429))
    assert isinstance(reading.fault(), TransientFault)
    assert pages_asked(reading.server, 1) == reading.patience.attempts


def test_a_connection_that_breaks_off_in_mid_body_is_tried_again(reading: Reading) -> None:
    body = json.dumps({"students": {"student": [student(1), student(2)]}}).encode()
    reading.server.students = [student(dcid) for dcid in range(1, 5)]
    reading.server.fault = once(of_page(1), Answer(200, body, send=len(body) // 2))
    assert len(rows(reading.tables()["students"], "id")) == 4


def test_a_body_that_is_cut_off_without_the_server_noticing_is_tried_again(reading: Reading) -> None:
    reading.server.fault = once(of_page(1), Answer(200, b'{"students": {"student": [{"id": 1,'))
    assert len(rows(reading.tables()["students"], "id")) == 3
    reading.server.fault = always(of_page(1), Answer(200, b'{"students": {"student": [{"id": 1,'))
    assert isinstance(reading.fault(), TransientFault)


def test_page_seven_that_always_fails_fails_the_read_and_leaves_nothing_half(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 20)]
    server.fault = always(of_page(7), Answer(503))
    fault = reading.fault()
    assert isinstance(fault, TransientFault)
    assert fault.tried == "Reading students, page 7"
    assert pages_asked(server, 7) == reading.patience.attempts
    landing: Path = reading.home.landing / "sample"
    assert not [path for path in landing.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("status", [500, 501])
def test_an_error_that_is_not_said_to_pass_stops_at_once(reading: Reading, status: int) -> None:
    reading.server.fault = always(of_page(1), Answer(status))
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert str(status) in fault.seen
    assert pages_asked(reading.server, 1) == 1


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"<html>sign in</html>", "markup"),
        ({}, "outermost name is missing"),
        ({"students": {"student": ["text"]}}, "list of objects"),
        ({"students": {"student": {"local_id": 1}}}, "without id"),
        ({"students": {"student": {"id": "T1"}}}, "whole number"),
        ({"students": {"student": {"id": 10**19}}}, "impossible id"),
        ([], "object was expected"),
    ],
)
def test_an_answer_in_another_form_is_no_empty_page(reading: Reading, body: object, seen: str) -> None:
    reading.server.fault = always(of_page(1), Answer(200, body))
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert seen in fault.seen
    assert "T1" not in fault.reason


def test_an_answer_that_is_too_large_is_refused(reading: Reading) -> None:
    reading.server.fault = always(of_page(1), Answer(200, b" " * ((4 << 20) + 1)))
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert "4194304 bytes" in fault.seen


def test_no_redirect_is_followed(reading: Reading) -> None:
    reading.server.fault = always(of_page(1), Answer(302, None, {"Location": "https://elsewhere.test/x"}))
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert "https://elsewhere.test" in fault.seen
    assert pages_asked(reading.server, 1) == 1


def test_a_server_that_is_away_is_a_fault_that_passes(reading: Reading) -> None:
    reading.server.url = "http://127.0.0.1:9"
    fault: Fault = reading.fault()
    assert isinstance(fault, TransientFault)


def test_pages_are_read_at_once_but_never_more_than_the_district_allows(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 60)]
    reading.settings = {"concurrency": 3}

    def slow(asked: Asked) -> None:
        if asked.path == STUDENTS:
            time.sleep(0.02)

    server.fault = slow
    reading.fetch()
    assert server.most_under_way == 3
