"""What a sender may put into a drop to say that it is whole: `manifest.json`, or a marker file.

`manifest.json`, UTF-8, lists files by name, size, and where the sender has them, content and records:

    {"files": [{"name": "Student.txt", "bytes": 1234, "sha256": "…", "records": 56}]}

A marker is any file whose name before the first dot is `_SUCCESS`, `READY`, `DONE` or `COMPLETE`, in any case
(`done.flag`, `READY.txt`). Its content does not count, only its time.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MANIFEST: Final = "manifest.json"
MOST_BYTES: Final = 1024 * 1024
_MARKERS = frozenset({"_success", "ready", "done", "complete"})
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Unreadable(Exception):
    """The manifest is not one; the text says why without quoting it."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a manifest says of one file. `sha256` in lower-case hexadecimal."""

    bytes: int
    sha256: str | None
    records: int | None


def is_marker(name: str) -> bool:
    """Say whether a file of this name marks the end of an upload."""
    return name.partition(".")[0].casefold() in _MARKERS


def plain(name: str) -> str:
    """Return the form in which names are compared: é is one character, however a sender's system wrote it."""
    return unicodedata.normalize("NFC", name)


def read(content: bytes) -> Mapping[str, Promise]:
    """Return what a manifest promises, by plain name. Unknown keys are ignored. Raises Unreadable."""
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    listed = document.get("files") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise Unreadable('it has no list "files"')
    promises: dict[str, Promise] = {}
    for number, item in enumerate(listed, start=1):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise Unreadable(f"its file {number} has no name")
        name = plain(item["name"])
        if name in promises:
            raise Unreadable(f"its file {number} is listed twice")
        promises[name] = Promise(
            bytes=_count(item, "bytes", number, required=True) or 0,
            sha256=_digest(item, number),
            records=_count(item, "records", number, required=False),
        )
    return promises


def _count(item: Mapping[str, object], key: str, number: int, *, required: bool) -> int | None:
    value = item.get(key)
    if value is None and not required:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Unreadable(f'its file {number} has no count in "{key}"')
    return value


def _digest(item: Mapping[str, object], number: int) -> str | None:
    value = item.get("sha256")
    if value is None:
        return None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise Unreadable(f'its file {number} has no SHA-256 in "sha256"')
    return value.lower()
