from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.transport.drop import MOST_ENTRIES, Drop, Touched
from sis_assets.transport.dropzone import Expected, Landed, LocalFolder, NotYet, land
from sis_assets_tests.drops import FILES, HOUR, Meddled, aged, put, put_manifest

MEGABYTE = 1024 * 1024


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def landed(drop: Path | Drop, landing: Path, **options: object) -> tuple[Landed, ...]:
    found = look(drop, landing, **options)
    assert not isinstance(found, NotYet), found.reason
    return found


def not_yet(drop: Path | Drop, landing: Path, **options: object) -> str:
    found = look(drop, landing, **options)
    assert isinstance(found, NotYet), found
    assert found.reason.endswith("Next move: district.")
    assert names(landing) <= {"observed.json"}
    return found.reason


def look(drop: Path | Drop, landing: Path, **options: object) -> tuple[Landed, ...] | NotYet:
    place = LocalFolder(drop) if isinstance(drop, Path) else drop
    expected = options.pop("expected", FILES)
    options.setdefault("quiet_seconds", 300)
    return land(place, expected, landing=landing, **options)  # type: ignore[arg-type]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Clock:
    def __init__(self, start: float | None = None) -> None:
        self.now = time.time() if start is None else start

    def __call__(self) -> float:
        return self.now


# --- what lands ---


def test_a_quiet_drop_lands_under_its_content(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"id|name\n1|Given-0001\n")
    put(drop, "School.csv", b"")
    put(drop, "unrelated.pdf", b"%PDF")
    school, student = landed(drop, landing)
    assert (school.entity, school.name, school.bytes) == ("schools", "School.csv", 0)
    assert (student.entity, student.name, student.bytes) == ("students", "Student.txt", 21)
    assert student.sha256 == hashlib.sha256(b"id|name\n1|Given-0001\n").hexdigest()
    assert student.path == landing / student.sha256
    assert student.path.read_bytes() == b"id|name\n1|Given-0001\n"
    assert student.declared_records is None
    assert names(landing) == {school.sha256, student.sha256}
    assert names(drop) == {"Student.txt", "School.csv", "unrelated.pdf"}


def test_landed_files_are_for_our_user_alone(drop: Path, landing: Path) -> None:
    landing.mkdir(mode=0o755)
    put(drop, "Student.txt", age=HOUR)
    put(drop, "School.txt", age=-HOUR)
    clock = Clock()
    not_yet(drop, landing, now=clock)
    assert (landing / "observed.json").stat().st_mode & 0o777 == 0o600
    clock.now += 301
    (student, _) = landed(drop, landing, now=clock)
    assert landing.stat().st_mode & 0o777 == 0o700
    assert student.path.stat().st_mode & 0o777 == 0o600


def test_the_same_content_again_keeps_the_file(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"same")
    (first,) = landed(drop, landing)
    inode = first.path.stat().st_ino
    put(drop, "Student.txt", b"same", age=2 * HOUR)
    (again,) = landed(drop, landing)
    assert again == first
    assert again.path.stat().st_ino == inode


def test_a_damaged_file_of_the_same_name_is_replaced(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"whole")
    (first,) = landed(drop, landing)
    first.path.write_bytes(b"who")
    landed(drop, landing)
    assert first.path.read_bytes() == b"whole"


def test_a_re_upload_of_the_same_size_in_the_same_second_lands_as_new(drop: Path, landing: Path) -> None:
    stamp = put(drop, "Student.txt", b"first").stat().st_mtime_ns
    (first,) = landed(drop, landing)
    os.utime(put(drop, "Student.txt", b"other"), ns=(stamp, stamp))
    (again,) = landed(drop, landing)
    assert (first.path.read_bytes(), again.path.read_bytes()) == (b"first", b"other")


def test_a_large_file_lands_whole(drop: Path, landing: Path) -> None:
    content = os.urandom(3 * MEGABYTE + 17)
    put(drop, "Student.txt", content)
    (student,) = landed(drop, landing)
    assert student.path.read_bytes() == content


# --- not there, not quiet ---


