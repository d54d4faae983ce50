"""What the checks on the canonical tables find, by district: counts, never a value."""

from __future__ import annotations

import pytest

from sis_assets.model.schema import STUDENT_COURSES, STUDENTS
from sis_assets.pipeline.quality import CHECKS, Finding, examine
from sis_assets.sis.delimited import Readers
from sis_assets_tests.builders import insert
from sis_assets_tests.builders import student as row
from sis_assets_tests.spine import Spine, school, schools_text, student, students_text

WHOLE = {"School.txt": schools_text(), "Student.txt": students_text(*(student(n) for n in range(100)))}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> dict[tuple[str, str], Finding]:
    spine = Spine(tmp_path_factory.mktemp("quality"), readers)
    for name in ("sound", "grown", "shrunk", "steady"):
        spine.drop(name, WHOLE)
    bad = [student(n, CurrentGrade="?") for n in (200, 201)]
    spine.drop("one-bad", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(120)), bad[0])})
    spine.drop("two-bad", {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(98)), *bad)})
    spine.drop(
        "dangling",
        {**WHOLE, "School.txt": schools_text(school("16"), school("16", Name="Other"), school("27"))},
    )
    spine.drop("doubled", WHOLE)
    spine.sync()
    for name, students in (("grown", 112), ("shrunk", 89), ("steady", 110)):
        spine.drop(name, {**WHOLE, "Student.txt": students_text(*(student(n) for n in range(students)))})
    spine.sync("grown", "shrunk", "steady")

    def damage(connection: object) -> None:
        insert(connection, STUDENTS, [row(0) | {"district_id": "doubled"}])  # type: ignore[arg-type]
        insert(connection, STUDENT_COURSES, [{"district_id": "doubled", "student_id": "gone"}])  # type: ignore[arg-type]

    spine.warehouse.write(damage)
    with spine.warehouse.read() as connection:
        found = examine(connection, list(spine.districts))
    return {(finding.district_id, finding.check): finding for finding in found}


@pytest.mark.parametrize(
    ("district", "failing"),
    [
        ("sound", set()),
        ("steady", set()),
        ("grown", {"record_counts"}),
        ("shrunk", {"record_counts"}),
        ("one-bad", set()),
        ("two-bad", {"rejected_share"}),
        ("dangling", {"references_resolve", "rejected_share"}),
        ("doubled", {"ids_unique", "references_resolve"}),
    ],
)
def test_each_check_speaks_of_its_district(
    findings: dict[tuple[str, str], Finding], district: str, failing: set[str]
) -> None:
    mine = {check: finding for (name, check), finding in findings.items() if name == district}
    assert set(mine) == set(CHECKS)
    assert {check for check, finding in mine.items() if not finding.passed} == failing


def test_figures_are_numbers_that_plot(findings: dict[tuple[str, str], Finding]) -> None:
    assert findings["grown", "record_counts"].figures == {"schools": 0.0, "students": 12.0}
    assert findings["shrunk", "record_counts"].figures["students"] == -11.0
    assert findings["two-bad", "rejected_share"].figures == {"rejected": 2, "percent": pytest.approx(1.961)}
    assert findings["dangling", "references_resolve"].figures["students.school_id"] == 100
    assert findings["doubled", "ids_unique"].figures["students"] == 1
    assert findings["doubled", "references_resolve"].figures["student_courses.student_id"] == 1
