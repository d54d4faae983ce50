"""Whole syncs of eSchoolPLUS files in one process: real files, real readers, the stages, and tables in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sis_assets.districts import District
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.deliver import deliver
from sis_assets.pipeline.extract import extract
from sis_assets.pipeline.propose import propose
from sis_assets.pipeline.stage import Clock, Outcome, Stage
from sis_assets.pipeline.sync import goes_on, merge
from sis_assets.sis.delimited import Readers
from sis_assets.warehouse import Home, Warehouse
from sis_assets_tests.builders import AUTUMN, Row, district, fetch, in_memory

SCHOOL_COLUMNS = ("SchoolCode", "Name", "SchoolType")
COURSE_COLUMNS = ("SchoolCode", "CourseCode", "CourseName", "CreditValue", "GradeLowerInt", "GradeUpperInt")
STUDENT_COLUMNS = (
    "StudentID",
    "FirstName",
    "LastName",
    "Gender",
    "DateOfBirth",
    "CurrentGrade",
    "CurrentSchoolCode",
    "PreRegSchoolCode",
    "StateProvNumber",
    "Email",
    "GraduationYear",
)
STUDENT_COURSE_COLUMNS = (
    "StudentID",
    "CourseCode",
    "CourseName",
    "GradeLevel",
    "GradeMark",
    "CreditValue",
    "DateCourseComplete",
    "CoursePart",
)

Record = Mapping[str, str]


def school(code: str = "16", **fields: str) -> Record:
    """One record of School.txt."""
    return {"SchoolCode": code, "Name": f"School {code}", "SchoolType": "1"} | fields


def student(number: int, **fields: str) -> Record:
    """One record of Student.txt; the number makes the person, who is obviously made up."""
    return {
        "StudentID": f"{1000 + number}",
        "FirstName": f"Given-{number:04}",
        "LastName": f"Family-{number:04}",
        "Gender": "N",
        "DateOfBirth": "2011-03-09",
        "CurrentGrade": "9",
        "CurrentSchoolCode": "16",
        "PreRegSchoolCode": "",
        "StateProvNumber": f"S{number:04}",
        "Email": f"s{number:04}@example.org",
        "GraduationYear": "",
    } | fields


def course(code: str = "E101", **fields: str) -> Record:
    """One record of CourseMaster.txt."""
    return {
        "SchoolCode": "16",
        "CourseCode": code,
        "CourseName": f"Course {code}",
        "CreditValue": "1.0",
        "GradeLowerInt": "",
        "GradeUpperInt": "",
    } | fields


def student_course(number: int, code: str = "E101", **fields: str) -> Record:
    """One record of StudentCourses.txt, in progress."""
    return {
        "StudentID": f"{1000 + number}",
        "CourseCode": code,
        "CourseName": f"Course {code}",
        "GradeLevel": "9",
        "GradeMark": "0",
        "CreditValue": "0.5",
        "DateCourseComplete": "",
        "CoursePart": "",
    } | fields


def text(columns: Sequence[str], records: Iterable[Record], delimiter: str = "|") -> str:
    """A file with these columns; a record's other fields are left out."""
    lines = [columns, *([record[column] for column in columns] for record in records)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def schools_text(*records: Record) -> str:
    return text(SCHOOL_COLUMNS, records or (school(), school("27", SchoolType="2")))


def students_text(*records: Record) -> str:
    return text(STUDENT_COLUMNS, records)


def courses_text(*records: Record) -> str:
    return text(COURSE_COLUMNS, records)


def student_courses_text(*records: Record) -> str:
    return text(STUDENT_COURSE_COLUMNS, records)


class Spine:
    """Districts that drop files into local folders, and the line that takes them in."""

    def __init__(self, root: Path, readers: Readers, warehouse: Warehouse | None = None) -> None:
        self.root = root
        self.home = Home.at(root / "home")
        self.readers = readers
        self.warehouse = warehouse or in_memory(self.home.root)
        self.districts: dict[str, District] = {}

    def district(self, name: str, *, files: Mapping[str, Any] | None = None, **settings: Any) -> None:
        """Write (again) a district's file: `files` is its section `sis.files`."""
        sis = {
            "kind": "eschoolplus_files",
            "dropzone": {"folder": str(self.folder(name)), "quiet_seconds": 0},
            "files": files or {},
        }
        self.districts[name] = district(name, **{"sis": sis} | settings)

    def folder(self, name: str) -> Path:
        """The folder into which the district drops."""
        return self.root / "drops" / name

    def drop(self, name: str, files: Mapping[str, str | bytes]) -> None:
        """Put files into the district's folder, in the place of whatever was there."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for file, content in files.items():
            (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
        if name not in self.districts:
            self.district(name)

    def sync(self, *names: str, at: str = AUTUMN) -> dict[str, Outcome]:
        """Sync these districts, or all of them, as one set."""
        chosen = [self.districts[name] for name in names or self.districts]
        stage = Stage(self.home, self.warehouse, self.readers, Clock(datetime.fromisoformat(at)))
        outcomes: dict[str, Outcome] = {}
        for step in (extract, canonicalise, propose, deliver):
            going = [found for found in chosen if goes_on(outcomes.get(found.district))]
            if going:
                for name, outcome in step(stage, going).items():
                    outcomes[name] = merge(outcomes[name], outcome) if name in outcomes else outcome
        return outcomes

    def rows(self, query: str, *values: Any) -> list[Row]:
        """Rows of a query as dictionaries."""
        with self.warehouse.read() as connection:
            return fetch(connection, query, *values)

    def column(self, query: str, *values: Any) -> list[Any]:
        """The first column of a query."""
        return [next(iter(row.values())) for row in self.rows(query, *values)]

    def students(self, name: str) -> dict[str, Row]:
        """core.students of a district by id."""
        return {row["student_id"]: row for row in self.rows("FROM core.students WHERE district_id = ?", name)}

    def rejected(self, name: str, entity: str = "%") -> dict[tuple[str, int], Row]:
        """The newest extract's rejected rows of a district, by entity and row number."""
        found = self.rows(
            "FROM core.rejected_rows WHERE district_id = ? AND entity LIKE ? AND extract_id = (SELECT max(extract_id)"
            " FROM ops.extracts WHERE district_id = ? AND status = 'complete')",
            name,
            entity,
            name,
        )
        by_row = {(row["entity"], row["row_number"]): row for row in found}
        assert len(by_row) == len(found), "a record is rejected once"
        return by_row

    def extracts(self, name: str) -> list[Row]:
        """The ledger of a district's reads."""
        return self.rows("FROM ops.extracts WHERE district_id = ? ORDER BY extract_id", name)

    def accounts(self, name: str) -> list[Row]:
        return self.rows("FROM lifecycle.accounts WHERE district_id = ? ORDER BY student_id", name)
