"""The whole line from a PowerSchool server to accounts and outbox: night for night exactly who is there (DESIGN §5, §9)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from sis_assets.sandbox.powerschool.data import District, described
from sis_assets.sandbox.powerschool.day import Churn, after_a_day, after_the_summer
from sis_assets_tests.builders import as_payload, replayed
from sis_assets_tests.powerschool_line import (
    GRADUATED_STUDENTS,
    NAME,
    Line,
    Opened,
    assert_as_in_the_truth,
    expected_students,
    grade,
    in_order,
)


def numbers(frame: pl.DataFrame) -> set[str]:
    return {str(number) for number in frame["student_number"]}


@pytest.fixture
def town(opened: Opened) -> Line:
    return opened(students=420, seed=11)


def test_a_first_sync_gives_exactly_the_districts_people(town: Line) -> None:
    outcome = town.sync()
    assert outcome.status == "applied", outcome
    assert_as_in_the_truth(town)
    truth = town.sandbox.truth()
    assert town.kinds(outcome) == {"create": numbers(truth.active)}
    statuses = {row["status"] for row in town.students().values()}
    assert statuses == {"active", "pre_registered", "inactive"}, "graduates are at no school that takes part"
    places = town.table("student_schools", "student_id", "school_id", "is_primary")
    assert places == in_order((row["student_id"], row["school_id"], True) for row in town.students().values())
    assert not town.spine.rejected(NAME)


def test_a_first_sync_gives_exactly_the_districts_schools_and_catalogue(town: Line) -> None:
    town.sync()
    truth, district = town.sandbox.truth(), town.sandbox.district
    assert town.table("schools", "school_id", "name", "low_grade", "high_grade") == in_order(
        (str(number), name, grade(low), grade(high))
        for number, name, low, high in truth.schools.select(
            "school_number", "name", "low_grade", "high_grade"
        ).rows()
    )
    assert town.table(
        "courses", "course_code", "name", "credits::DOUBLE", "low_grade", "high_grade", "department"
    ) == in_order(
        (code, name, credits_, grade(level), grade(level), department)
        for code, name, credits_, level, department in truth.courses.select(
            "course_number", "name", "credits", "grade", "department"
        ).rows()
    )
    assert town.table("school_courses", "school_id", "course_code") == in_order(
        (str(school), code)
        for school, code in truth.school_courses.select("school_number", "course_number").rows()
    )
    years = town.table("terms", "school_id", "school_year", "kind", "start_date", "end_date")
    assert {row[1] for row in years if row[2] == "school_year"} == {district.year, district.year - 1}
    assert len(years) == truth.schools.height * 6
    requirements = town.table(
        "graduation_requirements", "school_id", "track", "subject_code", "credits::DOUBLE"
    )
    assert len(requirements) == 10
    high = str(truth.schools.sort("high_grade")["school_number"].last())
    assert (high, "Standard Diploma", "ENG", 2.5) in requirements
    assert (high, "Honors Diploma", "ENG", 3.0) in requirements


def test_a_first_sync_gives_exactly_who_sits_and_teaches_where(town: Line) -> None:
    town.sync()
    truth = town.sandbox.truth()
    assert town.table("sections", "section_id", "course_code", "school_id") == in_order(
        (str(dcid), code, str(school))
        for dcid, code, school in truth.sections.select("dcid", "course_number", "school_number").rows()
    )
    seats = [
        row[:2]
        for row in town.table("section_enrollments", "section_id", "person_id", "role")
        if row[2] == "student"
    ]
    taken = truth.seats.filter(~pl.col("dropped")).select("section_dcid", "student_number").rows()
    assert seats == in_order((str(section), str(student)) for section, student in taken)
    staff = {row[0]: row[1:] for row in town.table("staff", "staff_id", "first_name", "last_name", "email")}
    known = {
        str(row[0]): row[1:] for row in truth.staff.select("dcid", "first_name", "last_name", "email").rows()
    }
    assert staff
    assert staff == {person: known[person] for person in staff}, "those who have left are not listed"
    teachers = {
        row[1] for row in town.table("section_enrollments", "role", "person_id") if row[0] == "teacher"
    }
    assert teachers <= set(staff)
    in_progress = town.table("student_courses", "student_id", "course_code", "state")
    assert [row for row in in_progress if row[2] == "in_progress"] == in_order(
        (str(student), code, "in_progress")
        for student, code in truth.seats.filter(~pl.col("dropped"))
        .join(truth.sections.select("course_number", section_dcid="dcid"), on="section_dcid")
        .select("student_number", "course_number")
        .rows()
    )


def test_a_transcript_is_that_of_the_student_whose_number_it_bears(town: Line) -> None:
    """Stored grades name the internal ID, which is another student's DCID: a mix-up would give somebody else's marks."""
    town.sync()
    grades = town.sandbox._service.database.frame("storedgrades")
    owners = town.sandbox.truth().students.select("student_number", studentid="id")
    expected = grades.join(owners, on="studentid").select(
        "student_number", "course_number", "grade", "earnedcrhrs", "grade_level", "datestored"
    )
    assert expected.height == grades.height > 0
    assert town.table(
        "student_courses",
        "student_id",
        "course_code",
        "mark",
        "credits::DOUBLE",
        "grade_level",
        "completed_on",
        "state",
    ) == in_order(
        [
            *(
                (str(s), code, mark, earned, grade(level), on, "completed")
                for s, code, mark, earned, level, on in expected.rows()
            ),
            *(
                row
                for row in town.table(
                    "student_courses",
                    "student_id",
                    "course_code",
                    "mark",
                    "credits::DOUBLE",
                    "grade_level",
                    "completed_on",
                    "state",
                )
                if row[-1] != "completed"
            ),
        ]
    )


def test_nights_give_the_districts_people_again_and_tell_what_happened_to_whom(opened: Opened) -> None:
    town = opened(students=1_300, seed=3)
    town.sync()
    churn = Churn(
        arrivals=7, leavers=9, returners=4, transfers=6, pre_registrations=3, renamed=5, readdressed=8
    )
    for _ in range(3):
        before = town.sandbox.truth()
        outcome = town.night(lambda district: after_a_day(district, churn))
        assert outcome.status == "applied", outcome
        assert_as_in_the_truth(town)
        assert_told(town, outcome, before)
    held = replayed(town.spine.column("SELECT payload FROM delivery.outbox ORDER BY sequence"))
    assert held == as_payload(town.spine.accounts(NAME))


def assert_told(town: Line, outcome: Any, before: Any) -> None:
    """The kinds of a night's changes name exactly whom the two truths tell apart."""
    after, kinds = town.sandbox.truth(), town.kinds(outcome)
    was = {row["student_number"]: row for row in before.active.to_dicts()}
    now = {row["student_number"]: row for row in after.active.to_dicts()}
    ever = {int(row["student_id"]) for row in town.spine.accounts(NAME)}
    came = now.keys() - was.keys()
    assert kinds.pop("create", set()) | kinds.pop("reactivate", set()) == {str(number) for number in came}
    assert came <= ever
    stayed = now.keys() & was.keys()
    moved = {str(n) for n in stayed if now[n]["school_number"] != was[n]["school_number"]}
    assert kinds.pop("transfer", set()) == moved
    tracked = ("first_name", "middle_name", "last_name", "email", "next_school")
    changed = {str(n) for n in stayed if any(now[n][name] != was[n][name] for name in tracked)}
    returned = {str(n) for n in came}
    assert kinds.pop("update", set()) - returned == changed
    left = was.keys() - now.keys()
    assert kinds.pop("deactivate", set()) == {str(number) for number in left}
    statuses = {row["student_number"]: row["status_code"] for row in after.students.to_dicts()}
    assert town.reasons(outcome) == {
        str(number): "transferred_out" if statuses[number] == 2 else "withdrawn" for number in left
    }
    assert kinds == {}


