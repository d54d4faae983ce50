"""The landing folder: files kept under the SHA-256 of their content, whole or not at all.

A file is written under a temporary name, made durable, and only then named. A crash leaves nothing but a
temporary name, which `sweep` removes. The folder is 0700, a file 0600; both hold students' data.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from sis_assets.model.faults import Mover, TransientFault

_TEMPORARY = ".incoming-"
_STALE_SECONDS: Final = 24 * 3600
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def prepare(landing: Path) -> None:
    """Make the folder where it is missing, for our user alone. Raises TransientFault."""
    try:
        landing.mkdir(mode=0o700, parents=True, exist_ok=True)
        if landing.stat().st_mode & 0o077:
            landing.chmod(0o700)
    except OSError as error:
        raise cannot_write(landing, error) from error


class Incoming:
    """A file on its way in. Leaving the context without `name` removes what was written.

    Raises TransientFault, the engineer's move, when the disk cannot take it.
    """

    def __init__(self, landing: Path) -> None:
        self._landing = landing
        self._path = landing / temporary_name(_TEMPORARY)
        self._sha256 = hashlib.sha256()
        self.size = 0
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_write(landing, error) from error
        self._closed = False
        self._known = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far, in hexadecimal."""
        return self._sha256.hexdigest()

    def write(self, chunk: memoryview) -> None:
        """Append `chunk`."""
        self._sha256.update(chunk)
        self.size += len(chunk)
        try:
            while chunk:
                chunk = chunk[os.write(self._file, chunk) :]
        except OSError as error:
            raise cannot_write(self._landing, error) from error

    def close(self) -> None:
        """Make the bytes durable, unless the folder has this content already. Ends the writing."""
        try:
            self._known = self._is_there()
            if not self._known:
                os.fsync(self._file)
        except OSError as error:
            raise cannot_write(self._landing, error) from error
        finally:
            self._close()

    def name(self) -> Path:
        """Give the closed file its name and return its path. `settle` makes the name durable.

        Content that was there already is as new as this: by its time, files that nobody needs any more are removed.
        """
        try:
            if self._known:
                os.utime(self._target)
            else:
                self._path.replace(self._target)
        except OSError as error:
            raise cannot_write(self._landing, error) from error
        return self._target

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._path.unlink(missing_ok=True)

    @property
    def _target(self) -> Path:
        return self._landing / self.sha256

    def _is_there(self) -> bool:
        try:
            return self._target.lstat().st_size == self.size
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._file)


def settle(landing: Path) -> None:
    """Make the names in the folder durable."""
    folder = os.open(landing, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    except OSError as error:
        raise cannot_write(landing, error) from error
    finally:
        os.close(folder)


def temporary_name(prefix: str) -> str:
    """Return a name that nobody else has and that tells whose it is."""
    return f"{prefix}{_machine()}-{os.getpid()}-{secrets.token_hex(8)}"


@contextmanager
def scratch_folder(scratch: Path, prefix: str) -> Iterator[Path]:
    """Give a folder of our own in `scratch`, gone afterwards; what a crash left of earlier ones is removed first."""
    prepare(scratch)
    sweep(scratch, prefix)
    folder = scratch / temporary_name(prefix)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, prefix: str = _TEMPORARY) -> None:
    """Remove temporary files and folders of this machine's ended processes, and any that are older than a day."""
    for path in folder.glob(f"{prefix}*"):
        try:
            if not _abandoned(path, prefix):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # its owner was quicker


def _abandoned(path: Path, prefix: str) -> bool:
    if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
        return True
    machine, _, rest = path.name.removeprefix(prefix).partition("-")
    process = rest.partition("-")[0]
    return machine == _machine() and process.isdecimal() and not _runs(int(process))


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def cannot_write(landing: Path, error: OSError) -> TransientFault:
    """Return the fault of a disk that does not take what we write."""
    full = error.errno in _NO_ROOM
    return TransientFault(
        tried=f"Keeping a file of the drop in {landing}",
        seen="the disk is full" if full else os.strerror(error.errno or errno.EIO),
        todo="Make room on the disk"
        if full
        else "Let our user write to the landing folder and check its disk",
        mover=Mover.ENGINEER,
    )
