"""A home with districts that drop eSchoolPLUS files into local folders, for tests that drive whole syncs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

STUDENT_HEADER = "StudentID|FirstName|LastName|Gender|DateOfBirth|CurrentGrade|CurrentSchoolCode|PreRegSchoolCode|StateProvNumber|Email"


def student(number: int, *, grade: str = "9", school: str = "16", first: str | None = None) -> str:
    """One record of Student.txt, obviously made up."""
    return (
        f"{number}|{first or f'Given-{number:04}'}|Family-{number:04}|N|2011-03-09|{grade}|{school}|16|S{number:08}"
        f"|s{number}@example.org"
    )


@dataclass(frozen=True)
class TestHome:
    """A home in a temporary folder, and the folder into which its districts drop."""

    __test__ = False
    root: Path
    drops: Path

    def add(self, name: str, *, more: str = "", quiet_seconds: int = 0) -> None:
        """Write a district file whose drop is a folder of its own."""
        folder = self.root / "districts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(
            f"district: {name}\nname: District {name}\ntimezone: America/Los_Angeles\nstate: CA\n"
            f"sis:\n  kind: eschoolplus_files\n  dropzone: {{folder: {self.drops / name}, quiet_seconds: {quiet_seconds}}}\n{more}"
        )

    def drop(
        self,
        name: str,
        students: Iterable[str],
        *,
        schools: Sequence[str] = ("16|Sample High|1", "27|Sample Middle|2"),
    ) -> None:
        """Put School.txt and Student.txt into the district's folder, over what is there."""
        folder = self.drops / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "School.txt").write_text("\n".join(["SchoolCode|Name|SchoolType", *schools]) + "\n")
        (folder / "Student.txt").write_text("\n".join([STUDENT_HEADER, *students]) + "\n")
