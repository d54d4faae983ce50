"""The first record of a file: which of our columns stands where."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sis_assets.model.faults import Mover
from sis_assets.sis.delimited.refusals import refused
from sis_assets.sis.delimited.shapes import Dialect, Layout, Limits

_OTHER_DELIMITERS = "|,;\t^~"


@dataclass(frozen=True, slots=True)
class Header:
    """`names` as the file writes them (invisible characters and outer blanks gone), `ours` as our column → position.

    `unwanted` are the positions of columns that are left behind.
    """

    names: tuple[str, ...]
    ours: dict[str, int]
    key: int
    missing_optional: tuple[str, ...]
    unwanted: frozenset[int] = frozenset()

    @property
    def unknown(self) -> tuple[int, ...]:
        """Positions of the columns that the layout does not know."""
        known = {*self.ours.values(), *self.unwanted}
        return tuple(position for position in range(len(self.names)) if position not in known)

    def is_repeated_by(self, fields: Sequence[bytes]) -> bool:
        """Tell whether a record is the header once more."""
        return len(fields) == len(self.names) and all(
            comparable(found) == comparable(name)
            for found, name in zip(_names(fields), self.names, strict=True)
        )


def visible(name: str) -> str:
    """Return a header name without the characters that nobody sees, and without outer blanks."""
    return "".join(
        " " if c == "\N{NO-BREAK SPACE}" else c for c in name if unicodedata.category(c) != "Cf"
    ).strip()


def comparable(name: str) -> str:
    """Return a header name as it is compared."""
    return visible(name).casefold()


def _names(fields: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(visible(field.decode()) or f"column_{number}" for number, field in enumerate(fields, 1))


def match_header(
    path: Path, fields: Sequence[bytes], layout: Layout, dialect: Dialect, limits: Limits
) -> Header:
    """Return where our columns stand.

    Raises PermanentFault when a required column is missing, when a column stands twice, or when there are too many.
    Headers of the file are never quoted in a message: in a file without a header they are a student's values.
    """
    if len(fields) > limits.columns:
        seen = f"the header has {len(fields)} columns, more than {limits.columns}"
        raise refused(path, seen, "Send the file with its documented columns")
    names = _names(fields)
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        first = positions.setdefault(comparable(name), position)
        if first != position:
            seen = f"columns {first + 1} and {position + 1} have the same header"
            raise refused(path, seen, "Name each column once")
    ours = _places(path, layout, positions)
    missing = sorted(layout.required - ours.keys())
    if missing:
        raise refused(path, *_missing(missing, layout, fields, dialect))
    if layout.key not in ours:
        raise refused(
            path, f"the key column {_accepted(layout, layout.key)} is missing", "Send the file with it"
        )
    optional = tuple(column for column in layout.columns if column not in ours)
    unwanted = frozenset(map(comparable, layout.unwanted)) & positions.keys()
    return Header(names, ours, ours[layout.key], optional, frozenset(positions[name] for name in unwanted))


def _places(path: Path, layout: Layout, positions: dict[str, int]) -> dict[str, int]:
    ours: dict[str, int] = {}
    for column, accepted in layout.columns.items():
        found = [name for name in accepted if comparable(name) in positions]
        places = {positions[comparable(name)] for name in found}
        if len(places) > 1:
            raise refused(
                path, f"{' and '.join(found)} are the same column by two names", "Send only one of them"
            )
        if places:
            ours[column] = places.pop()
    return ours


def _missing(
    missing: list[str], layout: Layout, fields: Sequence[bytes], dialect: Dialect
) -> tuple[str, str, Mover]:
    named = ", ".join(_accepted(layout, column) for column in missing)
    seen = f"the first line does not name the required column{'s' if len(missing) > 1 else ''} {named}"
    others = [d for d in _OTHER_DELIMITERS if d != dialect.delimiter and d.encode() in fields[0]]
    if len(fields) == 1 and others:
        what = f"{seen}; it holds no {dialect.delimiter!r}, but {' and '.join(map(repr, others))}"
        return (
            what,
            "Correct files.delimiter, or have the file exported with the agreed delimiter",
            Mover.ENGINEER,
        )
    return seen, "Send the file with these columns, named in its first line", Mover.DISTRICT


def _accepted(layout: Layout, column: str) -> str:
    return " or ".join(layout.columns[column]) or column
