"""Drops on a real OpenSSH server: what lands, and what a change during the read does."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.transport.drop import Drop, Touched
from sis_assets.transport.dropzone import Expected, Landed, NotYet, land
from sis_assets.transport.sftp import SftpAddress, SftpFolder
from sis_assets_tests.drops import FILES, HOUR, Meddled, aged, put, put_manifest
from sis_assets_tests.faulty_line import Failure, faulty_line
from sis_assets_tests.openssh import SftpServer, needs_sshd, running_sshd

pytestmark = needs_sshd

Addressing = Callable[..., SftpAddress]
MEGABYTE = 1024 * 1024
LARGE = b"0123456789abcdef" * MEGABYTE  # 16 MiB, several times what is under way at once


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def look(
    drop: Drop, landing: Path, expected: Expected = FILES, quiet_seconds: float = 300
) -> tuple[Landed, ...] | NotYet:
    return land(drop, expected, quiet_seconds=quiet_seconds, landing=landing)


def landed(address: SftpAddress, landing: Path, expected: Expected = FILES, **options: float) -> list[Landed]:
    with SftpFolder(address) as folder:
        found = look(folder, landing, expected, **options)
    assert not isinstance(found, NotYet), found.reason
    return list(found)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_quiet_drop_lands(server: SftpServer, address: Addressing, drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"id|name\n1|Given-0001\n")
    put(drop, "School.txt", b"")
    put(drop, "other.pdf", b"%PDF")
    school, student = landed(address(server), landing)
    assert (school.name, school.bytes, school.path.read_bytes()) == ("School.txt", 0, b"")
    assert student.path.read_bytes() == b"id|name\n1|Given-0001\n"
    assert student.path.name == hashlib.sha256(b"id|name\n1|Given-0001\n").hexdigest()
    assert names(landing) == {school.sha256, student.sha256}
    assert names(drop) == {"Student.txt", "School.txt", "other.pdf"}


def test_a_drop_lands_from_the_folder_where_sessions_start(tmp_path: Path, address: Addressing) -> None:
    home = tmp_path / "home"
    (home / "up load").mkdir(parents=True)
    put(home / "up load", "Student.txt", b"below")
    put(home, "Student.txt", b"here")
    with running_sshd(tmp_path / "ssh", folder=home) as server:
        (here,) = landed(address(server, path=""), tmp_path / "landing")
        (below,) = landed(address(server, path="up load/"), tmp_path / "landing")
    assert (here.path.read_bytes(), below.path.read_bytes()) == (b"here", b"below")


def test_large_and_many_files_land_whole(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    contents = {f"{n:03}.txt": os.urandom(n * 997) for n in range(300)} | {
        "large.txt": os.urandom(20_000_001)
    }
    for name, content in contents.items():
        put(drop, name, content)
    found = landed(address(server), landing, Expected({name: (name,) for name in contents}))
    assert {file.name: file.path.read_bytes() for file in found} == contents


def test_keys_are_renewed_in_mid_file(tmp_path: Path, address: Addressing, drop: Path) -> None:
    put(drop, "Student.txt", LARGE)
    with running_sshd(tmp_path / "ssh", folder=drop, options=["RekeyLimit 1M"]) as server:
        (student,) = landed(address(server), tmp_path / "landing")
    assert student.path.read_bytes() == LARGE


def test_a_drop_that_is_not_there_is_not_yet(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    with SftpFolder(address(server, path=str(drop / "nowhere"))) as folder:
        missing = look(folder, landing)
    with SftpFolder(address(server)) as folder:
        empty = look(folder, landing)
    assert isinstance(missing, NotYet)
    assert "does not exist yet" in missing.reason
    assert isinstance(empty, NotYet)
    assert "none of the expected files" in empty.reason


def test_a_drop_whose_clock_runs_ahead_is_waited_for(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    put(drop, "Student.txt", age=-HOUR)
    with SftpFolder(address(server)) as folder:
        clock = iter([1e9, 1e9 + 299, 1e9 + 300, 1e9 + 300, 1e9 + 300]).__next__
        results = [land(folder, FILES, quiet_seconds=300, landing=landing, now=clock) for _ in range(3)]
    assert [isinstance(result, NotYet) for result in results] == [True, True, False]


def test_a_manifest_ends_the_wait(server: SftpServer, address: Addressing, drop: Path, landing: Path) -> None:
    put(drop, "Student.txt", b"id\n1\n", age=0)
    put_manifest(drop, {"name": "Student.txt", "bytes": 5, "records": 1})
    (student,) = landed(address(server), landing)
    assert student.declared_records == 1


def test_a_link_fails_and_is_not_followed(
    server: SftpServer, address: Addressing, drop: Path, landing: Path, tmp_path: Path
) -> None:
    (drop / "Student.txt").symlink_to(put(tmp_path, "secret", b"not in the drop"))
    with SftpFolder(address(server)) as folder, pytest.raises(PermanentFault, match="is a link"):
        look(folder, landing)
    assert names(landing) == set()


def test_a_pipe_fails(server: SftpServer, address: Addressing, drop: Path, landing: Path) -> None:
    os.mkfifo(drop / "Student.txt")
    with SftpFolder(address(server)) as folder, pytest.raises(PermanentFault, match="no regular file"):
        look(folder, landing)


@pytest.mark.parametrize(
    "odd", [b"a\nb", b"..x", b"\xff\xfe", b"n" * 255, b"%s%n", b" Student.txt", b"\x1b[31m"]
)
def test_odd_names_are_only_data(
    server: SftpServer, address: Addressing, drop: Path, landing: Path, odd: bytes
) -> None:
    put(drop, odd)
    put(drop, "Student.txt")
    with SftpFolder(address(server)) as folder:
        assert [entry.name for entry in folder.entries()] == sorted([os.fsdecode(odd), "Student.txt"])
    assert [file.name for file in landed(address(server), landing)] == ["Student.txt"]


@pytest.mark.parametrize("name", ["Schüler\nB.txt", "…" * 80 + ".txt", "\udcff.txt"])
def test_odd_names_that_are_expected_are_read(
    server: SftpServer, address: Addressing, drop: Path, landing: Path, name: str
) -> None:
    put(drop, os.fsencode(unicodedata.normalize("NFD", name)), b"content")
    (student,) = landed(address(server), landing, Expected({"students": (name,)}))
    assert student.path.read_bytes() == b"content"


def test_a_re_upload_of_the_same_size_in_the_same_second_lands_as_new(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    stamp = put(drop, "Student.txt", b"first").stat().st_mtime_ns
    (first,) = landed(address(server), landing)
    os.utime(put(drop, "Student.txt", b"other"), ns=(stamp, stamp))
    (again,) = landed(address(server), landing)
    assert (first.path.read_bytes(), again.path.read_bytes()) == (b"first", b"other")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_the_server_denies_needs_a_person(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    put(drop, "Student.txt").chmod(0)
    with SftpFolder(address(server)) as folder, pytest.raises(NeedsPerson) as caught:
        look(folder, landing)
    assert caught.value.mover is Mover.DISTRICT


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(15 * MEGABYTE)
        file.write(b"!")


def truncate(path: Path) -> None:
    os.truncate(path, 15 * MEGABYTE)


def truncate_and_restore(path: Path) -> None:
    os.truncate(path, 15 * MEGABYTE)
    os.truncate(path, len(LARGE))


def rename_away(path: Path) -> None:
    path.rename(path.with_name("Student.old"))


def replace(path: Path) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(LARGE[::-1])
    fresh.replace(path)


def replace_by_a_link(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


def add_the_other_name(path: Path) -> None:
    path.with_name("Student.csv").write_bytes(b"")


def remove_the_drop(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


@pytest.mark.parametrize(
    "meddling",
    [
        append,
        rewrite,
        truncate,
        truncate_and_restore,
        Path.unlink,
        rename_away,
        replace,
        replace_by_a_link,
        add_the_other_name,
        remove_the_drop,
    ],
)
def test_a_drop_that_changes_while_it_is_read_is_a_failed_extract(
    server: SftpServer,
    address: Addressing,
    drop: Path,
    landing: Path,
    meddling: Callable[[Path], None],
) -> None:
    student = put(drop, "Student.txt", LARGE)
    with SftpFolder(address(server)) as folder, pytest.raises(Touched) as caught:
        look(Meddled(folder, lambda: meddling(student)), landing)
    assert caught.value.mover is Mover.DISTRICT
    assert names(landing) == set()


def test_a_rewrite_within_the_second_of_the_upload_is_noticed(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    student = put(drop, "Student.txt", LARGE, age=0)
    stamp = student.stat().st_mtime_ns

    def rewrite_within_the_second() -> None:
        student.write_bytes(LARGE[::-1])
        os.utime(student, ns=(stamp, stamp))

    with SftpFolder(address(server)) as folder, pytest.raises(Touched):
        look(Meddled(folder, rewrite_within_the_second), landing, quiet_seconds=0)
    assert names(landing) == set()


def test_a_rewrite_of_a_file_without_a_time_is_noticed(
    server: SftpServer, address: Addressing, drop: Path, landing: Path
) -> None:
    student = put(drop, "Student.txt", LARGE)
    os.utime(student, (0, 0))

    def rewrite_without_a_time() -> None:
        student.write_bytes(LARGE[::-1])
        os.utime(student, (0, 0))

    clock = iter([1e9, *[1e9 + 300] * 9]).__next__
    with SftpFolder(address(server)) as folder:
        first = land(folder, FILES, quiet_seconds=300, landing=landing, now=clock)
        assert isinstance(first, NotYet), "no time is no old time"
        with pytest.raises(Touched):
            land(
                Meddled(folder, rewrite_without_a_time), FILES, quiet_seconds=300, landing=landing, now=clock
            )


def test_a_file_removed_between_listing_and_reading_is_a_failed_extract(
    server: SftpServer, address: Addressing, drop: Path
) -> None:
    student = put(drop, "Student.txt")
    with SftpFolder(address(server)) as folder:
        entries = folder.entries()
        student.unlink()
        with pytest.raises(Touched, match="removed or renamed"):
            list(folder.fetch(entries))


def test_a_file_that_grew_between_listing_and_reading_is_a_failed_extract(
    server: SftpServer, address: Addressing, drop: Path
) -> None:
    student = put(drop, "Student.txt")
    with SftpFolder(address(server)) as folder:
        entries = folder.entries()
        append(student)
        aged(student, HOUR)
        with pytest.raises(Touched, match="size changed"):
            list(folder.fetch(entries))


@pytest.mark.parametrize("failure", ["reset", "close", "stall"])
def test_a_line_that_fails_in_mid_file_lands_nothing(
    server: SftpServer, address: Addressing, drop: Path, landing: Path, failure: Failure
) -> None:
    put(drop, "School.txt")
    put(drop, "Student.txt", LARGE)
    with faulty_line(server.port, after=5 * MEGABYTE, failure=failure) as line:
        where = address(server, port=line.port, io_timeout=1)
        with SftpFolder(where) as folder, pytest.raises(TransientFault) as caught:
            look(folder, landing)
        assert line.connections == 1
    expected = "the server was silent for 1 s" if failure == "stall" else "the connection was lost"
    assert caught.value.seen == expected
    assert names(landing) == set()


def test_a_folder_is_used_within_its_block(server: SftpServer, address: Addressing) -> None:
    with pytest.raises(RuntimeError, match="with block"):
        SftpFolder(address(server)).entries()