def test_the_districts_exit_codes_say_why_somebody_left(town: Line) -> None:
    town.set(codes={"exit": {"W1": "no_show"}})
    town.sync()
    outcome = town.night(lambda district: after_a_day(district, Churn(leavers=8)))
    assert set(town.reasons(outcome).values()) == {"transferred_out", "no_show"}


def test_a_new_school_year_promotes_transfers_and_graduates(opened: Opened) -> None:
    town = opened(students=420, seed=11)
    town.sync()
    seniors = numbers(town.sandbox.truth().active.filter(pl.col("grade") == 12))
    before = {row["student_number"]: row for row in town.sandbox.truth().active.to_dicts()}
    town.set(calendar={"year_start": "2027-08-20", "year_end": "2028-06-05"})
    outcome = town.night(after_the_summer)
    assert outcome.status == "applied", outcome
    assert_as_in_the_truth(town)
    now = {row["student_number"]: row for row in town.sandbox.truth().active.to_dicts()}
    kinds = town.kinds(outcome)
    stayed = before.keys() & now.keys()
    assert kinds["promote"] == {str(number) for number in stayed}
    assert kinds["transfer"] == {
        str(n) for n in stayed if before[n]["school_number"] != now[n]["school_number"]
    }
    assert kinds["deactivate"] == seniors
    # PowerSchool moves its graduates to a pseudo-school, whose students we do not have (DESIGN §9): they are gone.
    assert set(town.reasons(outcome).values()) == {"missing"}


def test_an_ordinary_guard_holds_a_class_that_graduates_for_a_person(town: Line) -> None:
    town.set(guard={})
    town.sync()
    before = town.active()
    town.set(calendar={"year_start": "2027-08-20", "year_end": "2028-06-05"})
    outcome = town.night(after_the_summer)
    assert outcome.status == "held"
    seniors = {number for number, row in before.items() if row["grade_level"] == "12"}
    assert seniors <= town.active().keys()


