"""The `filter` of a question: one comparison, or two that are joined by AND or OR (contract: OneRoster §4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import polars as pl

from sis_assets.sandbox.oneroster.problems import Problem

_CLAUSE = r"([A-Za-z][\w.]*)\s*(!=|>=|<=|=|>|<|~)\s*'((?:[^']|'')*)'"
_FILTER = re.compile(rf"\s*{_CLAUSE}(?:\s+(AND|OR)\s+{_CLAUSE})?\s*", re.DOTALL)
_OPERATORS: Mapping[str, Callable[[pl.Expr, object], pl.Expr]] = {
    "=": lambda seen, value: seen == value,
    "!=": lambda seen, value: seen.ne_missing(pl.lit(value)),
    ">": lambda seen, value: seen > value,
    ">=": lambda seen, value: seen >= value,
    "<": lambda seen, value: seen < value,
    "<=": lambda seen, value: seen <= value,
}


def condition(text: str, seen: Mapping[str, pl.Expr], frame: pl.DataFrame) -> pl.Expr:
    """Return the rows for which a filter holds.

    seen  what a filter may name, and the column that it then sees

    Raises Problem 400, `invalid_filter_field`, for another name, a value of the wrong kind, or what is no filter.
    """
    found = _FILTER.fullmatch(text)
    if not found:
        raise _invalid("the filter is not one or two comparisons with quoted values, joined by AND or OR")
    first = _comparison(found[1], found[2], found[3], seen, frame)
    if found[4] is None:
        return first
    second = _comparison(found[5], found[6], found[7], seen, frame)
    return first & second if found[4] == "AND" else first | second


def _comparison(
    name: str, operator: str, quoted: str, seen: Mapping[str, pl.Expr], frame: pl.DataFrame
) -> pl.Expr:
    if name not in seen:
        raise _invalid(f"no field {name} can be filtered by")
    value, column = quoted.replace("''", "'"), seen[name]
    kind = frame.lazy().select(column).collect_schema().dtypes()[0]
    if isinstance(kind, pl.List):
        return _among(column, operator, value)
    if operator == "~":
        return column.cast(pl.String).str.contains(value, literal=True)
    if kind == pl.Boolean:
        return _OPERATORS[operator](column, _flag(name, value))
    if kind == pl.Date:
        return _OPERATORS[operator](column, _moment(name, value).date())
    if isinstance(kind, pl.Datetime):
        return _OPERATORS[operator](column, _moment(name, value))
    return _OPERATORS[operator](column, value)


def _among(column: pl.Expr, operator: str, value: str) -> pl.Expr:
    """Compare a list: `~` asks whether it has one of the values, `=` whether it has these and no others."""
    values = [part.strip() for part in value.split(",")]
    wanted = pl.lit(values, pl.List(pl.String))
    if operator == "~":
        return column.list.set_intersection(wanted).list.len() > 0
    same = (column.list.set_symmetric_difference(wanted).list.len() == 0).fill_null(value=False)
    if operator not in ("=", "!="):
        raise _invalid("a list has no order")
    return same if operator == "=" else ~same


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise _invalid(f"{name} is true or false")
    return value == "true"


def _moment(name: str, value: str) -> datetime:
    """Return the time that a value tells, a day's beginning where it tells a day only."""
    try:
        told = datetime.fromisoformat(value)
    except ValueError:
        raise _invalid(f"{name} is a date, or a date and time in UTC") from None
    if told.tzinfo is None and len(value) > len("2026-10-01"):
        raise _invalid(f"{name} is compared with a time whose zone is not told")
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def _invalid(description: str) -> Problem:
    return Problem(400, description, minor="invalid_filter_field")
