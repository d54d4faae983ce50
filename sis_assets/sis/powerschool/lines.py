"""How a row of PowerSchool lands: one line of JSON, the contract's fields where the server put them, names sorted.

What the contract does not know moves into `other_columns`; what it knows and does not want is left out. Rows are many, so
this does little for each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
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
    key, parts = entity.key, _parts(entity)

    def sorted_out(row: shapes.Object) -> tuple[int, bytes]:
        others: shapes.Object = {}
        for outer, known, dropped in parts:
            part = row.get(outer) if outer else row
            if type(part) is dict:
                for name in dropped:
                    part.pop(name, None)
                if not part.keys() <= known:
                    others |= {f"{outer}.{name}".lstrip("."): part.pop(name) for name in part.keys() - known}
        if others:
            row[OTHERS] = others
        return _key(row, key), _line(row)

    return lambda rows: Page(len(rows), [sorted_out(row) for row in rows])


def _parts(entity: Entity) -> list[tuple[str, frozenset[str], tuple[str, ...]]]:
    """Return each object of a row, the row itself ("") first: its name, what we know in it, and what we do not keep."""
    places = [path.rpartition(".") for field in entity.fields for path in field.paths]
    unwanted = [path.rpartition(".") for path in entity.dropped]
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
