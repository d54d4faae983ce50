"""Changes laid over what stood before say the same as everything, and nothing is believed to be deleted but what says so.

Contract: OneRoster §4.1 (bulk and delta).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sis_assets.model.schema import CORE
from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers
from sis_assets_tests.oneroster_packages import (
    Row,
    birth,
    everything,
    manifest,
    package,
    receive,
    seat,
    student,
    table,
    zipped,
)
from sis_assets_tests.spine import Spine

DAY = "2026-10-{:02}T20:00:00-07:00"
CHANGED = {"status": "active", "dateLastModified": "2026-10-15T10:00:00.000Z"}
GONE = CHANGED | {"status": "tobedeleted"}
BEFORE = [student(number) for number in range(1, 31)]


@pytest.fixture
def spine(tmp_path: Path, readers: Readers) -> Spine:
    return Spine(tmp_path, readers)


def sync(spine: Spine, name: str, day: int) -> Outcome:
    return spine.sync(name, at=DAY.format(day))[name]


def start(spine: Spine, name: str, users: Sequence[Row] = BEFORE, **rows: Sequence[Row]) -> None:
    receive(spine, name, package(everything(users, **rows)))
    assert sync(spine, name, 1).status == "applied"


def change(spine: Spine, name: str, day: int, **rows: Sequence[Row]) -> Outcome:
    receive(spine, name, package(rows, mode="delta"))
    return sync(spine, name, day)


def canonical(spine: Spine, name: str) -> dict[str, list[dict[str, Any]]]:
    """Every canonical table of a district, in one order, without the district's name."""
    return {
        each.name: spine.rows(
            f"SELECT * EXCLUDE (district_id) FROM {each.qualified} WHERE district_id = ? ORDER BY ALL", name
        )
        for each in CORE
    }


def test_changes_and_everything_give_the_same_tables(spine: Spine) -> None:
    seats = [seat(number) for number in range(1, 31)]
    births = [birth(number) for number in range(1, 31)]
    start(spine, "changes", enrollments=seats, demographics=births)
    moved, gone, new = (
        student(2, orgSourcedIds="o-3", **CHANGED),
        student(3, **GONE),
        student(31, **CHANGED),
    )
    outcome = change(
        spine,
        "changes",
        2,
        users=[new, moved, gone],
        enrollments=[seat(2, **GONE), seat(31, **CHANGED)],
        demographics=[birth(31, **CHANGED)],
    )
    assert outcome.status == "applied", outcome.reason
    users = [student(1), *BEFORE[3:], new, moved, gone]
    start(
        spine,
        "everything",
        users,
        enrollments=[seats[0], *seats[2:], seat(2, **GONE), seat(31)],
        demographics=[*births, birth(31)],
    )
    sync(spine, "everything", 2)
    found = canonical(spine, "changes")
    assert found == canonical(spine, "everything")
    assert len(found["students"]) == 31
    kinds = spine.rows(
        "SELECT kind, student_id, reason FROM lifecycle.changes WHERE change_set_id LIKE 'changes-000002%'"
    )
    assert sorted((row["kind"], row["student_id"], row["reason"]) for row in kinds) == [
        ("create", "u-31", None),
        ("deactivate", "u-3", "withdrawn"),
        ("transfer", "u-2", None),
    ]


def test_who_is_not_among_the_changes_stays(spine: Spine) -> None:
    start(spine, "few")
    assert change(spine, "few", 2, users=[student(1, grades="10", **CHANGED)]).status == "applied"
    assert [row["is_active"] for row in spine.accounts("few")] == [True] * 30
    assert spine.students("few")["u-1"]["grade_level"] == "10"
    files = {row["entity"]: row["records"] for row in spine.extracts("few")[-1]["files"]}
    assert files["users"] == 30


def test_the_same_changes_again_are_nothing_new(spine: Spine) -> None:
    start(spine, "again")
    change(spine, "again", 2, users=[student(1, grades="10", **CHANGED)])
    assert sync(spine, "again", 3).status == "unchanged"


def test_changes_follow_on_changes(spine: Spine) -> None:
    start(spine, "chain")
    change(spine, "chain", 2, users=[student(1, grades="10", **CHANGED)])
    change(spine, "chain", 3, users=[student(2, grades="11", **CHANGED)])
    students = spine.students("chain")
    assert (students["u-1"]["grade_level"], students["u-2"]["grade_level"]) == ("10", "11")


def test_a_deleted_student_may_come_back(spine: Spine) -> None:
    start(spine, "back")
    change(spine, "back", 2, users=[student(1, **GONE)])
    assert spine.accounts("back")[0]["is_active"] is False
    change(spine, "back", 3, users=[student(1, **CHANGED)])
    assert spine.accounts("back")[0]["is_active"] is True


def test_everything_without_a_student_means_that_the_student_left(spine: Spine) -> None:
    start(spine, "bulk")
    receive(spine, "bulk", package(everything(BEFORE[1:])))
    sync(spine, "bulk", 2)
    assert spine.column("SELECT reason FROM lifecycle.changes WHERE kind = 'deactivate'") == ["missing"]


