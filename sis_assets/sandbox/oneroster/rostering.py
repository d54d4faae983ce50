"""The rostering resources: collections, what is nested in them, and single objects (contract: OneRoster §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.filters import condition
from sis_assets.sandbox.oneroster.pages import Question, body_of, page_of
from sis_assets.sandbox.oneroster.problems import Problem, warning
from sis_assets.sandbox.oneroster.records import LIVE
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets.sandbox.oneroster.shapes import Shape, shape_of
from sis_assets.sandbox.reply import Reply

_PARAMETERS = frozenset({"limit", "offset", "sort", "orderBy", "filter", "fields"})


@dataclass(frozen=True, slots=True)
class _Collection:
    """Where a collection's records are, what one of them is called, and which of the table's rows they are."""

    table: str
    one: str
    rows: pl.Expr


_ROSTER, _DEMOGRAPHICS = ("roster-core.readonly", "roster.readonly"), ("roster-demographics.readonly",)
_ALL = pl.lit(value=True)


def _having(role: str) -> pl.Expr:
    return pl.col("roles").list.contains(role)


#: The answers of terms, schools, students and so on are called by what they are made of.
COLLECTIONS: Mapping[str, _Collection] = {
    "academicSessions": _Collection("academicSessions", "academicSession", _ALL),
    "terms": _Collection("academicSessions", "academicSession", pl.col("type") == "term"),
    "gradingPeriods": _Collection("academicSessions", "academicSession", pl.col("type") == "gradingPeriod"),
    "orgs": _Collection("orgs", "org", _ALL),
    "schools": _Collection("orgs", "org", pl.col("type") == "school"),
    "courses": _Collection("courses", "course", _ALL),
    "classes": _Collection("classes", "class", _ALL),
    "enrollments": _Collection("enrollments", "enrollment", _ALL),
    "users": _Collection("users", "user", _ALL),
    "students": _Collection("users", "user", _having("student")),
    "teachers": _Collection("users", "user", _having("teacher")),
    "demographics": _Collection("demographics", "demographics", _ALL),
}

_Within = Callable[[Database, Sequence[str]], pl.Expr]


def _of(column: str) -> _Within:
    return lambda _, ids: pl.col(column) == ids[-1]


def _listing(column: str) -> _Within:
    return lambda _, ids: pl.col(column).list.contains(ids[-1])


def _seated(role: str) -> _Within:
    def within(database: Database, ids: Sequence[str]) -> pl.Expr:
        seats = database.table("enrollments").filter(
            (pl.col("classSourcedId") == ids[-1]) & (pl.col("role") == role) & (pl.col("status") == LIVE)
        )
        return pl.col("sourcedId").is_in(seats["userSourcedId"].implode())

    return within


def _taught(column: str) -> _Within:
    def within(database: Database, ids: Sequence[str]) -> pl.Expr:
        here = database.table("classes").filter(pl.col("schoolSourcedId") == ids[-1])[column]
        return pl.col("sourcedId").is_in((here.explode() if here.dtype == pl.List else here).implode())

    return within


#: Which records of the last collection belong to the ids before it.
_NESTED: Mapping[tuple[str, ...], _Within] = {
    ("schools", "classes"): _of("schoolSourcedId"),
    ("schools", "courses"): _taught("courseSourcedId"),
    ("schools", "enrollments"): _of("schoolSourcedId"),
    ("schools", "students"): _listing("orgSourcedIds"),
    ("schools", "teachers"): _listing("orgSourcedIds"),
    ("schools", "terms"): _taught("termSourcedIds"),
    ("classes", "students"): _seated("student"),
    ("classes", "teachers"): _seated("teacher"),
    ("terms", "classes"): _listing("termSourcedIds"),
    ("terms", "gradingPeriods"): _of("parentSourcedId"),
    ("schools", "classes", "students"): _seated("student"),
    ("schools", "classes", "teachers"): _seated("teacher"),
    ("schools", "classes", "enrollments"): _of("classSourcedId"),
}


def known(question: Question) -> bool:
    """Whether the path leads to a collection, nested or not, or to one of its records."""
    names = question.names
    if len(question.path) % 2 == 0:
        return len(names) == 1 and names[0] in COLLECTIONS
    return names in _NESTED or (len(names) == 1 and names[0] in COLLECTIONS)


def scopes(question: Question) -> tuple[str, ...]:
    """Return the scopes of which a token needs one."""
    return _DEMOGRAPHICS if table_of(question) == "demographics" else _ROSTER


def table_of(question: Question) -> str:
    """Return the table that a known path leads to."""
    return COLLECTIONS[question.names[-1]].table


def answered(question: Question, database: Database) -> Reply:
    """Return a page of the collection, or the record.

    Raises Problem 404 where there is none, 400 for a bad question, the settings' status for what is no reading.
    """
    settings = database.settings
    if question.method != "GET":
        raise Problem(settings.other_methods, "rostering is read only")
    strange = question.query.keys() - _PARAMETERS
    if strange and settings.unknown_parameters == "reject":
        raise Problem(400, f"no parameter is called {min(strange)}")
    if len(question.path) % 2 == 0:
        return _single(question, database)
    return _page(question, database)


def _single(question: Question, database: Database) -> Reply:
    collection, shape = COLLECTIONS[question.names[0]], _shape(question, database)
    fields, warnings = _fields(question, shape, settings=database.settings)
    (row,) = question.ids
    found = shape.frame.select(pl.arg_where(collection.rows & (pl.col("sourcedId") == row))).to_series()
    if not len(found):
        raise _unknown()
    text = _texts(question, database, shape, fields)[int(found[0])]
    return Reply(body_of(collection.one, text, warnings))


def _page(question: Question, database: Database) -> Reply:
    settings, shape = database.settings, _shape(question, database)
    fields, field_warnings = _fields(question, shape, settings=settings)
    order, sort_warnings = _order(question, shape, settings)
    asked = question.query.get("filter", "")
    key = (question.version, question.base, question.path, asked, order, fields)
    rows = database.kept(
        key,
        lambda: _texts(question, database, shape, fields).gather(_found(question, database, shape, order)),
    )
    return page_of(question, rows, table_of(question), [*field_warnings, *sort_warnings], settings)


def _found(question: Question, database: Database, shape: Shape, order: tuple[str, bool] | None) -> pl.Series:
    """Return the places of the records that are asked for, in order."""
    where = COLLECTIONS[question.names[-1]].rows
    if len(question.names) > 1:
        _check_parents(question, database)
        where &= _NESTED[question.names](database, question.ids)
    if question.query.get("filter"):
        where &= condition(question.query["filter"], shape.seen(), shape.frame)
    places = shape.frame.with_row_index("place").filter(where)
    if order is not None:
        name, descending = order
        places = places.sort(shape.seen()[name], descending=descending, nulls_last=True, maintain_order=True)
    return places["place"]


def _check_parents(question: Question, database: Database) -> None:
    """Raise Problem 404 where a parent is unknown, or the second not one of the first's."""
    for depth, (name, parent) in enumerate(zip(question.names, question.ids, strict=False)):
        where = COLLECTIONS[name].rows & (pl.col("sourcedId") == parent)
        if depth:
            where &= _NESTED[question.names[: depth + 1]](database, question.ids[:depth])
        if database.table(COLLECTIONS[name].table).filter(where).is_empty():
            raise _unknown()


