"""Trying again: a few times, within a bound, and told to the log.

Importing this module makes stamina tell its retries by `logging`. Left to itself it would print them by
structlog, which comes with Dagster, on standard output, where a program may be reading our JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import stamina
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from sis_assets.model.faults import TransientFault

set_on_retry_hooks((LoggingOnRetryHook,))

ATTEMPTS: Final = 3


def attempts(on: type[TransientFault], *, within: float) -> Iterator[stamina.Attempt]:
    """Yield up to ATTEMPTS contexts; the first that ends without the fault `on` is the last.

    `within` bounds all of them together, in seconds. What the last one raises, is raised.
    """
    yield from stamina.retry_context(
        on=on, attempts=ATTEMPTS, timeout=within, wait_initial=0.2, wait_jitter=0.2
    )
