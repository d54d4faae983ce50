"""Made-up districts: of the size that was asked for, the same every time, and evolving as told."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sis_assets.sandbox.districts import (
    Churn,
    Form,
    SampleDistrict,
    after_a_day,
    after_the_summer,
    cut_off,
    founded,
    without_school,
    write,
)

SIZES = st.integers(10, 3000)
SEEDS = st.integers(0, 10_000)
FEW = st.integers(0, 20)
BUSY = Churn(arrivals=12, leavers=7, transfers=9, renamed=5, readdressed=4)


def town(students: int = 1300, seed: int = 1) -> SampleDistrict:
    return founded(students=students, seed=seed, school_year=2026)


def records(path: Path, delimiter: str = "|", encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE))


@given(size=SIZES, seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_district_has_the_size_asked_for_and_every_student_a_school_that_teaches_the_grade(
    size: int, seed: int
) -> None:
    district = town(size, seed)
    placed = district.students.join(district.schools, on="school_id")
    assert placed.height == district.students.height == size == district.arrived
    assert placed.filter(~pl.col("grade").is_between(pl.col("low"), pl.col("high"))).is_empty()
    assert district.students["number"].n_unique() == size
    assert abs(district.students["grade"].value_counts()["count"].max() - size / 13) <= 1  # type: ignore[operator]


@given(
    size=SIZES,
    seed=SEEDS,
    churn=st.builds(Churn, arrivals=FEW, leavers=FEW, transfers=FEW, renamed=FEW, readdressed=FEW),
)
@settings(max_examples=40, deadline=None)
def test_a_day_does_exactly_what_it_was_told(size: int, seed: int, churn: Churn) -> None:
    before = town(size, seed)
    after = after_a_day(before, churn)
    leavers = min(churn.leavers, size)
    stayed = before.students.join(after.students, on="number", suffix="_now")
    movable = (
        before.students.join(after.students.select("number"), on="number", how="semi")
        .join(before.schools.filter(pl.col("peers") > 1), on="school_id", how="semi")
        .height
    )

    assert stayed.height == size - leavers
    assert after.students.height == size - leavers + churn.arrivals
    assert stayed.filter(pl.col("school_id") != pl.col("school_id_now")).height == min(
        churn.transfers, movable
    )
    for column, count in (("family", churn.renamed), ("mailbox", churn.readdressed)):
        changed = stayed.filter(pl.col(column) != pl.col(f"{column}_now")).height
        assert changed == min(count, stayed.height)
    assert stayed.filter(pl.col("grade") != pl.col("grade_now")).is_empty()
    assert after.students.join(before.students, on="number", how="anti")["number"].to_list() == list(
        range(size + 1, size + churn.arrivals + 1)
    )


def test_a_transfer_goes_to_a_school_of_the_same_level() -> None:
    before = town(5000)
    after = after_a_day(before, Churn(transfers=200))
    level = before.schools.select("school_id", "level")
    both = before.students.join(level, on="school_id").join(
        after.students.join(level, on="school_id"), on="number", suffix="_now"
    )
    assert both.filter(pl.col("level") != pl.col("level_now")).is_empty()


def test_over_the_summer_everybody_is_promoted_the_last_grade_leaves_and_kindergarteners_come() -> None:
    before = town()
    after = after_the_summer(before)
    seniors = before.students.filter(pl.col("grade") == 12)
    stayed = before.students.join(after.students, on="number", suffix="_now")
    came = after.students.join(before.students, on="number", how="anti")

    assert after.school_year == before.school_year + 1
    assert stayed.height == before.students.height - seniors.height
    assert (stayed["grade_now"] - stayed["grade"]).unique().to_list() == [1]
    assert came.height == seniors.height
    assert came["grade"].unique().to_list() == [0]


def test_the_next_school_of_the_file_is_the_school_of_next_year(tmp_path: Path) -> None:
    before = town()
    announced = {
        row["StudentID"]: row["PreRegSchoolCode"] or row["CurrentSchoolCode"]
        for row in records(write(before, tmp_path / "before")["students"])
    }
    after = records(write(after_the_summer(before), tmp_path / "after")["students"])
    stayed = [row for row in after if row["StudentID"] in announced]
    assert {row["CurrentSchoolCode"] for row in stayed if row["CurrentGrade"] == "6"} == {"02001"}
    assert all(row["CurrentSchoolCode"] == announced[row["StudentID"]] for row in stayed)


def test_a_birth_date_never_changes(tmp_path: Path) -> None:
    before = town()
    later = after_the_summer(after_a_day(before, BUSY))
    born = {
        row["StudentID"]: row["DateOfBirth"] for row in records(write(before, tmp_path / "a")["students"])
    }
    for row in records(write(later, tmp_path / "b")["students"]):
        assert row["DateOfBirth"] == born.get(row["StudentID"], row["DateOfBirth"])


def test_the_same_seed_and_steps_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from sis_assets.sandbox.districts import *\n"
        "d = after_the_summer(after_a_day(founded(students=900, seed=int(sys.argv[2]), school_year=2026),"
        " Churn(12, 7, 9, 5, 4)))\nwrite(d, Path(sys.argv[1]))\n"
    )
    for name, seed in (("one", 4), ("two", 4), ("other", 5)):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name), str(seed)], check=True)
    bytes_of = {
        name: [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]
        for name in ("one", "two", "other")
    }
    assert bytes_of["one"] == bytes_of["two"]
    assert bytes_of["one"] != bytes_of["other"]


def test_a_step_leaves_the_district_before_it_as_it_was(tmp_path: Path) -> None:
    before = town()
    first = write(before, tmp_path / "first")["students"].read_bytes()
    after_the_summer(after_a_day(before, BUSY))
    assert write(before, tmp_path / "again")["students"].read_bytes() == first


@pytest.mark.parametrize(
    ("form", "courses", "lower"),
    [
        (Form(), "CourseMaster.txt", "GradeLowerInt"),
        (Form(delimiter=",", encoding="cp1252", courses="CourseCodes.txt"), "CourseCodes.txt", "GradeLower"),
        (
            Form(delimiter="\t", encoding="utf-16", student_courses="StudentCourse.txt"),
            "CourseMaster.txt",
            "GradeLowerInt",
        ),
    ],
)
def test_the_files_are_written_as_the_form_says_and_agree_with_each_other(
    tmp_path: Path, form: Form, courses: str, lower: str
) -> None:
    district = town(700)
    written = write(district, tmp_path, form)
    schools, offered, students, taken = (
        records(written[entity], form.delimiter, form.encoding)
        for entity in ("schools", "courses", "students", "student_courses")
    )
    assert {path.name for path in written.values()} == {
        "School.txt",
        "Student.txt",
        courses,
        form.student_courses,
    }
    assert lower in offered[0]
    assert len(students) == 700
    assert any("ï" in row["FirstName"] for row in students)
    codes = {row["SchoolCode"] for row in schools}
    assert all(code.startswith("0") for code in codes)
    assert {row["CurrentSchoolCode"] for row in students} == {row["SchoolCode"] for row in offered} == codes
    assert {row["StudentID"] for row in taken} <= {row["StudentID"] for row in students}
    assert {row["CourseCode"] for row in taken} <= {row["CourseCode"] for row in offered}
    assert {row["GradeMark"] for row in taken if not row["DateCourseComplete"]} == {"0"}
    assert {row["CreditValue"] for row in taken if row["GradeMark"] == "F"} == {"0.0"}


def test_without_a_final_newline_the_last_record_is_whole_but_unended(tmp_path: Path) -> None:
    ended = write(town(), tmp_path / "a")["students"].read_bytes()
    unended = write(town(), tmp_path / "b", Form(final_newline=False))["students"].read_bytes()
    assert unended + b"\n" == ended


@given(share=st.floats(0.05, 0.999))
@settings(max_examples=30, deadline=None)
def test_a_file_that_was_cut_off_ends_within_a_record(
    share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(town(60), tmp_path_factory.mktemp("cut"))["students"]
    whole = path.read_bytes()
    cut_off(path, share=share)
    left = path.read_bytes()
    assert whole.startswith(left)
    assert not left.endswith(b"\n")
    assert len(whole) * share - 2 <= len(left) <= len(whole) * share


def test_a_cut_that_falls_on_a_line_end_takes_the_line_end_too(tmp_path: Path) -> None:
    path = tmp_path / "Student.txt"
    path.write_bytes(b"a|b\nc|d\n")
    cut_off(path, share=0.5)
    assert path.read_bytes() == b"a|b"


def test_another_day_befalls_other_students() -> None:
    district = town(5000)
    days = [district := after_a_day(district, Churn(readdressed=30)) for _ in range(2)]
    chosen = [set(day.students.filter(pl.col("mailbox") > 1)["number"]) for day in days]
    assert len(chosen[0]) == 30
    assert len(chosen[1]) > 50


def test_a_school_that_disappears_takes_its_students_and_nothing_else(tmp_path: Path) -> None:
    district = town()
    shown = without_school(district, "01001")
    before, after = (
        records(write(d, tmp_path / str(n))["students"]) for n, d in enumerate((district, shown))
    )
    assert [row for row in before if row["CurrentSchoolCode"] != "01001"] == after
    assert len(after) < len(before)
    assert (tmp_path / "0/School.txt").read_bytes() == (tmp_path / "1/School.txt").read_bytes()


def test_it_shares_no_code_with_the_readers() -> None:
    script = (
        "import sys, sis_assets.sandbox.districts\n"
        "print([name for name in sys.modules if name.startswith(('sis_assets.sis', 'sis_assets.model'))])"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


def test_two_hundred_thousand_students_are_made_in_one_go(tmp_path: Path) -> None:
    district = after_a_day(town(200_000), Churn(arrivals=500, leavers=300, transfers=900, renamed=50))
    assert write(district, tmp_path)["students"].read_bytes().count(b"\n") == 200_201
