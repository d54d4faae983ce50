"""What one request asks, and pages of records that answer it (contract: OneRoster §4.3, collections)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import polars as pl

from sis_assets.sandbox.oneroster.faults import Twist
from sis_assets.sandbox.oneroster.problems import Problem
from sis_assets.sandbox.oneroster.settings import Settings, Version
from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.rows import rows_between

#: Far past the end of any district, near enough for any counter.
_FAR = 2**40


@dataclass(frozen=True, slots=True)
class Question:
    """One request: its method, names and ids of its path in turn, its query string, its body, what faults do to its rows.

    base  the address before the collections
    """

    method: str
    version: Version
    base: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: str
    twist: Twist

    @property
    def names(self) -> tuple[str, ...]:
        """The collections of the path."""
        return self.path[::2]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the path."""
        return self.path[1::2]


def page_of(
    question: Question,
    rows: pl.Series,
    key: str,
    warnings: Sequence[Mapping[str, object]],
    settings: Settings,
) -> Reply:
    """Return the page of the rows (JSON text) that is asked for. Raises Problem 400 for a limit or offset that is none.

    key       what the records are called
    warnings  what stands beside them
    """
    limit, offset = _limit(question.query, settings), whole(question.query, "offset", 0)
    total = max(0, len(rows) - question.twist.hidden) + question.twist.total
    page = rows_between(rows, offset, limit, question.twist)
    headers = {"X-Total-Count": str(total)} if settings.total_count else {}
    if settings.links and limit:
        headers["Link"] = ", ".join(_links(question, limit, offset, total))
    return Reply(body_of(key, "[" + ",".join(page) + "]", warnings), headers=headers)


def body_of(key: str, content: str, warnings: Sequence[Mapping[str, object]] = ()) -> str:
    """Return the body that has this JSON text under a key, and warnings beside it."""
    beside = f',"statusInfoSet":{json.dumps(warnings)}' if warnings else ""
    return f'{{"{key}":{content}{beside}}}'


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter that is a whole number. Raises Problem 400 where it is none, or negative."""
    try:
        number = int(query.get(name, default))
    except ValueError:
        raise Problem(400, f"{name} is a whole number") from None
    if number < 0:
        raise Problem(400, f"{name} is not negative")
    return min(number, _FAR)


def _limit(query: Mapping[str, str], settings: Settings) -> int:
    limit, greatest = whole(query, "limit", settings.default_limit), settings.maximum_limit
    if limit == 0 and settings.zero_limit != "count":
        if settings.zero_limit == "reject":
            raise Problem(400, "limit must be positive")
        return settings.default_limit
    if greatest is None or limit <= greatest:
        return limit
    if settings.above_maximum == "reject":
        raise Problem(400, f"limit must not exceed {greatest}")
    return greatest


def _links(question: Question, limit: int, offset: int, total: int) -> list[str]:
    places = {"first": 0, "last": max(0, total - 1) // limit * limit}
    if offset + limit < total:
        places["next"] = offset + limit
    if offset > 0:
        places["prev"] = max(0, offset - limit)
    address = "/".join((question.base, *(quote(part, safe="") for part in question.path)))
    return [
        f'<{address}?{urlencode({**question.query, "limit": limit, "offset": place})}>; rel="{relation}"'
        for relation, place in places.items()
    ]
