"""The `q` filter: comparisons joined by `;`, as PowerSchool's variant of FIQL has them (contract §1.3, §1.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from sis_assets.sandbox.powerschool.reply import Refusal

_COMPARISON = re.compile(r"^([A-Za-z_$][\w.$]*)(==|!=|=gt=|=ge=|=lt=|=le=)(.*)$", re.DOTALL)
_OPERATORS: Mapping[str, Callable[[pl.Expr, object], pl.Expr]] = {
    "==": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "=gt=": lambda column, value: column > value,
    "=ge=": lambda column, value: column >= value,
    "=lt=": lambda column, value: column < value,
    "=le=": lambda column, value: column <= value,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a `q`: which field, how, with what."""

    field: str
    operator: str
    value: str


def parsed(q: str, *, unequal: bool) -> tuple[Comparison, ...]:
    """Return the comparisons of a filter; all must hold. Raises Refusal 400 where it is none.

    unequal  whether `!=` is known: to the table API it is, to /ws/v1 it is not
    """
    return tuple(_comparison(part, unequal=unequal) for part in q.split(";")) if q else ()


def condition(comparison: Comparison, column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return the rows for which the comparison holds; as in SQL, it holds for no null.

    Raises Refusal 400 for a value of the wrong type.
    """
    value, field = comparison.value, comparison.field
    if kind == pl.Boolean:
        return _OPERATORS[comparison.operator](column.cast(pl.Int8), _number(value, field))
    if kind.is_numeric():
        return _OPERATORS[comparison.operator](column, _number(value, field))
    if kind == pl.Date:
        return _OPERATORS[comparison.operator](column, _day(value, field))
    if "*" in value and comparison.operator in ("==", "!="):
        pattern = "^(?s:" + ".*".join(map(re.escape, value.split("*"))) + ")$"
        matches = column.str.contains(pattern)
        return matches if comparison.operator == "==" else ~matches
    return _OPERATORS[comparison.operator](column, value)


def _comparison(part: str, *, unequal: bool) -> Comparison:
    found = _COMPARISON.match(part)
    if not found or (found[2] == "!=" and not unequal):
        raise Refusal(400, "Invalid query")
    return Comparison(found[1].lower(), found[2], found[3])


def _number(value: str, field: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Refusal(
            400, f"Invalid number '{value}' passed for comparison to number field {field}"
        ) from None


def _day(value: str, field: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refusal(400, f"Invalid date '{value}' passed for comparison to date field {field}") from None
