from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from sis_assets.model import lifecycle
from sis_assets.model.schema import ACCOUNTS, STUDENTS, Table
from sis_assets_tests.builders import Row, account, fetch, insert, student

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REASONS = ("withdrawn", "transferred_out", "graduated", "no_show")


@pytest.fixture(scope="module")
def connection() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as opened:
        for name, table in (("before", ACCOUNTS), ("after", STUDENTS)):
            columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
            opened.execute(f"CREATE TABLE {name} ({columns})")
        opened.execute("CREATE TABLE unread (district_id VARCHAR, student_id VARCHAR)")
        yield opened


class Comparison:
    """What the rules say of one district's accounts and extract: rows by student and kind."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self.connection = connection

    def __call__(
        self, before: Sequence[Row], after: Sequence[Row], *, unread: Sequence[str] = ()
    ) -> dict[tuple[str, str], Row]:
        for name, table, rows in (("before", ACCOUNTS, before), ("after", STUDENTS, after)):
            self.connection.execute(f"DELETE FROM {name}")
            named = Table("main", name, "", table.columns)
            insert(self.connection, named, [row | {"district_id": "d"} for row in rows])
        self.connection.execute("DELETE FROM unread")
        for key in unread:
            self.connection.execute("INSERT INTO unread VALUES ('d', ?)", [key])
        for name, query in (
            ("differing", lifecycle.differences()),
            ("rekeys", lifecycle.rekeys()),
            ("cases", lifecycle.cases()),
        ):
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        rows = fetch(self.connection, lifecycle.changes())
        found = {(row["student_id"], row["kind"]): row for row in rows}
        assert len(found) == len(rows), "one row a student and kind"
        for row in rows:
            json.loads(row["changed"])
        return found


@pytest.fixture
def compared(connection: DuckDBPyConnection) -> Comparison:
    return Comparison(connection)


def kinds(found: dict[tuple[str, str], Row]) -> set[tuple[str, str]]:
    return set(found)


def places(row: Row) -> tuple[Any, ...]:
    return row["school_from"], row["school_to"], row["grade_from"], row["grade_to"]


def changed(row: Row) -> dict[str, tuple[Any, Any]]:
    return {name: (sides["from"], sides["to"]) for name, sides in json.loads(row["changed"]).items()}


def test_a_new_active_student_is_created_with_every_field_that_has_a_value(compared: Comparison) -> None:
    found = compared([], [student(1, graduation_year=2029)])
    [row] = found.values()
    assert row["kind"] == "create"
    assert places(row) == (None, "16", None, "09")
    assert changed(row) == {
        "first_name": (None, "Given-0001"),
        "last_name": (None, "Family-0001"),
        "birth_date": (None, "2011-03-09"),
        "gender": (None, "N"),
        "email": (None, "s0001@example.org"),
        "state_id": (None, "S0001"),
        "graduation_year": (None, 2029),
        "school_id": (None, "16"),
        "grade_level": (None, "09"),
    }
    assert row["sis_key_to"] == "K0001"
    assert row["reason"] is None


@pytest.mark.parametrize("status", ["pre_registered", "inactive", "graduated"])
def test_a_new_student_who_is_not_active_is_nothing(compared: Comparison, status: str) -> None:
    assert compared([], [student(1, status=status)]) == {}


@pytest.mark.parametrize("status", ["active", "pre_registered"])
def test_an_active_student_who_does_not_differ_is_unchanged(compared: Comparison, status: str) -> None:
    assert compared([account(1)], [student(1, status=status)]) == {}


def test_what_is_not_tracked_makes_no_change(compared: Comparison) -> None:
    other = student(1, sis_key="K9", entry_date="2026-08-12", exit_date="2027-06-01", exit_reason="withdrawn")
    assert compared([account(1)], [other]) == {}


@pytest.mark.parametrize("status", ["active", "pre_registered"])
@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("first_name", "Given-0001", "Given-0009"),
        ("middle_name", None, "Middle-0001"),
        ("last_name", "Family-0001", 'Fam"ily|, \\ \t ü 😀'),
        ("birth_date", "2011-03-09", "2011-03-10"),
        ("gender", "N", None),
        ("email", "s0001@example.org", None),
        ("state_id", "S0001", "S0009"),
        ("graduation_year", None, 2029),
        ("next_school_id", None, "27"),
        ("grade_level", "09", "08"),
    ],
)
def test_another_tracked_field_is_an_update_with_its_from_and_to(
    compared: Comparison, status: str, field: str, before: Any, after: Any
) -> None:
    found = compared([account(1)], [student(1, status=status, **{field: after})])
    assert kinds(found) == {("1001", "update")}
    row = found["1001", "update"]
    assert changed(row) == {field: (before, after)}
    assert places(row) == ("16", "16", "09", after if field == "grade_level" else "09")


def test_another_school_is_a_transfer(compared: Comparison) -> None:
    found = compared([account(1)], [student(1, school_id="27")])
    assert kinds(found) == {("1001", "transfer")}
    row = found["1001", "transfer"]
    assert places(row) == ("16", "27", "09", "09")
    assert changed(row) == {"school_id": ("16", "27")}


GRADES = ["PK", "KG", *(f"{grade:02}" for grade in range(1, 14)), "UG"]


@pytest.mark.parametrize("before", GRADES)
def test_a_higher_grade_is_a_promotion_and_any_other_an_update(compared: Comparison, before: str) -> None:
    found = compared(
        [account(n, grade_level=before) for n in range(len(GRADES))],
        [student(n, grade_level=after) for n, after in enumerate(GRADES)],
    )
    for n, after in enumerate(GRADES):
        ranked = "UG" not in {before, after}
        higher = ranked and GRADES.index(after) > GRADES.index(before)
        kind = None if after == before else "promote" if higher else "update"
        mine = {kind for student_id, kind in found if student_id == f"{1000 + n}"}
        assert mine == ({kind} if kind else set())
        if kind:
            assert changed(found[f"{1000 + n}", kind]) == {"grade_level": (before, after)}


def test_several_kinds_of_one_student_share_no_field(compared: Comparison) -> None:
    found = compared(
        [account(1)], [student(1, school_id="27", grade_level="10", first_name="Given-0009", email=None)]
    )
    assert kinds(found) == {("1001", "transfer"), ("1001", "promote"), ("1001", "update")}
    assert {place for row in found.values() for place in [places(row)]} == {("16", "27", "09", "10")}
    assert changed(found["1001", "update"]) == {
        "first_name": ("Given-0001", "Given-0009"),
        "email": ("s0001@example.org", None),
    }
    assert changed(found["1001", "promote"]) == {"grade_level": ("09", "10")}


@pytest.mark.parametrize(
    ("status", "exit_reason", "reason"),
    [
        ("inactive", None, "withdrawn"),
        ("graduated", None, "graduated"),
        *(("inactive", reason, reason) for reason in REASONS),
        ("graduated", "no_show", "no_show"),
    ],
)
def test_a_student_who_left_is_deactivated_for_that_reason_alone(
    compared: Comparison, status: str, exit_reason: str | None, reason: str
) -> None:
    left = student(1, status=status, exit_reason=exit_reason, school_id="27", grade_level="10", email=None)
    found = compared([account(1)], [left])
    assert kinds(found) == {("1001", "deactivate")}
    row = found["1001", "deactivate"]
    assert row["reason"] == reason
    assert places(row) == ("16", None, "09", None)
    assert changed(row) == {}


def test_a_student_who_is_absent_is_deactivated_as_missing(compared: Comparison) -> None:
    found = compared([account(1)], [])
    assert found["1001", "deactivate"]["reason"] == "missing"
    assert places(found["1001", "deactivate"]) == ("16", None, "09", None)


def test_a_student_whose_record_was_rejected_is_left_alone(compared: Comparison) -> None:
    assert compared([account(1)], [], unread=["1001"]) == {}


def test_a_rejected_copy_beside_a_good_record_protects_nobody_from_what_the_good_one_says(
    compared: Comparison,
) -> None:
    found = compared([account(1)], [student(1, status="inactive")], unread=["1001", "1001"])
    assert kinds(found) == {("1001", "deactivate")}


@pytest.mark.parametrize("status", ["pre_registered", "inactive", "graduated"])
def test_an_inactive_account_stays_so_without_an_active_record(compared: Comparison, status: str) -> None:
    assert compared([account(1, is_active=False)], [student(1, status=status, email=None)]) == {}
    assert compared([account(1, is_active=False)], []) == {}


def test_a_returning_student_is_reactivated_with_whatever_else_changed(compared: Comparison) -> None:
    away = account(1, is_active=False)
    found = compared([away], [student(1)])
    assert kinds(found) == {("1001", "reactivate")}
    assert changed(found["1001", "reactivate"]) == {}
    assert places(found["1001", "reactivate"]) == ("16", "16", "09", "09")
    found = compared([away], [student(1, school_id="27", grade_level="11", email=None)])
    assert kinds(found) == {("1001", kind) for kind in ("reactivate", "transfer", "promote", "update")}


REKEYED = {("2001", "rekey")}
CREATED = {("2001", "create"), ("1001", "deactivate")}


def as_2001(number: int = 1, **fields: Any) -> Row:
    """Student 1's record under a new id with nothing else that could be recognised."""
    return student(number, **{"student_id": "2001", "sis_key": None, "state_id": None} | fields)


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        ({}, CREATED),
        ({"sis_key": "K0001"}, REKEYED),
        ({"former_student_id": "1001"}, REKEYED),
        ({"state_id": "S0001"}, REKEYED),
        ({"state_id": "S0001", "birth_date": "2011-03-10"}, CREATED),
        ({"state_id": "S0001", "birth_date": None}, CREATED),
        ({"former_student_id": "1009"}, CREATED),
        ({"sis_key": "k0001"}, CREATED),
    ],
)
def test_an_absent_id_is_found_again_by_key_former_id_or_state_id_with_birth_date(
    compared: Comparison, evidence: Row, found: set[tuple[str, str]]
) -> None:
    before = account(1, state_id=evidence.get("state_id"))
    result = compared([before], [as_2001(**evidence)])
    assert kinds(result) == found
    if found == REKEYED:
        row = result["2001", "rekey"]
        assert changed(row) == {"student_id": ("1001", "2001")}
        assert places(row) == ("16", "16", "09", "09")
        assert (row["sis_key_from"], row["sis_key_to"]) == ("K0001", evidence.get("sis_key", "K0001"))


