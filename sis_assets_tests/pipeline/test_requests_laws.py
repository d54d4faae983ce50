"""The laws of requests: what is sent is what was asked, once, and a crash hides none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.model.requests import FIELDS
from sis_assets.pipeline.requests import export as exporting
from sis_assets.pipeline.requests.export import export
from sis_assets.sis.delimited import Readers
from sis_assets.transport import outgoing
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.builders import Crash, CrashingConnection, CrashingWarehouse, student
from sis_assets_tests.requests_line import AERIES_SIS, FILE_SIS, POWERSCHOOL_SIS, Asking, course, request

CODES = ("E101", "M201", "S301", "0410")
STUDENTS = (1, 2, 3)
#: What is asked for, as (student, course, kind, alternate for, priority).
Wish = tuple[str, str, str, str, str]


@st.composite
def wishes(draw: st.DrawFn, *, alternates: bool = True) -> list[Wish]:
    """Any set of valid requests: each student's courses, and what stands in for one of them."""
    found: list[Wish] = []
    for number in draw(st.sets(st.sampled_from(STUDENTS), min_size=1)):
        codes = draw(st.permutations(CODES))
        primaries = draw(st.integers(1, len(codes)))
        found += [(f"{1000 + number}", code, "primary", "", "") for code in codes[:primaries]]
        if alternates:
            for place, code in enumerate(codes[primaries:], 1):
                main = draw(st.sampled_from(codes[:primaries]))
                found.append((f"{1000 + number}", code, "alternate", main, f"{place}"))
    return draw(st.permutations(found))


def rows(asked: Sequence[Wish]) -> list[dict[str, str]]:
    keys = ("student_id", "course_code", "kind", "alternate_for", "priority")
    return [request() | dict(zip(keys, wish, strict=True)) for wish in asked]


def eschoolplus(asking: Asking) -> set[Wish]:
    """Read the file back by the contract's own words: eSchoolPLUS §1.5."""
    raw = (asking.out / "course_requests.csv").read_bytes().decode("cp1252")
    assert raw == (asking.out / "course_requests.verify.csv").read_bytes().decode("cp1252")
    header, *lines = [line.split(",") for line in raw.split("\n")[:-1]]
    found = set()
    for line in lines:
        row = dict(zip(header, line, strict=True))
        assert (row["SCHOOL_YEAR"], row["BUILDING"], row["SCHD_INTERVAL"]) == ("2028", "16", "1")
        assert {row[flag] for flag in ("IS_LOCKED", "TEACHER_OVERLOAD", "RETAKE")} == {"N"}
        kind = {"R": "primary", "A": "alternate"}[row["REQUEST_TYPE"]]
        found.add((row["STUDENT_ID"], row["COURSE"], kind, row["ALT_TO_REQUEST"], row["ALTERNATE_SEQUENCE"]))
    assert len(found) == len(lines)
    return found


def powerschool(asking: Asking) -> set[Wish]:
    """PowerSchool §1.11: an alternate is marked, and for which course it is has no place."""
    header, *lines = [line.split("\t") for line in asking.lines("course_requests.txt", "utf-8")]
    found = set()
    for line in lines:
        row = dict(zip(header, line, strict=True))
        assert (row["SchoolID"], row["YearID"], row["AlternateGroupCode"]) == ("16", "37", "")
        kind = {"0": "primary", "1": "alternate"}[row["GlobalAlternateCourse"]]
        found.add((row["Student_Number"], row["CourseNumber"], kind, "", row["AlternatePriority"]))
    assert len(found) == len(lines)
    return found


def without_main(asked: Sequence[Wish]) -> set[Wish]:
    return {(number, code, kind, "", priority) for number, code, kind, _, priority in asked}


NUMBERS = {"1001": "7", "1002": "8", "1003": "O'9"}


def aeries(asking: Asking) -> set[Wish]:
    """Aeries §2.4: school, the student's number there, course."""
    owners = {number: owner for owner, number in NUMBERS.items()}
    header, *lines = [line.split(",") for line in asking.lines(encoding="utf-8")]
    assert header == ["SC", "SN", "CN"]
    assert {school for school, _, _ in lines} <= {"16"}
    return {(owners[number], code, "primary", "", "") for _, number, code in lines}


