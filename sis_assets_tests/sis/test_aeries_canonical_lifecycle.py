"""What becomes of accounts when Aeries' records change: each reason of DESIGN §5, and what must not happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from sis_assets_tests.aeries_records import HIGH, MIDDLE, Row, enrolment, extended, run, student
from sis_assets_tests.builders import Nights, district, in_memory

DOUBLE = HIGH | {"SchoolCode": "700", "StateDistrictID": "77777", "Name": "Sample Far High"}


@dataclass
class AeriesNights:
    """A district whose records are typed and proposed night by night."""

    nights: Nights = field(default_factory=lambda: Nights(in_memory(), district("d")))
    settings: dict[str, Any] = field(default_factory=dict)

    def night(self, students: list[Row], **others: list[Row]) -> list[tuple[str, str, str | None]]:
        """Student, kind and reason of what this night applied."""
        before = len(self.nights.changes())
        schools = {"schools": [HIGH, MIDDLE, DOUBLE]}
        found = run(schools | {"students": students} | others, as_of="2026-10-15", **self.settings)
        refused = found.refused.get("students", {})
        kept = [{k: v for k, v in row.items() if k != "district_id"} for row in found.tables["students"]]
        self.nights.night(kept, rejected=[students[number - 1]["StudentID"] for number in refused])
        changes = self.nights.changes()
        assert len(changes) >= before
        newest = max((row["change_set_id"] for row in changes), default="")
        return [
            (row["student_id"], row["kind"], row["reason"])
            for row in changes
            if row["change_set_id"] == newest and len(changes) > before
        ]


@pytest.fixture
def aeries() -> AeriesNights:
    begun = AeriesNights(settings={"codes": {"exit": {"T": "transferred_out"}}})
    assert begun.night([student()]) == [("99400001", "create", None)]
    return begun


def test_the_same_night_again_changes_nothing(aeries: AeriesNights) -> None:
    assert aeries.night([student()]) == []


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({}, "withdrawn"),
        ({"enrollment": [enrolment(ExitReasonCode="T")]}, "transferred_out"),
        ({"students_extended": [extended(SchoolCompletionStatusCode="100")]}, "graduated"),
        ({"students_extended": [extended(SummerWithdrawalReasonCode="S1")]}, "no_show"),
    ],
)
def test_who_has_left_is_deactivated_with_the_reason(
    aeries: AeriesNights, others: dict[str, list[Row]], reason: str
) -> None:
    assert aeries.night([student(InactiveStatusCode="I")], **others) == [("99400001", "deactivate", reason)]


def test_a_planned_leaver_stays_as_he_is(aeries: AeriesNights) -> None:
    planned = extended(EndOfYearStatusCode="E", SchoolCompletionStatusCode="100")
    assert aeries.night([student()], students_extended=[planned]) == []


def test_who_has_another_id_keeps_the_account(aeries: AeriesNights) -> None:
    renamed = student(StudentID="99400077", OldStudentID="99400001", StateStudentID="", Birthdate="")
    kinds = aeries.night([renamed])
    assert ("99400077", "rekey", None) in kinds
    assert {kind for _, kind, _ in kinds} <= {"rekey", "update"}


def test_without_the_id_before_it_is_another_student(aeries: AeriesNights) -> None:
    other = student(StudentID="99400077", StateStudentID="", Birthdate="")
    assert sorted(kind for _, kind, _ in aeries.night([other])) == ["create", "deactivate"]


def test_a_preenrolment_for_next_year_changes_nothing_of_who_is_here(aeries: AeriesNights) -> None:
    next_year = student(SchoolCode="700", StudentNumber="3", InactiveStatusCode="*", Grade="11")
    assert aeries.night([student(), next_year]) == []


def test_who_moves_within_the_district_is_transferred(aeries: AeriesNights) -> None:
    moved = [student(InactiveStatusCode="I"), student(SchoolCode="700", StudentNumber="3", Grade="11")]
    assert sorted(kind for _, kind, _ in aeries.night(moved)) == ["promote", "transfer"]


@pytest.mark.parametrize("wrong", [{"Grade": "?"}, {"Birthdate": "?"}, {"SchoolCode": "4711"}])
def test_a_refused_record_never_deactivates_by_what_an_older_one_says(
    aeries: AeriesNights, wrong: Row
) -> None:
    old = student(SchoolCode="992", StudentNumber="5", Grade="8", InactiveStatusCode="I")
    assert aeries.night([student(**wrong), old]) == []


def test_active_records_that_contradict_each_other_deactivate_nobody(aeries: AeriesNights) -> None:
    old = student(SchoolCode="992", StudentNumber="5", Grade="8", InactiveStatusCode="I")
    assert aeries.night([student(), student(SchoolCode="700", Grade="12"), old]) == []


def test_leaving_one_lea_leaves_the_student_of_another_active(aeries: AeriesNights) -> None:
    both = [student(InactiveStatusCode="I"), student(SchoolCode="700", StudentNumber="3")]
    aeries.settings["leas"] = ["99999", "77777"]
    assert aeries.night(both) == [("99400001", "transfer", None)]
