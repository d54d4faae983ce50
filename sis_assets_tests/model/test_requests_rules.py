"""Which requests stand, and why the others do not (DESIGN §10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sis_assets.model import requests as rules
from sis_assets.model.requests import Limits
from sis_assets.model.schema import COURSE_REQUESTS, COURSES, SCHOOL_COURSES, STUDENTS, Table
from sis_assets_tests.builders import Row, fetch, insert, student
from sis_assets_tests.requests_line import course, request

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = Limits(course_characters=10, delimiter=",", encoding="cp1252")
LATER = "2027-01-16T10:00:00Z"


class Judge:
    """What the rules say of one district's rows, in their order."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self.connection = connection
        self.students: Sequence[Row] = [student(1), student(2)]
        self.courses: Sequence[Row] = [course("E101"), course("M201")]
        self.offers: Sequence[tuple[str, str]] = [("16", "E101"), ("16", "M201")]
        self.planning: Sequence[tuple[str, str]] = []
        self.next_grades: Sequence[tuple[str, str]] = []
        self.numbers: Sequence[tuple[str | None, str, str]] = []
        self.limits = FILE
        self.sent: dict[int, str] = {}

    def typed(self, rows: Sequence[Row], refused: str | None = None) -> list[Row]:
        run = self.connection.execute
        columns = ("district_id", "zone", "import_id", "origin", "refused", *rules.FIELDS)
        run(
            f"CREATE OR REPLACE TABLE rows (row_number BIGINT, {', '.join(f'{name} VARCHAR' for name in columns)})"
        )
        given = {
            "district_id": "d",
            "zone": "America/Los_Angeles",
            "import_id": "d-1",
            "origin": "o",
            "refused": refused,
        }
        table = Table("main", "rows", "", COURSE_REQUESTS.columns)
        for number, row in enumerate(rows, 1):
            filled = {**given, "row_number": number, **row}
            marks = ", ".join("?" for _ in filled)
            run(f"INSERT INTO {table.name} ({', '.join(filled)}) VALUES ({marks})", list(filled.values()))
        return fetch(self.connection, f"SELECT * FROM ({rules.typed()}) ORDER BY row_number")

    def judged(self, *rows: Row) -> list[Row]:
        run = self.connection.execute
        typed = self.typed(rows)
        tables: list[tuple[Table, str, list[Row]]] = [
            (COURSE_REQUESTS, "asked", [row | self._sent(row) for row in typed]),
            (STUDENTS, "students_now", list(self.students)),
            (COURSES, "courses_now", list(self.courses)),
            (SCHOOL_COURSES, "offers", [{"school_id": at, "course_code": code} for at, code in self.offers]),
        ]
        for table, name, held in tables:
            run(f"CREATE OR REPLACE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
            insert(
                self.connection,
                Table("main", name, "", table.columns),
                [{"district_id": "d", **row} for row in held],
            )
        run("CREATE OR REPLACE TABLE years AS SELECT 'd' AS district_id, 2028 AS school_year")
        for name, columns, values in (
            ("planning", ("school_id", "planned_at"), self.planning),
            ("next_grades", ("student_id", "next_grade"), self.next_grades),
            ("numbers", ("school_id", "student_id", "number"), self.numbers),
        ):
            run(
                f"CREATE OR REPLACE TABLE {name} (district_id VARCHAR, {', '.join(f'{c} VARCHAR' for c in columns)})"
            )
            for value in values:
                run(f"INSERT INTO {name} VALUES ('d', {', '.join('?' for _ in value)})", list(value))
        return fetch(self.connection, f"SELECT * FROM ({rules.judged(self.limits)}) ORDER BY row_number")

    def _sent(self, row: Row) -> Row:
        status = self.sent.get(row["row_number"])
        return {"status": status, "sent_at": "2027-01-20T00:00:00Z"} if status else {}

    def reasons(self, *rows: Row) -> list[str | None]:
        found = self.judged(*rows)
        assert all(row["reason"] in rules.REASONS for row in found if row["reason"] is not None)
        return [row["reason"] for row in found]

    def reason(self, **fields: str) -> str | None:
        return self.reasons(request(**fields))[0]


@pytest.fixture(scope="module")
def connection() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def judge(connection: DuckDBPyConnection) -> Judge:
    return Judge(connection)


def alternate(number: int = 1, code: str = "M201", **fields: str) -> dict[str, str]:
    return request(number, code, **{"kind": "alternate", "alternate_for": "E101", "priority": "1"} | fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"school_year": ""}, "missing_school_year"),
        ({"student_id": ""}, "missing_student_id"),
        ({"school_id": ""}, "missing_school_id"),
        ({"course_code": ""}, "missing_course_code"),
        ({"kind": ""}, "missing_kind"),
        ({"requested_at": ""}, "missing_requested_at"),
        ({"school_year": "27"}, "invalid_school_year"),
        ({"school_year": "2027-28"}, "invalid_school_year"),
        ({"kind": "Primary"}, "unknown_kind"),
        ({"kind": "alternate"}, "missing_alternate_for"),
        ({"priority": "0"}, "invalid_priority"),
        ({"priority": "1.0"}, "invalid_priority"),
        ({"requested_at": "15/01/2027"}, "invalid_requested_at"),
        ({"requested_at": "2027-02-30"}, "invalid_requested_at"),
        ({"requested_at": "2027-02-28T25:00:00Z"}, "invalid_requested_at"),
    ],
)
def test_a_row_must_say_what_a_request_says(judge: Judge, fields: dict[str, str], reason: str | None) -> None:
    assert judge.typed([request() | fields])[0]["read_reason"] == reason


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-15T10:00:00Z", "2027-01-15T10:00:00"),
        ("2027-01-15T10:00:00+05:30", "2027-01-15T04:30:00"),
        ("2027-01-15 10:00-08:00", "2027-01-15T18:00:00"),
        ("2027-01-15T10:00Z", "2027-01-15T10:00:00"),
        ("2027-01-15T10:00:00-0800", "2027-01-15T18:00:00"),
        ("2027-01-15T10:00+05", "2027-01-15T05:00:00"),
        ("2027-01-15T10:00", "2027-01-15T18:00:00"),
        ("2027-01-15T10:00:00.25", "2027-01-15T18:00:00.250000"),
        ("2027-01-15", "2027-01-15T08:00:00"),
        ("2027-07-15", "2027-07-15T07:00:00"),
    ],
)
def test_a_time_without_an_offset_is_the_districts_own(judge: Judge, text: str, moment: str) -> None:
    (row,) = judge.typed([request(requested_at=text)])
    assert row["requested_at"].isoformat().removesuffix("+00:00") == moment


