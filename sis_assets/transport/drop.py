"""A place where a district's files arrive: what every such place can say and give.

`LocalFolder` is one on this machine; `sis_assets.transport.sftp.SftpFolder` is one on a server. Neither
ever writes, moves or deletes anything in a drop. Names that come from a place are data: they are compared with
names that we expect and are never joined to a path of ours.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault, TransientFault

Kind = Literal["file", "link", "folder", "other"]

MOST_ENTRIES: Final = 5_000
_CHUNK = 1024 * 1024


class NotThere(Exception):
    """The place does not exist (yet)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a drop, as listed: `size` in bytes, `mtime_ns` since 1970 UTC, 0 where no time is told.

    `identity` is whatever else tells this very file from another one under the same name (device, inode and
    status-change time on this machine; nothing on a server). Bytes of a name that are no UTF-8 are escaped
    as Python's `surrogateescape` does.
    """

    name: str
    size: int
    mtime_ns: int
    kind: Kind
    identity: tuple[int, ...] = ()


class Drop(Protocol):
    """Where files arrive. `where` names it for messages and is never a secret.

    Two changes within `grain_ns` may leave the same time on a file.
    """

    @property
    def where(self) -> str:
        """The place's name for messages."""

    @property
    def grain_ns(self) -> int:
        """How finely times are told, in nanoseconds."""

    def entries(self) -> tuple[Entry, ...]:
        """List the place, sorted by name. Raises NotThere, TransientFault, NeedsPerson, PermanentFault."""

    def fetch(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, memoryview]]:
        """Yield the bytes of `entries` in order per file; several files may interleave.

        An empty chunk ends a file, after exactly the listed number of bytes, once the file has shown the
        listed size, time and identity before and after. Raises Touched when one was touched since it was
        listed, and what `entries` raises but NotThere.
        """


class Touched(TransientFault):
    """A file of the drop did not stand still while it was read."""


def touched(where: str, name: str, how: str) -> Touched:
    """Return the fault of the file `name`: a name that we expect, not one that a place made up."""
    return Touched(
        tried=f"Reading {name} in {where}",
        seen=f"{how} while it was read; nothing of this drop was taken",
        todo="It is read again at the next sync; upload under another name and rename, or add a manifest",
        mover=Mover.DISTRICT,
    )


def too_many(where: str) -> PermanentFault:
    """Return the fault of a drop that holds more than a drop does."""
    return PermanentFault(
        tried=f"Listing {where}",
        seen=f"more than {MOST_ENTRIES} entries",
        todo="Keep only the current files in the drop",
        mover=Mover.DISTRICT,
    )


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of this machine, for instance one that our own SFTP server fills."""

    folder: Path

    @property
    def where(self) -> str:
        """The folder's path."""
        return str(self.folder)

    @property
    def grain_ns(self) -> int:
        """Linux stamps files with the time of the last timer tick: at most 10 ms old, taken twice over."""
        return 20_000_000

    def entries(self) -> tuple[Entry, ...]:
        """List the folder without following links. Raises NotThere, NeedsPerson, PermanentFault."""
        found: list[Entry] = []
        try:
            with os.scandir(self.folder) as listing:
                for item in listing:
                    if len(found) == MOST_ENTRIES:
                        raise too_many(self.where)
                    try:
                        found.append(_entry(item.name, item.stat(follow_symlinks=False)))
                    except FileNotFoundError:
                        continue  # gone since it was listed
        except FileNotFoundError:
            raise NotThere(self.where) from None
        except OSError as error:
            raise self._unreadable(error) from error
        return tuple(sorted(found, key=lambda entry: entry.name))

    def fetch(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, memoryview]]:
        """Read one file after the other; see Drop.fetch."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise touched(self.where, "the folder", "it was removed") from None
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            for entry in entries:
                yield from self._read(folder, entry)
        finally:
            os.close(folder)

    def _read(self, folder: int, entry: Entry) -> Iterator[tuple[Entry, memoryview]]:
        try:
            # Non-blocking: a pipe that took the file's place must not make us wait for its writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(entry.name, flags, dir_fd=folder)
        except OSError as error:
            raise self._cannot_open(entry, error) from error
        try:
            self._compare(entry, os.fstat(file))
            left = entry.size
            while left:
                chunk = os.read(file, min(left, _CHUNK))
                if not chunk:
                    raise touched(self.where, entry.name, "it became shorter")
                left -= len(chunk)
                yield entry, memoryview(chunk)
            # By its name: an equal identity says that the name still is the file we hold open.
            self._compare(entry, os.stat(entry.name, dir_fd=folder, follow_symlinks=False))
        except FileNotFoundError:
            raise touched(self.where, entry.name, "it was removed or renamed") from None
        except OSError as error:
            raise self._unreadable(error) from error
        finally:
            os.close(file)
        yield entry, memoryview(b"")

    def _compare(self, entry: Entry, status: os.stat_result) -> None:
        now = _entry(entry.name, status)
        if now == entry:
            return
        if now.identity[:2] != entry.identity[:2] or now.kind != entry.kind:
            raise touched(self.where, entry.name, "another file took its place")
        raise touched(self.where, entry.name, "its size or time changed")

    def _cannot_open(self, entry: Entry, error: OSError) -> Fault:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
            return touched(self.where, entry.name, "it was removed, renamed or replaced")
        return self._unreadable(error)

    def _unreadable(self, error: OSError) -> Fault:
        if error.errno in {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}:
            return NeedsPerson(
                tried=f"Reading {self.where}",
                seen=os.strerror(error.errno),
                todo="Let our user read the folder and its files, or correct the folder in the district file",
                mover=Mover.ENGINEER,
            )
        return TransientFault(
            tried=f"Reading {self.where}",
            seen=os.strerror(error.errno or errno.EIO),
            todo="Check the disk or mount that holds the drop",
            mover=Mover.ENGINEER,
        )


def _entry(name: str, status: os.stat_result) -> Entry:
    return Entry(
        name=name,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        kind=kind_of(status.st_mode),
        identity=(status.st_dev, status.st_ino, status.st_ctime_ns),
    )


def kind_of(mode: int) -> Kind:
    """Return what a POSIX mode says an entry is."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "other"
