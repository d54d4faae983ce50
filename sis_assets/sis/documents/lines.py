"""How a row of an API lands: one line of JSON, the contract's fields where the server put them, names sorted.

What the contract does not know moves into `other_columns`; what it knows and does not want is left out. Rows are many, so
this does little for each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence, Set
from typing import Any, Final

import orjson

from sis_assets.sis.documents.layout import Kind
from sis_assets.sis.documents.pages import Key, Page
from sis_assets.sis.documents.values import Object, parse, text, whole

#: Members of a landed row that are ours.
OTHERS: Final = "other_columns"
NO_TEXT: Final = "no_text"

_SORTED_LINE: Final = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_LARGEST_KEY: Final = 2**63


def page_of(kind: Kind, key: Callable[[Object], Key]) -> Callable[[list[Object]], Page]:
    """Return the function from the rows of a page to the page; `key` gives a row's. It raises what `key` raises."""
    parts = _parts(kind)
    unwanted = tuple(name.removesuffix("*") for name in kind.dropped if name.endswith("*"))

    def set_apart(row: Object, part: Object, outer: str, names: Set[str]) -> None:
        unknown = {f"{outer}.{name}".lstrip("."): part.pop(name) for name in names}
        if others := {path: value for path, value in unknown.items() if not path.startswith(unwanted)}:
            row.setdefault(OTHERS, {}).update(others)

    def page(rows: list[Object]) -> Page:
        for outer, known, dropped in parts:
            inside = [(row, part) for row in rows if type(part := row.get(outer) if outer else row) is dict]
            for name in dropped:
                for _, part in inside:
                    part.pop(name, None)
            # Most pages hold what we know and nothing else, which one look at all their names shows.
            if not set[str]().union(*(part for _, part in inside)) <= known:
                for row, part in inside:
                    set_apart(row, part, outer, part.keys() - known)
        return Page(len(rows), [(key(row), _line(row)) for row in rows])

    return page


def _parts(kind: Kind) -> list[tuple[str, frozenset[str], tuple[str, ...]]]:
    """Return each object of a row, the row itself ("") first: its name, what we know in it, and what we do not keep."""
    places = [path.rpartition(".") for field in kind.fields for path in field.paths]
    unwanted = [path.rpartition(".") for path in kind.dropped]
    outers = sorted({outer for outer, _, _ in places})
    return [
        (
            part,
            frozenset(inner for outer, _, inner in places if outer == part)
            | frozenset(outers if not part else ()),
            tuple(inner for outer, _, inner in unwanted if outer == part),
        )
        for part in ("", *(outer for outer in outers if outer))
    ]


def keyed_by(numbers: Sequence[str], texts: Sequence[str]) -> Callable[[Object], tuple[int | str, ...]]:
    """Return the key of rows that several values identify or order: whole numbers first, then texts, "" for an absent one.

    It raises ValueError for a row without one of the numbers; no value is quoted.
    """
    by_number = [numbered_by(name) for name in numbers]

    def key(row: Object) -> tuple[int | str, ...]:
        return (*(number(row) for number in by_number), *(text(row.get(name)) for name in texts))

    return key


def numbered_by(name: str) -> Callable[[Object], int]:
    """Return the key of rows that a whole number identifies. It raises ValueError for a row without that, which it does not quote."""

    def key(row: Object) -> int:
        value: Any = row.get(name)
        if value is None:
            raise ValueError(f"a record without {name}")
        number = value if type(value) is int else whole(value)
        if abs(number) >= _LARGEST_KEY:
            raise ValueError(f"a record with an impossible {name}")
        return number

    return key


def row_of(line: bytes) -> Object:
    """Return the row that landed as a line."""
    row: Object = parse(line)
    whole_row: Object = json.loads(row[NO_TEXT]) if NO_TEXT in row else row
    return whole_row


def _line(row: Object) -> bytes:
    try:
        return orjson.dumps(row, option=_SORTED_LINE)
    except orjson.JSONEncodeError:
        # Half of a surrogate pair is no text, and no table can hold it. The row lands as an escaped whole.
        return orjson.dumps({NO_TEXT: json.dumps(row, sort_keys=True)}, option=_SORTED_LINE)
