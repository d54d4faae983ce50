"""Districts of several kinds of SIS in one set: what one of them leaves behind is in no other's way."""

from __future__ import annotations

from pathlib import Path

from sis_assets.sis.delimited import Readers
from sis_assets_tests.oneroster_packages import CLASS, COURSE, DISTRICT_ORG, HIGH, YEAR, package
from sis_assets_tests.oneroster_packages import student as user
from sis_assets_tests.spine import Spine, school, schools_text, student, students_text

ROSTER = package(
    {
        "orgs": [DISTRICT_ORG, HIGH],
        "users": [user(1), user(2)],
        "academic_sessions": [YEAR],
        "courses": [COURSE],
        "classes": [CLASS],
    }
)


def test_files_of_eschoolplus_and_of_oneroster_are_typed_in_one_set_night_after_night(
    tmp_path: Path, readers: Readers
) -> None:
    spine = Spine(tmp_path, readers)
    spine.district(
        "roster",
        sis={
            "kind": "oneroster_files",
            "dropzone": {"folder": str(spine.folder("roster")), "quiet_seconds": 0},
        },
    )
    spine.drop("roster", ROSTER)
    for count in (3, 4):
        spine.drop(
            "files",
            {
                "School.txt": schools_text(school()),
                "Student.txt": students_text(*(student(number) for number in range(count))),
            },
        )
        outcomes = spine.sync()
        assert outcomes["files"].status == "applied", outcomes["files"].reason
        assert outcomes["roster"].status in {"applied", "unchanged"}, outcomes["roster"].reason
        assert len(spine.accounts("files")) == count
        assert spine.accounts("roster")
