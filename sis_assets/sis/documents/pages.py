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
from typing import Any, Final, Self, TypeAlias, TypeVar

from sis_assets.model.faults import Mover, TransientFault
from sis_assets.transport.landing import Incoming

T = TypeVar("T")
#: What identifies a row among its like, and orders them.
Key: TypeAlias = int | str | tuple[str, ...]

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
class Collection:
    """A paged list of the server.

    `page` reads page n (from 1), `count` the total where the server tells one; `size` is how many rows a full page has,
    None for a list that comes whole.
    """

    page: Callable[[int], Page]
    count: Callable[[], int] | None
    size: int | None


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
    what: str, collections: Sequence[Collection], spool: Spool, *, landing: Path, pool: Executor, at_once: int
) -> tuple[Path, str, int]:
    """Read all rows of the collections into a file named by its content in `landing`; gives path, SHA-256 and size.

    The file has one row a line, in the order of the keys: the same rows give the same bytes. Raises TransientFault when
    the source moved in every one of READS reads, and whatever the collections raise.
    """
    seen = ""
    for _ in range(READS):
        spool.clear()
        try:
            _read_once(collections, spool, pool, at_once)
            return _land(spool, landing)
        except MovedError as moved:
            seen = str(moved)
    raise TransientFault(
        tried=what,
        seen=f"the records changed while they were read, {READS} times ({seen})",
        todo="The next run reads again; if it goes on, set a pull window in which nobody works in the SIS",
        mover=Mover.ENGINEER,
    )


def _land(spool: Spool, landing: Path) -> tuple[Path, str, int]:
    with Incoming(landing) as incoming:
        for chunk in spool.chunks():
            incoming.write(memoryview(chunk))
        incoming.close()
        return incoming.name(), incoming.sha256, incoming.size


def _read_once(collections: Sequence[Collection], spool: Spool, pool: Executor, at_once: int) -> None:
    several: list[tuple[int, int]] = []
    firsts = (partial(_first, collection) for collection in collections)
    for owner, (total, page) in enumerate(_in_order(pool, at_once, firsts)):
        size = collections[owner].size
        spool.add(page, owner)
        if total is None:
            _read_on(collections[owner], page.found, spool, owner)
        elif size is None or total <= size:
            _expect(page.found, total, 1)
        else:
            _expect(page.found, size, 1)
            several.append((owner, total))
    places = [
        (owner, number, min(size, total - size * (number - 1)))
        for owner, total in several
        for size in (collections[owner].size or total,)
        for number in range(2, -(-total // size) + 1)
    ]
    rest = (partial(collections[owner].page, number) for owner, number, _ in places)
    for (owner, number, expected), page in zip(places, _in_order(pool, at_once, rest), strict=True):
        _expect(page.found, expected, number)
        spool.add(page, owner)
    again = (count for owner, _ in several if (count := collections[owner].count))
    for (_, total), now in zip(several, _in_order(pool, at_once, again), strict=True):
        if now != total:
            raise MovedError(f"the total went from {total} to {now}")


def _first(collection: Collection) -> tuple[int | None, Page]:
    total = collection.count() if collection.count else None
    return total, collection.page(1)


def _read_on(collection: Collection, found: int, spool: Spool, owner: int) -> None:
    """Read the other pages of a collection without a total: a page that is not full is the last."""
    number = 1
    while found == collection.size:
        number += 1
        page = collection.page(number)
        spool.add(page, owner)
        found = page.found
    if collection.size is not None and found > collection.size:
        raise MovedError(f"page {number} has {found} rows where at most {collection.size} belong")


def _expect(found: int, expected: int, number: int) -> None:
    if found != expected:
        raise MovedError(f"page {number} has {found} rows where {expected} belong")


def _in_order(pool: Executor, at_once: int, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Do the jobs at the same time and give their results in order; few are ever done and not yet taken."""
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
