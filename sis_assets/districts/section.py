"""The base of every part of a district file, and the one way in which its rules speak.

What a rule says is printed. It must therefore never hold the value that it refuses: the value may be a
password that somebody typed into the wrong place.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

RULE = "district_file_rule"


def wrong(text: str, *, key: str = "") -> PydanticCustomError:
    """Return the error of a broken rule: `text` says what to write, `key` which key it is about.

    Only these texts reach the reader, so none may hold the refused value.
    """
    return PydanticCustomError(RULE, "{text}", {"text": text, "key": key})


class Section(BaseModel):
    """A mapping of the district file: frozen, without unknown keys, silent about refused input."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, validate_default=False
    )

    @model_validator(mode="before")
    @classmethod
    def _a_key_without_a_value_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = keys_of(cls)
        return {key: value for key, value in data.items() if value is not None or key not in known}


@cache
def keys_of(section: type[Section]) -> dict[str, Any]:
    """Return the keys that a section knows, as the file spells them, each with its type annotation."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def sections_in(annotation: Any) -> list[type[Section]]:
    """Return the sections that a value of this annotation may be, looking through unions, lists and maps."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_in(part)]
