"""What PowerSchool's documents look like. The only place that knows (contract §1.3, §1.6)."""

from __future__ import annotations

from typing import Any

from sis_assets.sis.documents.values import Object, as_object, objects, whole


def inside(document: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at the end of `path`, None where a part of it is absent or empty."""
    for name in path:
        document = as_object(document).get(name)
    return document


def objects_at(document: Any, path: tuple[str, ...]) -> list[Object]:
    """Return the objects of the list at the end of `path`.

    The outermost part must be there: an answer that lacks it is no empty list. Raises ValueError for that, and for
    anything that is no object.
    """
    if path[0] not in as_object(document):
        raise ValueError("the outermost name is missing")
    return objects(inside(document, path))


def count_of(document: Any) -> int:
    """Return a count: `{"resource": {"count": N}}` of `/ws/v1` or `{"count": N}` of the tables. Raises ValueError."""
    outer = as_object(document)
    return whole(as_object(outer.get("resource", outer)).get("count"))


def table_rows(document: Any, table: str) -> list[Object]:
    """Return the rows of a table's page, without what surrounds them. Raises ValueError when that is not as agreed."""
    outer = as_object(document)
    if not {"name", "record"} & outer.keys():
        raise ValueError("neither the table's name nor records")
    rows = [as_object(as_object(record.get("tables")).get(table)) for record in objects(outer.get("record"))]
    if not all(rows):
        raise ValueError("a record without the table's columns")
    return rows


def query_rows(document: Any) -> list[Object]:
    """Return the rows of a flattened query's page. Raises ValueError when it is not as agreed."""
    outer = as_object(document)
    if not {"name", "record"} & outer.keys():
        raise ValueError("neither the query's name nor records")
    return [
        {name: value for name, value in record.items() if name != "_name"}
        for record in objects(outer.get("record"))
    ]
