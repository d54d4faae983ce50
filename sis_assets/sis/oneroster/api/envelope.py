"""What a OneRoster server says beside an answer that is none (contract OneRoster §4.3).

The standard's envelope comes whole, flat, in a list of failures, or wrapped in `imsx_statusInfo`; what it says stands
under the same names everywhere. Of these only words of the standard are taken: descriptions may quote a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sis_assets.sis.documents import values
from sis_assets.transport.http import Reply

BUSY: Final = "server_busy"
BAD_FILTER: Final = "invalid_filter_field"
_WORDS: Final = frozenset(
    {
        "fullsuccess",
        BAD_FILTER,
        "invalid_selection_field",
        "invalid_sort_field",
        "invaliddata",
        "unauthorisedrequest",
        "forbidden",
        BUSY,
        "unknownobject",
        "internal_server_error",
        "deletefailure",
    }
)
_BARE: Final = {word.replace("_", ""): word for word in _WORDS}
_MINORS: Final = frozenset({"imsx_codeminor", "imsx_codeminorfieldvalue"})
_FAILURES: Final = frozenset({"failure", "unsupported"})
_DEEPEST: Final = 6


def codes(reply: Reply) -> tuple[str, ...]:
    """Return the standard's minor codes that a reply names, sorted; none for a body that is no envelope."""
    try:
        document = values.parse(reply.body)
    except ValueError:
        return ()
    said = {_bare(text) for name, text in _texts(document) if name in _MINORS}
    return tuple(sorted(_BARE[word] for word in said & _BARE.keys()))


def is_failure(document: Any) -> bool:
    """Tell whether a document says that it is a failure, whatever the status of the reply was."""
    return any(name == "imsx_codemajor" and text.lower() in _FAILURES for name, text in _status(document))


def _status(document: Any) -> Iterator[tuple[str, str]]:
    """Give the texts of the outermost object that bear the standard's prefix, and of what it wraps as its status."""
    if isinstance(document, dict):
        yield from _texts(
            {name: inner for name, inner in document.items() if name.lower().startswith("imsx_")}
        )


def _texts(document: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give every text in a document with its name in lower case, down to a depth that no envelope has."""
    if depth > _DEEPEST:
        return
    if isinstance(document, list):
        for item in document:
            yield from _texts(item, depth + 1)
    elif isinstance(document, dict):
        for name, inner in document.items():
            if isinstance(inner, str):
                yield name.lower(), inner
            else:
                yield from _texts(inner, depth + 1)


def _bare(word: str) -> str:
    return word.lower().replace("_", "").strip()