def test_a_package_with_the_manifest_alone_means_no_change(spine: Spine) -> None:
    start(spine, "nothing")
    receive(spine, "nothing", {"x.zip": zipped({"manifest.csv": manifest({})})})
    assert sync(spine, "nothing", 2).status == "unchanged"
    receive(spine, "nothing", {"manifest.csv": manifest({"users": "delta"}), "users.csv": table("users", [])})
    assert sync(spine, "nothing", 3).status == "unchanged"


def test_files_of_one_package_may_differ_in_mode(spine: Spine) -> None:
    start(spine, "mixed", enrollments=[seat(1)])
    rows = {"users": [student(1, grades="10", **CHANGED)], "enrollments": [seat(2)]}
    receive(spine, "mixed", package(rows, modes={"users": "delta", "enrollments": "bulk"}))
    assert sync(spine, "mixed", 2).status == "applied"
    assert spine.column("SELECT person_id FROM core.section_enrollments") == ["u-2"]
    assert len(spine.students("mixed")) == 30
    assert len(spine.rows("FROM core.schools")) == 2


def test_the_first_file_of_an_entity_cannot_be_changes(spine: Spine) -> None:
    start(spine, "new-file")
    reason = change(spine, "new-file", 2, enrollments=[seat(1, **CHANGED)]).reason
    assert "enrollments.csv holds only changes, and there is no such file from before" in reason


def test_after_a_gap_everything_is_asked_for(spine: Spine) -> None:
    start(spine, "gap")
    changes = {"users": [student(1, grades="10", **CHANGED)]}
    late = change(spine, "gap", 9, **changes)
    assert late.status == "failed"
    assert "more than 7 days ago" in late.reason
    receive(spine, "gap", package(everything(BEFORE)), tombstone_days=30)
    sync(spine, "gap", 10)
    assert change(spine, "gap", 25, **changes).status == "applied"


def test_changes_within_the_days_of_tombstones_are_read(spine: Spine) -> None:
    start(spine, "week")
    assert change(spine, "week", 8, users=[student(1, grades="10", **CHANGED)]).status == "applied"


def test_changes_after_refused_ones_are_not_all_there_were(spine: Spine) -> None:
    start(spine, "lost")
    torn = package({"users": [student(1, **GONE)]}, mode="delta")
    receive(spine, "lost", torn | {"users.csv": torn["users.csv"][:-2]})
    assert "cut off" in sync(spine, "lost", 2).reason
    reason = change(spine, "lost", 3, users=[student(2, grades="10", **CHANGED)]).reason
    assert "the changes of the read before this one were refused" in reason
    assert reason.endswith("Send a package with everything (bulk). Next move: district.")
    receive(spine, "lost", package(everything(BEFORE)))
    assert sync(spine, "lost", 4).status in {"applied", "unchanged"}
    assert change(spine, "lost", 5, users=[student(2, grades="10", **CHANGED)]).status == "applied"


def test_changes_with_other_columns_are_refused(spine: Spine) -> None:
    start(spine, "columns")
    rows = package({"users": [student(1, **CHANGED)]}, mode="delta")
    receive(
        spine, "columns", rows | {"users.csv": rows["users.csv"].replace("username", "metadata.username")}
    )
    assert "its columns are not those of the file before it" in sync(spine, "columns", 2).reason


def test_a_record_that_could_not_be_read_is_carried_along(spine: Spine) -> None:
    whole = package(everything(BEFORE))
    receive(spine, "carried", whole)
    sync(spine, "carried", 1)
    torn = whole["users.csv"].replace(",Given-0005,", ",")
    receive(spine, "carried", whole | {"users.csv": torn})
    sync(spine, "carried", 2)
    change(spine, "carried", 3, users=[student(1, grades="10", **CHANGED)])
    assert [row["record_key"] for row in spine.rejected("carried", "users").values()] == ["u-5"]
    assert all(row["is_active"] for row in spine.accounts("carried"))
    change(spine, "carried", 4, users=[student(5, grades="11", **CHANGED)])
    assert spine.students("carried")["u-5"]["grade_level"] == "11"


def test_changes_in_another_encoding_and_with_a_mark_are_read(spine: Spine) -> None:
    start(spine, "encodings")
    rows = package({"users": [student(1, familyName="Beispiel-ü", **CHANGED)]}, mode="delta")
    receive(spine, "encodings", {**rows, "users.csv": rows["users.csv"].encode("cp1252")})
    assert sync(spine, "encodings", 2).status == "applied"
    assert spine.students("encodings")["u-1"]["last_name"] == "Beispiel-ü"
    receive(spine, "encodings", {**rows, "users.csv": rows["users.csv"].encode("utf-8-sig")})
    assert sync(spine, "encodings", 3).status == "unchanged"


def test_quoted_values_and_line_ends_go_through_unharmed(spine: Spine) -> None:
    names = {"familyName": 'Of "quotes", commas'}
    start(spine, "quotes", [student(1, **names), student(2)])
    change(spine, "quotes", 2, users=[student(2, middleName='"', orgSourcedIds="o-2,o-3", **CHANGED)])
    found = spine.students("quotes")
    assert (found["u-1"]["last_name"], found["u-2"]["middle_name"]) == ('Of "quotes", commas', '"')
    assert len(spine.rows("FROM core.student_schools WHERE student_id = 'u-2'")) == 2
