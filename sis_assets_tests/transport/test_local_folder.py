"""What a folder of this machine gives, file by file: it must not rely on the listing that follows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sis_assets.transport.drop import LocalFolder, Touched
from sis_assets_tests.drops import Meddled, put

LARGE = b"0123456789abcdef" * (256 * 1024)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite_and_hide(path: Path) -> None:
    status = path.stat()
    path.write_bytes(LARGE[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_and_hide(path: Path) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(LARGE[::-1])
    status = path.stat()
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.replace(path)


def put_a_link_in_its_place(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


def put_a_pipe_in_its_place(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def remove_the_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


MEDDLINGS = [
    append,
    rewrite_and_hide,
    replace_and_hide,
    Path.unlink,
    put_a_link_in_its_place,
    put_a_pipe_in_its_place,
    remove_the_folder,
]


@pytest.mark.parametrize("meddling", MEDDLINGS)
def test_a_file_that_is_touched_while_it_is_read_never_ends(
    drop: Path, meddling: Callable[[Path], None]
) -> None:
    folder = LocalFolder(drop)
    student = put(drop, "Student.txt", LARGE)
    ended = []

    def read() -> None:
        meddled = Meddled(folder, lambda: meddling(student))
        ended.extend(entry for entry, chunk in meddled.fetch(folder.entries()) if not chunk)

    with pytest.raises(Touched):
        read()
    assert ended == []


@pytest.mark.parametrize("meddling", MEDDLINGS)
def test_a_file_that_is_touched_before_it_is_read_gives_nothing(
    drop: Path, meddling: Callable[[Path], None]
) -> None:
    folder = LocalFolder(drop)
    student = put(drop, "Student.txt", LARGE)
    entries = folder.entries()
    meddling(student)
    with pytest.raises(Touched):
        next(folder.fetch(entries))