def aeries_script(asking: Asking) -> set[Wish]:
    """Run the dry run, which changes nothing, then the script twice, on a table SSS that has a row of its own."""
    owners = {number: owner for owner, number in NUMBERS.items()}
    with sqlite3.connect(":memory:", isolation_level=None) as sss:
        sss.execute("CREATE TABLE SSS (SC, SN, SQ, CN, PRIMARY KEY (SC, SN, SQ))")
        sss.execute("INSERT INTO SSS VALUES ('16', '7', 3, 'OWN')")
        for name in ("dry-run.sql", "sql", "sql"):
            first, _, script = (asking.out / f"course_requests.{name}").read_text().partition("\n")
            assert first == "SET XACT_ABORT ON;"
            sss.executescript(script)
            found = sss.execute("SELECT SN, CN FROM SSS WHERE CN <> 'OWN'").fetchall()
            assert name != "dry-run.sql" or not found
        sequences = [number for (number,) in sss.execute("SELECT SQ FROM SSS WHERE SN = '7' ORDER BY SQ")]
        assert sequences == list(range(3, 3 + len(sequences)))
    assert len(set(found)) == len(found)
    return {(owners[number], code, "primary", "", "") for number, code in found}


def number_students(asking: Asking) -> None:
    """Give each student a number at school 16, as the SIS's own records do."""

    def work(connection: Any) -> None:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS raw.aeries_students"
            " (district_id VARCHAR, extract_id VARCHAR, SchoolCode VARCHAR, StudentID VARCHAR, StudentNumber VARCHAR)"
        )
        for owner, number in NUMBERS.items():
            connection.execute(
                "INSERT INTO raw.aeries_students BY NAME SELECT 'sample' AS district_id, 'sample-000001' AS extract_id,"
                " '16' AS SchoolCode, ? AS StudentID, ? AS StudentNumber",
                [owner, number],
            )

    assert asking.warehouse is not None
    asking.warehouse.write(work)


def made(root: Path, readers: Readers, sis: dict[str, Any], **requests: Any) -> Asking:
    asking = Asking(root, readers, sis={**sis, "requests": requests})
    asking.core([student(number) for number in STUDENTS], [course(code) for code in CODES])
    if sis is AERIES_SIS:
        number_students(asking)
    return asking


FORMATS: dict[
    str,
    tuple[dict[str, Any], str, Callable[[Asking], set[Wish]], bool, Callable[[Sequence[Wish]], set[Wish]]],
] = {
    "eschoolplus": (FILE_SIS, "file", eschoolplus, True, set),
    "powerschool": (POWERSCHOOL_SIS, "file", powerschool, True, without_main),
    "aeries": (AERIES_SIS, "file", aeries, False, set),
    "aeries script": (AERIES_SIS, "sql", aeries_script, False, set),
}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_goes_out_is_what_came_in_and_a_second_time_the_same(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, readers: Readers
) -> None:
    sis, mode, read_back, alternates, expected = FORMATS[name]
    asked = data.draw(wishes(alternates=alternates))
    asking = made(tmp_path_factory.mktemp("asking"), readers, sis, mode=mode)
    taken = asking.take_in(*rows(asked))
    assert taken.counts["valid"] == taken.total == len(asked)
    asking.export()
    assert read_back(asking) == expected(asked)
    files = {path.name: path.read_bytes() for path in asking.out.iterdir()}
    kept = asking.rows()
    asking.at = "2027-02-05T20:00:00-08:00"
    asking.take_in(*rows(asked))
    asking.export()
    assert {path.name: path.read_bytes() for path in asking.out.iterdir()} == files
    assert asking.rows() == kept
    assert {row["status"] for row in kept} == {"sent"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=wishes(), gone=st.sets(st.sampled_from(STUDENTS)))
def test_nothing_is_sent_for_a_student_who_is_not_active(
    asked: list[Wish], gone: set[int], tmp_path_factory: pytest.TempPathFactory, readers: Readers
) -> None:
    asking = made(tmp_path_factory.mktemp("asking"), readers, FILE_SIS)
    asking.take_in(*rows(asked))
    asking.core(
        [student(number, status="inactive" if number in gone else "active") for number in STUDENTS],
        [course(code) for code in CODES],
    )
    asking.export()
    left = {f"{1000 + number}" for number in gone}
    assert eschoolplus(asking) == {wish for wish in asked if wish[0] not in left}
    assert len(asking.report()) == len(asked) + 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=wishes())
def test_ndjson_says_the_same_as_csv(
    asked: list[Wish], tmp_path_factory: pytest.TempPathFactory, readers: Readers
) -> None:
    by_csv, by_json = (made(tmp_path_factory.mktemp("asking"), readers, FILE_SIS) for _ in range(2))
    by_csv.take_in(*rows(asked))
    by_json.take_in_json(*({**row, "school_year": int(row["school_year"])} for row in rows(asked)))
    without = {"import_id"}
    assert [row | dict.fromkeys(without) for row in by_json.rows()] == [
        row | dict.fromkeys(without) for row in by_csv.rows()
    ]


def listed(asking: Asking) -> set[str]:
    """Courses whose request is still listed as one that is to be sent."""
    return {row["course_code"] for row in asking.rows() if row["status"] == "valid"}


def sent(asking: Asking) -> set[str]:
    """Courses in the file that the SIS takes."""
    path = asking.out / "course_requests.csv"
    return {line.split(",")[4] for line in path.read_text().splitlines()[1:]} if path.exists() else set()


