"""How commands print: for people on a terminal, for programs with `--json`; and how they stop."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

USAGE, FAILED = 2, 3

out = Console()
err = Console(stderr=True)

#: `--json` of any command.
AsJson = Annotated[bool, typer.Option("--json", help="Print for programs.")]

_COLOURS = {
    "applied": "green",
    "unchanged": "dim",
    "skipped": "cyan",
    "held": "yellow",
    "failed": "red",
    "discarded": "dim",
    "superseded": "dim",
    "undone": "magenta",
    "ok": "green",
    "new": "cyan",
    "paused": "dim",
    "failing": "red",
    "broken_file": "red",
    "stale": "yellow",
    "access_expired": "yellow",
    "access_renewal": "yellow",
    "unconfirmed_requests": "yellow",
}


def stop(message: str, code: int = USAGE) -> NoReturn:
    """End the command with a message on standard error."""
    err.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(code)


def moment(text: str, *, option: str = "--at") -> datetime:
    """Return the time that an option says, in UTC; stops the command when it is none."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    stop(f"{option} {text} is no ISO 8601 time with its offset, such as 2026-09-01T20:00:00-07:00.")


@contextmanager
def working(text: str, *, quiet: bool) -> Iterator[None]:
    """Say on a terminal that something takes a while."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(text):
        yield


def table_of(*headers: str) -> Table:
    """Return a table that folds what is too long and cuts nothing off."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def coloured(status: str) -> str:
    """Return a status in its colour, as markup."""
    return f"[{_COLOURS.get(status, 'white')}]{status}[/]"


def counted(counts: Mapping[str, int]) -> str:
    """Return counts of changes in words."""
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count) or "no rows"


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table."""
    table = table_of(*names)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table, markup=False, highlight=False)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times ISO 8601 in UTC, dates ISO 8601, decimals as numbers, the rest as text."""
    told: Any
    match value:
        case None | bool() | int() | str():
            told = value
        case datetime():
            told = (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            told = value.isoformat()
        case Decimal():
            told = int(value) if value == value.to_integral_value() else float(value)
        case float():
            told = value if math.isfinite(value) else str(value)
        case list() | tuple():
            told = [plain(item) for item in value]
        case dict():
            told = {str(key): plain(item) for key, item in value.items()}
        case bytes() | bytearray():
            told = bytes(value).hex()
        case _:
            told = str(value)
    return told


def cell(value: Any) -> str:
    """Return a value as a table or a CSV file shows it."""
    told = plain(value)
    if told is None:
        return ""
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
