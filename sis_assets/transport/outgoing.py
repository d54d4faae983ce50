"""Files that somebody else reads, laid into a folder: whole under their name, or not there at all.

A file is written under a hidden temporary name, made durable, and only then named. A crash leaves nothing but a temporary
name, which the next writer removes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault
from sis_assets.transport.landing import settle, sweep, temporary_name

PREFIX: Final = ".outgoing-"
_LACKING = (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError)


@dataclass(frozen=True, slots=True)
class Laid:
    """A file that was laid down: its name, its bytes and their SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


def lay(folder: Path, name: str, chunks: Iterable[bytes], *, mode: int = 0o600) -> Laid:
    """Write `chunks` as the file `name` of the folder, over an older one. The folder is made where it is missing.

    Raises NeedsPerson when our user may not write there, TransientFault when the disk does not take it, and what making
    the chunks raises; then the older file, or none, is still there.
    """
    path = folder / temporary_name(PREFIX)
    hashed, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, PREFIX)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(file, "wb") as sink:
            for chunk in chunks:
                hashed.update(chunk)
                size += len(chunk)
                sink.write(chunk)
            sink.flush()
            os.fsync(sink.fileno())
        path.replace(folder / name)
        settle(folder)
    except OSError as error:
        kind = NeedsPerson if isinstance(error, _LACKING) else TransientFault
        raise kind(
            tried=f"Writing {name} into {folder}",
            seen=error.strerror or "the operating system refused it",
            todo="Let our user write there, and see that the disk has room",
            mover=Mover.ENGINEER,
        ) from None
    finally:
        path.unlink(missing_ok=True)
    return Laid(name, size, hashed.hexdigest())
