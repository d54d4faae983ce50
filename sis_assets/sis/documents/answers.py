"""An API's good answer, understood or told apart from what only looks like one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sis_assets.model.faults import Mover, PermanentFault, TransientFault
from sis_assets.sis.documents.values import parse
from sis_assets.transport.http import Reply

T = TypeVar("T")


def understood(what: str, reply: Reply, understand: Callable[[Any], T]) -> T:
    """Return what `understand` makes of the document of a reply; it raises ValueError where that is odd.

    Raises TransientFault for a document that is cut off, PermanentFault for markup and for what is odd.
    """
    try:
        document = parse(reply.body)
    except ValueError:
        if reply.body.lstrip()[:1] == b"<":
            raise _not_as_agreed(what, "a page of markup instead of JSON") from None
        raise TransientFault(
            tried=what,
            seen="the answer is cut off: it is no whole JSON",
            todo="The next run tries again",
            mover=Mover.VENDOR,
        ) from None
    try:
        return understand(document)
    except ValueError as odd:
        raise _not_as_agreed(what, f"an answer in another form than agreed ({odd})") from None


def _not_as_agreed(what: str, seen: str) -> PermanentFault:
    return PermanentFault(
        tried=what,
        seen=seen,
        todo="Check sis.url of the district file; if it is right, see whether the server is under maintenance, else report this",
        mover=Mover.ENGINEER,
    )
