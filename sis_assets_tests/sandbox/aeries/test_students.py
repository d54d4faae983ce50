"""Schools, students, their windows and their history, as a plain caller sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl
import pytest

from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import Settings
from sis_assets_tests.aeries_caller import Caller, serving

HIGH = 106


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Sandbox, Caller]]:
    with serving(students=1200, seed=7) as both:
        yield both


def schools_of(sandbox: Sandbox) -> list[int]:
    found: list[int] = sandbox.truth().schools["code"].to_list()
    return found


def test_every_record_of_every_school_is_there_and_as_it_is(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    told = [row for code in schools_of(sandbox) for row in caller.rows(f"schools/{code}/students")]
    truth = sandbox.truth().records
    assert [
        (
            r["StudentID"],
            r["SchoolCode"],
            r["StudentNumber"],
            r["InactiveStatusCode"],
            r["Grade"],
            r["LastName"],
        )
        for r in told
    ] == truth.select("student_id", "school", "student_number", "tag", "grade", "last_name").rows()
    assert {r["StudentID"] for r in told if r["InactiveStatusCode"] == ""} == set(
        sandbox.truth().active["student_id"]
    )
    assert sandbox.truth().active.height == 1200


def test_left_pre_enrolled_and_moved_students_stay_in_the_list(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    tags = Counter(
        row["InactiveStatusCode"]
        for code in schools_of(sandbox)
        for row in caller.rows(f"schools/{code}/students")
    )
    assert set(tags) == {"", "*", "I", "N", "T", "G"}
    assert all(tags.values())


def test_a_student_number_repeats_between_schools_and_never_within_one(town: tuple[Sandbox, Caller]) -> None:
    records = town[0].truth().records
    assert records.select(pl.struct("school", "student_number").is_duplicated().any()).item() is False
    assert records["student_number"].is_duplicated().any()


def test_a_student_with_several_records_is_an_array_of_each_school(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    records = sandbox.truth().records
    several = records.filter(pl.col("student_id").is_duplicated())["student_id"][0]
    at = records.filter(pl.col("student_id") == several)
    assert at.height == 2
    for school, number in at.select("school", "student_number").rows():
        (row,) = caller.get(f"schools/{school}/students/{several}").json
        assert (row["SchoolCode"], row["StudentNumber"]) == (school, number)
        assert caller.get(f"schools/{school}/students/sn/{number}").json == [row]


def test_a_student_who_is_not_there_is_not_found_while_a_grade_without_students_is_empty(
    town: tuple[Sandbox, Caller],
) -> None:
    caller = town[1]
    for path in ("students/7", "students/sn/999999", "students/7/extended"):
        answer = caller.get(f"schools/101/{path}")
        assert (answer.status, answer.json) == (404, {"Message": "Student was not found"})
    assert caller.get("schools/101/students/grade/17").json == []


def test_a_grade_is_the_students_of_that_grade_only(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth().records
    school, grade = truth.filter(pl.col("grade") == -2).select("school", "grade").row(0)
    expected = truth.filter((pl.col("school") == school) & (pl.col("grade") == grade))
    rows = caller.rows(f"schools/{school}/students/grade/{grade}", size=7)
    assert [row["StudentID"] for row in rows] == expected["student_id"].to_list()


def test_a_window_is_counted_from_one_and_holds_its_last_record(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    path = f"schools/{schools_of(sandbox)[0]}/students"
    whole = caller.get(path).json
    assert caller.get(path, StartingRecord=1, EndingRecord=1).json == whole[:1]
    assert caller.get(path, StartingRecord=3, EndingRecord=5).json == whole[2:5]
    assert caller.get(path, StartingRecord=len(whole) - 1).json == whole[-2:]
    assert caller.get(path, EndingRecord=4).json == whole[:4]
    assert caller.get(path, StartingRecord=len(whole), EndingRecord=len(whole) + 9).json == whole[-1:]
    past = caller.get(path, StartingRecord=len(whole) + 1, EndingRecord=len(whole) + 9)
    assert (past.status, past.content) == (200, b"[]")
    assert caller.get(path, StartingRecord=5, EndingRecord=4).json == []
    assert caller.get(path, startingrecord=2, ENDINGRECORD=2).json == whole[1:2]


@pytest.mark.parametrize("bad", [{"StartingRecord": 0}, {"EndingRecord": "x"}, {"StartingRecord": -1}])
def test_a_window_that_is_none_is_refused(town: tuple[Sandbox, Caller], bad: dict[str, object]) -> None:
    answer = town[1].get("schools/101/students", **bad)
    assert answer.status == 400
    assert "must be a number" in answer.json["Message"]


def test_only_lists_of_pupils_have_windows(town: tuple[Sandbox, Caller]) -> None:
    caller = town[1]
    for path in ("courses", "schools", "schools/101/sections", "staff", "enrollment/0/year/2026"):
        whole = caller.get(path).json
        assert len(whole) > 2
        assert caller.get(path, StartingRecord=1, EndingRecord=2).json == whole


def test_a_slash_at_the_end_and_other_case_make_no_difference(town: tuple[Sandbox, Caller]) -> None:
    caller = town[1]
    plain = caller.get("schools/101/students", EndingRecord=2)
    assert caller.get("schools/101/students/", EndingRecord=2).content == plain.content
    assert caller.get("Schools/101/STUDENTS", EndingRecord=2).content == plain.content


def test_empty_is_text_null_or_nought_by_type(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    rows = [row for code in schools_of(sandbox) for row in caller.get(f"schools/{code}/students").json]
    active = next(row for row in rows if row["InactiveStatusCode"] == "" and row["OldStudentID"] == 0)
    assert active["SchoolLeaveDate"] is None
    assert (active["LastNameAlias"], active["CounselorNumber"], active["AddressVerified"]) == ("", 0, False)
    assert (active["HomeRoomTeacherNumber"], active["EarlyWarningPoints"]) == ("0", "0.0000")
    assert {type(row["NextSchoolCode"]) for row in rows} == {int}
    assert any(row["StateStudentID"] == "" for row in rows)
    assert all(row["Birthdate"].endswith("T00:00:00") for row in rows)
    left = next(row for row in rows if row["InactiveStatusCode"] == "I")
    assert left["SchoolLeaveDate"].endswith("T00:00:00")


def test_schools_list_the_district_closed_and_inactive_codes_too(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    rows = {row["SchoolCode"]: row for row in caller.get("schools").json}
    assert set(rows) == {0, 97, 99, 998, *schools_of(sandbox)}
    assert {code for code, row in rows.items() if row["InactiveStatusCode"]} == {97}
    assert rows[998]["SessionType"] == "Summer"
    assert rows[101]["Terms"] == caller.get("schools/101/terms").json
    assert caller.get("schools/99/students").json
    assert caller.get("schools/0/students").status == 404
    assert caller.get("schools/5").status == 404
    assert caller.get("schools/5/students").json == {"Message": "School 5 was not found"}


def test_terms_of_a_school_with_tracks_have_the_tracks_days(town: tuple[Sandbox, Caller]) -> None:
    rows = town[1].get("schools").json
    tracked = [row for row in rows if row["Tracks"]]
    assert tracked
    for row in rows:
        for term in row["Terms"]:
            assert bool(term["TrackTerms"]) is bool(row["Tracks"])


@pytest.mark.parametrize(
    ("settings", "path", "expected"),
    [
        (Settings(), "schools/101", dict),
        (Settings(single_school="array"), "schools/101", list),
        (Settings(), "schools/101/students/91000001/extended", list),
        (Settings(single_extended="object"), "schools/101/students/91000001/extended", dict),
        (Settings(single_extended="object"), "schools/101/students/91000001", list),
        (Settings(unknown_student="empty"), "schools/101/students/7", list),
        (Settings(district_students="empty"), "schools/0/students", list),
    ],
)
def test_a_single_one_is_an_object_or_an_array_by_switch(
    settings: Settings, path: str, expected: type
) -> None:
    with serving(students=20, settings=settings) as (_, caller):
        assert type(caller.get(path).json) is expected


def test_a_largest_window_caps_what_is_asked_for() -> None:
    with serving(students=60, settings=Settings(largest_window=10)) as (_, caller):
        whole = caller.get("schools/101/students").json
        assert len(whole) > 60
        assert caller.get("schools/101/students", StartingRecord=11, EndingRecord=60).json == whole[10:20]


def test_an_older_build_lacks_the_newer_fields() -> None:
    with (
        serving(students=20, settings=Settings(older_build=True)) as (_, older),
        serving(students=20) as (_, newer),
    ):
        rows = [caller.get("schools/101/students").json[0] for caller in (older, newer)]
        assert set(rows[1]) - set(rows[0]) >= {"EarlyWarningPoints", "RecordsReleaseCode"}
        assert set(rows[0]) - set(rows[1]) == {"AtRiskPoints"}
        schools = [caller.get("schools/101").json for caller in (older, newer)]
        assert set(schools[1]) - set(schools[0]) >= {"RegionCode", "NCESSchoolID", "ShortName"}


def test_extended_data_tell_of_planned_leavers_no_shows_and_graduates(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    rows = {
        (row["SchoolCode"], row["StudentNumber"]): row
        for code in schools_of(sandbox)
        for row in caller.rows(f"schools/{code}/students/0/extended")
    }
    truth = sandbox.truth().records
    for flag, field in (
        ("planned_to_leave", "EndOfYearStatusCode"),
        ("no_show", "SummerWithdrawalReasonCode"),
    ):
        expected = set(truth.filter(flag).select("school", "student_number").rows())
        assert expected
        assert {key for key, row in rows.items() if row[field]} == expected
    graduates = truth.filter(pl.col("status") == "graduated")
    assert graduates.height
    for key in graduates.select("school", "student_number").rows():
        assert (rows[key]["SchoolCompletionStatusCode"], rows[key]["SchoolCompletionDate"] is None) == (
            "100",
            False,
        )
    planned = truth.filter("planned_to_leave")
    assert planned.filter(pl.col("tag") == "").height == 12


def test_extended_data_of_one_student_a_grade_and_a_number_agree(town: tuple[Sandbox, Caller]) -> None:
    caller = town[1]
    (row,) = caller.get("schools/101/students/sn/3/extended").json
    assert caller.get(f"schools/101/students/{row['StudentID']}/extended").json == [row]
    (student,) = caller.get("schools/101/students/sn/3").json
    assert row in caller.rows(f"schools/101/students/grade/{student['Grade']}/extended")


def test_the_history_of_a_year_is_that_years_and_without_one_all_of_it(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    truth = sandbox.truth().enrollments
    for year in (2025, 2026):
        rows = caller.get(f"enrollment/0/year/{year}").json
        assert len(rows) == truth.filter(pl.col("year") == year).height >= 1200
        assert {row["AcademicYear"] for row in rows} == {f"{year}-{year + 1}"}
    whole = caller.get("enrollment/0").json
    assert len(whole) == truth.height
    moved = next(row for row in whole if row["ExitReasonCode"] == "E3")
    of_one = caller.get(f"enrollment/{moved['StudentID']}").json
    assert moved in of_one
    assert len({row["SchoolCode"] for row in of_one}) > 1
    at_school = caller.get(f"schools/{moved['SchoolCode']}/enrollment/{moved['StudentID']}/year/2026").json
    assert {row["SchoolCode"] for row in at_school} == {moved["SchoolCode"]}
    of_school = caller.get("schools/101/enrollment/0/year/2026").json
    assert of_school == [row for row in caller.get("enrollment/0/year/2026").json if row["SchoolCode"] == 101]


def test_codes_name_the_districts_own_tags(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    rows = caller.get("codes/stu/tg").json
    used = set(sandbox.truth().records["tag"]) - {""}
    assert used <= {row["Code"] for row in rows if row["Status"] == ""}
    assert any(row["Status"] for row in rows)
    assert caller.get("codes/NO/NE").json == []


def test_a_student_may_be_told_with_the_records_at_all_schools() -> None:
    with serving(students=1200, settings=Settings(student_records="all")) as (sandbox, caller):
        records = sandbox.truth().records
        several = records.filter(pl.col("student_id").is_duplicated())["student_id"][0]
        at = records.filter(pl.col("student_id") == several)["school"].to_list()
        for school in at:
            rows = caller.get(f"schools/{school}/students/{several}").json
            assert [row["SchoolCode"] for row in rows] == at


def test_numbers_years_and_the_inner_list_are_other_by_switch() -> None:
    settings = Settings(numbers_as_text=True, academic_year="number", requirements_list="Areas")
    with serving(students=60, settings=settings) as (_, caller):
        assert caller.get("courses/0090").json["CreditDefault"] == "10.0"
        history = caller.get("enrollment/0/year/2026").json
        assert {(row["AcademicYear"], row["ElementaryTeacherNumber"]) for row in history} == {(2026, "0")}
        assert caller.get("schools/101/GraduationRequirements").json[0]["Areas"]
        transcript = caller.get("schools/101/Transcript").json[0]
        assert isinstance(transcript["CourseGrades"][0]["CreditAttempted"], str)
        status = caller.get("schools/101/GraduationStatusSummary").json[0]
        assert isinstance(status["SubjectAreas"][0]["CreditsCompleted"], float)