def test_a_row_that_the_reader_could_not_split_is_unreadable_and_no_other_rows_twin(judge: Judge) -> None:
    rows = judge.typed(
        [dict.fromkeys(rules.FIELDS, ""), dict.fromkeys(rules.FIELDS, "")], refused="field_count"
    )
    assert [row["read_reason"] for row in rows] == ["unreadable"] * 2
    assert rows[0]["row_sha256"] != rows[1]["row_sha256"]


def test_equal_rows_count_once_and_the_first_one_counts(judge: Judge) -> None:
    assert judge.reasons(request(), request(), request(2)) == [None, "duplicate_row", None]
    assert judge.reasons(request(course="NONE"), request(course="NONE")) == [
        "unknown_course",
        "duplicate_row",
    ]


@pytest.mark.parametrize("later_first", [True, False])
def test_of_rows_with_one_key_the_later_request_stands(judge: Judge, *, later_first: bool) -> None:
    rows = [request(priority="1"), request(priority="2", requested_at=LATER)]
    expected: list[str | None] = ["superseded", None]
    if later_first:
        rows, expected = rows[::-1], expected[::-1]
    assert judge.reasons(*rows) == expected


def test_of_rows_of_the_same_time_the_one_further_down_stands(judge: Judge) -> None:
    assert judge.reasons(request(priority="1"), request(priority="2")) == ["superseded", None]


