"""What Aeries' lists look like. The only place that knows (contract §2.1, §2.3).

A list of one may come as an object. A list may stand inside each object, as the courses of a transcript do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sis_assets.sis.aeries.layout import Entity
from sis_assets.sis.documents.lines import keyed_by, page_of
from sis_assets.sis.documents.pages import Key, Page
from sis_assets.sis.documents.values import Object, objects, text


def page_for(entity: Entity, school: str = "") -> Callable[[Any], Page]:
    """Return the function from a document to its page: for each object its key, and its records as lines in one order.

    With a `school` (its code) the objects of others are left out: they come in their own school's list. It raises
    ValueError for a document in another form.
    """
    key = keyed_by(entity.numbers, entity.texts)
    as_lines = page_of(entity, lambda _: 0)

    def page(document: Any) -> Page:
        rows: list[tuple[Key, bytes]] = []
        for record in objects(document):
            if school and text(record.setdefault("SchoolCode", school)) != school:
                continue
            lines = sorted(line for _, line in as_lines(list(_records(entity, record))).rows)
            rows.append((key(record), b"".join(lines)))
        return Page(len(rows), rows)

    return page


def _records(entity: Entity, record: Object) -> Iterator[Object]:
    """Give the records of an object: itself, or the items of the list inside it with what stands around that list."""
    if not entity.listing.inner:
        yield dict(record)
        return
    name = _inner_name(entity, record)
    known = entity.column_names if entity.listing.of_another else record
    around = {outer: value for outer, value in record.items() if outer != name and outer in known}
    for item in objects(record[name]):
        yield item | around


def _inner_name(entity: Entity, record: Object) -> str:
    """Return the name of the list inside an object: one that we know, else the only list that is there."""
    for name in entity.listing.inner:
        if name in record:
            return name
    lists = [name for name, value in record.items() if isinstance(value, list)]
    if len(lists) != 1:
        raise ValueError(f"a record without {entity.listing.inner[0]}")
    return lists[0]
