"""Pages of rows, and what switched-on faults make of them (contract: PowerSchool §1.3, paging)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sis_assets.sandbox.powerschool.reply import Refusal, Twist
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sandbox.rows import rows_between


def page_asked(query: Mapping[str, str], resource: str, settings: Settings) -> tuple[int, int]:
    """Return page number (from 1) and size. Raises Refusal 400 for one below 1, or a size that is refused."""
    limit = settings.page_size(resource)
    page, size = _whole(query, "page", 1), _whole(query, "pagesize", limit)
    if page < 1 or size < 1:
        raise Refusal(400, "Invalid page or pagesize")
    if size > limit and settings.above_page_size == "reject":
        raise Refusal(400, f"pagesize must not exceed {limit}")
    return page, min(size, limit)


def rows_of_page(rows: pl.Series, page: int, size: int | None, twist: Twist) -> list[str]:
    """Return the rows of a page, of all where `size` is None; past the end there are none."""
    return rows_between(rows, 0 if size is None else (page - 1) * size, size, twist)


def counted(rows: int, twist: Twist) -> int:
    """Return how many rows a count tells."""
    return max(0, rows - twist.hidden) + twist.total


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise Refusal(400, f"Invalid {name}") from None
