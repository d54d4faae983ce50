"""Politeness towards a host: how many requests are under way there at once, counted over all districts of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """The way to one host, for many threads. Who enters says how many others may be under way there."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._closed_until = 0.0

    @contextmanager
    def turn(self, at_once: int) -> Iterator[None]:
        """Wait until fewer than `at_once` requests are under way and the host wants to be asked; then hold one place."""
        with self._changed:
            while True:
                wait = self._closed_until - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                elif self._under_way >= at_once:
                    self._changed.wait()
                else:
                    break
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def close_for(self, seconds: float) -> None:
        """Let nobody enter for so long: the host asked for a pause."""
        with self._changed:
            self._closed_until = max(self._closed_until, time.monotonic() + seconds)


_gates: dict[str, Gate] = {}
_gates_lock = threading.Lock()


def gate_to(host: str) -> Gate:
    """Return the one gate of this process to `host` (host:port, lower case)."""
    with _gates_lock:
        return _gates.setdefault(host, Gate())
