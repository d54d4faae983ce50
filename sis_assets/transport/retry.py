"""Trying again: a few times, within a bound, and told to the log.

Importing this module makes stamina tell its retries by `logging`. Left to itself it would print them by
structlog, which comes with Dagster, on standard output, where a program may be reading our JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

import stamina
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from sis_assets.model.faults import TransientFault

set_on_retry_hooks((LoggingOnRetryHook,))
# Where nobody set up logging, Python would print the bare name of the event on standard error.
logging.getLogger("stamina").addHandler(logging.NullHandler())

ATTEMPTS: Final = 3


def attempts(on: type[TransientFault], *, within: float) -> Iterator[stamina.Attempt]:
    """Yield up to ATTEMPTS contexts; the first that ends without the fault `on` is the last.

    `within` bounds all of them together, in seconds. What the last one raises, is raised.
    """
    yield from stamina.retry_context(
        on=on, attempts=ATTEMPTS, timeout=within, wait_initial=0.2, wait_jitter=0.2
    )


def paced_attempts(
    on: Callable[[Exception], bool | float],
    *,
    at_most: int,
    within: float,
    first_pause: float,
    longest_pause: float,
) -> Iterator[stamina.Attempt]:
    """Yield up to `at_most` contexts, as `attempts` does, with pauses that double from `first_pause` on, all in seconds.

    `on` says of an exception whether to go on; a number is the pause that the other side wished for.
    """
    yield from stamina.retry_context(
        on=on,
        attempts=at_most,
        timeout=within,
        wait_initial=first_pause,
        wait_jitter=first_pause,
        wait_max=longest_pause,
    )
