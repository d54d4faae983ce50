"""The three kinds of trouble, and whose move each one is.

    Fault                 anything that stops a district's sync
    ├── TransientFault    the same call may succeed later: timeouts, resets, a locked catalog
    ├── PermanentFault    repeating changes nothing: a truncated file, a missing column
    └── NeedsPerson       somebody must decide or repair: a changed host key
        └── AccessRefused     the SIS refuses our credential

Every fault says what was tried, what was seen, what to do, and whose move it is. None may carry a value
from a student's record: a reason is shown in terminals, events and alerts.
"""

from __future__ import annotations

from enum import StrEnum


class Mover(StrEnum):
    """Who has the next move."""

    DISTRICT = "district"
    VENDOR = "vendor"
    ENGINEER = "engineer"


def sentence(text: str, mover: Mover) -> str:
    """Return `text` as one reason that ends with whose move it is."""
    return f"{text.rstrip().rstrip('.')}. Next move: {mover}."


class Fault(Exception):
    """Trouble with one district, told so that the person who reads it knows what to do.

    `tried` names the attempt, `seen` what came back, `todo` the next step, `mover` whose step it is.
    """

    def __init__(self, *, tried: str, seen: str, todo: str, mover: Mover) -> None:
        self.tried = tried
        self.seen = seen
        self.todo = todo
        self.mover = mover
        super().__init__(self.reason)

    @property
    def reason(self) -> str:
        """The whole story in one line, free of students' data, ending with whose move it is."""
        return sentence(f"{self.tried}: {self.seen}. {self.todo}", self.mover)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts when a fault crosses a process boundary."""
        return _rebuild, (type(self), self.tried, self.seen, self.todo, self.mover)


def _rebuild(kind: type[Fault], tried: str, seen: str, todo: str, mover: Mover) -> Fault:
    return kind(tried=tried, seen=seen, todo=todo, mover=mover)


class TransientFault(Fault):
    """A later attempt may succeed without anybody's help."""


class PermanentFault(Fault):
    """The same attempt fails again until its input changes."""


class NeedsPerson(Fault):
    """Nothing but a person's decision or repair helps."""


class AccessRefused(NeedsPerson):
    """The SIS does not know our credential, or no longer lets it in."""
