"""`manifest.csv`: which files a package has, and whether each holds everything or only changes. Contract: OneRoster §4.1."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sis_assets.model.faults import Mover, PermanentFault

NAME: Final = "manifest.csv"
MOST_BYTES: Final = 1 << 20
Mode = Literal["absent", "bulk", "delta"]
_MODES: Final[Mapping[str, Mode]] = {"absent": "absent", "bulk": "bulk", "delta": "delta"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it is written: its header, and its rows in their order, outer blanks gone."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]

    @property
    def modes(self) -> Mapping[str, Mode]:
        """What it says of each file, by the file's name without `.csv`. Raises PermanentFault for what says nothing."""
        found: dict[str, Mode] = {}
        for name, value in self.rows:
            if not name.lower().startswith("file."):
                continue
            stem, mode = name[len("file.") :], _MODES.get(value.lower())
            if mode is None:
                raise wrong("a file is none of absent, bulk and delta")
            if found.setdefault(stem, mode) != mode:
                raise wrong("a file stands in it twice, and differs")
        return found


def read(path: Path) -> Manifest:
    """Return the manifest that landed at `path`. Raises PermanentFault for what is none."""
    if path.stat().st_size > MOST_BYTES:
        raise wrong(f"it has more than {MOST_BYTES} bytes")
    content = path.read_bytes()
    try:
        rows = [
            [value.strip() for value in row]
            for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
            if any(value.strip() for value in row)
        ]
    except (UnicodeDecodeError, csv.Error):
        raise wrong("it is no CSV in UTF-8") from None
    if not rows or any(len(row) != len(rows[0]) for row in rows) or len(rows[0]) < 2:  # noqa: PLR2004 - a name and a value
        raise wrong("it has no rows of a name and a value")
    return Manifest(tuple(rows[0]), tuple((row[0], row[1]) for row in rows[1:]))


def wrong(seen: str) -> PermanentFault:
    """Return the fault of a manifest that cannot be followed."""
    return PermanentFault(
        tried=f"Reading {NAME}",
        seen=seen,
        todo="Export the whole package again",
        mover=Mover.DISTRICT,
    )
