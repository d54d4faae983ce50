"""The people of a district in OneRoster's terms: users, roles and demographics, with real types and lists.

Contract: OneRoster §4.2. Columns have OneRoster's names; `roles` (a user's roles in 1.2's words) and `stateId` stand
beside those of `users`.
"""

from __future__ import annotations

import polars as pl

from sis_assets.sandbox.oneroster.district import (
    ACTIVE,
    GUARDIAN,
    LEFT,
    OUTSIDE,
    PRE_REGISTERED,
    STUDENT,
    District,
)
from sis_assets.sandbox.oneroster.records import DELETED, LIVE, grade_code, moment, school_id
from sis_assets.sandbox.oneroster.settings import Settings

#: What 1.1 calls the roles that it has no word for (contract §4.2: there is no way back).
ROLES_OF_1_1 = {
    "counselor": "administrator",
    "principal": "administrator",
    "districtAdministrator": "administrator",
}
#: The yes-or-no members of demographics.
RACES = (
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity",
)
_NAME_TRAPS = (
    "O'Family-{}",
    'Family-{}, "the" Elder',
    "Back\\slash-{}",
    "Fami\u0301ly-{}",
    "\u05de\u05e9\u05e4\u05d7\u05d4-{}",
    "Fam\u200dily-{}",
    "\U0001d4d5amily-{} \U0001f393",
    "=Family-{}",
)
_TRAPS_EVERY = 100
_PLAIN_NAME = r"^[A-Za-z0-9' -]*$"
#: Of 11 students, the one that the state has given no number.
_WITHOUT_STATE_ID = 5
_AGE_AT_GRADUATION = 18
#: Of 39 students, one whose sex nobody knows, and two whose sex 1.1 has no word for.
_SEXES = (None, "unspecified", "other", *("male", "female") * 18)


def user_id(number: pl.Expr) -> pl.Expr:
    """Return the sourcedIds of people by their numbers: no other identifier of theirs is equal to it."""
    return pl.format("U-{}", number + 500_000)


def told(district: District, settings: Settings) -> pl.DataFrame:
    """Return the people that the profile tells of, with `sourcedId`, `status` and `dateLastModified`."""
    people = district.people
    if not settings.pre_registered:
        people = people.filter(pl.col("state") != PRE_REGISTERED)
    if not settings.out_of_district:
        people = people.filter(pl.col("school") != OUTSIDE)
    if settings.skips_odd_students:
        people = people.filter((pl.col("kind") != STUDENT) | ~_odd())
    if settings.leavers == "gone":
        people = people.filter(pl.col("state") != LEFT)
    deleted = (pl.col("state") == LEFT) & (settings.leavers == "tobedeleted")
    return people.with_columns(
        sourcedId=user_id(pl.col("number")),
        status=pl.when(deleted).then(pl.lit(DELETED)).otherwise(pl.lit(LIVE)),
        dateLastModified=moment(pl.col("modified"), pl.col("number")),
    )


def users(district: District, settings: Settings) -> pl.DataFrame:
    """Return the users."""
    people, number = told(district, settings), pl.col("number")
    student, guardian = pl.col("kind") == STUDENT, pl.col("kind") == GUARDIAN
    digits = number.cast(pl.String).str.zfill(4)
    agents = people.filter(guardian & (pl.col("state") == ACTIVE)).select(
        guardian=user_id(number), number="charge"
    )
    answered_for = people.filter(student & (pl.col("status") == LIVE))["number"]
    roles = district_roles(people).group_by("number").agg(roles=pl.col("role").unique().sort())
    return (
        people.join(
            agents.group_by("number").agg(pl.col("guardian").sort()),
            on="number",
            how="left",
            maintain_order="left",
        )
        .join(roles, on="number", how="left", maintain_order="left")
        .select(
            "sourcedId",
            "status",
            "dateLastModified",
            enabledUser=pl.col("state") == ACTIVE,
            orgSourcedIds=pl.concat_list(school_id(pl.col("school")), school_id(pl.col("second")))
            .list.drop_nulls()
            .list.unique(maintain_order=True),
            role=pl.col("kind").replace(ROLES_OF_1_1),
            roles="roles",
            username=pl.format("{}{}", pl.col("kind").str.to_lowercase(), digits),
            stateId=pl.when(student & _with_state_id()).then((number + 7_300_000_000).cast(pl.String)),
            userIds=pl.format("local:{}", number),
            givenName=pl.when(number % 20 == 0).then(pl.lit("Gïven-")).otherwise(pl.lit("Given-")) + digits,
            familyName=_family_name(pl.col("family")),
            middleName=pl.when(number % 3 > 0).then(pl.format("Middle-{}", digits)),
            identifier=(number + 4_000).cast(pl.String).str.zfill(7),
            email=pl.when(number % 13 > 0).then(
                pl.format("{}-{}.{}@example.org", pl.col("kind").str.to_lowercase(), number, "mailbox")
            ),
            sms=pl.lit(None, pl.String),
            phone=pl.when(number % 7 == 0).then(
                pl.format("555-{}", (number % 10_000).cast(pl.String).str.zfill(4))
            ),
            agentSourcedIds=pl.when(student)
            .then("guardian")
            .when(guardian & pl.col("charge").is_in(answered_for.implode()))
            .then(pl.concat_list(user_id(pl.col("charge"))))
            .fill_null(pl.lit([], pl.List(pl.String))),
            grades=pl.when(student)
            .then(pl.concat_list(grade_code(pl.col("grade"), settings)))
            .otherwise(pl.lit([], pl.List(pl.String))),
            password=pl.lit(None, pl.String),
            userMasterIdentifier=pl.when(number % 2 == 0).then(pl.format("M-{}", number + 90_000)),
            preferredGivenName=pl.when(number % 9 == 0).then(pl.format("Preferred-{}", digits)),
            preferredMiddleName=pl.lit(None, pl.String),
            preferredFamilyName=pl.lit(None, pl.String),
            primaryOrgSourcedId=school_id(pl.col("school")),
            pronouns=pl.lit(None, pl.String),
        )
        .with_columns(userIds=_user_ids())
    )


