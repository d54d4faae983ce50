"""Pages for people: one HTML file each, complete in itself, that opens from disk without a server or a network.

What a page shows is escaped wherever it came from, and a page can load and send nothing: its policy forbids it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import Environment

#: Who may read a page with students' names, and one without them.
SECRET: Final = 0o600
OPEN: Final = 0o644


def rendered(template: str, **values: Any) -> str:
    """Return the page that a template of this folder makes of the values."""
    return _templates().get_template(template).render(values)


def write_page(path: Path, html: str, *, mode: int) -> None:
    """Put a page in its place, whole or not at all; the folder is made where it is missing, for the owner alone.

    Raises OSError when it cannot be written; nothing of it is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor is no path
            file.write(html)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only where a page is made

    made = Environment(
        loader=PackageLoader("sis_assets.pipeline.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": _moment, "number": "{:,}".format}
    return made


def _moment(time: datetime) -> str:
    """Return a time as people read it: a district's in its own hours, any other in UTC."""
    shown = time if time.tzinfo else time.replace(tzinfo=UTC)
    return f"{shown:%Y-%m-%d %H:%M %Z}"
