"""Many districts' requests in one step: what was dropped comes in once, and a bad district stops no other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sis_assets.pipeline.requests import stages
from sis_assets.pipeline.requests.stages import look, receive, send
from sis_assets.pipeline.stage import Status
from sis_assets.sis.delimited import Readers
from sis_assets_tests.requests_line import FILE_SIS, Asking, as_csv, request


@pytest.fixture
def asking(tmp_path: Path, readers: Readers) -> Asking:
    (tmp_path / "drop").mkdir()
    made = Asking(
        tmp_path,
        readers,
        sis={**FILE_SIS, "dropzone": {"folder": str(tmp_path / "drop"), "quiet_seconds": 0}},
    )
    made.core()
    return made


def drop(asking: Asking, name: str, content: str, *, age: int = 0) -> Path:
    folder = asking.root / "home" / "requests" / asking.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content)
    os.utime(path, (1_800_000_000 - age, 1_800_000_000 - age))
    return path


def test_dropped_files_come_in_once_the_oldest_first_and_stay_where_they_are(asking: Asking) -> None:
    later = drop(asking, "a.csv", as_csv([request(1), request(2)]), age=10)
    earlier = drop(asking, "b.csv", as_csv([request(1, "M201")]), age=20)
    drop(asking, ".hidden.csv", "half a fi")
    drop(asking, "notes.txt", "nothing")
    (later.parent / "link.csv").symlink_to(earlier)
    stage, district = asking.stage, asking.district
    outcome = receive(stage, [district])["sample"]
    assert outcome.rows == {"requests/course_requests": 3}
    assert [note.partition(",")[0] for note in outcome.notes] == [
        "sample-000001: 1 rows",
        "sample-000002: 2 rows",
    ]
    assert receive(stage, [district])["sample"].notes == ()
    assert len(asking.rows("FROM requests.imports")) == 2
    assert later.exists()
    assert earlier.exists()


def test_a_district_without_requests_is_skipped_and_one_with_a_broken_file_fails_alone(
    asking: Asking,
) -> None:
    other = Asking(asking.root, asking.readers, sis=asking.sis, name="other", warehouse=asking.warehouse)
    assert receive(asking.stage, [other.district])["other"].status is Status.SKIPPED
    assert send(asking.stage, [other.district])["other"].status is Status.SKIPPED
    other.core()
    drop(other, "broken.csv", "no,header\n")
    drop(asking, "good.csv", as_csv([request(1)]))
    found = receive(asking.stage, [other.district, asking.district])
    assert (found["other"].status, found["sample"].status) == (Status.FAILED, None)
    assert found["other"].reason.endswith("Next move: district.")


def test_what_is_unexpected_fails_a_district_without_its_words(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("Canary-Given")

    monkeypatch.setattr(stages, "confirm", broken)
    outcome = look(asking.stage, [asking.district])["sample"]
    assert outcome.status is Status.FAILED
    assert "Canary" not in outcome.reason


def test_the_three_steps_in_a_row(asking: Asking) -> None:
    drop(asking, "requests.csv", as_csv([request(1), request(2)]))
    stage, districts = asking.stage, [asking.district]
    receive(stage, districts)
    assert send(stage, districts)["sample"].rows == {"requests/sis_imports": 2}
    assert (stage.home.outbox / "requests" / "sample" / "course_requests.csv").exists()
    waiting = look(stage, districts)["sample"]
    assert (waiting.status, len(waiting.notes)) == (None, 1)
    (asking.root / "drop" / "course_requests.held.csv").write_text(
        "STUDENT_ID,COURSE\n1001,E101\n1002,E101\n"
    )
    assert look(replace(stage), districts)["sample"].rows == {"requests/confirmations": 2}
    assert asking.judged() == [("confirmed", None)] * 2
