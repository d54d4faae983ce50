"""A server's clock, seen in its answers: tokens end by it, and signatures are judged by it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.transport.http import Reply

_TOLERATED_SECONDS: Final = 120


def ahead(reply: Reply, now: float) -> float:
    """Return by how many seconds the server's clock is ahead of `now`, seconds since 1970; 0 when it tells no time."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp() - now
    except ValueError:
        return 0.0


def compared(skew: float) -> str:
    """Return what was seen of a clock that is so many seconds ahead. Raises NeedsPerson when they are too many."""
    if abs(skew) > _TOLERATED_SECONDS:
        raise NeedsPerson(
            tried="Comparing the server's clock with ours",
            seen=f"they differ by {skew:.0f} s",
            todo="Set the clock that is wrong; tokens and signatures are judged by it",
            mover=Mover.DISTRICT,
        )
    return f"the server answers; its clock differs from ours by {round(skew)} s"