@pytest.mark.parametrize("blank", [None, ""])
def test_blank_ids_never_match(compared: Comparison, blank: str | None) -> None:
    before = account(1, student_id="", sis_key=blank, state_id=blank)
    after = as_2001(sis_key=blank, state_id=blank, former_student_id=blank)
    assert kinds(compared([before], [after])) == {("2001", "create"), ("", "deactivate")}


def test_a_blank_birth_date_is_no_evidence(compared: Comparison) -> None:
    before = account(1, birth_date=None)
    assert kinds(compared([before], [as_2001(state_id="S0001", birth_date=None)])) == CREATED


def test_other_differences_come_under_the_new_id(compared: Comparison) -> None:
    after = as_2001(sis_key="K0001", state_id="S0001", school_id="27", grade_level="10", email=None)
    found = compared([account(1)], [after])
    assert kinds(found) == {("2001", kind) for kind in ("rekey", "transfer", "promote", "update")}
    assert {places(row) for row in found.values()} == {("16", "27", "09", "10")}


@pytest.mark.parametrize("status", ["inactive", "graduated"])
def test_an_active_account_whose_new_record_has_left_is_rekeyed_and_deactivated(
    compared: Comparison, status: str
) -> None:
    found = compared([account(1)], [as_2001(sis_key="K0001", status=status)])
    assert kinds(found) == {("2001", "rekey"), ("2001", "deactivate")}


