"""A made-up fleet whose districts have the sizes of real ones: their files, their drops, and a night on which 1 % changed."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.warehouse import Home

SIZES: Final = Path(__file__).parent / "data" / "us_districts_2023_24.csv"
#: A school has about so many students, and a school's catalogue so many courses.
SCHOOL, COURSES = 500, 20
_ORDER = 20261015


def all_sizes() -> list[int]:
    """Return the number of students of every US district, the smallest first."""
    with SIZES.open(encoding="utf-8") as file:
        return sorted(int(row["enrollment"]) for row in csv.DictReader(file))


def sizes(many: int) -> list[int]:
    """Return the sizes of a fleet of `many` districts: the middle of each of `many` equal slices of all, in a mixed order."""
    everyone = all_sizes()
    found = [everyone[int((place + 0.5) * len(everyone) / many)] for place in range(many)]
    random.Random(_ORDER).shuffle(found)
    return found


@dataclass(frozen=True, slots=True)
class Fleet:
    """Districts by name with their number of students, and the folder into which they drop their files."""

    home: Home
    drops: Path
    students: Mapping[str, int]

    @property
    def names(self) -> list[str]:
        """The districts in the order of their names."""
        return sorted(self.students)

    def found(self) -> None:
        """Write every district's file, and the files that never change: its schools and their courses."""
        self.home.districts.mkdir(parents=True)
        for name, students in self.students.items():
            drop = self.drops / name
            drop.mkdir(parents=True)
            (self.home.districts / f"{name}.yaml").write_text(
                f"district: {name}\nname: Bench {name}\ntimezone: America/Chicago\nstate: AR\n"
                f"sis:\n  kind: eschoolplus_files\n  dropzone: {{folder: {drop}, quiet_seconds: 0}}\n"
            )
            schools = range(100, 100 + _schools(students))
            (drop / "School.txt").write_text(
                "SchoolCode|Name|SchoolType\n"
                + "".join(f"{school}|Sample School {school}|1\n" for school in schools)
            )
            (drop / "CourseMaster.txt").write_text(
                "SchoolCode|CourseCode|CourseName|CreditValue|GradeLower|GradeUpper\n"
                + "".join(
                    f"{school}|C{course:03}|Sample Course {course}|1.0||\n"
                    for school in schools
                    for course in range(COURSES)
                )
            )

    def drop(self, names: Sequence[str], night: int) -> None:
        """Let these districts send a night's students. From one night to the next, one in a hundred changes, at least one.

        In turn a student gets another name, another school, another address, or leaves while another one comes.
        """
        import duckdb

        with duckdb.connect() as connection:
            for name in names:
                self._students(connection, name, night)

    def _students(self, connection: DuckDBPyConnection, name: str, night: int) -> None:
        schools = _schools(self.students[name])
        turn = f"CASE WHEN {night} % 2 = 1 AND i % 100 = 0 THEN i // 100 % 4 ELSE -1 END"
        connection.execute(
            "COPY (SELECT CASE WHEN turn = 3 THEN 50000000 ELSE 10000000 END + i AS StudentID, 'Given-' || i AS FirstName,"
            " 'M' AS MiddleName, CASE turn WHEN 0 THEN 'Other-' ELSE 'Family-' END || i AS LastName, 'N' AS Gender,"
            " strftime(DATE '2008-01-01' + (i % 4000)::INT, '%Y-%m-%d') AS DateOfBirth, i % 12 + 1 AS CurrentGrade,"
            f" 100 + (i + CASE turn WHEN 1 THEN 1 ELSE 0 END) % {schools} AS CurrentSchoolCode, '' AS PreRegSchoolCode,"
            " CASE turn WHEN 3 THEN 'T' ELSE 'S' END || i AS StateProvNumber,"
            " CASE turn WHEN 2 THEN 't' ELSE 's' END || i || '@example.org' AS Email"
            f" FROM (SELECT range AS i, {turn} AS turn FROM range({self.students[name]})))"
            f" TO '{self.drops / name / 'Student.txt'}' (HEADER, DELIMITER '|', QUOTE '')"
        )


def _schools(students: int) -> int:
    return max(students // SCHOOL, 2)
