"""What a server was asked: for tests that count requests, look for secrets in addresses, or measure politeness."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `in_flight` counts the requests that were open when it came, itself included."""

    method: str
    path: str
    query: str
    status: int
    in_flight: int


@dataclass(slots=True)
class _Open:
    status: int = 0


@dataclass
class RequestLog:
    """Every request since the beginning, or since it was cleared, in the order of their ends."""

    _asked: list[Asked] = field(default_factory=list)
    _in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The requests that have been answered, or broken off."""
        with self._lock:
            return tuple(self._asked)

    @property
    def peak(self) -> int:
        """The greatest number of requests that were open at once."""
        return max((request.in_flight for request in self.asked), default=0)

    def clear(self) -> None:
        """Forget what was asked so far."""
        with self._lock:
            self._asked.clear()

    @contextmanager
    def request(self, method: str, path: str, query: str) -> Iterator[_Open]:
        """Log a request when the block ends, with the status that the block set."""
        with self._lock:
            self._in_flight += 1
            in_flight = self._in_flight
        opened = _Open()
        try:
            yield opened
        finally:
            with self._lock:
                self._in_flight -= 1
                self._asked.append(Asked(method, path, query, opened.status, in_flight))
