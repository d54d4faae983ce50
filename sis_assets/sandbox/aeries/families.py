"""What else Aeries keeps of a student: contacts, programs, tests (contract: Aeries §2.3, last lines).

The contract names the resources and not their fields, so the rows hold few; nothing reads them.
"""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.aeries.data import ACTIVE, District


def contacts(district: District) -> pl.DataFrame:
    """Return one contact of every active student, with `student_number` beside it."""
    return _active(district).select(
        StudentID="student_id",
        SchoolCode="school",
        SequenceNumber=pl.lit(1),
        FirstName=pl.format("Guardian-{}", "number"),
        LastName=pl.format("Contact-{}", "number"),
        EmailAddress=pl.format("guardian-{}@example.org", "number"),
        student_number="sn",
    )


def programs(district: District) -> pl.DataFrame:
    """Return one program of every tenth active student, with `student_number` beside it."""
    return (
        _active(district)
        .filter(pl.col("number") % 10 == 0)
        .select(
            StudentID="student_id",
            SchoolCode="school",
            ProgramCode=pl.lit("144"),
            ParticipationStartDate=pl.lit(district.year_start),
            ParticipationEndDate=pl.lit(None, pl.Date),
            student_number="sn",
        )
    )


def tests(district: District) -> pl.DataFrame:
    """Return one test of every fifth active student, with `student_number` beside it."""
    return (
        _active(district)
        .filter(pl.col("number") % 5 == 0)
        .select(
            StudentID="student_id",
            TestID=pl.lit("SAMPLE"),
            TestDate=pl.lit(district.year_start),
            student_number="sn",
            SchoolCode="school",
        )
    )


def _active(district: District) -> pl.DataFrame:
    return (
        district.records.filter(pl.col("tag") == ACTIVE)
        .join(district.people.select("number", "student_id"), on="number", maintain_order="left")
        .sort("school", "student_id")
    )
