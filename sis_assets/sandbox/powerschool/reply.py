"""What one request asks and what it is answered, apart from the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.rows import RowTwist


@dataclass(frozen=True, slots=True)
class Twist(RowTwist):
    """What switched-on faults do to an answer, beside its rows.

    total    added to every count
    denied   columns ("students.dob") whose grant is gone
    """

    total: int = 0
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its path parameters, its query string, its body as text, and what faults do to its rows."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: str = ""
    twist: Twist = field(default_factory=Twist)


class Refusal(Exception):
    """A request that is answered with an error: its status, and PowerSchool's message or body."""

    def __init__(
        self, status: int, message: str = "", *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reply = Reply(
            json.dumps({"message": message} if body is None else body), status, headers=headers or {}
        )