def roles(district: District, settings: Settings) -> pl.DataFrame:
    """Return the roles of 1.2: those of today, and as tombstones those that ended with a stay."""
    people = told(district, settings)
    now = district_roles(people).join(
        people.select("number", "status", "ended", told_at="modified"), on="number"
    )
    now = now.with_columns(
        modified=pl.coalesce(pl.when(pl.col("ended").is_not_null()).then("told_at"), "entry")
    )
    past = (
        district.stays.join(people.select("number"), on="number", how="semi")
        .join(now, on=["number", "school"], how="anti")
        .sort("ended")
        .unique(["number", "school"], keep="last", maintain_order=True)
        .with_columns(
            status=pl.lit(DELETED),
            role=pl.col("kind"),
            roleType=pl.lit("primary"),
            modified=pl.when(pl.col("year") < district.year).then(district.year_start).otherwise("ended"),
        )
    )
    columns = ["number", "status", "role", "roleType", "school", "entry", "ended", "modified"]
    return pl.concat([now.select(columns), past.select(columns)]).select(
        "status",
        "roleType",
        "role",
        sourcedId=pl.format("R-{}-{}-{}", "number", "school", "role"),
        dateLastModified=moment(pl.col("modified"), pl.col("number")),
        userSourcedId=user_id(pl.col("number")),
        beginDate="entry",
        endDate="ended",
        orgSourcedId=school_id(pl.col("school")),
        userProfileSourcedId=pl.lit(None, pl.String),
    )


def demographics(district: District, settings: Settings) -> pl.DataFrame:
    """Return the students' demographics; a record has its user's sourcedId."""
    number = pl.col("number")
    race = district.chance("race", lasting=True) % 9
    return (
        told(district, settings)
        .filter(pl.col("kind") == STUDENT)
        .select(
            "sourcedId",
            "status",
            "dateLastModified",
            birthDate=pl.date(pl.col("class_of") - _AGE_AT_GRADUATION, 1, 1)
            + pl.duration(days=district.chance("birth", lasting=True) % 365),
            sex=pl.lit(list(_SEXES)).list.get(district.chance("sex", lasting=True) % len(_SEXES)),
            **{name: race == place for place, name in enumerate(RACES)},
            countryOfBirthCode=pl.when(number % 3 > 0).then(pl.lit("US")),
            stateOfBirthAbbreviation=pl.when(number % 3 > 0).then(pl.lit("AR")),
            cityOfBirth=pl.lit(None, pl.String),
            publicSchoolResidenceStatus=pl.when(number % 4 == 0).then(pl.lit("01652")),
        )
    )


def district_roles(people: pl.DataFrame) -> pl.DataFrame:
    """Return what everybody is where: number, school, role, roleType, entry. One role a person and school is primary."""
    here = people.select("number", "school", "entry", role="kind", roleType=pl.lit("primary"))
    second = people.filter(pl.col("second").is_not_null()).select(
        "number", entry="second_entry", school="second", role="kind", roleType=pl.lit("primary")
    )
    also = people.filter((pl.col("kind") == "teacher") & (pl.col("number") % 9 == 0)).select(
        "number", "school", "entry", role=pl.lit("aide"), roleType=pl.lit("secondary")
    )
    columns = ["number", "school", "role", "roleType", "entry"]
    return pl.concat([frame.select(columns) for frame in (here, second, also)])


def _with_state_id() -> pl.Expr:
    return pl.col("number") % 11 != _WITHOUT_STATE_ID


def _odd() -> pl.Expr:
    """Whether a student is one that a provider with an allow-list skips (contract: eSchoolPLUS §1.6)."""
    return ~_with_state_id() | ~_family_name(pl.col("family")).str.contains(_PLAIN_NAME)


def _user_ids() -> pl.Expr:
    """Return a user's other identifiers: the SIS's own, and the state's where there is one."""
    both = pl.format("state:{}", "stateId")
    return pl.concat_list("userIds", both).list.drop_nulls()


def _family_name(family: pl.Expr) -> pl.Expr:
    digits = family.cast(pl.String).str.zfill(4)
    name = pl.lit("Family-") + digits
    for remainder, trap in enumerate(_NAME_TRAPS, start=1):
        before, after = trap.split("{}")
        name = (
            pl.when(family % _TRAPS_EVERY == remainder)
            .then(pl.lit(before) + digits + pl.lit(after))
            .otherwise(name)
        )
    return name