def test_a_drop_without_a_folder_is_not_there(tmp_path: Path, landing: Path) -> None:
    assert "does not exist yet" in not_yet(tmp_path / "nowhere", landing)


@pytest.mark.parametrize("other", [None, "unrelated.pdf", "student.txt.filepart"])
def test_a_drop_without_an_expected_file_is_not_there(drop: Path, landing: Path, other: str | None) -> None:
    if other:
        put(drop, other)
    (drop / "archive").mkdir()
    assert "none of the expected files" in not_yet(drop, landing, quiet_seconds=0)


def test_a_drop_that_changed_lately_is_not_quiet(drop: Path, landing: Path) -> None:
    put(drop, "School.txt")
    put(drop, "Student.txt", age=299)
    assert "not quiet yet" in not_yet(drop, landing)


def test_any_file_that_changes_keeps_the_drop_from_being_quiet(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt")
    put(drop, "School.txt.filepart", age=10)
    not_yet(drop, landing)


def test_what_happens_below_a_folder_does_not_concern_the_drop(drop: Path, landing: Path) -> None:
    clock = Clock()
    (drop / "old").mkdir()
    put(drop, "Student.txt", age=-HOUR)
    not_yet(drop, landing, now=clock)
    clock.now += 301
    (drop / "old" / "file").touch()
    landed(drop, landing, now=clock)
    aged(drop / "Student.txt", HOUR)
    landed(drop, landing)


def test_quiet_seconds_zero_reads_at_first_look(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", age=0)
    assert len(landed(drop, landing, quiet_seconds=0)) == 1


def test_times_in_the_future_are_waited_out(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", age=-100 * HOUR)
    clock = Clock()
    not_yet(drop, landing, now=clock)
    clock.now += 299
    not_yet(drop, landing, now=clock)
    clock.now += 1
    landed(drop, landing, now=clock)


def test_a_file_that_grows_between_looks_starts_the_wait_anew(drop: Path, landing: Path) -> None:
    clock = Clock()
    for growth in range(5):
        put(drop, "Student.txt", b"x" * growth, age=-100 * HOUR)
        not_yet(drop, landing, now=clock)
        clock.now += 299
    clock.now += 2
    landed(drop, landing, now=clock)


def test_a_clock_set_back_neither_reads_a_growing_drop_nor_waits_for_ever(drop: Path, landing: Path) -> None:
    clock = Clock()
    put(drop, "Student.txt", age=10)
    not_yet(drop, landing, now=clock)
    clock.now -= 10 * HOUR  # the file now seems to come from the future
    not_yet(drop, landing, now=clock)
    put(drop, "Student.txt", b"it grew", age=10)
    clock.now += 299
    not_yet(drop, landing, now=clock)
    clock.now += 301
    landed(drop, landing, now=clock)


def test_what_was_observed_is_forgotten_once_read(drop: Path, landing: Path) -> None:
    clock = Clock()
    put(drop, "Student.txt", age=-HOUR)
    not_yet(drop, landing, now=clock)
    assert json.loads((landing / "observed.json").read_bytes())
    clock.now += 301
    landed(drop, landing, now=clock)
    assert json.loads((landing / "observed.json").read_bytes()) == {}


@pytest.mark.parametrize("damage", [b"", b"[]", b"null", b'{"x": 1}', b'{"x": {"since": "soon"}}', b"\xff{"])
def test_a_damaged_observation_only_starts_the_wait_anew(drop: Path, landing: Path, damage: bytes) -> None:
    clock = Clock()
    put(drop, "Student.txt", age=-HOUR)
    not_yet(drop, landing, now=clock)
    (landing / "observed.json").write_bytes(damage)
    not_yet(drop, landing, now=clock)
    clock.now += 301
    landed(drop, landing, now=clock)


def test_drops_do_not_disturb_each_others_wait(tmp_path: Path, drop: Path, landing: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    clock = Clock()
    for folder in (drop, other):
        put(folder, "Student.txt", age=-HOUR)
        not_yet(folder, landing, now=clock)
        clock.now += 200
    clock.now -= 99
    landed(drop, landing, now=clock)
    assert isinstance(look(other, landing, now=clock), NotYet)


# --- manifest and marker ---


def promise(path: Path, **more: object) -> dict[str, object]:
    return {"name": path.name, "bytes": path.stat().st_size, **more}


def test_a_kept_manifest_ends_the_wait(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt", b"id\n1\n2\n", age=0)
    digest = hashlib.sha256(b"id\n1\n2\n").hexdigest().upper()
    put_manifest(drop, promise(student, sha256=digest, records=2))
    (found,) = landed(drop, landing)
    assert found.declared_records == 2
    assert names(landing) == {found.sha256}


def test_a_manifest_with_a_byte_order_mark_and_unknown_keys_is_read(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt", age=0)
    document = {"version": 3, "files": [promise(student, note="n")]}
    put(drop, "manifest.json", b"\xef\xbb\xbf" + json.dumps(document).encode(), age=0)
    landed(drop, landing)


def test_a_manifest_does_not_speak_for_files_that_it_does_not_list(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt", age=0)
    put(drop, "School.txt", age=0)
    put_manifest(drop, promise(student))
    not_yet(drop, landing)
    for path in drop.iterdir():
        aged(path, HOUR)
    assert len(landed(drop, landing)) == 2


WRONG_MANIFESTS: dict[str, bytes] = {
    "no JSON": b'{"files": [{"na',
    "no UTF-8": b'{"files": "\xe9"}',
    "too deep": b"[" * 100_000,
    "a list": b"[]",
    "no files": b"{}",
    "an empty list": b'{"files": []}',
    "no name": b'{"files": [{"bytes": 4}]}',
    "no bytes": b'{"files": [{"name": "Student.txt"}]}',
    "bytes as a flag": b'{"files": [{"name": "Student.txt", "bytes": true}]}',
    "negative bytes": b'{"files": [{"name": "Student.txt", "bytes": -4}]}',
    "odd records": b'{"files": [{"name": "Student.txt", "bytes": 4, "records": "2"}]}',
    "records as a flag": b'{"files": [{"name": "Student.txt", "bytes": 4, "records": true}]}',
    "odd digest": b'{"files": [{"name": "Student.txt", "bytes": 4, "sha256": "abc"}]}',
    "listed twice": b'{"files": [{"name": "Student.txt", "bytes": 4}, {"name": "Student.txt", "bytes": 4}]}',
    "another size": b'{"files": [{"name": "Student.txt", "bytes": 5}]}',
    "a missing file": b'{"files": [{"name": "Student.txt", "bytes": 4}, {"name": "Gone.txt", "bytes": 4}]}',
    "a path": b'{"files": [{"name": "../drop/Student.txt", "bytes": 4}]}',
    "a NUL": b'{"files": [{"name": "Student.txt\\u0000", "bytes": 4}]}',
    "far too long": b" " * (2 * MEGABYTE),
}


@pytest.mark.parametrize("wrong", WRONG_MANIFESTS)
def test_a_manifest_that_is_not_kept_waits_and_then_fails(drop: Path, landing: Path, wrong: str) -> None:
    put(drop, "Student.txt", b"1234", age=HOUR)
    put(drop, "manifest.json", WRONG_MANIFESTS[wrong], age=10)
    assert "manifest.json is not kept yet" in not_yet(drop, landing)
    aged(drop / "manifest.json", HOUR)
    with pytest.raises(PermanentFault) as caught:
        look(drop, landing)
    assert caught.value.mover is Mover.DISTRICT
    assert "Gone.txt" not in caught.value.reason  # a name of the sender's own making is not repeated
    assert names(landing) <= {"observed.json"}


def test_content_other_than_the_manifest_says_waits_and_then_fails(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt", b"1234", age=0)
    put_manifest(drop, promise(student, sha256="0" * 64))
    not_yet(drop, landing)
    for path in drop.iterdir():
        aged(path, HOUR)
    with pytest.raises(PermanentFault, match=r"Student\.txt has another SHA-256"):
        look(drop, landing)
    assert names(landing) <= {"observed.json"}


def test_a_manifest_alone_is_a_drop(drop: Path, landing: Path) -> None:
    put_manifest(drop, {"name": "Student.txt", "bytes": 3}, age=10)
    not_yet(drop, landing)
    aged(drop / "manifest.json", HOUR)
    with pytest.raises(PermanentFault, match="is not in the drop"):
        look(drop, landing)


@pytest.mark.parametrize("marker", ["_SUCCESS", "ready", "Done.flag", "COMPLETE.txt", "READY.2026.ok"])
def test_a_marker_that_is_not_older_than_any_file_ends_the_wait(
    drop: Path, landing: Path, marker: str
) -> None:
    put(drop, "Student.txt", age=5)
    aged(put(drop, marker, b"", age=4), 4)
    assert len(landed(drop, landing)) == 1


@pytest.mark.parametrize("name", ["student.done", "already.txt", ".done", "DONEX"])
def test_other_names_are_no_markers(drop: Path, landing: Path, name: str) -> None:
    put(drop, "Student.txt", age=5)
    put(drop, name, b"", age=1)
    not_yet(drop, landing)


def test_yesterdays_marker_does_not_end_todays_wait(drop: Path, landing: Path) -> None:
    put(drop, "_SUCCESS", b"", age=HOUR)
    put(drop, "Student.txt", age=5)
    not_yet(drop, landing)


def test_an_expected_file_is_no_marker(drop: Path, landing: Path) -> None:
    put(drop, "complete.csv", age=5)
    not_yet(drop, landing, expected=Expected({"students": ("complete.csv",)}))


def test_a_marker_without_files_fails(drop: Path, landing: Path) -> None:
    put(drop, "READY", b"", age=0)
    with pytest.raises(PermanentFault, match="none of the expected files"):
        look(drop, landing)


# --- what a drop must not hold ---


def test_two_files_for_one_entity_fail(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt")
    put(drop, "Student.csv")
    with pytest.raises(PermanentFault, match=r"Student\.csv, Student\.txt"):
        look(drop, landing)


def test_two_spellings_of_one_name_are_two_files(drop: Path, landing: Path) -> None:
    name = "Schüler.txt"
    expected = Expected({"students": (name,)})
    put(drop, unicodedata.normalize("NFD", name), b"nfd")
    (found,) = landed(drop, landing, expected=expected)
    assert found.path.read_bytes() == b"nfd"
    put(drop, unicodedata.normalize("NFC", name), b"nfc")
    with pytest.raises(PermanentFault, match="several files"):
        look(drop, landing, expected=expected)


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def make_broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, pytest.MonkeyPatch.context() as here:
        here.chdir(path.parent)  # the path of a socket must be short
        made.bind(path.name)


@pytest.mark.parametrize("name", ["Student.txt", "manifest.json", "other"])
@pytest.mark.parametrize("make", [make_link, make_broken_link, os.mkfifo, make_socket])
def test_an_entry_that_is_no_regular_file_fails(
    drop: Path, landing: Path, make: Callable[[Path], None], name: str
) -> None:
    put(drop, "School.txt")
    make(drop / name)
    with pytest.raises(PermanentFault) as caught:
        look(drop, landing)
    assert ("other" in caught.value.seen) is False
    assert names(landing) == set()


@pytest.mark.parametrize(("name", "fails"), [("Student.txt", True), ("manifest.json", True), ("old", False)])
def test_a_folder_fails_only_under_an_expected_name(
    drop: Path, landing: Path, name: str, fails: bool
) -> None:
    put(drop, "School.txt")
    (drop / name).mkdir()
    if fails:
        with pytest.raises(PermanentFault, match=f"{name} is a folder"):
            look(drop, landing)
    else:
        landed(drop, landing)


def test_a_file_beyond_the_limit_fails(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"12345")
    landed(drop, landing, max_bytes=5)
    with pytest.raises(PermanentFault, match=r"more than 4 bytes in Student\.txt"):
        look(drop, landing, max_bytes=4)


def test_a_folder_with_too_many_entries_fails(drop: Path, landing: Path) -> None:
    for number in range(MOST_ENTRIES + 1):
        (drop / str(number)).touch()
    with pytest.raises(PermanentFault, match="more than 5000 entries"):
        look(drop, landing)


@pytest.mark.parametrize("names", [("",), ("..",), ("a/b",), ("a\0",), ("a", "a"), ("é", "e\u0301")])
def test_only_plain_and_different_names_can_be_expected(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"plain|twice"):
        Expected({"students": names})


@pytest.mark.parametrize(
    "odd", [b"a\nb", b"\xff\xfe", b"-rf *", b"\xe2\x80\xae.txt", b"n" * 255, b" Student.txt"]
)
def test_odd_names_are_only_data(drop: Path, landing: Path, odd: bytes) -> None:
    put(drop, odd)
    put(drop, "Student.txt")
    (found,) = landed(drop, landing)
    assert found.name == "Student.txt"


def test_a_file_in_the_folders_place_needs_a_person(tmp_path: Path, landing: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NeedsPerson) as caught:
        look(tmp_path / "file", landing)
    assert caught.value.mover is Mover.ENGINEER


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_we_may_not_read_needs_a_person(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt").chmod(0)
    with pytest.raises(NeedsPerson):
        look(drop, landing)


# --- changes while it is read ---

LARGE = b"0123456789abcdef" * (MEGABYTE // 4)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2 * MEGABYTE)
        file.write(b"!")


def rewrite_and_hide(path: Path) -> None:
    status = path.stat()
    rewrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, 3 * MEGABYTE)


def remove(path: Path) -> None:
    path.unlink()


def rename_away(path: Path) -> None:
    path.rename(path.with_name("Student.old"))


def replace(path: Path) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(LARGE[::-1])
    status = path.stat()
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.replace(path)


def make_it_a_link(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


def add_the_other_name(path: Path) -> None:
    path.with_name("Student.csv").write_bytes(b"")


def add_another_entity(path: Path) -> None:
    path.with_name("CourseMaster.txt").write_bytes(b"")


def change_the_file_already_read(path: Path) -> None:
    append(path.with_name("School.txt"))


def remove_the_drop(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


MEDDLINGS = [
    append,
    rewrite,
    rewrite_and_hide,
    truncate,
    remove,
    rename_away,
    replace,
    make_it_a_link,
    add_the_other_name,
    add_another_entity,
    change_the_file_already_read,
    remove_the_drop,
]


@pytest.mark.parametrize("quiet_seconds", [0, 300])
@pytest.mark.parametrize("meddling", MEDDLINGS)
def test_a_drop_that_changes_while_it_is_read_is_a_failed_extract(
    drop: Path, landing: Path, meddling: Callable[[Path], None], quiet_seconds: float
) -> None:
    put(drop, "School.txt")
    student = put(drop, "Student.txt", LARGE)
    meddled = Meddled(LocalFolder(drop), lambda: meddling(student))
    with pytest.raises(Touched) as caught:
        look(meddled, landing, quiet_seconds=quiet_seconds)
    assert isinstance(caught.value, TransientFault)
    assert caught.value.mover is Mover.DISTRICT
    assert names(landing) == set()


def test_a_change_of_the_manifest_is_a_failed_extract(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt", LARGE)
    put_manifest(drop, promise(student), age=HOUR)
    later = Meddled(
        LocalFolder(drop), lambda: put_manifest(drop, promise(student, records=1)), on="Student.txt"
    )
    with pytest.raises(Touched):
        look(later, landing)


def test_a_manifest_that_is_written_while_it_is_read_is_waited_for(drop: Path, landing: Path) -> None:
    student = put(drop, "Student.txt")
    put_manifest(drop, promise(student))
    growing = Meddled(LocalFolder(drop), lambda: append(drop / "manifest.json"), on="manifest.json")
    assert "it is being written" in not_yet(growing, landing)


def test_other_files_may_change_while_it_is_read(drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", LARGE)
    meddled = Meddled(LocalFolder(drop), lambda: put(drop, "upload.filepart"))
    assert len(landed(meddled, landing)) == 1
    assert meddled.done
