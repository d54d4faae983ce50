"""One way to hash what was in force or what was seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def fingerprint(parts: Iterable[object]) -> str:
    """Return the sha256 of the parts' JSON: the same parts in the same order give the same text."""
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True, default=str).encode()).hexdigest()
