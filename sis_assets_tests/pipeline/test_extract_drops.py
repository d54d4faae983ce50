"""What a drop must be to be read at all. One sync of many districts: bad drops stop nobody but their own district."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest

from sis_assets.districts.section import sections_in
from sis_assets.districts.sources import Source
from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers, sorting
from sis_assets.sis.kinds import KINDS
from sis_assets_tests.spine import (
    Spine,
    course,
    courses_text,
    schools_text,
    student,
    student_course,
    student_courses_text,
    students_text,
    text,
)

SCHOOL = schools_text()
STUDENT = students_text(student(1), student(2, CurrentSchoolCode="27"))
WHOLE = {"School.txt": SCHOOL, "Student.txt": STUDENT}


def manifest(*, records: int | None = None, size: int | None = None, sha256: str | None = None) -> str:
    """A manifest of WHOLE; what is given stands for Student.txt in the place of the truth."""
    data = STUDENT.encode()
    entry = {
        "name": "Student.txt",
        "bytes": len(data) if size is None else size,
        "sha256": sha256 or hashlib.sha256(data).hexdigest(),
        "records": 2 if records is None else records,
    }
    return json.dumps({"files": [{"name": "School.txt", "bytes": len(SCHOOL.encode()), "records": 2}, entry]})


@dataclass
class Case:
    """A drop, how the district's file describes it, and what its sync says: a status and words of the reason."""

    files: dict[str, str | bytes] | None
    status: str = "applied"
    reason: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    mover: str = "district"


