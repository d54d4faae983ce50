"""Small files of ours, written whole or not at all, for our user alone."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.warehouse.trouble import trouble

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file (0600), durably, in the place of what is there; a missing folder is made (0700).

    Raises TransientFault when the disk is full, NeedsPerson when we may not write there.
    """
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(file)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if (fault := trouble(error)) is None:
            raise NeedsPerson(
                tried=f"Writing {path}",
                seen=os.strerror(error.errno or errno.EIO),
                todo="Let our user write there",
                mover=Mover.ENGINEER,
            ) from None
        raise fault from None
