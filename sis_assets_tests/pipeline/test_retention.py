"""What is too old goes, and what a later sync, a decision or an undo needs stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sis_assets.districts import Retention, load_retention
from sis_assets.model.faults import NeedsPerson
from sis_assets.pipeline.audit import heads_file, verify
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.decide import Decision, decide, find
from sis_assets.pipeline.deliver import deliver
from sis_assets.pipeline.extract import extract
from sis_assets.pipeline.retention import expire
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.sis.aeries.last import LastRead
from sis_assets.sis.delimited import Readers
from sis_assets.sis.reading import SourceFile
from sis_assets_tests.spine import Spine, schools_text, student, students_text

NIGHT = "2026-09-{:02}T20:00:00-07:00"
KEEP = Retention(landing_days=10, raw_days=10, outbox_days=10)


@pytest.fixture
def spine(tmp_path: Path, readers: Readers) -> Iterator[Spine]:
    line = Spine(tmp_path, readers)
    yield line
    line.warehouse.close()


def night(spine: Spine, day: int, students: int, *, name: str = "d", bad: int = 0) -> str:
    rows = [*(student(n) for n in range(students)), *(student(900 + n, CurrentGrade="?") for n in range(bad))]
    spine.drop(name, {"School.txt": schools_text(), "Student.txt": students_text(*rows)})
    outcome = spine.sync(name, at=NIGHT.format(day))[name]
    assert outcome.extract_id
    return outcome.extract_id


def on(day: int) -> Clock:
    return Clock(datetime.fromisoformat(NIGHT.format(day)))


def age(spine: Spine, name: str = "d", days: int = 400) -> None:
    """Make everything that has landed old."""
    for path in (spine.home.landing / name).rglob("*"):
        then = datetime.fromisoformat(NIGHT.format(1)).timestamp() - days * 86_400
        os.utime(path, (then, then))


def kept(spine: Spine, table: str = "raw.eschoolplus_students", name: str = "d") -> list[str]:
    return spine.column(f"SELECT DISTINCT extract_id FROM {table} WHERE district_id = ? ORDER BY 1", name)


def landed(spine: Spine, name: str = "d") -> set[str]:
    return {path.name for path in (spine.home.landing / name).iterdir()}


def shas(spine: Spine, extract_id: str) -> set[str]:
    return set(spine.column("SELECT unnest(files).sha256 FROM ops.extracts WHERE extract_id = ?", extract_id))


def test_old_extracts_go_with_their_rejected_rows_and_files_and_young_ones_stay(spine: Spine) -> None:
    extracts = [night(spine, day, 40 + day, bad=1) for day in (1, 2, 14, 15)]
    age(spine)
    young = spine.home.landing / "d" / ("f" * 64)
    young.write_text("x")
    dry = expire(spine.warehouse, on(20), KEEP, by="Operator", dry=True)
    assert (kept(spine), len(landed(spine))) == (extracts, 6)
    done = expire(spine.warehouse, on(20), KEEP, by="Operator")
    assert done == dry
    assert done.rows["raw.eschoolplus_students"] == 41 + 42 + 2
    assert done.rows["core.rejected_rows"] == 2
    assert kept(spine) == kept(spine, "core.rejected_rows") == extracts[2:]
    assert landed(spine) == shas(spine, extracts[3]) | {
        young.name,
        *(n for n in landed(spine) if "json" in n),
    }
    assert len(spine.extracts("d")) == 4, "the ledger stays"
    assert not expire(spine.warehouse, on(20), KEEP, by="Operator")
    [row] = spine.rows("FROM ops.audit")
    assert (row["district_id"], row["action"], row["actor"]) == ("*", "purge_expired", "Operator")


def test_the_newest_complete_extract_stays_however_old_and_whatever_failed_since(spine: Spine) -> None:
    night(spine, 1, 40)
    newest = night(spine, 2, 41)
    (spine.folder("d") / "Student.txt").write_text("StudentID|FirstName\n1|x")
    assert spine.sync("d", at=NIGHT.format(3))["d"].status == "failed"
    age(spine)
    expire(spine.warehouse, on(30), KEEP, by="Operator")
    assert kept(spine) == [newest]
    assert shas(spine, newest) <= landed(spine)
    assert len(spine.students("d")) == 41


def test_what_a_held_set_needs_stays_and_can_be_approved_and_undone(spine: Spine) -> None:
    night(spine, 1, 60)
    held = night(spine, 2, 20)
    age(spine)
    expire(spine.warehouse, on(30), KEEP, by="Operator")
    assert kept(spine) == [held]
    with spine.warehouse.read() as connection:
        [waiting] = find(connection, "status = 'held'")
    for decision in (Decision.APPROVE, Decision.UNDO):
        decide(
            spine.warehouse,
            on(30),
            decision,
            waiting.change_set_id,
            content_sha256=waiting.content_sha256,
            by="Operator",
        )
    assert sum(row["is_active"] for row in spine.accounts("d")) == 60
    assert not [found for found in verify(spine.warehouse, heads_file(spine.home)) if found.problems]


def test_what_a_held_set_was_made_of_stays_though_newer_files_were_taken_in(spine: Spine) -> None:
    """A crash, or a pause, may leave a newer extract that nothing was compared with."""
    night(spine, 1, 60)
    held = night(spine, 2, 20)
    spine.drop(
        "d", {"School.txt": schools_text(), "Student.txt": students_text(*(student(n) for n in range(61)))}
    )
    stage = Stage(spine.home, spine.warehouse, spine.readers, on(3))
    for step in (extract, canonicalise):
        step(stage, [spine.districts["d"]])
    age(spine)
    expire(spine.warehouse, on(30), KEEP, by="Operator")
    assert kept(spine) == [held, "d-000003"]
    assert shas(spine, held) <= landed(spine)


def test_what_a_pause_kept_back_stays_and_is_compared_afterwards(spine: Spine) -> None:
    typed = night(spine, 1, 40)
    pause = {"modes": [{"from": "2026-09-02", "to": "2026-09-28", "mode": "pause"}]}
    spine.district("d", calendar=pause)
    waiting = night(spine, 2, 45)
    (spine.folder("d") / "Student.txt").write_text("StudentID|FirstName\n1|x")
    spine.sync("d", at=NIGHT.format(3))
    age(spine)
    expire(spine.warehouse, on(28), KEEP, by="Operator")
    assert kept(spine) == [typed, waiting]
    assert shas(spine, waiting) <= landed(spine)


def test_the_base_of_the_next_read_of_changes_stays(spine: Spine) -> None:
    night(spine, 1, 40)
    folder = spine.home.landing / "d"
    base, stray = folder / ("a" * 64), folder / ("b" * 64)
    for path in (base, stray):
        path.write_text("rows")
    began = datetime.fromisoformat(NIGHT.format(1))
    LastRead("", began, began, (SourceFile("students", "students", 4, base.name, base),)).keep(folder)
    age(spine)
    expire(spine.warehouse, on(30), KEEP, by="Operator")
    assert base.name in landed(spine)
    assert ".last-read.json" in landed(spine)
    assert stray.name not in landed(spine)


def test_a_file_that_comes_again_is_as_young_as_its_last_coming(spine: Spine) -> None:
    night(spine, 1, 40)
    age(spine)
    spine.sync("d", at=NIGHT.format(2))
    stamps = [path.stat().st_mtime for path in (spine.home.landing / "d").iterdir() if len(path.name) == 64]
    assert min(stamps) > datetime.now().timestamp() - 3600  # noqa: DTZ005 - a difference


def test_delivered_payloads_go_the_order_stays_and_what_waits_stays(spine: Spine) -> None:
    night(spine, 1, 30)
    old = datetime.fromisoformat(NIGHT.format(1))
    for sequence in (1, 2, 3):
        moment = old if sequence < 3 else old + timedelta(days=25)
        spine.warehouse.write(
            lambda connection, moment=moment, sequence=sequence: connection.execute(
                "UPDATE delivery.outbox SET delivered_at = ? WHERE sequence = ?", [moment, sequence]
            )
        )
    done = expire(spine.warehouse, on(30), KEEP, by="Operator")
    assert done.rows["delivery.outbox"] == 2
    empty = spine.column("SELECT sequence FROM delivery.outbox WHERE payload IS NULL ORDER BY 1")
    assert empty == [1, 2]
    stage = Stage(spine.home, spine.warehouse, spine.readers)
    assert deliver(stage, [spine.districts["d"]])["d"].status is None
    night(spine, 30, 31)
    assert spine.column("SELECT max(sequence) FROM delivery.outbox") == [31]


def test_without_a_file_the_defaults_hold_and_a_wrong_one_removes_nothing(tmp_path: Path) -> None:
    assert load_retention(tmp_path) == Retention()
    path = tmp_path / "retention.yaml"
    path.write_text("raw_days: 400\n")
    assert (load_retention(tmp_path).raw_days, load_retention(tmp_path).landing_days) == (400, 30)
    path.write_text("")
    assert load_retention(tmp_path) == Retention()
    for text, told in {
        "raw_day: 5\n": "raw_day .*is no known key; the nearest known one is raw_days",
        "raw_days: 0\n": "raw_days .*must be at least 1",
        "raw_days: soon\n": "must be a whole number",
        "- raw_days\n": "must be a mapping",
        "raw_days: [\n": "line 2",
    }.items():
        path.write_text(text)
        with pytest.raises(NeedsPerson, match=told):
            load_retention(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(NeedsPerson, match="cannot be read"):
        load_retention(tmp_path)
