"""The chain of the audit: each row's hash covers the row and the hash of the row before it. No I/O.

A chain proves that its rows belong together in their order. What it cannot show by itself is that its last rows were cut
off, or that all of it was made anew: for that, a head (the last row's hash) must be kept where the rows are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `ops.audit`. `happened_at` is aware, `detail` the JSON text as it is stored."""

    district_id: str
    happened_at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    previous_sha256: str
    sha256: str = ""

    @property
    def seal(self) -> str:
        """The hash that the row must have."""
        told = (
            self.previous_sha256,
            self.district_id,
            self.happened_at.astimezone(UTC).isoformat(),
            self.actor,
            self.action,
            self.subject,
            self.detail,
        )
        return hashlib.sha256("\x1f".join(told).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.action} of {self.subject} by {self.actor} at {self.happened_at.astimezone(UTC).isoformat()}"


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found of a district's rows: how many fit, the last hash of these, and what does not fit first."""

    rows: int
    head: str
    problem: str = ""


def examine(rows: Sequence[Entry], known_head: str = "") -> Chain:
    """Walk the rows of one district, given in any order, from the first on, and stop at the first that does not fit.

    `known_head` is the hash of a row that was the last one once; a chain without it was cut off or made anew.
    """
    following: dict[str, list[Entry]] = {}
    for row in rows:
        following.setdefault(row.previous_sha256, []).append(row)
    fitting: list[str] = [""]
    while found := following.get(fitting[-1]):
        wrong = next((row for row in found if row.seal != row.sha256), None)
        if wrong is not None:
            return _broken(
                fitting, f"{wrong}: the row was changed or forged, it is not what its hash was made of"
            )
        if len(found) > 1:
            second = max(found, key=lambda row: (row.happened_at, str(row)))
            return _broken(fitting, f"{second}: a second row follows the same one, so one of them was put in")
        fitting.append(found[0].sha256)
    if len(fitting) <= len(rows):
        left = [row for row in rows if row.sha256 not in set(fitting)]
        first = min(left, key=lambda row: (row.happened_at, str(row)))
        return _broken(fitting, f"{first}: the row before it was removed, changed or put elsewhere")
    if known_head not in fitting:
        return _broken(
            fitting,
            "the row that was the last one at an earlier verification is gone: the end was cut off, or all made anew",
        )
    return Chain(len(rows), fitting[-1])


def _broken(fitting: Sequence[str], problem: str) -> Chain:
    return Chain(len(fitting) - 1, fitting[-1], problem)