def test_an_active_account_whose_new_record_is_pre_registered_is_rekeyed_and_stays_active(
    compared: Comparison,
) -> None:
    found = compared([account(1)], [as_2001(sis_key="K0001", state_id="S0001", status="pre_registered")])
    assert kinds(found) == REKEYED


def test_an_inactive_account_with_an_active_new_record_is_rekeyed_and_reactivated(
    compared: Comparison,
) -> None:
    found = compared([account(1, is_active=False)], [as_2001(sis_key="K0001", state_id="S0001")])
    assert kinds(found) == {("2001", "rekey"), ("2001", "reactivate")}


@pytest.mark.parametrize("status", ["pre_registered", "inactive", "graduated"])
def test_an_inactive_account_with_a_new_record_that_is_not_active_is_nothing(
    compared: Comparison, status: str
) -> None:
    assert compared([account(1, is_active=False)], [as_2001(sis_key="K0001", status=status)]) == {}


def test_several_new_records_of_one_account_mean_none(compared: Comparison) -> None:
    both = [as_2001(sis_key="K0001"), student(2, former_student_id="1001", state_id=None)]
    assert kinds(compared([account(1)], both)) == CREATED | {("1002", "create")}


def test_a_second_new_record_counts_even_when_it_is_not_active(compared: Comparison) -> None:
    both = [as_2001(sis_key="K0001"), as_2001(student_id="2002", sis_key="K0001", status="inactive")]
    assert kinds(compared([account(1, is_active=False)], both)) == {("2001", "create")}