def test_a_row_that_cannot_be_read_supersedes_nothing(judge: Judge) -> None:
    assert judge.reasons(request(), request(kind="gone", requested_at=LATER)) == [None, "unknown_kind"]


def test_a_later_row_that_is_invalid_takes_the_earlier_ones_place(judge: Judge) -> None:
    assert judge.reasons(request(), request(school_id="27", requested_at=LATER)) == [
        "superseded",
        "not_the_planning_school",
    ]


def test_a_withdrawal_ends_the_request_before_it_and_no_later_one(judge: Judge) -> None:
    gone = request(kind="withdrawn", requested_at=LATER)
    assert judge.reasons(request(), gone) == ["superseded", "withdrawn"]
    again = request(requested_at="2027-01-17T10:00:00Z")
    assert judge.reasons(request(), gone, again) == ["superseded", "superseded", None]
    assert [row["status"] for row in judge.judged(request(), gone)] == ["superseded", "withdrawn"]


def test_a_withdrawal_after_sending_is_the_districts_to_carry_out(judge: Judge) -> None:
    judge.sent = {1: "sent"}
    assert (
        judge.reasons(request(), request(kind="withdrawn", requested_at=LATER))[1]
        == "withdrawn_after_sending"
    )


@pytest.mark.parametrize("year", ["2027", "2029"])
def test_only_the_year_after_this_one_may_be_asked_for(judge: Judge, year: str) -> None:
    assert judge.reason(school_year=year) == "wrong_school_year"
    assert rules.next_school_year(date(2027, 6, 4)) == 2028


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("active", None),
        ("pre_registered", None),
        ("inactive", "student_not_active"),
        ("graduated", "student_not_active"),
    ],
)
def test_active_and_pre_registered_students_may_ask(judge: Judge, status: str, reason: str | None) -> None:
    judge.students = [student(1, status=status)]
    assert judge.reason() == reason
    judge.students = []
    assert judge.reason() == "unknown_student"


@pytest.mark.parametrize(
    ("next_school", "planned", "school"),
    [(None, [], "16"), ("27", [], "27"), ("27", [("16", "35")], "27"), (None, [("16", "35")], "35")],
)
def test_the_planning_school_is_the_sis_s_then_the_settings_then_the_students_own(
    judge: Judge, next_school: str | None, planned: list[tuple[str, str]], school: str
) -> None:
    judge.students = [student(1, next_school_id=next_school)]
    judge.planning = planned
    judge.offers = [(at, "E101") for at in ("16", "27", "35")]
    asked = {at: judge.reason(school_id=at) for at in ("16", "27", "35")}
    assert asked == dict.fromkeys(("16", "27", "35"), "not_the_planning_school") | {school: None}


@pytest.mark.parametrize(
    ("now", "ahead", "reason"),
    [
        (True, None, None),
        (True, True, None),
        (False, True, None),
        (True, False, "course_not_active"),
        (False, None, "course_not_active"),
        (None, None, None),
    ],
)
def test_a_course_must_be_active_next_year_or_now_where_the_sis_does_not_say(
    judge: Judge, now: bool | None, ahead: bool | None, reason: str | None
) -> None:
    judge.courses = [course("E101", is_active=now, is_active_next_year=ahead)]
    assert judge.reason() == reason


def test_a_course_must_exist_and_be_offered_at_the_planning_school(judge: Judge) -> None:
    judge.offers = [("27", "E101")]
    assert judge.reason() == "course_not_offered"
    assert judge.reason(course="NONE") == "unknown_course"


@pytest.mark.parametrize(
    ("grade", "stated", "limits", "reason"),
    [
        ("09", None, ("10", "10"), None),
        ("09", None, ("11", None), "below_grade_limit"),
        ("09", None, (None, "09"), "above_grade_limit"),
        ("09", "09", (None, "09"), None),
        ("09", None, (None, None), None),
        ("PK", None, ("KG", "KG"), None),
        ("KG", None, ("01", "01"), None),
        ("12", None, (None, "12"), "above_grade_limit"),
        ("13", None, ("13", "13"), None),
        ("UG", None, ("09", "09"), None),
    ],
)
def test_grade_limits_meet_next_years_grade(
    judge: Judge, grade: str, stated: str | None, limits: tuple[str | None, str | None], reason: str | None
) -> None:
    judge.students = [student(1, grade_level=grade)]
    judge.courses = [course("E101", low_grade=limits[0], high_grade=limits[1])]
    judge.next_grades = [("1001", stated)] if stated else []
    assert judge.reason() == reason


