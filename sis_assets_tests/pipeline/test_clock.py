"""A business clock that was moved back: order comes from the ledger's numbers, never from times."""

from __future__ import annotations

from pathlib import Path

from sis_assets.sis.delimited import Readers
from sis_assets_tests.spine import Spine, schools_text, student, students_text


def test_a_clock_moved_back_between_nights_changes_neither_order_nor_result(
    tmp_path: Path, readers: Readers
) -> None:
    spine = Spine(tmp_path, readers)
    nights = {
        "2026-09-10T20:00:00-07:00": [student(1), student(2)],
        "2026-09-01T20:00:00-07:00": [student(1), student(2, LastName="Corrected"), student(3)],
        "2026-08-20T20:00:00-07:00": [student(1), student(3)],
    }
    for at, students in nights.items():
        spine.drop("eagle-ridge", {"School.txt": schools_text(), "Student.txt": students_text(*students)})
        assert str(spine.sync(at=at)["eagle-ridge"].status) == "applied"
        again = spine.sync(at="2026-01-01T00:00:00+00:00")["eagle-ridge"]
        assert str(again.status) == "unchanged"
    assert [row["extract_id"] for row in spine.extracts("eagle-ridge")] == [
        f"eagle-ridge-{n:06}" for n in range(1, 7)
    ]
    assert {row["student_id"]: row["is_active"] for row in spine.accounts("eagle-ridge")} == {
        "1001": True,
        "1002": False,
        "1003": True,
    }
    sequences = spine.column("SELECT sequence FROM delivery.outbox ORDER BY sequence")
    assert sequences == list(range(1, len(sequences) + 1))
    sets = spine.column("SELECT change_set_id FROM lifecycle.change_sets ORDER BY change_set_id")
    assert sets == ["eagle-ridge-000001.1", "eagle-ridge-000003.1", "eagle-ridge-000005.1"]
