"""One student's rows: every table that could hold any is covered, ids that changed are followed, counts still add up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sis_assets.model.schema import TABLES, Table
from sis_assets.pipeline.decide import Decision
from sis_assets.pipeline.student import OTHERWISE, PERSON, remove_student
from sis_assets.sis.delimited import Readers
from sis_assets.sis.kinds import ALL, RAW_TABLES
from sis_assets.sis.shape import Sis
from sis_assets_tests.builders import Nights, district, in_memory, student
from sis_assets_tests.oneroster_packages import birth, everything, package, receive, seat
from sis_assets_tests.oneroster_packages import student as user
from sis_assets_tests.spine import Spine, schools_text, student_course, student_courses_text, students_text
from sis_assets_tests.spine import student as record

#: Tables with personal columns that are of staff alone.
STAFF = {"core.staff", "raw.powerschool_staff", "raw.aeries_staff", "raw.aeries_sections"}


@pytest.fixture
def spine(tmp_path: Path, readers: Readers) -> Iterator[Spine]:
    line = Spine(tmp_path, readers)
    yield line
    line.warehouse.close()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.qualified)
def test_a_table_of_ours_with_personal_columns_names_the_student_in_a_known_way(table: Table) -> None:
    personal = {column.name for column in table.columns if column.pii}
    if personal and table.qualified not in STAFF:
        assert table.qualified in OTHERWISE or personal & set(PERSON), "say how a student's rows are found"


@pytest.mark.parametrize("sis", ALL, ids=lambda sis: sis.source)
def test_a_raw_table_with_personal_columns_says_which_of_them_name_the_student(sis: Sis) -> None:
    for entity in sis.entities:
        table = sis.raw_of(entity)
        personal = {column.name for column in sis.fields(entity) if column.pii}
        if personal and table.qualified not in STAFF:
            assert set(sis.students.get(entity, ())) & personal, table.qualified
        assert set(sis.students.get(entity, ())) <= set(table.column_names)
    assert set(sis.students) <= set(sis.entities)


def test_every_raw_table_is_of_a_sis_that_was_asked() -> None:
    assert {table.qualified for sis in ALL for table in sis.raw} == {table.qualified for table in RAW_TABLES}


def test_a_student_whose_id_changed_is_found_under_each_of_them() -> None:
    with in_memory() as warehouse:
        nights = Nights(warehouse, district("d"))
        nights.night([student(number) for number in range(30)])
        renamed = student(0, student_id="7777")
        nights.night([renamed, *(student(number) for number in range(1, 30))])
        assert nights.kinds("%2.%")["7777"] == ["rekey"]
        for asked in ("1000", "7777"):
            with warehouse.read() as connection:
                counts = remove_student(connection, "d", asked, dry=True)
            assert counts["lifecycle.changes"] == counts["delivery.outbox"] == 2
        warehouse.write(lambda connection: remove_student(connection, "d", "1000"))
        assert len(nights.accounts()) == 29
        assert not [row for row in nights.changes() if row["student_id"] in {"1000", "7777"}]
        empty = [row for row in nights.outbox() if row["payload"] is None]
        assert len(empty) == 2
        assert all(row["delivered_at"] for row in empty), "what is empty is handed to nobody"


def test_a_held_set_can_still_be_approved_without_the_student() -> None:
    with in_memory() as warehouse:
        nights = Nights(warehouse, district("d"))
        nights.night([student(number) for number in range(60)])
        assert nights.night([student(number) for number in range(20)]).status == "held"
        warehouse.write(lambda connection: remove_student(connection, "d", "1050"))
        assert nights.decide(Decision.APPROVE, "%2.1").status == "applied"
        assert sum(row["is_active"] for row in nights.accounts()) == 20
        assert nights.decide(Decision.UNDO, "%2.1").status == "undone"
        assert sum(row["is_active"] for row in nights.accounts()) == 59


def test_other_districts_and_like_numbers_are_left_alone(spine: Spine) -> None:
    files = {
        "School.txt": schools_text(),
        "Student.txt": students_text(*(record(n) for n in range(20)), record(30, LastName="1005")),
        "StudentCourses.txt": student_courses_text(student_course(5), student_course(6, "1005")),
    }
    for name in ("d", "e"):
        spine.drop(name, files)
    spine.sync()
    before = {
        table: spine.column(f"SELECT count(*) FROM {table}")[0]
        for table in ("core.students", "core.student_courses")
    }
    counts = spine.warehouse.write(lambda connection: remove_student(connection, "d", "1005"))
    assert counts == {
        "core.student_courses": 1,
        "core.student_schools": 1,
        "core.students": 1,
        "delivery.outbox": 1,
        "lifecycle.accounts": 1,
        "lifecycle.changes": 1,
        "raw.eschoolplus_student_courses": 1,
        "raw.eschoolplus_students": 1,
    }
    for table, count in before.items():
        assert spine.column(f"SELECT count(*) FROM {table}") == [count - 1]
    assert spine.column("SELECT count(*) FROM core.students WHERE student_id = '1005'") == [1], (
        "of the other district"
    )
    [row] = spine.extracts("d")
    assert {file["entity"]: file["records"] for file in row["files"]} == {
        "schools": 2,
        "students": 20,
        "student_courses": 1,
    }
    assert (row["rows_loaded"], row["rows_rejected"]) == (23, 0)


def test_records_that_were_rejected_go_and_the_counts_still_add_up(spine: Spine) -> None:
    rows = students_text(*(record(n) for n in range(20)), record(50, CurrentGrade="?"))
    broken = "|".join(["1050", *"abcdefghijklmno"])
    spine.drop("d", {"School.txt": schools_text(), "Student.txt": f"{rows}{broken}\n"})
    spine.sync()
    assert {row["stage"] for row in spine.rejected("d").values()} == {"read", "typed"}
    counts = spine.warehouse.write(lambda connection: remove_student(connection, "d", "1050"))
    assert counts == {"core.rejected_rows": 2, "raw.eschoolplus_students": 1}
    [row] = spine.extracts("d")
    assert {file["entity"]: file["records"] for file in row["files"]} == {"schools": 2, "students": 20}
    assert (row["rows_loaded"], row["rows_rejected"]) == (22, 0)


@pytest.mark.parametrize(("by", "asked"), [("sourcedId", "u-1"), ("identifier", "100001")])
def test_a_student_of_oneroster_is_found_in_every_file_whatever_identifies_students(
    spine: Spine, by: str, asked: str
) -> None:
    rows = everything([user(1), user(2)], enrollments=[seat(1), seat(2)], demographics=[birth(1), birth(2)])
    receive(spine, "roster", package(rows), ids={"student": by})
    assert spine.sync()["roster"].status == "applied"
    with spine.warehouse.read() as connection:
        counts = remove_student(connection, "roster", asked, dry=True)
    raw = {table: count for table, count in counts.items() if table.startswith("raw.")}
    assert raw == {f"raw.oneroster_{name}": 1 for name in ("demographics", "enrollments", "users")}
    assert counts["core.students"] == counts["lifecycle.accounts"] == 1
