"""What the last read of a district left, so that the next one may read only what changed since.

A small JSON file (0600) in the district's landing folder. It names the landed files, it counts only together with them, and
it is written when all of them have landed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sis_assets.sis.reading import SourceFile
from sis_assets.transport import landing
from sis_assets.transport.landing import temporary_name

_NAME: Final = ".last-read.json"
_TEMPORARY: Final = ".incoming-"


@dataclass(frozen=True, slots=True)
class LastRead:
    """One read: under which settings (their hash), when it and the last read of everything began, and its files.

    The moments are of the server's clock. `files` have their places in the landing folder.
    """

    under: str
    began: datetime
    everything_began: datetime
    files: tuple[SourceFile, ...]

    def keep(self, folder: Path) -> None:
        """Write it into the folder in place of the one before. Raises TransientFault when the disk does not take it."""
        told = {
            "under": self.under,
            "began": self.began.isoformat(),
            "everything_began": self.everything_began.isoformat(),
            "files": [[file.entity, file.name, file.bytes, file.sha256] for file in self.files],
        }
        temporary = folder / temporary_name(_TEMPORARY)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(told, file)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(folder / _NAME)
        except OSError as error:
            raise landing.cannot_write(folder, error) from error
        landing.settle(folder)


def last_read(folder: Path) -> LastRead | None:
    """Return what the last read left in the folder; None where that, or a file of it, is missing or damaged."""
    try:
        told = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        found = LastRead(
            under=str(told["under"]),
            began=_moment(told["began"]),
            everything_began=_moment(told["everything_began"]),
            files=tuple(_file(folder, *each) for each in told["files"]),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if all(map(_is_whole, found.files)) else None


def files_needed(folder: Path) -> frozenset[str]:
    """Return the names of the files in the folder that the next read of changes builds on, this module's own among them."""
    try:
        told = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        return frozenset({_NAME, *(str(sha256) for _, _, _, sha256 in told["files"])})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    return moment


def _file(folder: Path, entity: str, name: str, size: int, sha256: str) -> SourceFile:
    return SourceFile(entity, name, size, sha256, folder / sha256)


def _is_whole(file: SourceFile) -> bool:
    try:
        with file.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False
