"""What a request is answered, apart from the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Break(StrEnum):
    """How an answer breaks off.

    RESET         half of the body, then the connection is reset
    TRUNCATED     half of the body, then the connection ends before the promised length
    INVALID_JSON  half of the body under its own right length
    """

    RESET = "reset"
    TRUNCATED = "truncated"
    INVALID_JSON = "invalid_json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON text, or whatever the content type says."""

    text: str
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
