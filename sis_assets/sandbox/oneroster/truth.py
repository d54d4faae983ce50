"""What a client must have found when it has read everything: the district, told without OneRoster's JSON or CSV."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.people import told, user_id
from sis_assets.sandbox.oneroster.records import LIVE


@dataclass(frozen=True, slots=True)
class Truth:
    """Plain frames with real types; null is unknown. Columns have OneRoster's names, lists are lists.

    students     everybody who is told, of every state: user_id, state (`active`, `pre_registered`, `left`), deleted
                 (whether the record is `tobedeleted`), identifier, state_id, given_name, middle_name, family_name,
                 birth_date, sex, email, grade, school_id (the primary one), school_ids
    The others are the records that are `active`: orgs, sessions, courses, classes, enrollments, users, roles
    """

    students: pl.DataFrame
    orgs: pl.DataFrame
    sessions: pl.DataFrame
    courses: pl.DataFrame
    classes: pl.DataFrame
    enrollments: pl.DataFrame
    users: pl.DataFrame
    roles: pl.DataFrame

    @property
    def active(self) -> pl.DataFrame:
        """The students that a product must know as active."""
        return self.students.filter(pl.col("state") == "active")


def truth_of(database: Database) -> Truth:
    """Return what is true of a district today."""
    live = {
        name: database.table(table).filter(pl.col("status") == LIVE)
        for name, table in (
            ("orgs", "orgs"),
            ("sessions", "academicSessions"),
            ("courses", "courses"),
            ("classes", "classes"),
            ("enrollments", "enrollments"),
            ("users", "users"),
            ("roles", "roles"),
        )
    }
    return Truth(students=_students(database), **live)


def _students(database: Database) -> pl.DataFrame:
    states = told(database.district, database.settings).select("state", sourcedId=user_id(pl.col("number")))
    return (
        database.table("users")
        .filter(pl.col("roles").list.contains("student"))
        .join(states, on="sourcedId")
        .join(
            database.table("demographics").select("sourcedId", "birthDate", "sex"), on="sourcedId", how="left"
        )
        .select(
            "state",
            "email",
            "sex",
            user_id="sourcedId",
            deleted=pl.col("status") != LIVE,
            identifier="identifier",
            state_id="stateId",
            given_name="givenName",
            middle_name="middleName",
            family_name="familyName",
            birth_date="birthDate",
            grade=pl.col("grades").list.first(),
            school_id="primaryOrgSourcedId",
            school_ids="orgSourcedIds",
        )
        .sort("user_id")
    )
