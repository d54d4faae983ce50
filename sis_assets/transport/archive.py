"""The files of a zip that a district dropped, each landed on its own: in bounds, whole or not at all.

A zip is untrusted. Its table of contents is measured before it is read, nothing is believed of what it says of sizes, and
its names are compared with names that we expect and never joined to a path of ours.
"""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.transport import landing as store
from sis_assets.transport.dropzone import MOST_BYTES, Landed

_CHUNK: Final = 1024 * 1024
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES, _END_64_BYTES = 22, 20, 56
_LONGEST_COMMENT = 0xFFFF
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
#: What the libraries raise for bytes that are no zip, or no longer one.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a zip may hold. Up to `free_bytes` a member may expand as it likes, from there on `ratio` times."""

    members: int = 2_000
    directory_bytes: int = 1 << 20
    member_bytes: int = MOST_BYTES
    total_bytes: int = 2 * MOST_BYTES
    ratio: int = 200
    free_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of the zip that we want: its entity, its plain name, the folder in which it stands."""

    entity: str
    name: str
    folder: str
    info: zipfile.ZipInfo


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The files that landed, and the folder of the zip in which they stood, empty for its root."""

    files: tuple[Landed, ...]
    folder: str


def unpack(
    archive: Path,
    called: str,
    entity: Callable[[str], str | None],
    landing: Path,
    limits: Limits | None = None,
) -> Unpacked:
    """Land the members of a zip that have an `entity` by their plain name, in the order of their names.

    They may stand in one folder of the zip. `called` is the zip's name for messages. Raises PermanentFault for a zip that
    is damaged, cut off or encrypted, breaks a limit, or has a name that leads out of it, and TransientFault when the disk
    is full.
    """
    limits = limits or Limits()
    try:
        with archive.open("rb") as file:
            _refuse_long_directory(file, called, limits)
            with zipfile.ZipFile(file) as opened, ExitStack() as stack:
                members = _members(opened, called, entity)
                incoming = [stack.enter_context(store.Incoming(landing)) for _ in members]
                left = limits.total_bytes
                for member, copy in zip(members, incoming, strict=True):
                    for chunk in _content(opened, member, called, limits, left):
                        copy.write(memoryview(chunk))
                    left -= copy.size
                    copy.close()
                landed = tuple(
                    Landed(member.entity, member.name, copy.size, copy.sha256, copy.name(), None)
                    for member, copy in zip(members, incoming, strict=True)
                )
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's begin, which damaged bytes point to
            raise
        raise _damaged(called, error) from None
    except _DAMAGE as error:
        raise _damaged(called, error) from None
    store.settle(landing)
    folder = members[0].folder if members else "."
    return Unpacked(landed, "" if folder == "." else folder)


def _members(opened: zipfile.ZipFile, called: str, entity: Callable[[str], str | None]) -> list[_Member]:
    found: list[_Member] = []
    for info in opened.infolist():
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
            raise _refused(called, "a name in it leads out of it", "Send plain files, at the root of the zip")
        if info.is_dir() or path.name.startswith("._") or "__MACOSX" in path.parts:
            continue
        wanted = entity(path.name)
        if wanted is None:
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(called, f"{path.name} is a link", "Send plain files, at the root of the zip")
        if info.flag_bits & _ENCRYPTED:
            raise _refused(called, f"{path.name} is encrypted", "Send the zip without a password")
        if info.compress_type not in _METHODS:
            raise _refused(
                called, f"{path.name} is compressed in an unusual way", "Make the zip with deflate"
            )
        found.append(_Member(wanted, path.name, str(path.parent), info))
    entities = [member.entity for member in found]
    if len(set(entities)) < len(entities):
        raise _refused(called, "it holds several files for the same records", "Leave only the current ones")
    if len({member.folder for member in found}) > 1:
        raise _refused(called, "its files stand in several folders", "Put all files into the root of the zip")
    return sorted(found, key=lambda member: member.name)


def _content(
    opened: zipfile.ZipFile, member: _Member, called: str, limits: Limits, left: int
) -> Iterator[bytes]:
    """Give the bytes of a member; what it says of its own size is not believed."""
    size, most = 0, min(limits.member_bytes, left)
    allowed = max(limits.free_bytes, limits.ratio * member.info.compress_size)
    with opened.open(member.info) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise _refused(
                    called, f"{member.name} has more than {most} bytes", "Check what the export wrote"
                )
            if size > allowed:
                seen = f"{member.name} expands to more than {limits.ratio} times its size"
                raise _refused(called, seen, "Check what the export wrote")
            yield chunk


def _refuse_long_directory(file: BinaryIO, called: str, limits: Limits) -> None:
    """Measure the table of contents by what the end of the zip says, before anything reads it into memory."""
    file.seek(0, 2)
    size = file.tell()
    tail_at = max(0, size - _END_BYTES - _LONGEST_COMMENT - _LOCATOR_BYTES)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0:
        raise zipfile.BadZipFile
    members, directory = struct.unpack_from("<HL", tail, at + 10)
    locator = tail[max(0, at - _LOCATOR_BYTES) : at]
    if locator.startswith(_LOCATOR_64):
        file.seek(struct.unpack_from("<Q", locator, 8)[0])
        end = file.read(_END_64_BYTES)
        if not end.startswith(_END_64):
            raise zipfile.BadZipFile
        members, directory = struct.unpack_from("<QQ", end, 32)
    if members > limits.members or directory > limits.directory_bytes:
        raise _refused(called, f"it holds more than {limits.members} files", "Send the OneRoster files alone")


def _damaged(called: str, error: Exception) -> PermanentFault:
    return _refused(called, f"it is damaged or cut off ({type(error).__name__})", "Send it again")


def _refused(called: str, seen: str, todo: str) -> PermanentFault:
    return PermanentFault(tried=f"Opening {called}", seen=seen, todo=todo, mover=Mover.DISTRICT)
