"""Faults that can be switched on and off while a server runs, each for chosen requests."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum, auto
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import TypeAdapter


class Armable(Protocol):
    """A fault, a dataclass: of the requests whose path it matches, it lets `after` pass and then meets `times`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def path(self) -> str:
        """A regular expression that is searched in the path."""

    @property
    def after(self) -> int:
        """So many matching requests pass first."""

    @property
    def times(self) -> int | None:
        """So many are met then; None: all."""


class Turn(Enum):
    """When a request comes to a fault that concerns it."""

    EARLY = auto()
    NOW = auto()
    LATE = auto()


_Fault = TypeVar("_Fault", bound=Armable)


class Switches(Generic[_Fault]):
    """The faults that are switched on. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[tuple[_Fault, re.Pattern[str], list[int]]] = []

    def arm(self, *faults: _Fault) -> None:
        """Switch the faults on, beside those that are."""
        with self._lock:
            self._armed += [(fault, re.compile(fault.path), [0]) for fault in faults]

    def clear(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._armed.clear()

    def told(self) -> list[dict[str, object]]:
        """Return the faults that are on, each with how many requests it has `seen`."""
        with self._lock:
            return [asdict(fault) | {"seen": seen[0]} for fault, _, seen in self._armed]

    def met(self, path: str, concerns: Callable[[_Fault], bool]) -> list[tuple[_Fault, Turn]]:
        """Count a request, and return the faults whose path it has and that it `concerns`, in the order of arming."""
        found: list[tuple[_Fault, Turn]] = []
        with self._lock:
            for fault, pattern, seen in self._armed:
                if not pattern.search(path) or not concerns(fault):
                    continue
                seen[0] += 1
                found.append((fault, _turn(seen[0], fault)))
        return found


def _turn(seen: int, fault: Armable) -> Turn:
    if seen <= fault.after:
        return Turn.EARLY
    if fault.times is None or seen <= fault.after + fault.times:
        return Turn.NOW
    return Turn.LATE


def fault_told(kind: type[_Fault], told: object) -> _Fault:
    """Return the fault that a JSON object tells. Raises ValueError for another key, kind, type or pattern."""
    fault = TypeAdapter(kind).validate_python(told)
    try:
        re.compile(fault.path)
    except re.error as error:
        raise ValueError(f"path is no regular expression: {error}") from error
    return fault
