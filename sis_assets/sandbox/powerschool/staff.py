"""The staff of a made-up district: persons (Users) and where each works (SchoolStaff).

Column names are PowerSchool's, in lower case; contract: PowerSchool §1.4 (staff).
"""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.powerschool.data import District, seated

_STUDENTS_A_TEACHER = 100
#: SchoolStaff.Status.
WORKING, _INACTIVE = 1, 2
#: Of five teachers of a school, the one who also works at the school before; of four, the one who has left.
_ALSO_ELSEWHERE, _LEFT = 1, 3


def users(district: District) -> pl.DataFrame:
    """Return the staff as persons (Users). Teacher numbers are digits, or begin with a letter."""
    return (
        teachers(district)
        .unique("users_dcid", maintain_order=True)
        .sort("users_dcid")
        .select(
            dcid="users_dcid",
            first_name=pl.format("Teacher-{}", "users_dcid"),
            last_name=pl.format("Staff-{}", "users_dcid"),
            lastfirst=pl.format("Staff-{}, Teacher-{}", "users_dcid", "users_dcid"),
            email_addr=pl.format("teacher-{}@example.org", "users_dcid"),
            teachernumber=pl.when(pl.col("users_dcid") % 3 == 0)
            .then(pl.format("T{}A", "users_dcid"))
            .otherwise((pl.col("users_dcid") + 70_000).cast(pl.String)),
            homeschoolid="schoolid",
            teacherloginid=pl.format("teacher{}", "users_dcid"),
            home_phone=pl.when(pl.col("users_dcid") % 4 > 0).then(pl.lit("555-0199")),
        )
    )


def school_staff(district: District) -> pl.DataFrame:
    """Return who works where (SchoolStaff); some work at two schools, and some no longer."""
    return teachers(district).select(
        "dcid", "id", "users_dcid", "schoolid", staffstatus=pl.lit(WORKING, pl.Int64), status="status"
    )


def teachers(district: District) -> pl.DataFrame:
    """Return one row a person and school: a teacher for every 100 students at least; every fifth works at two schools."""
    counts = (
        district.schools.select("dcid", schoolid="number")
        .join(
            seated(district).group_by("school").len().rename({"school": "schoolid"}),
            on="schoolid",
            how="left",
        )
        .sort("schoolid")
        .with_columns(n=pl.int_ranges(0, pl.col("len").fill_null(0) // _STUDENTS_A_TEACHER + 2))
        .explode("n")
        .with_columns(users_dcid=pl.col("dcid") * 1000 + pl.col("n"))
    )
    also = counts.filter(pl.col("n") % 5 == _ALSO_ELSEWHERE).select(
        pl.col("schoolid").shift(1).alias("schoolid"), "users_dcid", status=pl.lit(WORKING, pl.Int64)
    )
    home = counts.select(
        "schoolid",
        "users_dcid",
        status=pl.when(pl.col("n") % 4 == _LEFT).then(_INACTIVE).otherwise(WORKING).cast(pl.Int64),
    )
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return (
        pl.concat([home, also.drop_nulls()])
        .unique(["schoolid", "users_dcid"], maintain_order=True)
        .select(dcid=row + 51, id=row + 52, users_dcid="users_dcid", schoolid="schoolid", status="status")
    )
