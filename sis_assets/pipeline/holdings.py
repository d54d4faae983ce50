"""The files below the home that hold data of a district: what landed, kept answers, files of course requests, and what was laid out for people."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.warehouse.trouble import trouble

if TYPE_CHECKING:
    from sis_assets.warehouse import Home

#: Where the certificates of purges lie, below the outbox. They hold no data and are never removed.
CERTIFICATES: Final = "purges"
LANDING, OUTBOX, TOKENS, REQUESTS = "landing", "outbox", "tokens", "requests"


@dataclass(frozen=True, slots=True)
class Holding:
    """One file: the kind of place, its size and the hash of its bytes. Its name may say whose it is, so it is not told."""

    place: str
    path: Path
    bytes: int
    sha256: str

    def mentions(self, word: str) -> bool:
        """Whether the word stands in the file's bytes, by itself; also in UTF-16, as some exports are."""
        content = self.path.read_bytes()
        forms = (re.escape(word.encode(encoding)) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
        return any(re.search(rb"(?<![0-9A-Za-z])" + form + rb"(?![0-9A-Za-z])", content) for form in forms)


def holdings(home: Home, district_id: str, others: Collection[str]) -> list[Holding]:
    """Return every file that holds data of the district. `others` are all known districts' keys.

    A file of the outbox belongs to the district whose key its name, or a folder above it, is or begins with.
    """
    found = [(LANDING, path) for path in _files(home.landing / district_id)]
    # Whose a token is, only the credential tells; all of them are caches, made again by one request each.
    found += [(TOKENS, path) for path in _files(home.scratch / "tokens")]
    found += [(REQUESTS, path) for path in _files(home.requests / district_id)]
    for path in _files(home.outbox):
        parts = path.relative_to(home.outbox).parts
        if parts[0] != CERTIFICATES and any(_owner(part, others) == district_id for part in parts):
            found.append((OUTBOX, path))
    return [_holding(place, path) for place, path in found]


def _owner(name: str, districts: Collection[str]) -> str | None:
    """Return the district whose key the name is, or begins with before a `-` or `.`; the longest such key."""
    keys = [key for key in districts if name == key or name.startswith((f"{key}-", f"{key}."))]
    return max(keys, key=len, default=None)


def unlink(home: Home, district_id: str, found: Collection[Holding]) -> None:
    """Remove the files, and the district's landing folder with them. Raises TransientFault when the disk is in the way."""
    try:
        for holding in found:
            holding.path.unlink(missing_ok=True)
        if (home.landing / district_id).exists():
            shutil.rmtree(home.landing / district_id)
    except OSError as error:
        if (fault := trouble(error)) is None:
            raise
        raise fault from None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file())


def _holding(place: str, path: Path) -> Holding:
    if path.is_symlink():
        return Holding(place, path, 0, "")
    with path.open("rb") as content:
        return Holding(place, path, path.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest())
