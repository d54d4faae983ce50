"""What one request asks and what it is answered, apart from the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Twist:
    """What switched-on faults do to the rows of an answer.

    hidden     so many rows at the beginning are not there
    rotated    so many rows have moved from the beginning to the end (negative: from the end to the beginning)
    missing    so many rows are left out at the end of the page
    repeated   so many rows at the beginning of the page come twice
    total      added to every count
    denied     columns ("students.dob") whose grant is gone
    """

    hidden: int = 0
    rotated: int = 0
    missing: int = 0
    repeated: int = 0
    total: int = 0
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its path parameters, its query string, its body as text, and what faults do to its rows."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: str = ""
    twist: Twist = field(default_factory=Twist)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON text, or whatever the content type says."""

    text: str
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request that is answered with an error: its status, and PowerSchool's message or body."""

    def __init__(
        self, status: int, message: str = "", *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reply = Reply(
            json.dumps({"message": message} if body is None else body), status, headers=headers or {}
        )
