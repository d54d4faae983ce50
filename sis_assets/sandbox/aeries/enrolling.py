"""People who come: new persons, their school records and their enrolments (contract: Aeries §2.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from sis_assets.sandbox.aeries.data import (
    ENROLLMENTS,
    LAST_GRADE,
    PEOPLE,
    PRE_ENROLLED,
    RECORDS,
    District,
    numbered,
    placed,
)

_FIRST_STUDENT_ID = 91_000_000


def arrived(
    district: District, count: int, *, tag: str, grade: pl.Expr, enter: date, known_for: int = 0
) -> District:
    """Return the district with so many people more, each with one record, and an enrolment unless pre-enrolled.

    grade      from `number`
    known_for  the greatest number of years that they have been in the district
    """
    numbers = pl.int_range(district.arrived + 1, district.arrived + count + 1, dtype=pl.Int64, eager=True)
    leas = district.schools["lea"].max()
    newcomers = placed(
        district,
        numbers.alias("number").to_frame().with_columns(lea=pl.col("number") % leas + 1, grade=grade),
    )
    years = district.chance("since", lasting=True) % (known_for + 1)
    people = newcomers.select(
        "number",
        "lea",
        student_id=pl.col("number") + _FIRST_STUDENT_ID,
        old_student_id=pl.lit(0),
        class_of=district.year + 1 + LAST_GRADE - pl.col("grade"),
        district_enter=pl.date(enter.year - years, enter.month, enter.day),
        family="number",
        mailbox=pl.lit(1),
        shift=pl.lit(0),
        shifted_on=pl.lit(None, pl.Date),
    ).select(pl.col(name).cast(kind) for name, kind in PEOPLE.items())
    records = new_records(
        district, newcomers.select("number", "school", "grade"), tag=tag, enter=enter, main=True
    )
    district = replace(
        district,
        people=pl.concat([district.people, people]),
        records=pl.concat([district.records, records]),
        arrived=district.arrived + count,
    )
    return district if tag == PRE_ENROLLED else enrolled(district, records)


def new_records(
    district: District, where: pl.DataFrame, *, tag: str, enter: date, main: bool
) -> pl.DataFrame:
    """Return a new record for each row of `where` (number, school, grade)."""
    blank = pl.lit("")
    return numbered(
        district.records,
        where.with_columns(
            main=pl.lit(main),
            tag=pl.lit(tag),
            enter=pl.lit(enter),
            leave=pl.lit(None, pl.Date),
            completion_code=blank,
            completion_date=pl.lit(None, pl.Date),
            end_of_year_code=blank,
            summer_code=blank,
            summer_leave=pl.lit(None, pl.Date),
        ),
    )


def enrolled(district: District, records: pl.DataFrame) -> District:
    """Return the district with an open enrolment more for each of the records."""
    opened = records.with_columns(
        year=pl.lit(district.year), leave=pl.lit(None, pl.Date), exit_code=pl.lit("")
    ).select(pl.col(name).cast(kind) for name, kind in ENROLLMENTS.items())
    return replace(district, enrollments=pl.concat([district.enrollments, opened]))


def ended(district: District, keys: pl.DataFrame, on: date) -> District:
    """Return the district with the open enrolments of these records (number, school, code) ended on that day."""
    marked = district.enrollments.join(
        keys.select("number", "school", "code").unique(["number", "school"]),
        on=["number", "school"],
        how="left",
        maintain_order="left",
    )
    ends = pl.col("leave").is_null() & pl.col("code").is_not_null()
    return replace(
        district,
        enrollments=marked.with_columns(
            leave=pl.when(ends).then(pl.lit(on)).otherwise("leave"),
            exit_code=pl.when(ends).then("code").otherwise("exit_code"),
        ).select(*ENROLLMENTS),
    )


def among(numbers: list[int] | pl.Series, column: str = "number") -> pl.Expr:
    """Return whether a row's `column` is one of the numbers."""
    return pl.col(column).is_in(pl.Series(numbers, dtype=pl.Int64).implode())


def of_schools(district: District, records: pl.DataFrame) -> pl.DataFrame:
    """Return the records with level, rank, peers, high and feeds of their schools; null at codes that are no schools."""
    facts = district.schools.select("lea", "level", "rank", "peers", "high", "feeds", school="code")
    return records.select(*RECORDS).join(facts, on="school", how="left", maintain_order="left")