@pytest.mark.parametrize(("characters", "code", "reason"), [(10, "E123456789", None), (6, "E12345", None)])
def test_a_course_code_has_as_many_characters_as_the_sis_s_requests_hold(
    judge: Judge, characters: int, code: str, reason: str | None
) -> None:
    longer = f"{code}X"
    judge.limits = Limits(course_characters=characters, delimiter=",")
    judge.courses = [course(code), course(longer)]
    judge.offers = [("16", code), ("16", longer)]
    assert judge.reasons(request(course=code), request(course=longer)) == [reason, "course_code_too_long"]


def test_an_alternate_needs_a_valid_request_to_stand_in_for(judge: Judge) -> None:
    assert judge.reasons(alternate(), request()) == [None, None]
    assert judge.reasons(alternate()) == ["alternate_without_request"]
    assert judge.reasons(alternate(), request(2)) == ["alternate_without_request", None]
    assert judge.reasons(alternate(), request(school_id="27")) == [
        "alternate_without_request",
        "not_the_planning_school",
    ]
    gone = request(kind="withdrawn", requested_at=LATER)
    assert judge.reasons(alternate(), request(), gone)[0] == "alternate_without_request"
    assert judge.reasons(alternate(code="E101")) == ["alternate_without_request"]


def test_a_way_without_alternates_or_with_numbers_says_so(judge: Judge) -> None:
    judge.limits = Limits(course_characters=6, delimiter=",", alternates=False, numbered=True)
    judge.numbers = [("27", "1001", "5"), ("16", "1002", "7")]
    assert judge.reasons(request(1), request(2), alternate(2)) == [
        "no_student_number",
        None,
        "alternates_not_taken",
    ]
    judge.numbers = [(None, "1001", "5")]
    assert judge.reason() is None


@pytest.mark.parametrize("field", ["student_id", "school_id", "course_code"])
@pytest.mark.parametrize(
    "value",
    ["=1", "+1", "-1", "@1", "\t1", "\r1", "1,1", '1"1', "1\n1", "1\x851", "1\u20281", "ł1", "1\x811"],
)
def test_what_cannot_be_written_as_it_is_is_invalid(judge: Judge, field: str, value: str) -> None:
    assert judge.reasons(request() | {field: value}) == ["unsafe_value"]
    assert judge.reasons(alternate() | {"alternate_for": value}) == ["unsafe_value"]


def test_the_encoding_and_the_delimiter_are_the_files(judge: Judge) -> None:
    judge.courses, judge.offers = (
        [course("É€101"), course("ł1"), course("1,1")],
        [("16", "É€101"), ("16", "ł1"), ("16", "1,1")],
    )
    assert judge.reasons(request(course="É€101"), request(course="ł1")) == [None, "unsafe_value"]
    judge.limits = Limits(course_characters=10, delimiter="\t")
    assert judge.reasons(request(course="ł1"), request(course="1,1")) == [None, None]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sent", "sent"),
        ("confirmed", "confirmed"),
        ("missing", "missing"),
        ("changed", "changed"),
        ("invalid", "sent"),
    ],
)
def test_what_became_of_a_request_stays_while_it_is_valid(judge: Judge, before: str, after: str) -> None:
    judge.sent = {1: before}
    assert judge.judged(request())[0]["status"] == after
    judge.students = [student(1, status="inactive")]
    assert judge.judged(request())[0]["status"] == "invalid"


def test_every_reason_ends_with_whose_move_it_is() -> None:
    assert all(
        text.split("Next move: ")[1] in {"district.", "vendor.", "engineer."}
        for text in rules.REASONS.values()
    )


