"""Whether a value is written as the standard says. Contract: OneRoster §4.1, §4.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from sis_assets.sis.oneroster.layout import Form, Value, Version

_GUID: Final = re.compile(r"[A-Za-z0-9._\-/@]{1,255}")
_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_IDS: Final = re.compile(r"\{[^{}:,]+:[^{}]+\}(,\{[^{}:,]+:[^{}]+\})*")


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    return found is not None and _is_date(found[1])


def _is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


_CHECKS: Final[Mapping[Form, tuple[str, Callable[[str], bool]]]] = {
    Form.GUID: ("row.guid", _is_guid),
    Form.GUIDS: ("row.list", lambda text: all(map(_is_guid, text.split(",")))),
    Form.LIST: ("row.list", lambda text: all(part.strip() for part in text.split(","))),
    Form.IDS: ("row.user_ids", lambda text: _IDS.fullmatch(text) is not None),
    Form.DATE: ("row.date", _is_date),
    Form.TIME: ("row.datetime", _is_time),
    Form.FLAG: ("row.boolean", lambda text: text in {"true", "false"}),
    Form.YEAR: ("row.year", lambda text: _YEAR.fullmatch(text) is not None),
    Form.STATUS: ("row.enum", lambda text: text in {"active", "tobedeleted"}),
}


def checker(column: Value, version: Version) -> Callable[[str], str | None]:
    """Return the function from a value of the column to the code of what is wrong with it, None when nothing is."""
    required = version in column.filled
    words = column.words[version] if column.words else None
    code, is_written_well = _CHECKS.get(column.form, ("", None))

    def check(text: str) -> str | None:
        if not text:
            return "row.required" if required else None
        if words is not None and text not in words and not text.startswith("ext:"):
            return "row.enum"
        return code if is_written_well is not None and not is_written_well(text) else None

    return check
