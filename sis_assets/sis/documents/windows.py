"""Reading a list by windows of record numbers, where the server tells no total and may give fewer than were asked for.

Every window but the first begins with the last record of the one before. So rows that moved are seen, a window that was
cut short is no end, and no window begins behind the end: what a server answers there need not be known.
"""

from __future__ import annotations

from collections.abc import Callable

from sis_assets.sis.documents.pages import Key, MovedError, Page


def read_windows(window: Callable[[int, int], Page], size: int) -> list[tuple[Key, bytes]]:
    """Return all rows of the list; `window` reads the records from the first number (from 1) to the last, inclusive.

    `size` is at least 2. Raises MovedError when a window does not begin where the one before ended, or a key comes twice.
    """
    rows = _fitting(window(1, size), size)
    while rows:
        following = _fitting(window(len(rows), len(rows) + size - 1), size)
        if not following or following[0][0] != rows[-1][0]:
            raise MovedError(f"record {len(rows)} is another one now")
        if len(following) == 1:
            break
        rows += following[1:]
    if len({key for key, _ in rows}) < len(rows):
        raise MovedError("a record came twice")
    return rows


def _fitting(page: Page, size: int) -> list[tuple[Key, bytes]]:
    if page.found > size:
        raise MovedError(f"a window of {size} records has {page.found}")
    return page.rows
