"""What all records have in common: status, the time of their last change, identifiers and codes (contract: OneRoster §4.1, §4.2)."""

from __future__ import annotations

from datetime import date

import polars as pl

from sis_assets.sandbox.oneroster.district import DISTRICT, LAST_GRADE
from sis_assets.sandbox.oneroster.settings import Settings

LIVE, DELETED = "active", "tobedeleted"
DISTRICT_ID = "D-1"

#: CEDS entry grade levels by our numbers.
GRADE_CODES = {-1: "PK", 0: "KG"} | {grade: f"{grade:02}" for grade in range(1, LAST_GRADE + 1)}

#: How a time is written, in JSON and in CSV.
MILLISECONDS = "%Y-%m-%dT%H:%M:%S%.3fZ"
_NIGHTLY_HOUR, _MINUTES = 3, 60


def school_id(number: pl.Expr) -> pl.Expr:
    """Return the sourcedIds of schools by their numbers, and of the district where there is none."""
    return pl.when(number == DISTRICT).then(pl.lit(DISTRICT_ID)).otherwise(pl.format("S-{}", number))


def session_id(kind: str, year: pl.Expr, part: object = "") -> pl.Expr:
    """Return the sourcedId of a part of a school year: "Y" the year, "T" a term, "G" a grading period."""
    return pl.format(f"{kind}{{}}" + (f"-{part}" if part else ""), year)


def grade_code(grade: pl.Expr, settings: Settings) -> pl.Expr:
    """Return the codes of grades, as this provider has them; null for nobody's."""
    codes = {number: settings.grades.get(code, code) for number, code in GRADE_CODES.items()}
    return grade.replace_strict(codes, default=None, return_dtype=pl.String)


def moment(day: pl.Expr, key: pl.Expr | None = None) -> pl.Expr:
    """Return the time (UTC) at which the records changed on a day: in the nightly run, many in the same minute."""
    minutes = pl.lit(0) if key is None else key % _MINUTES
    return day.cast(pl.Datetime("ms", "UTC")) + pl.duration(hours=_NIGHTLY_HOUR, minutes=minutes)


def moment_text(day: date) -> str:
    """Return the time at which a record changed on a day, as it is written."""
    return f"{day}T{_NIGHTLY_HOUR:02}:00:00.000Z"
