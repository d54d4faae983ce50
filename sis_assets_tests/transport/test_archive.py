"""A zip is untrusted: its names lead nowhere, it expands within bounds, and what is damaged is refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.transport.archive import Limits, Unpacked, unpack
from sis_assets.transport.dropzone import Expected

WANTED = Expected({"users": ("users.csv",), "orgs": ("orgs.csv",)})
FEW = Limits(members=3, directory_bytes=400, member_bytes=1000, total_bytes=1500, ratio=10, free_bytes=100)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir(mode=0o700)
    return folder


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def unpacked(landing: Path, content: bytes, limits: Limits | None = None) -> Unpacked:
    path = landing.parent / "sample.zip"
    path.write_bytes(content)
    return unpack(path, "sample.zip", WANTED.entity, landing, limits)


def refusal(landing: Path, content: bytes, limits: Limits | None = None) -> str:
    """Why a zip is refused; nothing of it may have landed."""
    with pytest.raises(PermanentFault) as raised:
        unpacked(landing, content, limits)
    assert raised.value.mover is Mover.DISTRICT
    assert list(landing.iterdir()) == []
    return raised.value.seen


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wanted_files_land_under_their_content(landing: Path, method: int) -> None:
    found = unpacked(landing, packed({"users.csv": b"u" * 9, "orgs.csv": b"o", "read me.txt": b"x"}, method))
    assert [(file.entity, file.name, file.bytes) for file in found.files] == [
        ("orgs", "orgs.csv", 1),
        ("users", "users.csv", 9),
    ]
    assert found.folder == ""
    assert sorted(path.name for path in landing.iterdir()) == sorted(file.sha256 for file in found.files)
    assert found.files[1].path.read_bytes() == b"u" * 9
    assert stat.S_IMODE(found.files[1].path.stat().st_mode) == 0o600


def test_the_folder_of_the_files_is_told(landing: Path) -> None:
    assert unpacked(landing, packed({"a/b/": b"", "a/b/users.csv": b"u"})).folder == "a/b"


@pytest.mark.conformance("reader", "package.slip")
@pytest.mark.parametrize(
    "name", ["../users.csv", "/users.csv", "a/../../users.csv", "..\\users.csv", "C:users.csv"]
)
def test_a_name_that_leads_out_is_refused(landing: Path, name: str) -> None:
    assert "leads out" in refusal(landing, packed({name: b"u"}))
    assert not (landing.parent / "users.csv").exists()


@pytest.mark.conformance("reader", "package.link")
def test_a_link_is_refused(landing: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("users.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
    assert refusal(landing, out.getvalue()) == "users.csv is a link"


@pytest.mark.conformance("reader", "package.encrypted")
def test_an_encrypted_file_is_refused(landing: Path) -> None:
    content = bytearray(packed({"users.csv": b"u"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refusal(landing, bytes(content)) == "users.csv is encrypted"


def test_an_unusual_compression_is_refused(landing: Path) -> None:
    assert "unusual way" in refusal(landing, packed({"users.csv": b"u"}, zipfile.ZIP_LZMA))


@pytest.mark.parametrize("cut", [1, 10, 30, 60, 100])
def test_a_zip_that_was_cut_off_is_refused(landing: Path, cut: int) -> None:
    assert "damaged or cut off" in refusal(landing, packed({"users.csv": os.urandom(200)})[:-cut])


@pytest.mark.conformance("reader", "package.damage")
def test_every_changed_byte_is_refused_or_harmless(landing: Path) -> None:
    content = packed({"users.csv": b"sample,1\n" * 20})
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        try:
            found = unpacked(landing, bytes(changed))
        except PermanentFault:
            assert list(landing.iterdir()) == []
            continue
        for file in found.files:
            assert file.path.read_bytes() == b"sample,1\n" * 20
            file.path.unlink()


def test_a_file_that_is_too_large_is_refused(landing: Path) -> None:
    assert "more than 1000 bytes" in refusal(landing, packed({"users.csv": os.urandom(1001)}, 0), FEW)


@pytest.mark.conformance("reader", "package.size")
def test_files_that_are_too_large_together_are_refused(landing: Path) -> None:
    files = {"orgs.csv": os.urandom(900), "users.csv": os.urandom(900)}
    assert "more than 600 bytes" in refusal(landing, packed(files, 0), FEW)


def test_a_file_that_expands_too_far_is_refused(landing: Path) -> None:
    assert "expands to more than 10 times" in refusal(landing, packed({"users.csv": b"0" * 900}), FEW)
    assert unpacked(landing, packed({"users.csv": b"0" * 90}), FEW).files


@pytest.mark.conformance("reader", "package.members")
@pytest.mark.parametrize("files", [{f"{n}.csv": b"" for n in range(4)}, {"x" * 400 + ".csv": b""}])
def test_a_long_table_of_contents_is_refused_before_it_is_read(
    landing: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed(files)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "more than 3 files" in refusal(landing, content, FEW)


def bomb(size: int) -> bytes:
    """A zip64 whose one member is `size` zeros, made without writing them: the same deflated blocks over and over."""
    block = 1 << 26
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = deflate.compress(bytes(block)) + deflate.flush(zlib.Z_FULL_FLUSH)
    data = piece * (size // block) + deflate.flush(zlib.Z_FINISH)
    name = b"users.csv"
    local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 45, 0, 8, 0, 33, 0, 0, 0, len(name), 0) + name
    extra = struct.pack("<HHQQ", 1, 16, size, len(data))
    central = struct.pack(
        "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 45, 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0, 0, 0
    ) + name + extra  # fmt: skip
    at = len(local) + len(data)
    end = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(central), at)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at + len(central), 1)
    return (
        local
        + data
        + central
        + end
        + locator
        + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, len(central), at, 0)
    )


@pytest.mark.conformance("reader", "package.zip_bomb")
def test_ten_gigabytes_of_zeros_are_refused_at_once_and_in_little_memory(landing: Path) -> None:
    content = bomb(10 << 30)
    assert len(content) < 16 << 20
    tracemalloc.start()
    begin = time.process_time()
    try:
        assert "expands to more than 200 times" in refusal(landing, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - begin < 60
    assert peak < 64 << 20


def test_a_zip64_that_is_sound_is_unpacked(landing: Path) -> None:
    content = bytearray(bomb(1 << 26))
    crc = zlib.crc32(bytes(1 << 26))
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 16, crc)
    [file] = unpacked(landing, bytes(content), Limits(free_bytes=1 << 27)).files
    assert file.bytes == 1 << 26


def test_a_zip64_that_says_it_has_many_files_is_refused(landing: Path) -> None:
    content = bytearray(bomb(1 << 26))
    struct.pack_into("<Q", content, content.index(b"PK\6\6") + 32, 10**9)
    assert "more than 2000 files" in refusal(landing, bytes(content))
