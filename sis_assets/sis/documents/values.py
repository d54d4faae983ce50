"""The values of a JSON document, to be relied on.

At many servers a JSON type follows the value: one field is a number here and text there, and an id may have 25 digits.
So a number that a machine would round stays the text that the server wrote, and every field is text in the end.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

Object = dict[str, Any]

_SAFE_DIGITS: Final = 18
#: To see the form of a document's numbers at a glance, every digit is made a 0.
_DIGITS_TO_ZERO: Final = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_LONG_NUMBER: Final = b"0" * (_SAFE_DIGITS + 1)
_FRACTION: Final = re.compile(rb"\.0+(?:[eE][+-]?0+)?[],}\s]")


def parse(body: bytes) -> Any:
    """Return the document; numbers of more than 18 digits and fractions come as text.

    Raises ValueError for anything that is no whole JSON.
    """
    if not _may_round(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # perhaps only stricter than the other: it admits no half characters
    try:
        return json.loads(body, parse_int=_exact, parse_float=str, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _may_round(body: bytes) -> bool:
    """Tell whether the quick parser could change a number; it is no harm to say so of text that only looks like one."""
    form = body.translate(_DIGITS_TO_ZERO)
    return _LONG_NUMBER in form or _FRACTION.search(form) is not None


def _exact(digits: str) -> int | str:
    return int(digits) if len(digits) <= _SAFE_DIGITS else digits


def as_list(value: Any) -> list[Any]:
    """Return a list: one element comes without its brackets, none as `""` or not at all."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def as_object(value: Any) -> Object:
    """Return an object: an empty one comes as `""` or not at all. Raises ValueError for anything else."""
    if isinstance(value, dict):
        return value
    if value is None or value == "":
        return {}
    raise ValueError("an object was expected")


def text(value: Any) -> str:
    """Return a scalar as text; what is absent is empty. Raises ValueError for an object or a list."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise ValueError("a single value was expected")


def whole(value: Any) -> int:
    """Return a whole number, written as one or as text. Raises ValueError, which does not quote the value."""
    try:
        return int(text(value))
    except ValueError:
        raise ValueError("a whole number was expected") from None


def objects(value: Any) -> list[Object]:
    """Return a list of objects, also where one came without its brackets. Raises ValueError for anything else."""
    found = as_list(value)
    if not all(isinstance(item, dict) for item in found):
        raise ValueError("a list of objects was expected")
    return found
