"""One resource of Aeries: its path, the area it needs, and how it answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sis_assets.sandbox.aeries.call import Call
from sis_assets.sandbox.reply import Reply

Answer = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource: what its path looks like, which area it needs (None: the certificate alone), how it answers.

    open  needs no certificate either
    """

    path: re.Pattern[str]
    area: str | None
    answer: Answer
    open: bool = False
    method: str = "GET"


def endpoint(
    path: str, area: str | None, answer: Answer, *, open_: bool = False, method: str = "GET"
) -> Endpoint:
    """Return the resource of a path such as `schools/{school}/students/{text:id}`; a parameter is a number, or text."""
    pattern = re.sub(
        r"\{(text:)?(\w+)\}", lambda m: f"(?P<{m[2]}>{'[^/]+' if m[1] else '-?[0-9]{1,9}'})", path
    )
    return Endpoint(re.compile(pattern, re.IGNORECASE), area, answer, open_, method)
