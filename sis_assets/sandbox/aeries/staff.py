"""The staff of made-up Aeries districts (contract: Aeries §2.3, `/staff`). Column names are Aeries' own."""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.aeries.data import GRADES, SECTION_SEATS, District

_FIRST_STAFF_ID = 700_000
#: Of five teachers of a school, the one who has left.
_LEFT = 4


def teachers(district: District) -> pl.DataFrame:
    """Return school, n (from 0 in each school), staff (the id) and `working`; two at least for each school."""
    grades = pl.min_horizontal(pl.col("high"), pl.lit(12)) - pl.col("low") + 1
    count = pl.col("places") * grades * SECTION_SEATS // (GRADES * 10) + 2
    return (
        district.schools.select("lea", "places", school="code", n=pl.int_ranges(0, count))
        .explode("n")
        .select(
            "school",
            "n",
            staff=pl.col("school") * 1_000 + pl.col("n") + _FIRST_STAFF_ID,
            working=pl.col("n") % 5 != _LEFT,
        )
        .sort("school", "n")
    )


def staff(district: District) -> pl.DataFrame:
    """Return everybody who works or has worked in the district, as `/staff` tells them; nested JSON in two columns."""
    blank, zero, none = pl.lit(""), pl.lit(0), pl.lit(None, pl.Date)
    id_ = pl.col("staff")
    left = pl.when(pl.col("working")).then(blank).otherwise(pl.lit("I"))
    edits = pl.col("edits").fill_null(0)
    return (
        teachers(district)
        .join(district.staff_edits, on="staff", how="left", maintain_order="left")
        .select(
            ID=id_,
            FirstName=pl.format("Teacher-{}", id_),
            LastName=pl.when(edits > 0)
            .then(pl.format("Staff-{}-{}", id_, edits))
            .otherwise(pl.format("Staff-{}", id_)),
            MiddleName=blank,
            Gender=pl.lit(["F", "M", ""]).list.get(id_ % 3),
            BirthYear=zero,
            BirthDate=none,
            HireDate=pl.lit(district.year_start.replace(year=district.year - 3)),
            LeaveDate=pl.when(~pl.col("working")).then(pl.lit(district.year_start)),
            FullTimePercentage=pl.lit(100),
            InactiveStatusCode=left,
            StateEducatorID=pl.when(id_ % 3 > 0).then((id_ + 8_000_000_000).cast(pl.String)).otherwise(blank),
            UserName=pl.format("teacher{}", id_),
            EmailAddress=pl.format("teacher-{}@example.org", id_),
            PrimaryAeriesSchool="school",
            NetworkLoginID=blank,
            AlternateEmailAddress=blank,
            HumanResourcesSystemID=pl.format("H{}", id_),
            Title=blank,
            SchoolAccessPermissions=pl.lit('[{"SchoolCode":')
            + pl.col("school").cast(pl.String)
            + pl.lit(',"ReadOnlyAccess":false,"CommunicationGroup":false}]'),
            ExtendedProperties=pl.lit("[]"),
            EarlyChildhoodCertificationCode=blank,
            EducationLevelCode=zero,
            EthnicityCode=blank,
            RaceCode1=blank,
            RaceCode2=blank,
            RaceCode3=blank,
            RaceCode4=blank,
            RaceCode5=blank,
            PositionStatusCode=blank,
            TotalYearsOfEduService=zero,
            TotalYearsInThisDistrict=zero,
            PreviousLastName=blank,
            PreviousFirstName=blank,
            PreviousMiddleName=blank,
            NameSuffix=blank,
            Address=blank,
            AddressCity=blank,
            AddressState=blank,
            AddressZipCode=blank,
            AddressZipExt=blank,
            HomePhone=blank,
            CellPhone=blank,
            EmergencyContactName=blank,
            EmergencyContactPhone=blank,
            NotificationPreferenceCode=blank,
        )
    )