def held(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What the SIS holds: student, school, course, kind, alternate_for."""
    return [("d", 2028, *row) for row in rows]


def reconciled(
    judge: Judge, rows: Sequence[Row], there: list[tuple[Any, ...]], refused: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    run = judge.connection.execute
    judge.sent = {row["row_number"]: "sent" for row in judge.typed(rows) if row["kind"] != "withdrawn"}
    found = judge.judged(*rows)
    run("DELETE FROM asked")
    insert(judge.connection, Table("main", "asked", "", COURSE_REQUESTS.columns), found)
    for name, values in (
        ("held", there),
        ("refused", [("d", 2028, "1001", "16", code, None, None) for code in refused]),
    ):
        run(
            f"CREATE OR REPLACE TABLE {name} (district_id VARCHAR, school_year INTEGER, student_id VARCHAR, school_id VARCHAR,"
            " course_code VARCHAR, kind VARCHAR, alternate_for VARCHAR)"
        )
        for value in values:
            run(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?)", list(value))
    rows_found = run(
        f"SELECT student_id, course_code, result, reason, differs FROM ({rules.reconciled()}) ORDER BY ALL"
    ).fetchall()
    return [tuple(row) for row in rows_found]


def test_what_the_sis_holds_confirms_what_it_lacks_is_missing(judge: Judge) -> None:
    there = held(("1001", "16", "E101", "primary", ""))
    assert reconciled(judge, [request(), request(2)], there) == [
        ("1001", "E101", "confirmed", None, None),
        ("1002", "E101", "missing", "not_in_sis", None),
    ]
    assert reconciled(judge, [request()], [], refused=["E101"]) == [
        ("1001", "E101", "missing", "refused_by_sis", None)
    ]


def test_what_the_sis_does_not_say_does_not_differ(judge: Judge) -> None:
    assert reconciled(judge, [request()], held(("1001", None, "E101", None, None)))[0][2] == "confirmed"


@pytest.mark.parametrize(
    ("row", "differs"),
    [
        (("1001", "27", "E101", "primary", ""), ["school_id"]),
        (("1001", "16", "E101", "alternate", "M201"), ["kind", "alternate_for"]),
    ],
)
def test_what_the_sis_holds_otherwise_is_changed(
    judge: Judge, row: tuple[str, ...], differs: list[str]
) -> None:
    assert reconciled(judge, [request()], held(row)) == [
        ("1001", "E101", "changed", "changed_in_sis", differs)
    ]
    both = held(row, ("1001", "16", "E101", "primary", ""))
    assert reconciled(judge, [request()], both)[0][2] == "confirmed"


def test_what_nobody_sent_is_extra_and_so_is_what_was_withdrawn(judge: Judge) -> None:
    rows = [request(), request(kind="withdrawn", requested_at=LATER)]
    there = held(("1001", "16", "E101", "primary", ""), ("1002", "16", "M201", "primary", ""))
    assert reconciled(judge, rows, there) == [
        ("1001", "E101", "extra", "withdrawn_still_there", None),
        ("1002", "M201", "extra", "only_in_sis", None),
    ]
    last_year = [("d", 2027, "1002", "16", "M201", None, None)]
    assert reconciled(judge, [], last_year) == []


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            lambda number, code, kind, day: request(
                number, code, kind=kind, alternate_for="E101", requested_at=f"2027-01-{day:02}"
            ),
            st.integers(1, 3),
            st.sampled_from(["E101", "M201", "NONE"]),
            st.sampled_from(rules.KINDS),
            st.integers(1, 3),
        ),
        max_size=8,
    )
)
def test_every_row_is_judged_once_and_a_key_stands_at_most_once(rows: list[dict[str, str]]) -> None:
    with duckdb.connect(":memory:", config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        found = Judge(opened).judged(*rows)
    assert [row["row_number"] for row in found] == list(range(1, len(rows) + 1))
    standing = [(row["student_id"], row["course_code"]) for row in found if row["status"] == "valid"]
    assert len(set(standing)) == len(standing)
    assert {row["student_id"] for row in found if row["status"] == "valid"} <= {"1001", "1002"}
    for row in found:
        assert (row["status"] == "valid") == (row["reason"] is None)
