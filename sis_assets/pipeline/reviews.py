"""The pages for review in `outbox/reviews/`: one for each change set that is held, and none for any other.

They are the only files with students' names outside of the landing and the warehouse, so they are for their owner alone
and go when the set is decided or superseded (DESIGN §8).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.pipeline.pages import SECRET, write_page
from sis_assets.pipeline.pages.review import review_page
from sis_assets.pipeline.review import find
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.review import Proposal
    from sis_assets.warehouse import Home, Warehouse

_PAGE: Final = re.compile(r"(?P<district>[a-z0-9-]+)-\d{6,}\.\d+\.html")
_HALF: Final = re.compile(r"\..+\.html-\d+")
_WRITING_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """How many pages were written and how many removed."""

    written: int
    removed: int


def page_of(home: Home, change_set_id: str) -> Path:
    """Return where the page of a change set stands while that is held."""
    return _folder(home) / f"{change_set_id}.html"


def districts_with_pages(home: Home) -> set[str]:
    """Return the districts of which there are pages."""
    return {district for _, district in _pages(home)}


def keep(warehouse: Warehouse, districts: Collection[str]) -> Kept:
    """Write the pages that are missing of these districts' held change sets and remove those that are held no more.

    Raises OSError when one cannot be written or removed.
    """
    return _settle(warehouse, districts) if districts else Kept(0, 0)


def sweep(warehouse: Warehouse) -> Kept:
    """Do the same for all districts, also those that are no more, and remove what a killed process left half written.

    Raises OSError when a page cannot be written or removed.
    """
    half = [
        path
        for path in _entries(warehouse.home)
        if _HALF.fullmatch(path.name) and path.stat().st_mtime < time.time() - _WRITING_SECONDS
    ]
    for path in half:
        path.unlink(missing_ok=True)
    kept = _settle(warehouse, None)
    return Kept(kept.written, kept.removed + len(half))


def write_review(connection: DuckDBPyConnection, home: Home, proposal: Proposal) -> Path:
    """Write the page of a change set, over an older one, and return where. Raises OSError when that cannot be."""
    path = page_of(home, proposal.change_set_id)
    write_page(path, review_page(connection, proposal), mode=SECRET)
    return path


def _settle(warehouse: Warehouse, districts: Collection[str] | None) -> Kept:
    mine = "" if districts is None else f" AND (district_id || '') IN ({quoted(sorted(districts))})"
    troubles: list[Exception] = []
    with warehouse.read() as connection:
        held = find(connection, f"status || '' = 'held'{mine}")
        missing = [each for each in held if not page_of(warehouse.home, each.change_set_id).exists()]
        for proposal in missing:
            try:
                write_review(connection, warehouse.home, proposal)
            except Exception as error:  # noqa: BLE001 - one district's page stops no other's; the first is raised below
                troubles.append(error)
    wanted = {f"{each.change_set_id}.html" for each in held}
    over = [
        path
        for path, district in _pages(warehouse.home)
        if (districts is None or district in districts) and path.name not in wanted
    ]
    for path in over:
        path.unlink(missing_ok=True)
    for trouble in troubles:
        raise trouble
    return Kept(len(missing), len(over))


def _pages(home: Home) -> Iterator[tuple[Path, str]]:
    for path in _entries(home):
        if found := _PAGE.fullmatch(path.name):
            yield path, found["district"]


def _entries(home: Home) -> list[Path]:
    folder = _folder(home)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _folder(home: Home) -> Path:
    return home.outbox / "reviews"