CASES = {
    "whole": Case(WHOLE),
    "as-csv": Case({"School.csv": SCHOOL, "Student.csv": STUDENT}),
    "mixed-ends": Case({"School.csv": SCHOOL, "Student.txt": STUDENT}),
    "no-folder": Case(None, "skipped", "does not exist yet"),
    "empty-folder": Case({}, "skipped", "holds none of the expected files"),
    "other-files": Case({"notes.doc": "x"}, "skipped", "holds none of the expected files"),
    "no-school": Case({"Student.txt": STUDENT}, "failed", r"missing: School\.txt or School\.csv"),
    "no-student": Case({"School.txt": SCHOOL}, "failed", r"missing: Student\.txt or Student\.csv"),
    "courses-only": Case(
        {"CourseMaster.txt": courses_text(course())}, "failed", r"missing: School\.txt .*Student\.txt"
    ),
    "twice": Case(
        {**WHOLE, "Student.csv": STUDENT},
        "failed",
        r"several files for the same records: Student\.csv, Student\.txt",
    ),
    "courses-twice": Case(
        {**WHOLE, "CourseMaster.txt": courses_text(course()), "CourseCodes.txt": courses_text(course())},
        "failed",
        r"CourseCodes\.txt, CourseMaster\.txt",
    ),
    "header-only": Case(
        {**WHOLE, "Student.txt": students_text()}, "failed", r"Reading Student\.txt: .*no records"
    ),
    "empty-file": Case({**WHOLE, "Student.txt": ""}, "failed", r"Reading Student\.txt"),
    "cut-off": Case(
        {**WHOLE, "Student.txt": STUDENT[:-1]}, "failed", r"Reading Student\.txt: the file is cut off"
    ),
    "cut-off-school": Case(
        {**WHOLE, "School.txt": SCHOOL[:-3]}, "failed", r"Reading School\.txt: the file is cut off"
    ),
    "no-column": Case(
        {**WHOLE, "Student.txt": text(("StudentID", "FirstName"), [student(1)])},
        "failed",
        r"Reading Student\.txt: .*LastName",
    ),
    "named-courses-missing": Case(
        WHOLE, "failed", r"missing: Kurse\.txt", settings={"files": {"names": {"courses": "Kurse.txt"}}}
    ),
    "named": Case(
        {"Schulen.txt": SCHOOL, "Student.txt": STUDENT},
        settings={"files": {"names": {"schools": "Schulen.txt"}}},
    ),
    "old-name": Case(
        WHOLE, "failed", r"missing: Schulen\.txt", settings={"files": {"names": {"schools": "Schulen.txt"}}}
    ),
    "names-clash": Case(
        WHOLE,
        "failed",
        r"sis\.files\.names: gives the same file to courses and students",
        settings={"files": {"names": {"courses": "Student.txt"}}},
        mover="engineer",
    ),
    "columns": Case(
        {**WHOLE, "Student.txt": STUDENT.replace("StudentID", "UPN ID", 1)},
        settings={"files": {"columns": {"students": {"StudentID": "UPN ID"}}}},
    ),
    "columns-elsewhere": Case(
        WHOLE, "failed", "UPN ID", settings={"files": {"columns": {"students": {"StudentID": "UPN ID"}}}}
    ),
    "columns-unknown": Case(
        WHOLE,
        "failed",
        r"sis\.files\.columns\.students\.StudentNo: is no column of this file; the nearest known one is StudentID",
        settings={"files": {"columns": {"students": {"StudentNo": "UPN ID"}}}},
        mover="engineer",
    ),
    "columns-clash": Case(
        WHOLE,
        "failed",
        r"sis\.files\.columns\.students: gives the same header to FirstName and LastName",
        settings={"files": {"columns": {"students": {"FirstName": "LastName"}}}},
        mover="engineer",
    ),
    "columns-swapped": Case(
        WHOLE,
        settings={"files": {"columns": {"students": {"FirstName": "LastName", "LastName": "FirstName"}}}},
    ),
    "semicolons": Case(
        {name: content.replace("|", ";") for name, content in WHOLE.items()},
        settings={"files": {"delimiter": ";"}},
    ),
    "wrong-delimiter": Case(
        {name: content.replace("|", ";") for name, content in WHOLE.items()},
        "failed",
        "files.delimiter",
        mover="engineer",
    ),
    "cp1252": Case({**WHOLE, "Student.txt": students_text(student(1, FirstName="Given-é")).encode("cp1252")}),
    "declared": Case(
        {**WHOLE, "Student.txt": students_text(student(1, FirstName="Given-ř")).encode("cp1250")},
        settings={"files": {"encoding": "cp1250"}},
    ),
    "manifest": Case({**WHOLE, "manifest.json": manifest()}),
    "manifest-records": Case(
        {**WHOLE, "manifest.json": manifest(records=3)},
        "failed",
        r"Reading Student\.txt: it has 2 records, and the manifest says 3",
    ),
    "manifest-bytes": Case({**WHOLE, "manifest.json": manifest(size=7)}, "failed", "another size"),
    "manifest-sha256": Case(
        {**WHOLE, "manifest.json": manifest(sha256="0" * 64)}, "failed", "another SHA-256"
    ),
    "marker": Case({**WHOLE, "_SUCCESS": ""}),
    "marker-alone": Case({"_SUCCESS": ""}, "failed", "marked as whole"),
    "several-sources": Case(
        {
            **WHOLE,
            "CourseMaster.csv": courses_text(course()),
            "StudentCourse.txt": student_courses_text(student_course(1)),
        }
    ),
}
DAMAGED = {
    "too_few_fields": "1003|Given-0003\n",
    "too_many_fields": "|".join((*student(2).values(), "more")) + "\n",
    "line_break": "|".join(student(2, GraduationYear="torn\nhere").values()) + "\n",
    "bad_quoting": "|".join(student(2, FirstName='"Given"-0002').values()) + "\n",
    "ambiguous_quoting": "|".join(student(2, GraduationYear='"').values()) + "\n" + "|".join(student(3, GraduationYear='"').values()) + "\n",
    "control_character": "|".join(student(2, FirstName="Given\x02-0002").values()) + "\n",
    "field_too_long": "|".join(student(2, FirstName="G" * 70_000).values()) + "\n",
    "record_too_long": "|".join(student(2, FirstName="G" * 1_100_000).values()) + "\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> Spine:
    return Spine(tmp_path_factory.mktemp("a [glob*]?"), readers)


@pytest.fixture(scope="module")
def outcomes(spine: Spine) -> dict[str, Outcome]:
    for name, case in CASES.items():
        spine.district(name, **case.settings)
        if case.files is not None:
            spine.drop(name, case.files)
    for name in ("link", "link-aside"):
        spine.drop(name, WHOLE)
        file = spine.folder(name) / ("Student.txt" if name == "link" else "elsewhere")
        file.unlink(missing_ok=True)
        file.symlink_to("/etc/hostname")
    spine.drop("unreadable", WHOLE)
    for code, lines in DAMAGED.items():
        spine.drop(
            code.replace("_", "-"),
            {
                **WHOLE,
                "Student.txt": students_text(student(1)) + lines + "|".join(student(9).values()) + "\n",
            },
        )
    return spine.sync()


@pytest.mark.parametrize("name", list(CASES))
def test_what_a_sync_says_of_a_drop(spine: Spine, outcomes: dict[str, Outcome], name: str) -> None:
    case, outcome = CASES[name], outcomes[name]
    assert outcome.status == case.status, outcome.reason
    assert re.search(case.reason, outcome.reason)
    assert outcome.reason.endswith(f" Next move: {case.mover}.")
    ledger = [(row["status"], row["reason"]) for row in spine.extracts(name)]
    assert (
        ledger
        == {"applied": [("complete", None)], "failed": [("failed", outcome.reason)], "skipped": []}[
            case.status
        ]
    )
    assert len(spine.accounts(name)) == (len(spine.students(name)) if case.status == "applied" else 0)
    assert bool(spine.accounts(name)) == (case.status == "applied")


def test_a_link_in_the_drop_is_a_failed_extract(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["link"].status == outcomes["link-aside"].status == "failed"
    assert "Student.txt is a link" in outcomes["link"].reason
    assert "elsewhere" not in outcomes["link-aside"].reason


def test_every_kind_that_a_district_file_may_have_has_a_reader() -> None:
    kinds = {get_args(source.model_fields["kind"].annotation)[0] for source in sections_in(Source)}
    assert set(KINDS) == kinds


@pytest.mark.parametrize("code", list(DAMAGED))
def test_what_the_reader_rejects_stands_beside_what_was_typed(
    spine: Spine, outcomes: dict[str, Outcome], code: str
) -> None:
    name = code.replace("_", "-")
    assert outcomes[name].status == "applied"
    found = [row for row in spine.rejected(name, "students").values() if row["stage"] == "read"]
    assert code in {row["reason_code"] for row in found}
    for row in found:
        assert (row["source_file"], row["entity"]) == ("Student.txt", "students")
        assert row["record_key"] in {None, "1002", "1003"}
        assert row["message"].endswith(" Next move: district.")
        assert "Given" not in row["message"]
    assert {row["student_id"] for row in spine.accounts(name)} == {"1001", "1009"}
    [ledger] = spine.extracts(name)
    assert ledger["rows_loaded"] + ledger["rows_rejected"] == sum(file["records"] for file in ledger["files"])


def test_the_damages_above_are_all_that_the_reader_rejects() -> None:
    assert set(DAMAGED) == set(sorting._MESSAGES)


def test_settings_of_the_files_are_obeyed(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    assert spine.students("columns-swapped")["1001"]["first_name"] == "Family-0001"
    assert spine.students("cp1252")["1001"]["first_name"] == "Given-é"
    assert spine.students("declared")["1001"]["first_name"] == "Given-ř"
    assert set(spine.students("columns")) == {"1001", "1002"}


def test_what_was_landed_and_read_leaves_nothing_behind(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    assert list(spine.home.scratch.iterdir()) == []
    assert {name for name, case in CASES.items() if case.files} <= {
        folder.name for folder in (spine.root / "drops").iterdir()
    }
    assert sorted(file.name for file in spine.folder("whole").iterdir()) == ["School.txt", "Student.txt"]


def test_the_ledger_names_every_file_with_its_size_hash_and_records(
    spine: Spine, outcomes: dict[str, Outcome]
) -> None:
    [row] = spine.extracts("several-sources")
    assert [(file["name"], file["entity"], file["records"]) for file in row["files"]] == [
        ("School.txt", "schools", 2),
        ("CourseMaster.csv", "courses", 1),
        ("Student.txt", "students", 2),
        ("StudentCourse.txt", "student_courses", 1),
    ]
    student_file = row["files"][2]
    assert student_file["bytes"] == len(STUDENT.encode())
    assert student_file["sha256"] == hashlib.sha256(STUDENT.encode()).hexdigest()
    [landed] = [
        path for path in spine.home.landing.glob("several-sources/*") if path.name == student_file["sha256"]
    ]
    assert landed.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def broken_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    from sis_assets.sis.eschoolplus import client  # noqa: PLC0415

    fetch = client.fetch

    def failing(district: Any, *args: Any) -> Any:
        if district.district == "unlucky":
            raise ValueError("Canary-Given Canary-Family")
        return fetch(district, *args)

    monkeypatch.setattr(client, "fetch", failing)


def test_an_unexpected_error_of_one_drop_stops_no_other_and_quotes_nothing(
    spine: Spine, outcomes: dict[str, Outcome], broken_fetch: None
) -> None:
    for name in ("unlucky", "lucky"):
        spine.drop(name, WHOLE)
    found = spine.sync("unlucky", "lucky")
    assert [found[name].status for name in ("unlucky", "lucky")] == ["failed", "applied"]
    assert "ValueError" in found["unlucky"].reason
    assert "Canary" not in found["unlucky"].reason


def test_problems_are_all_told_at_once() -> None:
    from sis_assets.sis.eschoolplus.client import problems  # noqa: PLC0415
    from sis_assets_tests.builders import district  # noqa: PLC0415

    files = {
        "columns": {"schools": {"Nmae": "N", "zzz": "Z"}, "students": {"Email": "Gender"}},
        "names": {"courses": "School.csv"},
    }
    sis = {"kind": "eschoolplus_files", "dropzone": {"folder": "/nowhere"}, "files": files}
    assert [str(problem) for problem in problems(district("a", sis=sis))] == [
        "sis.files.columns.schools.Nmae: is no column of this file; the nearest known one is Name",
        "sis.files.columns.schools.zzz: is no column of this file; known columns: SchoolCode, Name, SchoolType",
        "sis.files.columns.students: gives the same header to Gender and Email",
        "sis.files.names: gives the same file to schools and courses",
    ]
