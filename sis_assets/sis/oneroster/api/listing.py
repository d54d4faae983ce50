"""A collection of a OneRoster server as pages by limit and offset (contract OneRoster §4.3).

What a page may hold is the server's to say: many give fewer rows than the limit asks for, and some tell no total. So the
first page shows how many rows a page has. A told total is believed when no row stands behind it; without a total the list
ends at an empty page, never at a short one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.documents import values
from sis_assets.sis.documents.lines import page_of
from sis_assets.sis.documents.pages import Key, MovedError, Page, Start
from sis_assets.sis.oneroster.api.deltas import Wanted
from sis_assets.sis.oneroster.api.session import Headers, NotThere, Session
from sis_assets.sis.oneroster.layout import Entity

_NEXT: Final = re.compile(r'rel\s*=\s*"?next\b', re.IGNORECASE)
#: Comes before every character of a sourcedId.
_FIRST: Final = "\0"


@dataclass(frozen=True, slots=True)
class _Given:
    """What one request gave: rows, and the total where the server told one."""

    page: Page
    total: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """One collection, those rows that `query` admits and that are `wanted`. `limit` is how many rows to ask for at once."""

    session: Session
    entity: Entity
    limit: int
    query: Mapping[str, str]
    wanted: Wanted

    def start(self) -> Start:
        """Read the first page. Raises the session's faults, and MovedError as `Start.page` does."""
        given = self.at(0, self.limit)
        size = given.page.found or self.limit
        if given.total is None:
            return Start(given.page, None, size, partial(self._page, size), until_empty=True)
        return Start(
            given.page,
            given.total,
            size,
            partial(self._page, size),
            partial(self._recount, given.total, size),
        )

    def at(self, offset: int, limit: int) -> _Given:
        """Read the rows from `offset` on. Raises the session's faults, MovedError for an empty page that names a next one."""
        paging = {"limit": str(limit), "offset": str(offset)}
        what = f"Reading {self.entity.stem}, from record {offset + 1} on"
        try:
            given = self.session.get(what, self.entity.stem, {**self.query, **paging}, self._given)
        except NotThere:
            if offset == 0:
                raise
            return _Given(Page(0, []), None)  # some servers have no page behind the last one
        return given

    def _page(self, size: int, number: int) -> Page:
        return self.at(size * (number - 1), size).page

    def _recount(self, total: int, size: int) -> int:
        behind = self.at(total, size)
        if behind.page.found:
            raise MovedError(f"there are rows behind the total of {total}")
        return behind.total or total  # of a page behind the last one some servers count the rows

    def _given(self, document: Any, headers: Headers) -> _Given:
        outer = values.as_object(document)
        if self.entity.stem not in outer:
            raise ValueError(f"{self.entity.stem} is missing")
        rows = values.objects(outer[self.entity.stem])
        kept = [row for row in rows if self.wanted(row)]
        page = Page(len(rows), _told_apart(page_of(self.entity, _key)(kept).rows))
        if not page.found and _NEXT.search(headers.get("link", "")):
            raise MovedError("a page is empty, and the server names a next one")
        total = headers.get("x-total-count", "").strip()
        return _Given(page, int(total) if re.fullmatch(r"[0-9]{1,12}", total) else None)


def _key(row: values.Object) -> str:
    """Return the sourcedId; a row without one stands before all others, and the judgement of its record says what it lacks."""
    return values.text(row.get("sourcedId")) or _FIRST + fingerprint([row])


def _told_apart(rows: list[tuple[Key, bytes]]) -> list[tuple[Key, bytes]]:
    """Return the rows with those of one sourcedId counted: within a page they are the source's, not signs of a moved row."""
    if len({key for key, _ in rows}) == len(rows):
        return rows
    seen: Counter[Key] = Counter()
    apart: list[tuple[Key, bytes]] = []
    for key, line in rows:
        apart.append((f"{key}{_FIRST}{seen[key]:06}" if seen[key] else key, line))
        seen[key] += 1
    return apart
