"""Reading paged collections whole: many pages at once, and no row lost or doubled while the source changes.

A collection's pages are no snapshot: rows move between them while somebody works in the SIS. A read counts only when all
pages were as full as the total says, no key came twice, and the total was the same afterwards. Otherwise it is
repeated from the start, a bounded number of times.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar

from sis_assets.model.faults import Mover, TransientFault
from sis_assets.transport.landing import Incoming

T = TypeVar("T")
#: What identifies a row among its like, and orders them.
Key: TypeAlias = int | str | tuple[int | str, ...]

READS: Final = 3
_MIB: Final = 1 << 20
_LINES_AT_ONCE: Final = 2000
_WHOLE_NUMBERS: Final = partial(array, "q")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: how many rows the server gave, and those that are wanted, each its key and a line of JSON with its end."""

    found: int
    rows: list[tuple[Key, bytes]]


@dataclass(frozen=True, slots=True)
class Start:
    """A list of which the first page was read, and what that told of the rest.

    `page` reads page n (from 2), `recount` tells the total once more at the end. `size` is how many rows a full page has,
    None for a list that came whole. Without a `total`, a page that is not full is the last; where the size of pages is
    only seen, not agreed, `until_empty` says that an empty one is.
    """

    first: Page
    total: int | None
    size: int | None
    page: Callable[[int], Page]
    recount: Callable[[], int] | None = None
    until_empty: bool = False


class Listing(Protocol):
    """A paged list of a server."""

    def start(self) -> Start:
        """Read the first page."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A paged list of a server that agrees on its pages before.

    `page` reads page n (from 1), `count` the total where the server tells one; `size` is how many rows a full page has,
    None for a list that comes whole.
    """

    page: Callable[[int], Page]
    count: Callable[[], int] | None
    size: int | None

    def start(self) -> Start:
        """Read the total and the first page; the total of a list of several pages is read again at the end."""
        total = self.count() if self.count else None
        several = total is not None and self.size is not None and total > self.size
        return Start(self.page(1), total, self.size, self.page, self.count if several else None)


class MovedError(Exception):
    """The source changed while it was read; the message says how that was seen."""


