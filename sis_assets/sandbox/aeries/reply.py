"""What one request asks of Aeries and what it is refused with, apart from the wire (contract: Aeries §2.1, errors)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sis_assets.sandbox.reply import Reply
from sis_assets.sandbox.rows import RowTwist


@dataclass(frozen=True, slots=True)
class Twist(RowTwist):
    """What switched-on faults do to an answer, beside its rows.

    wrong_year  the other database answers, whatever `DatabaseYear` says
    absent      LEAs that are not there
    forbidden   LEAs that the certificate must not see
    without     security areas that the certificate has lost
    off         security areas whose feature flag is off
    """

    wrong_year: bool = False
    absent: frozenset[int] = frozenset()
    forbidden: frozenset[int] = frozenset()
    without: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()


class Refusal(Exception):
    """A request that is answered with an error: its status, and the message of its body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = message_reply(status, message)


def message_reply(status: int, message: str) -> Reply:
    """Return an error as Aeries tells it."""
    return Reply(json.dumps({"Message": message}), status)


def json_reply(content: object, status: int = 200) -> Reply:
    """Return an answer of a few objects."""
    return Reply(json.dumps(content), status)
