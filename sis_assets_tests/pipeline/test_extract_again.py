"""Night after night: the same bytes, other bytes, another district file, a failed read in between, a pause."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sis_assets.pipeline import extract as module
from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers
from sis_assets_tests.builders import Row
from sis_assets_tests.spine import Spine, course, courses_text, schools_text, student, students_text, text

SCHOOL = schools_text()
TWENTY = students_text(*(student(n) for n in range(20)))
WHOLE: dict[str, str | bytes] = {"School.txt": SCHOOL, "Student.txt": TWENTY}
PAUSE = {"calendar": {"modes": [{"from": "2026-10-15", "to": "2026-10-15", "mode": "pause"}]}}
NEXT_DAY = "2026-10-16T20:00:00-07:00"
Nights = list[dict[str, Outcome]]


def with_column(name: str, *students: Any) -> str:
    columns = (*student(0), name)
    return text(columns, [{**found, name: ""} for found in students])


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> Spine:
    return Spine(tmp_path_factory.mktemp("again"), readers)


@pytest.fixture(scope="module")
def nights(spine: Spine) -> Nights:
    """Three nights. What a district sends on the second and third is said in the loops below."""
    for name in ("same", "renamed", "refiled", "reread", "failing", "courses", "columns", "manifested"):
        spine.drop(name, WHOLE)
    spine.drop(
        "dirty", {**WHOLE, "Student.txt": TWENTY + "|".join(student(77, CurrentGrade="?").values()) + "\n"}
    )
    spine.drop("courses", {**WHOLE, "CourseMaster.txt": courses_text(course())})
    spine.drop("columns", {**WHOLE, "Student.txt": with_column("Homeroom", student(1))})
    spine.drop("protected", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(40)))})
    spine.drop("shrinking", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(100)))})
    spine.drop("commas", {name: str(content).replace("|", ",") for name, content in WHOLE.items()})
    spine.district("commas", files={"delimiter": ","})
    spine.district("paused", **PAUSE)
    spine.drop("paused", WHOLE)
    first = spine.sync()

    spine.drop("renamed", {"School.csv": SCHOOL, "Student.csv": TWENTY})
    spine.district("refiled", guard={"create": {"percent": 30, "at_least": 60}})
    spine.district("commas", files={"delimiter": ",", "encoding": "utf-8"})
    spine.drop("failing", {**WHOLE, "Student.txt": TWENTY[:-40]})
    spine.drop("courses", WHOLE)
    spine.drop("columns", {**WHOLE, "Student.txt": with_column("Homeroom", student(1), student(2))})
    spine.drop("manifested", {**WHOLE, "manifest.json": promise(TWENTY, 21)})
    spine.drop("shrinking", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(70)))})
    broken = [student(0, CurrentGrade="?"), student(1, CurrentGrade="10"), student(1, CurrentGrade="10")]
    spine.drop(
        "protected", {**WHOLE, "Student.txt": students_text(*broken, *(student(n) for n in range(2, 39)))}
    )
    second = spine.sync()

    spine.drop("failing", WHOLE)
    spine.drop("columns", {**WHOLE, "Student.txt": with_column("Locker", student(1), student(2))})
    spine.drop("manifested", {**WHOLE, "manifest.json": promise(TWENTY, 20)})
    third = spine.sync(at=NEXT_DAY)
    return [first, second, third]


def promise(content: str, records: int) -> str:
    return json.dumps({"files": [
        {"name": "School.txt", "bytes": len(SCHOOL)}, {"name": "Student.txt", "bytes": len(content), "records": records},
    ]})  # fmt: skip


def statuses(nights: Nights, name: str) -> list[str]:
    return [str(night[name].status) for night in nights]


def ledger(spine: Spine, name: str) -> list[str]:
    return [row["status"] for row in spine.extracts(name)]


def counts(row: Row) -> list[Any]:
    return [
        row["rows_loaded"],
        row["rows_rejected"],
        [file["records"] for file in row["files"]],
        row["content_sha256"],
    ]


@pytest.mark.parametrize("name", ["same", "dirty", "renamed"])
def test_the_same_bytes_are_unchanged_and_cost_no_downstream_work(
    spine: Spine, nights: Nights, name: str
) -> None:
    assert statuses(nights, name) == ["applied", "unchanged", "unchanged"]
    assert ledger(spine, name) == ["complete", "unchanged", "unchanged"]
    assert len(spine.rows("FROM ops.proposals WHERE district_id = ?", name)) == 1
    assert len(spine.rows("FROM lifecycle.change_sets WHERE district_id = ?", name)) == 1
    assert spine.column(
        "SELECT DISTINCT extract_id FROM raw.eschoolplus_students WHERE district_id = ?", name
    ) == [f"{name}-000001"]


@pytest.mark.parametrize("name", ["same", "dirty", "renamed"])
def test_an_unchanged_read_repeats_the_counts_of_its_extract(spine: Spine, nights: Nights, name: str) -> None:
    complete, unchanged, _ = spine.extracts(name)
    assert counts(unchanged) == counts(complete)
    assert complete["rows_rejected"] == (1 if name == "dirty" else 0)
    suffix = "csv" if name == "renamed" else "txt"
    assert [file["name"] for file in unchanged["files"]] == [f"School.{suffix}", f"Student.{suffix}"]
    for row in spine.extracts(name):
        assert row["rows_loaded"] + row["rows_rejected"] == sum(file["records"] for file in row["files"])


def test_reasons_of_quiet_nights_say_that_the_next_drop_is_awaited(nights: Nights) -> None:
    assert nights[1]["same"].reason.endswith("Next move: district.")
    assert "same bytes" in nights[1]["same"].reason


def test_the_same_bytes_under_another_district_file_are_proposed_anew(spine: Spine, nights: Nights) -> None:
    assert statuses(nights, "refiled") == ["applied", "unchanged", "unchanged"]
    assert len(spine.rows("FROM ops.proposals WHERE district_id = 'refiled'")) == 2
    assert ledger(spine, "refiled") == ["complete", "unchanged"], (
        "the second night compared the stored extract"
    )


def test_the_same_bytes_are_read_anew_under_other_reading_settings(spine: Spine, nights: Nights) -> None:
    assert ledger(spine, "commas") == ["complete", "complete", "unchanged"]
    assert statuses(nights, "commas") == ["applied", "unchanged", "unchanged"]


def test_a_cut_off_file_fails_and_touches_nothing(spine: Spine, nights: Nights) -> None:
    assert statuses(nights, "failing") == ["applied", "failed", "unchanged"]
    assert ledger(spine, "failing") == ["complete", "failed", "complete"]
    assert len(spine.accounts("failing")) == 20
    assert all(account["is_active"] for account in spine.accounts("failing"))
    assert len(spine.rows("FROM lifecycle.change_sets WHERE district_id = 'failing'")) == 1


def test_a_course_file_that_came_once_is_required_ever_after(spine: Spine, nights: Nights) -> None:
    assert statuses(nights, "courses") == ["applied", "failed", "failed"]
    assert "missing: CourseMaster.txt or CourseCodes.txt" in nights[1]["courses"].reason
    assert len(spine.rows("FROM core.courses WHERE district_id = 'courses'")) == 1


def test_unknown_columns_are_reported_once(spine: Spine, nights: Nights) -> None:
    told = [[note for note in night["columns"].notes if "column" in note] for night in nights]
    assert [len(notes) for notes in told] == [1, 0, 1]
    assert all(note[0].startswith("1 column that the contract does not know") for note in (told[0], told[2]))
    assert [row["unknown_columns"] for row in spine.extracts("columns")] == [
        ["students.Homeroom"], ["students.Homeroom"], ["students.Locker"],
    ]  # fmt: skip


def test_a_manifest_that_promises_other_records_fails_also_for_known_bytes(
    spine: Spine, nights: Nights
) -> None:
    assert statuses(nights, "manifested") == ["applied", "failed", "unchanged"]
    assert "it has 20 records, and the manifest says 21" in nights[1]["manifested"].reason


def test_what_is_held_stays_held_and_the_same_bytes_say_so(spine: Spine, nights: Nights) -> None:
    assert statuses(nights, "shrinking") == ["applied", "held", "held"]
    assert ledger(spine, "shrinking") == ["complete", "complete", "unchanged"]
    assert nights[1]["shrinking"].change_sets == nights[2]["shrinking"].change_sets
    assert nights[1]["shrinking"].reason == nights[2]["shrinking"].reason


def test_a_pause_stores_and_the_day_after_proposes(spine: Spine, nights: Nights) -> None:
    assert statuses(nights, "paused") == ["skipped", "skipped", "applied"]
    assert "2026-10-15" in nights[0]["paused"].reason
    assert ledger(spine, "paused") == ["complete", "unchanged"]
    assert len(spine.accounts("paused")) == 20


def test_a_rejected_student_is_protected_and_a_duplicated_one_is_not(spine: Spine, nights: Nights) -> None:
    kinds = {row["student_id"]: row["kind"] for row in spine.rows(
        "FROM lifecycle.changes WHERE district_id = 'protected' AND change_set_id LIKE 'protected-000002%'"
    )}  # fmt: skip
    assert kinds == {"1001": "promote", "1039": "deactivate"}
    accounts = {row["student_id"]: row for row in spine.accounts("protected")}
    assert (accounts["1000"]["is_active"], accounts["1000"]["grade_level"]) == (True, "09")
    [change_set] = spine.rows("FROM lifecycle.change_sets WHERE change_set_id = 'protected-000002.1'")
    assert (change_set["rejected"], change_set["protected"]) == (2, 1)


def test_what_another_process_took_in_meanwhile_is_not_taken_in_twice(
    spine: Spine, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at the ledger and our commit, another process does the whole sync of the same drop."""
    before = module._take_in

    def late(*args: Any) -> dict[str, Outcome]:
        monkeypatch.setattr(module, "_take_in", before)
        spine.sync("raced")
        return before(*args)

    spine.drop("raced", WHOLE)
    monkeypatch.setattr(module, "_take_in", late)
    assert spine.sync("raced")["raced"].status == "unchanged"
    assert ledger(spine, "raced") == ["complete", "unchanged"]
    assert len(spine.accounts("raced")) == 20
    assert len(spine.rows("FROM lifecycle.change_sets WHERE district_id = 'raced'")) == 1


def test_bytes_that_another_process_superseded_are_read_after_all(
    spine: Spine, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We saw the bytes of the newest extract; before our commit another process took in others."""
    before = module._take_in
    spine.drop("outrun", WHOLE)
    spine.sync("outrun")

    def late(*args: Any) -> dict[str, Outcome]:
        monkeypatch.setattr(module, "_take_in", before)
        spine.drop("outrun", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(21)))})
        spine.sync("outrun")
        return before(*args)

    monkeypatch.setattr(module, "_take_in", late)
    assert spine.sync("outrun")["outrun"].status == "applied"
    assert ledger(spine, "outrun") == ["complete", "complete", "complete"]
    assert sum(account["is_active"] for account in spine.accounts("outrun")) == 20