class Spool:
    """The rows of one entity on disk, in a file without a name; their keys, and their order at the end, are in memory.

    Keys of one spool are of one type; `keys` makes what holds them. Whole numbers take 24 bytes a row.
    """

    def __init__(self, folder: Path, keys: Callable[[], MutableSequence[Any]] = _WHOLE_NUMBERS) -> None:
        self._no_keys = keys
        self._file = TemporaryFile(dir=folder, buffering=_MIB)  # noqa: SIM115 - leaving this context closes it
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._keys, self._starts, self._owners = self._no_keys(), array("q"), array("q")
        self._file.seek(0)
        self._file.truncate()
        self._end = 0

    def add(self, page: Page, owner: int) -> None:
        """Append the rows of a page of the collection number `owner`."""
        for key, line in page.rows:
            self._keys.append(key)
            self._starts.append(self._end)
            self._end += len(line)
        self._owners.extend([owner] * len(page.rows))
        self._file.write(b"".join([line for _, line in page.rows]))

    def chunks(self) -> Iterator[bytes]:
        """Give the rows in the order of their keys, many at a time; a row that two collections have in common comes once.

        Raises MovedError when a key comes twice otherwise.
        """
        self._file.flush()
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        at = 0
        while at < len(order):
            first = order[at]
            until = self._run(order, at)
            if at and self._keys[order[at - 1]] == self._keys[first]:
                self._check_twin(order[at - 1], first)
                at += 1
                continue
            yield self._between(first, order[until - 1])
            at = until

    def _run(self, order: Sequence[int], at: int) -> int:
        """Return the end of the rows from `at` on that stand one after the other on disk too, with keys of their own."""
        until = at + 1
        while (
            until < len(order)
            and until - at < _LINES_AT_ONCE
            and order[until] == order[until - 1] + 1
            and self._keys[order[until]] != self._keys[order[until - 1]]
        ):
            until += 1
        return until

    def _check_twin(self, one: int, other: int) -> None:
        if self._owners[one] == self._owners[other] or self._between(one, one) != self._between(other, other):
            raise MovedError("a row came twice")

    def _between(self, first: int, last: int) -> bytes:
        start = self._starts[first]
        stop = self._starts[last + 1] if last + 1 < len(self._starts) else self._end
        return os.pread(self._file.fileno(), stop - start, start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_whole(
    what: str, listings: Sequence[Listing], spool: Spool, *, landing: Path, pool: Executor, at_once: int
) -> tuple[Path, str, int]:
    """Read all rows of the listings into a file named by its content in `landing`; gives path, SHA-256 and size.

    The file has one row a line, in the order of the keys: the same rows give the same bytes. Raises TransientFault when
    the source moved in every one of READS reads, and whatever the listings raise.
    """

    def read() -> tuple[Path, str, int]:
        spool.clear()
        _read_once(listings, spool, pool, at_once)
        return landed(spool.chunks(), landing)

    return until_still(what, read)


def until_still(what: str, read: Callable[[], T]) -> T:
    """Return what `read` gives, repeated while it raises MovedError. Raises TransientFault when all of READS reads did."""
    seen = ""
    for _ in range(READS):
        try:
            return read()
        except MovedError as moved:
            seen = str(moved)
    raise TransientFault(
        tried=what,
        seen=f"the records changed while they were read, {READS} times ({seen})",
        todo="The next run reads again; if it goes on, set a pull window in which nobody works in the SIS",
        mover=Mover.ENGINEER,
    )


def landed(chunks: Iterable[bytes], landing: Path) -> tuple[Path, str, int]:
    """Write the chunks into a file named by its content in `landing`; gives path, SHA-256 and size. Raises TransientFault."""
    with Incoming(landing) as incoming:
        for chunk in chunks:
            incoming.write(memoryview(chunk))
        incoming.close()
        return incoming.name(), incoming.sha256, incoming.size


def _read_once(listings: Sequence[Listing], spool: Spool, pool: Executor, at_once: int) -> None:
    counted: list[tuple[int, Start, int]] = []
    starts = (listing.start for listing in listings)
    for owner, start in enumerate(in_order(pool, at_once, starts)):
        spool.add(start.first, owner)
        if start.total is None:
            _read_on(start, spool, owner, pool, at_once)
        else:
            whole = start.total if start.size is None else min(start.size, start.total)
            _expect(start.first.found, whole, 1)
            counted.append((owner, start, start.total))
    places = [
        (owner, start, number, min(start.size, total - start.size * (number - 1)))
        for owner, start, total in counted
        if start.size and total > start.size
        for number in range(2, -(-total // start.size) + 1)
    ]
    rest = (partial(start.page, number) for _, start, number, _ in places)
    for (owner, _, number, expected), page in zip(places, in_order(pool, at_once, rest), strict=True):
        _expect(page.found, expected, number)
        spool.add(page, owner)
    told = [(total, start.recount) for _, start, total in counted if start.recount]
    again = in_order(pool, at_once, (recount for _, recount in told))
    for (total, _), now in zip(told, again, strict=True):
        if now != total:
            raise MovedError(f"the total went from {total} to {now}")


def _read_on(start: Start, spool: Spool, owner: int, pool: Executor, at_once: int) -> None:
    """Read the other pages of a listing without a total."""
    number, page = 1, start.first
    seen = [_digest(page)]
    while page.found == start.size or (start.until_empty and page.found):
        number, before = number + 1, page.found
        page = start.page(number)
        seen.append(_digest(page))
        if page.found and before != start.size:
            raise MovedError(f"page {number} has rows, though page {number - 1} is not full")
        if page.found and seen[-1] == seen[-2]:
            raise MovedError(f"page {number} is page {number - 1} again")
        spool.add(page, owner)
    if start.size is not None and page.found > start.size:
        raise MovedError(f"page {number} has {page.found} rows where at most {start.size} belong")
    full = seen[:-1]
    if start.until_empty and len(full) > 1:
        _read_again(start, full, pool, at_once)


def _read_again(start: Start, seen: Sequence[int], pool: Executor, at_once: int) -> None:
    """Compare the pages with what they were: nothing else shows that a row has slipped from one onto another."""
    again = in_order(pool, at_once, (partial(start.page, number) for number in range(1, len(seen) + 1)))
    for number, (before, page) in enumerate(zip(seen, again, strict=True), 1):
        if _digest(page) != before:
            raise MovedError(f"page {number} is another one now")


def _digest(page: Page) -> int:
    return hash(tuple(page.rows))


def _expect(found: int, expected: int, number: int) -> None:
    if found != expected:
        raise MovedError(f"page {number} has {found} rows where {expected} belong")


def in_order(pool: Executor, at_once: int, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Do the jobs at the same time and give their results in order; at most twice `at_once` are done and not yet taken."""
    waiting: deque[Future[T]] = deque()
    left = iter(jobs)
    try:
        waiting.extend(pool.submit(job) for job in islice(left, 2 * at_once))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(job) for job in islice(left, 1))
            yield done
    finally:
        for future in waiting:
            future.cancel()