def assert_no_request_is_both_unsent_and_unlisted(asking: Asking, codes: Sequence[str]) -> None:
    assert set(codes) <= listed(asking) | sent(asking)
    claimed = {row["course_code"] for row in asking.rows() if row["status"] == "sent"}
    assert claimed <= sent(asking)


@dataclass
class Mortal:
    """A warehouse whose writers die at the n-th statement of them all; what they committed before stays."""

    inner: Warehouse
    left: int

    @property
    def home(self) -> Home:
        return self.inner.home

    def read(self) -> AbstractContextManager[Any]:
        return self.inner.read()

    def write(self, work: Callable[[Any], Any]) -> Any:
        def counted(connection: Any) -> Any:
            mortal = CrashingConnection(connection, self.left)
            result = work(mortal)
            self.left -= mortal.count
            return result

        return self.inner.write(counted)


def test_a_crash_at_any_statement_of_an_export_hides_no_request(tmp_path: Path, readers: Readers) -> None:
    codes = ("E101", "M201")
    for at in range(100):
        root = tmp_path / str(at)
        root.mkdir()
        asking = made(root, readers, FILE_SIS)
        asking.take_in(*(request(course=code) for code in codes))
        assert asking.warehouse is not None
        mortal = Mortal(asking.warehouse, at)
        stage = replace(asking.stage, warehouse=cast("Warehouse", mortal))
        try:
            export(stage, asking.district, asking.out)
        except Crash:
            assert_no_request_is_both_unsent_and_unlisted(asking, codes)
            assert listed(asking) == set(codes)
        else:
            assert at > 10, "it must have died at every statement before"
            assert listed(asking) == set()
            return
    raise AssertionError("the export never came to its end")


def test_a_crash_at_any_file_of_an_export_hides_no_request(
    tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, whole = ("E101", "M201"), outgoing.lay
    for at in range(6):
        root = tmp_path / str(at)
        root.mkdir()
        asking = made(root, readers, FILE_SIS, deliver={"folder": str(root / "theirs")})
        asking.take_in(*(request(course=code) for code in codes))
        count = 0

        def crashing(folder: Path, name: str, chunks: Any, at: int = at, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count > at:
                raise Crash
            return whole(folder, name, chunks, **options)

        monkeypatch.setattr(exporting, "lay", crashing)
        with pytest.raises(Crash):
            asking.export()
        assert listed(asking) == set(codes), "what was not wholly delivered is still to be sent"
        monkeypatch.setattr(exporting, "lay", whole)
        asking.export()
        assert_no_request_is_both_unsent_and_unlisted(asking, codes)
        assert listed(asking) == set()


def test_a_crash_at_any_statement_of_an_import_leaves_all_of_it_or_nothing(
    tmp_path: Path, readers: Readers
) -> None:
    from sis_assets.pipeline.requests.intake import take_in  # noqa: PLC0415 - only here

    asking = made(tmp_path, readers, FILE_SIS)
    asking.take_in(request(course="M201"))
    before = asking.rows()
    file = asking.write(",".join(FIELDS) + "\n" + ",".join(request().values()) + "\n")
    for at in (0, 3, 6, 9, 12, -1):
        stage = asking.stage
        stage = replace(stage, warehouse=cast("Warehouse", CrashingWarehouse(stage.warehouse, at)))
        with pytest.raises(Crash):
            take_in(stage, asking.district, file)
        assert asking.rows() == before
    assert take_in(asking.stage, asking.district, file).counts["valid"] == 1


def test_the_manifest_names_what_it_delivers_and_comes_last(tmp_path: Path, readers: Readers) -> None:
    theirs = tmp_path / "theirs"
    asking = made(tmp_path, readers, FILE_SIS, deliver={"folder": str(theirs)})
    asking.take_in(request())
    asking.export()
    assert {path.name for path in theirs.iterdir()} == {
        "course_requests.verify.csv",
        "course_requests.csv",
        "manifest.json",
    }
    told = json.loads((theirs / "manifest.json").read_text())["files"]
    assert [(file["name"], file["records"]) for file in told] == [
        ("course_requests.verify.csv", 1),
        ("course_requests.csv", 1),
    ]
    assert (theirs / "manifest.json").stat().st_mtime_ns >= (
        theirs / "course_requests.csv"
    ).stat().st_mtime_ns
    ledger = asking.rows("FROM requests.sis_imports ORDER BY name")
    assert [(row["export_id"], row["name"], row["records"]) for row in ledger] == [
        ("sample-000001", "course_requests.csv", 1),
        ("sample-000001", "course_requests.verify.csv", 1),
    ]
    assert ledger[0]["made_at"] == datetime(2027, 2, 2, 4, tzinfo=UTC)
