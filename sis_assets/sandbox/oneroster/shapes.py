"""How records look in JSON, by version, and what of them a filter or a sort sees (contract: OneRoster §4.2, §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.people import RACES
from sis_assets.sandbox.oneroster.records import MILLISECONDS
from sis_assets.sandbox.oneroster.settings import Settings, Version

#: Where the objects are to which references of a type lead.
_PLACES = {
    "org": "orgs",
    "academicSession": "academicSessions",
    "course": "courses",
    "class": "classes",
    "user": "users",
}
#: 1.1 has no other words.
_SEXES = ("male", "female")


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a record: how JSON shows it, and what a filter or a sort sees, by name."""

    name: str
    shown: pl.Expr
    seen: Mapping[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Shape:
    """The records of one table in one version: the frame they are made of, and their members."""

    frame: pl.DataFrame
    fields: tuple[Field, ...]

    def seen(self) -> dict[str, pl.Expr]:
        """Return everything that a filter may name, with the column that it sees."""
        return {name: expression for field in self.fields for name, expression in field.seen.items()}

    def sortable(self) -> set[str]:
        """Return everything that a sort may name: a list has no order."""
        kinds = self.frame.lazy().select(**_numbered(self.seen())).collect_schema().dtypes()
        return {name for name, kind in zip(self.seen(), kinds, strict=True) if not isinstance(kind, pl.List)}

    def names(self) -> set[str]:
        """Return everything that `fields` may name."""
        return {field.name for field in self.fields}

    def texts(self, names: Sequence[str], *, nulls: bool) -> pl.Series:
        """Return every record as JSON text, with these members only, or all where none is named.

        nulls  whether an empty member is null, rather than absent
        """
        members = [field.shown.alias(field.name) for field in self.fields if not names or field.name in names]
        text = pl.struct(members).struct.json_encode()
        if not nulls:
            # A quote within a value is escaped, so this meets members only; the first one may have no comma before it.
            text = text.str.replace_all(r',"[A-Za-z]+":null', "").str.replace_all(
                r'\{"[A-Za-z]+":null,?', "{"
            )
        return self.frame.select(text.alias("json")).to_series()


def shape_of(database: Database, table: str, version: Version, base: str) -> Shape:
    """Return the shape of a table.

    base  the address before the collections, which `href` begins with
    """
    settings = database.settings
    common = (_plain("sourcedId"), _plain("status"), _moment("dateLastModified"))
    members = _MEMBERS[table](_Writer(settings, version, base))
    frame = database.table(table)
    if table == "users" and version == "1.2":
        frame = frame.join(_roles(database, base), on="sourcedId", how="left", maintain_order="left")
    return Shape(frame, (*common, *members))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes members as this provider does."""

    settings: Settings
    version: Version
    base: str

    def flag(self, name: str) -> Field:
        kinds: Mapping[str, pl.Expr] = {
            "boolean": pl.col(name),
            "text": _words(pl.col(name)),
            "number": pl.col(name).cast(pl.Int8),
        }
        return Field(name, kinds[self.settings.flags], {name: pl.col(name)})

    def one(self, name: str, column: str, kind: str) -> Field:
        shown = pl.when(pl.col(column).is_not_null()).then(_reference(pl.col(column), kind, self.base))
        return Field(name, shown, {f"{name}.sourcedId": pl.col(column)})

    def many(self, name: str, column: str, kind: str) -> Field:
        shown = pl.col(column).list.eval(_reference(pl.element(), kind, self.base))
        return Field(name, shown, {f"{name}.sourcedId": pl.col(column)})


def _orgs(to: _Writer) -> tuple[Field, ...]:
    return (*map(_plain, ("name", "type", "identifier")), to.one("parent", "parentSourcedId", "org"))


def _academic_sessions(to: _Writer) -> tuple[Field, ...]:
    return (
        *map(_plain, ("title", "type")),
        *map(_day, ("startDate", "endDate")),
        to.one("parent", "parentSourcedId", "academicSession"),
        _plain("schoolYear"),
    )


def _courses(to: _Writer) -> tuple[Field, ...]:
    return (
        to.one("schoolYear", "schoolYearSourcedId", "academicSession"),
        *map(_plain, ("title", "courseCode", "grades")),
        to.one("org", "orgSourcedId", "org"),
        *map(_plain, ("subjects", "subjectCodes")),
    )


def _classes(to: _Writer) -> tuple[Field, ...]:
    return (
        *map(_plain, ("title", "classCode", "classType", "location", "grades", "subjects")),
        to.one("course", "courseSourcedId", "course"),
        to.one("school", "schoolSourcedId", "org"),
        to.many("terms", "termSourcedIds", "academicSession"),
        *map(_plain, ("subjectCodes", "periods")),
    )


def _enrollments(to: _Writer) -> tuple[Field, ...]:
    return (
        to.one("user", "userSourcedId", "user"),
        to.one("class", "classSourcedId", "class"),
        to.one("school", "schoolSourcedId", "org"),
        _plain("role"),
        to.flag("primary"),
        *map(_day, ("beginDate", "endDate")),
    )


def _users(to: _Writer) -> tuple[Field, ...]:
    before = (
        _plain("username"),
        Field("userIds", pl.col("userIds").list.eval(_user_id()), {"userIds": pl.col("userIds")}),
        to.flag("enabledUser"),
        *map(_plain, ("givenName", "familyName", "middleName")),
    )
    by_version = {
        "1.1": (_plain("role"), to.many("orgs", "orgSourcedIds", "org")),
        "1.2": (
            *map(_plain, ("userMasterIdentifier", "preferredGivenName", "preferredMiddleName")),
            *map(_plain, ("preferredFamilyName", "pronouns")),
            Field("roles", pl.col("shownRoles"), {"roles.role": pl.col("roles")}),
            to.one("primaryOrg", "primaryOrgSourcedId", "org"),
        ),
    }
    return (
        *before,
        *by_version[to.version],
        *map(_plain, ("identifier", "email", "sms", "phone")),
        to.many("agents", "agentSourcedIds", "user"),
        *map(_plain, ("grades", "password")),
    )


def _demographics(to: _Writer) -> tuple[Field, ...]:
    return (
        _day("birthDate"),
        _plain("sex")
        if to.version == "1.2"
        else _named("sex", pl.when(pl.col("sex").is_in(_SEXES)).then("sex")),
        *map(to.flag, RACES),
        *map(_plain, ("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth")),
        _plain("publicSchoolResidenceStatus"),
    )


_MEMBERS: Mapping[str, Callable[[_Writer], tuple[Field, ...]]] = {
    "orgs": _orgs,
    "academicSessions": _academic_sessions,
    "courses": _courses,
    "classes": _classes,
    "enrollments": _enrollments,
    "users": _users,
    "demographics": _demographics,
}


def _roles(database: Database, base: str) -> pl.DataFrame:
    """Return each user's roles as 1.2 lists them in the user: those of today, of a deleted user the last ones."""
    users = database.table("users").select("status", userSourcedId="sourcedId")
    role = pl.struct(
        "roleType",
        "role",
        org=_reference(pl.col("orgSourcedId"), "org", base),
        beginDate=pl.col("beginDate").dt.to_string("iso"),
        endDate=pl.col("endDate").dt.to_string("iso"),
    )
    return (
        database.table("roles")
        .join(users, on=["userSourcedId", "status"], maintain_order="left")
        .group_by(sourcedId="userSourcedId", maintain_order=True)
        .agg(shownRoles=role)
    )


def _numbered(expressions: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    return {str(place): expression for place, expression in enumerate(expressions.values())}


def _plain(name: str) -> Field:
    return _named(name, pl.col(name))


def _named(name: str, value: pl.Expr) -> Field:
    return Field(name, value, {name: value})


def _day(name: str) -> Field:
    return Field(name, pl.col(name).dt.to_string("iso"), {name: pl.col(name)})


def _moment(name: str) -> Field:
    return Field(name, pl.col(name).dt.strftime(MILLISECONDS), {name: pl.col(name)})


def _words(flag: pl.Expr) -> pl.Expr:
    return flag.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)


def _user_id() -> pl.Expr:
    """Return an identifier as an object; it is kept as `type:identifier`."""
    parts = pl.element().str.splitn(":", 2)
    return pl.struct(type=parts.struct.field("field_0"), identifier=parts.struct.field("field_1"))


def _reference(target: pl.Expr, kind: str, base: str) -> pl.Expr:
    href = pl.lit(f"{base}/{_PLACES[kind]}/") + target.str.replace_all("/", "%2F", literal=True)
    return pl.struct(href=href, sourcedId=target, type=pl.lit(kind))
