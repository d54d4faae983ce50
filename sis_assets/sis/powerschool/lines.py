"""How a row of PowerSchool lands: one line of JSON, the contract's fields where the server put them, names sorted.

What the contract does not know moves into `other_columns`; what it knows and does not want is left out. Rows are many, so
this does little for each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from sis_assets.sis.powerschool import shapes
from sis_assets.sis.powerschool.layout import Entity
from sis_assets.sis.powerschool.pages import Page

#: Members of a landed row that are ours.
OTHERS: Final = "other_columns"
NO_TEXT: Final = "no_text"

_SORTED_LINE: Final = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_LARGEST_KEY: Final = 2**63


def page_of(entity: Entity) -> Callable[[list[shapes.Object]], Page]:
    """Return the function from the rows of a page to the page. It raises ValueError for a row without its key."""
    key, dropped = entity.key, frozenset(entity.dropped)
    top, nested = _known(entity)

    def sorted_out(row: shapes.Object) -> tuple[int, bytes]:
        others: shapes.Object = {}
        if not row.keys() <= top:
            _move(row, row.keys() - top, "", dropped, others)
        for outer, known in nested:
            inner = row.get(outer)
            if type(inner) is dict and not inner.keys() <= known:
                _move(inner, inner.keys() - known, f"{outer}.", dropped, others)
        if others:
            row[OTHERS] = others
        return _key(row, key), _line(row)

    return lambda rows: Page(len(rows), [sorted_out(row) for row in rows])


def _known(entity: Entity) -> tuple[frozenset[str], tuple[tuple[str, frozenset[str]], ...]]:
    """Return the known names of a row, and those inside each known object."""
    places = [path.partition(".") for field in entity.fields for path in field.paths]
    outers = sorted({outer for outer, _, inner in places if inner})
    top = frozenset(outer for outer, _, _ in places)
    return top, tuple(
        (name, frozenset(inner for outer, _, inner in places if outer == name)) for name in outers
    )


def _move(
    holder: shapes.Object, names: Iterable[str], place: str, dropped: frozenset[str], others: shapes.Object
) -> None:
    for name in names:
        value = holder.pop(name)
        if f"{place}{name}" not in dropped:
            others[f"{place}{name}"] = value


def _key(row: shapes.Object, name: str) -> int:
    value: Any = row.get(name)
    if value is None:
        raise ValueError(f"a record without {name}")
    key = value if type(value) is int else shapes.whole(value)
    if abs(key) >= _LARGEST_KEY:
        raise ValueError(f"a record with an impossible {name}")
    return key


def _line(row: shapes.Object) -> bytes:
    try:
        return orjson.dumps(row, option=_SORTED_LINE)
    except orjson.JSONEncodeError:
        # Half of a surrogate pair is no text, and no table can hold it. The row lands as an escaped whole.
        return orjson.dumps({NO_TEXT: json.dumps(row, sort_keys=True)}, option=_SORTED_LINE)