def test_who_was_pre_registered_becomes_an_account_on_the_day_of_entry(town: Line) -> None:
    town.sync()
    waiting = numbers(town.sandbox.truth().students.filter(pl.col("status_code") == -1))
    assert waiting
    assert not waiting & town.active().keys()
    outcome = town.night(
        lambda district: after_a_day(
            District(
                **{name: getattr(district, name) for name in district.__slots__}
                | {"today": district.today + timedelta(days=60)}
            ),
            Churn(),
        )
    )
    assert town.kinds(outcome)["create"] == waiting
    assert_as_in_the_truth(town)


def test_the_same_rows_are_unchanged_though_tokens_pages_and_clocks_differ(opened: Opened) -> None:
    town = opened(students=230, seed=5)
    first = town.sync()
    town.sandbox.revoke_tokens()
    town.sandbox.log.clear()
    again = town.spine.sync(NAME, at="2026-10-01T21:17:00-07:00")[NAME]
    assert (again.status, again.extract_id) == ("unchanged", first.extract_id)
    assert town.sandbox.log.asked, "everything is read every time"
    other = opened(students=230, seed=5, page_sizes={"student": 7, "schema_table_query": 64, "staff": 3})
    assert other.sync().status == "unchanged"
    assert len(town.spine.column("SELECT 1 FROM lifecycle.change_sets")) == 1


@pytest.mark.parametrize(("students", "page"), [(1, 100), (101, 100), (101, 101), (13, 1)])
def test_districts_of_every_awkward_size_are_read_whole(opened: Opened, students: int, page: int) -> None:
    sizes = dict.fromkeys(
        ("student", "staff", "section", "section_enrollment", "term", "schema_table_query"), page
    )
    town = opened(students=students, seed=2, page_sizes=sizes)
    assert town.sync().status == "applied"
    assert_as_in_the_truth(town)
    assert len(town.active()) == students


def test_a_server_without_any_student_fails_and_takes_nobody_away(opened: Opened) -> None:
    """A district of nobody cannot be told from a plugin that sees nobody: empty is not absent (DESIGN §7)."""
    town = opened(students=40, seed=2)
    town.sync()
    town.sandbox.evolve(
        lambda district: District(
            **{name: getattr(district, name) for name in district.__slots__}
            | {"people": district.people.clear()}
        )
    )
    outcome = town.sync()
    assert outcome.status == "failed"
    assert "students" in outcome.reason
    assert outcome.reason.endswith("Next move: district.")
    assert len(town.active()) == 40


TRAPS = (
    ("right-to-left", "\u05de\u05e9\u05e4\u05d7\u05d4"),
    ("marks of direction", "Fam\u200fi\u200ely\u202e-\u202c"),
    ("combining", "Fami\u0301ly\u0327"),
    ("emoji of several", "Family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3fd"),
    ("astral", "\U0001d4d5\U00020bb7"),
    ("quotes", "O'Fam\"ily\u2019 \\ \u201eX\u201c"),
    ("inner blanks", "Fam\u00a0i\u2003l\u200by"),
    ("separators", "Fam,i|l;\ty\u2028\u2029"),
    ("not composed", "A\u030a \u212b \ufb01"),
    ("escapes", "\\u0041 &amp; <b> %41 {} $x"),
)


def test_names_arrive_unchanged_in_tables_accounts_and_outbox(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trap is somebody's last name; every code point stands in core, in the account and in the outbox."""
    town = opened(students=40, seed=2)
    named = {114_000 + place: trap for place, (_, trap) in enumerate(TRAPS, start=1)}

    def with_traps(district: District) -> pl.DataFrame:
        name = pl.col("student_number").replace_strict(
            named, default=pl.col("last_name"), return_dtype=pl.String
        )
        return described(district).with_columns(last_name=name)

    monkeypatch.setattr("sis_assets.sandbox.powerschool.database.described", with_traps)
    town.sandbox.evolve(lambda district: district)
    assert town.sync().status == "applied"
    students, accounts = town.students(), town.active()
    held = [json.loads(p)["account"] for p in town.spine.column("SELECT payload FROM delivery.outbox")]
    sent = {account["student_id"]: account["last_name"] for account in held}
    for number, trap in named.items():
        key = str(number)
        assert (students[key]["last_name"], accounts[key]["last_name"], sent[key]) == (trap, trap, trap)


def test_ids_that_are_other_students_dcids_are_told_apart(opened: Opened) -> None:
    """Every ID is the DCID of the next student here, and student numbers are made DCIDs of others too."""
    town = opened(students=60, seed=9)
    truth = town.sandbox.truth().students
    assert set(truth["id"]) & set(truth["dcid"])
    town.sync()
    expected = expected_students(town.sandbox.truth())
    assert {key: row["sis_key"] for key, row in town.students().items()} == {
        key: row["sis_key"] for key, row in expected.items()
    }
    seats = town.sandbox.truth().seats.filter(~pl.col("dropped"))
    assert {
        row[0] for row in town.table("section_enrollments", "person_id", "role") if row[1] == "student"
    } == {str(number) for number in seats["student_number"]}
    assert str(GRADUATED_STUDENTS) not in {row["school_id"] for row in town.students().values()}