def test_several_accounts_of_one_new_record_mean_none(compared: Comparison) -> None:
    before = [account(1), account(2, sis_key="K0001", is_active=False)]
    assert kinds(compared(before, [as_2001(sis_key="K0001")])) == CREATED


def test_two_pieces_of_evidence_for_the_same_pair_are_one_candidate(compared: Comparison) -> None:
    after = as_2001(sis_key="K0001", state_id="S0001", former_student_id="1001")
    assert kinds(compared([account(1)], [after])) == REKEYED


def test_an_account_whose_record_was_rejected_is_not_rekeyed(compared: Comparison) -> None:
    found = compared([account(1)], [as_2001(sis_key="K0001")], unread=["1001"])
    assert kinds(found) == {("2001", "create")}


def test_an_account_that_is_still_present_is_not_rekeyed(compared: Comparison) -> None:
    found = compared([account(1)], [student(1), as_2001(sis_key="K0001", former_student_id="1001")])
    assert kinds(found) == {("2001", "create")}


def test_an_id_that_has_an_account_is_no_new_id(compared: Comparison) -> None:
    before = [account(1), account(2, student_id="2001", sis_key="K0002", state_id=None)]
    found = compared(before, [as_2001(2, sis_key="K0001", state_id=None)])
    assert kinds(found) == {("1001", "deactivate")}


def test_every_row_says_the_key_that_the_sis_has_now(compared: Comparison) -> None:
    found = compared([account(1, sis_key="OLD")], [student(1, sis_key="NEW", email=None, grade_level="10")])
    assert {(row["sis_key_from"], row["sis_key_to"]) for row in found.values()} == {("OLD", "NEW")}
    found = compared([account(1, sis_key="OLD")], [student(1, sis_key=None, email=None)])
    assert found["1001", "update"]["sis_key_to"] == "OLD"


def test_any_difference_in_what_a_person_decides_on_changes_the_rows_hash(compared: Comparison) -> None:
    variants = [
        compared([account(1)], [student(1, **fields)])
        for fields in (
            {"email": None},
            {"email": "null"},
            {"first_name": "Given-0009"},
            {"school_id": "27"},
            {"grade_level": "10"},
            {"status": "inactive"},
            {"status": "graduated"},
        )
    ]
    hashes = [row["row_sha256"] for found in variants for row in found.values()]
    assert len(set(hashes)) == len(hashes) == 7
