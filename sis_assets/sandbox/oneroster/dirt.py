"""What is wrong with real OneRoster files, each by switch (contract: OneRoster §4.1, §4.2 and §4.4, the pitfall)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from sis_assets.sandbox.oneroster.people import RACES


class Dirt(StrEnum):
    """What is wrong.

    MISSPELT_HEADERS     `prefferedGivenName`, `dataLastModified`
    REORDERED_COLUMNS    the last column of users comes first
    DAY_MONTH_YEAR       dates are `1/05/2027`
    CAPITAL_FLAGS        `TRUE` and `FALSE`
    NUMBER_FLAGS         `1` and `0`
    CAPITAL_CLASS_TYPES  `Scheduled`, `Homeroom`
    FILLED_BULK          every row has a status and a date, as in a delta
    BLANK_DELTA          no row has a status or a date
    SHORT_ROW            the last enrolment lacks its last field
    BAD_ID               a user's sourcedId has a blank in it
    DUPLICATE_ROW        the first enrolment is there twice
    DANGLING_USER        the last user is left out, whom others name
    DANGLING_COURSES     courses are `absent`, which classes name
    ROLES_IN_PROFILES    what belongs in roles stands in userProfiles; roles has a header only
    CLASS_AT_DISTRICT    the first class is at the district, which is no school
    CLASS_IN_PERIOD      the first class is in an academic session that is no term
    TWO_PRIMARY_ROLES    somebody has two primary roles at one school
    PRIMARY_ORG_ALONE    somebody's primary org is one where they have no role
    OUTSIDE_TERM         the first enrolment begins before its class does
    OLD_DEMOGRAPHICS     `userSourcedId` and `birthdate`, as 1.0 had them
    DRAFT_COLUMN         users have `resourceSourcedIds`, which a draft of 1.2 had
    MANIFEST_NUMBER      `manifest.version` is `1`, as a spreadsheet leaves it
    MANIFEST_GAP         the manifest does not name orgs
    MANIFEST_TWICE       the manifest names orgs twice
    MANIFEST_STRANGER    the manifest names a file that OneRoster does not have
    FILE_UNANNOUNCED     demographics are there, though the manifest calls them absent
    FILE_MISSING         demographics are not there, though the manifest announces them
    """

    MISSPELT_HEADERS = "misspelt_headers"
    REORDERED_COLUMNS = "reordered_columns"
    DAY_MONTH_YEAR = "day_month_year"
    CAPITAL_FLAGS = "capital_flags"
    NUMBER_FLAGS = "number_flags"
    CAPITAL_CLASS_TYPES = "capital_class_types"
    FILLED_BULK = "filled_bulk"
    BLANK_DELTA = "blank_delta"
    SHORT_ROW = "short_row"
    BAD_ID = "bad_id"
    DUPLICATE_ROW = "duplicate_row"
    DANGLING_USER = "dangling_user"
    DANGLING_COURSES = "dangling_courses"
    ROLES_IN_PROFILES = "roles_in_profiles"
    CLASS_AT_DISTRICT = "class_at_district"
    CLASS_IN_PERIOD = "class_in_period"
    TWO_PRIMARY_ROLES = "two_primary_roles"
    PRIMARY_ORG_ALONE = "primary_org_alone"
    OUTSIDE_TERM = "outside_term"
    OLD_DEMOGRAPHICS = "old_demographics"
    DRAFT_COLUMN = "draft_column"
    MANIFEST_NUMBER = "manifest_number"
    MANIFEST_GAP = "manifest_gap"
    MANIFEST_TWICE = "manifest_twice"
    MANIFEST_STRANGER = "manifest_stranger"
    FILE_UNANNOUNCED = "file_unannounced"
    FILE_MISSING = "file_missing"


@dataclass(frozen=True, slots=True)
class Drop:
    """Files on their way: tables as text by name, the manifest, and the tables whose last row is short of a field."""

    tables: Mapping[str, pl.DataFrame]
    manifest: pl.DataFrame
    short: frozenset[str] = frozenset()

    def having(self, name: str, table: pl.DataFrame) -> Drop:
        """Return the files with another table of this name."""
        return replace(self, tables={**self.tables, name: table})

    def without(self, name: str) -> Drop:
        """Return the files without a table; the manifest stays as it is."""
        return replace(self, tables={key: table for key, table in self.tables.items() if key != name})

    def saying(self, name: str, value: str) -> Drop:
        """Return the files with another value of this property in the manifest."""
        said = pl.when(pl.col("propertyName") == name).then(pl.lit(value)).otherwise("value")
        return replace(self, manifest=self.manifest.with_columns(value=said))


def soiled(drop: Drop, dirt: Iterable[Dirt]) -> Drop:
    """Return the files with everything wrong that `dirt` names; where a file is not there, nothing is wrong with it."""
    for each in sorted(dirt):
        drop = _SOILING[each](drop)
    return drop


_Soiling = Callable[[Drop], Drop]
_Change = Callable[[pl.DataFrame], pl.DataFrame]


def _in(name: str, change: _Change) -> _Soiling:
    """Return what changes one table, where it is there and not empty."""

    def soil(drop: Drop) -> Drop:
        table = drop.tables.get(name)
        return drop if table is None or table.is_empty() else drop.having(name, change(table))

    return soil


def _everywhere(columns: Iterable[str], change: Callable[[pl.Expr], pl.Expr]) -> _Soiling:
    """Return what changes these columns in every table that has them."""
    wanted = set(columns)

    def soil(drop: Drop) -> Drop:
        for name, table in drop.tables.items():
            there = [column for column in table.columns if column in wanted]
            drop = drop.having(name, table.with_columns(change(pl.col(column)) for column in there))
        return drop

    return soil


def _renamed(names: Mapping[str, str]) -> _Change:
    return lambda table: table.rename(dict(names), strict=False)


def _at_first(**values: pl.Expr) -> _Change:
    """Return what changes columns of the first row, where there are such columns."""
    first = pl.int_range(pl.len()) == 0

    def change(table: pl.DataFrame) -> pl.DataFrame:
        return table.with_columns(
            pl.when(first).then(value).otherwise(name).alias(name)
            for name, value in values.items()
            if name in table.columns
        )

    return change


def _with_draft_column(users: pl.DataFrame) -> pl.DataFrame:
    before = [*users.columns]
    if "userMasterIdentifier" not in before:
        return users
    place = before.index("userMasterIdentifier") + 1
    return users.select(*before[:place], pl.lit(None, pl.String).alias("resourceSourcedIds"), *before[place:])


def _roles_in_profiles(drop: Drop) -> Drop:
    roles = drop.tables.get("roles")
    if roles is None:
        return drop
    return (
        drop.having("userProfiles", roles).having("roles", roles.clear()).saying("file.userProfiles", "bulk")
    )


def _two_primary_roles(roles: pl.DataFrame) -> pl.DataFrame:
    primary = roles.filter(pl.col("roleType") == "primary").head(1)
    again = primary.with_columns(sourcedId=pl.format("{}-again", "sourcedId"), role=pl.lit("proctor"))
    return pl.concat([roles, again])


def _filled(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(
        status=pl.col("status").fill_null("active"),
        dateLastModified=pl.col("dateLastModified").fill_null("2026-09-30T00:00:00.000Z"),
    )


def _manifest(change: _Change) -> _Soiling:
    return lambda drop: replace(drop, manifest=change(drop.manifest))


def _each(change: _Change) -> _Soiling:
    return lambda drop: replace(drop, tables={name: change(table) for name, table in drop.tables.items()})


_DATES = ("startDate", "endDate", "beginDate", "birthDate")
_FLAGS = ("enabledUser", "primary", *RACES)
_SOILING: Mapping[Dirt, _Soiling] = {
    Dirt.MISSPELT_HEADERS: _in(
        "users",
        _renamed({"preferredGivenName": "prefferedGivenName", "dateLastModified": "dataLastModified"}),
    ),
    Dirt.REORDERED_COLUMNS: _in("users", lambda users: users.select(users.columns[-1], *users.columns[:-1])),
    Dirt.DAY_MONTH_YEAR: _everywhere(
        _DATES, lambda day: day.str.replace(r"^(\d+)-(\d+)-0?(\d+)$", "$3/$2/$1")
    ),
    Dirt.CAPITAL_FLAGS: _everywhere(_FLAGS, lambda flag: flag.str.to_uppercase()),
    Dirt.NUMBER_FLAGS: _everywhere(_FLAGS, lambda flag: flag.replace({"true": "1", "false": "0"})),
    Dirt.CAPITAL_CLASS_TYPES: _everywhere(["classType"], lambda kind: kind.str.to_titlecase()),
    Dirt.FILLED_BULK: _each(_filled),
    Dirt.BLANK_DELTA: _everywhere(
        ["status", "dateLastModified"], lambda column: column.replace_strict({}, default=None)
    ),
    Dirt.SHORT_ROW: lambda drop: replace(drop, short=frozenset({"enrollments"})),
    Dirt.BAD_ID: _in("users", _at_first(sourcedId=pl.format("{} x", "sourcedId"))),
    Dirt.DUPLICATE_ROW: _in("enrollments", lambda table: pl.concat([table.head(1), table])),
    Dirt.DANGLING_USER: _in("users", lambda users: users.head(-1)),
    Dirt.DANGLING_COURSES: lambda drop: drop.without("courses").saying("file.courses", "absent"),
    Dirt.ROLES_IN_PROFILES: _roles_in_profiles,
    Dirt.CLASS_AT_DISTRICT: _in("classes", _at_first(schoolSourcedId=pl.lit("D-1"))),
    Dirt.CLASS_IN_PERIOD: _in(
        "classes", _at_first(termSourcedIds=pl.col("termSourcedIds").str.replace("^T([^,]*).*", "G$1"))
    ),
    Dirt.TWO_PRIMARY_ROLES: _in("roles", _two_primary_roles),
    Dirt.PRIMARY_ORG_ALONE: _in("users", _at_first(primaryOrgSourcedId=pl.lit("D-1"))),
    Dirt.OUTSIDE_TERM: _in("enrollments", _at_first(beginDate=pl.lit("2001-01-01"))),
    Dirt.OLD_DEMOGRAPHICS: _in(
        "demographics", _renamed({"sourcedId": "userSourcedId", "birthDate": "birthdate"})
    ),
    Dirt.DRAFT_COLUMN: _in("users", _with_draft_column),
    Dirt.MANIFEST_NUMBER: lambda drop: drop.saying("manifest.version", "1"),
    Dirt.MANIFEST_GAP: _manifest(lambda rows: rows.filter(pl.col("propertyName") != "file.orgs")),
    Dirt.MANIFEST_TWICE: _manifest(
        lambda rows: pl.concat([rows, rows.filter(pl.col("propertyName") == "file.orgs")])
    ),
    Dirt.MANIFEST_STRANGER: _manifest(
        lambda rows: pl.concat([rows, rows.head(1).with_columns(propertyName=pl.lit("file.pets"))])
    ),
    Dirt.FILE_UNANNOUNCED: lambda drop: drop.saying("file.demographics", "absent"),
    Dirt.FILE_MISSING: lambda drop: drop.without("demographics"),
}