def _shape(question: Question, database: Database) -> Shape:
    table = table_of(question)
    return database.kept(
        ("shape", table, question.version, question.base),
        lambda: shape_of(database, table, question.version, question.base),
    )


def _texts(question: Question, database: Database, shape: Shape, fields: tuple[str, ...]) -> pl.Series:
    nulls = database.settings.nulls == "null"
    return database.kept(
        ("texts", table_of(question), question.version, question.base, fields),
        lambda: shape.texts(fields, nulls=nulls),
    )


def _fields(
    question: Question, shape: Shape, *, settings: Settings
) -> tuple[tuple[str, ...], list[dict[str, object]]]:
    """Return the members that are asked for, all where one is unknown and that is only worth a warning."""
    asked = tuple(name.strip() for name in question.query.get("fields", "").split(",") if name.strip())
    strange = set(asked) - shape.names()
    if not strange:
        return asked, []
    description, minor = f"no field is called {min(strange)}", "invalid_selection_field"
    if settings.bad_fields == "reject":
        raise Problem(400, description, minor=minor)
    return (), [warning(minor, description)]


def _order(
    question: Question, shape: Shape, settings: Settings
) -> tuple[tuple[str, bool] | None, list[dict[str, object]]]:
    """Return what is sorted by, and whether downwards; nothing where it is unknown and that is only worth a warning."""
    name, direction = question.query.get("sort", ""), question.query.get("orderBy", "asc")
    description = ""
    if name and name not in shape.sortable():
        description = f"{name} cannot be sorted by"
    elif direction not in ("asc", "desc"):
        description = "orderBy is asc or desc"
    if not description:
        return ((name, direction == "desc") if name else None), []
    minor = "invalid_sort_field"
    if settings.bad_sort == "reject":
        raise Problem(400, description, minor=minor)
    return None, [warning(minor, description)]


def _unknown() -> Problem:
    return Problem(404, "there is no such object")
