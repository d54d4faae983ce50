"""The gradebook as far as the contract names it: categories, line items and results, which clients put and delete.

Contract: OneRoster §4.3, gradebook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.pages import Question, body_of, page_of
from sis_assets.sandbox.oneroster.problems import Problem
from sis_assets.sandbox.oneroster.records import LIVE, moment_text
from sis_assets.sandbox.reply import Reply

_ONE = {"lineItems": "lineItem", "results": "result"}
_NESTED = (("classes", "lineItems"), ("classes", "categories"), ("classes", "lineItems", "results"))
_SCOPES: Mapping[str, str] = {
    "GET": "gradebook.readonly",
    "PUT": "gradebook.createput",
    "DELETE": "gradebook.delete",
}
_SCORE_STATUSES = frozenset({"exempt", "fully graded", "not submitted", "partially graded", "submitted"})
_CATEGORIES = ("Homework", "Tests")

_Record = dict[str, Any]


def known(question: Question) -> bool:
    """Whether the path leads to something of the gradebook."""
    if len(question.path) % 2 == 0:
        return len(question.names) == 1 and question.names[0] in _ONE
    return question.names in _NESTED


def scopes(question: Question) -> tuple[str, ...]:
    """Return the scopes of which a token needs one. Raises Problem 405 for another method."""
    single = len(question.path) % 2 == 0
    if question.method not in _SCOPES or not (single or question.method == "GET"):
        raise Problem(405, "this cannot be done here")
    return (_SCOPES[question.method],)


class Gradebook:
    """What clients have put."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, _Record]] = {name: {} for name in _ONE}

    def answered(self, question: Question, database: Database) -> Reply:
        """Return what is asked for, or keep or forget what is sent.

        Raises Problem 404 for what is unknown, 400 for a body that is none, 422 for a record that makes no sense.
        """
        if question.names in _NESTED:
            return self._listed(question, database)
        (name,), (key,) = question.names, question.ids
        records = self._kept[name]
        if question.method == "PUT":
            status = 200 if key in records else 201
            records[key] = self._checked(question, database)
            return Reply(body_of(_ONE[name], json.dumps(records[key])), status)
        if key not in records:
            raise Problem(404, "there is no such object")
        if question.method == "DELETE":
            del records[key]
            return Reply("", database.settings.delete_status)
        return Reply(body_of(_ONE[name], json.dumps(records[key])))

    def _listed(self, question: Question, database: Database) -> Reply:
        name, where = question.names[-1], {"class": question.ids[0]}
        if not _there(database, "classes", question.ids[0]):
            raise Problem(404, "there is no such object")
        if name == "results":
            where["lineItem"] = question.ids[1]
            if question.ids[1] not in self._kept["lineItems"]:
                raise Problem(404, "there is no such object")
        records = (
            _categories(question, database)
            if name == "categories"
            else [
                record
                for record in self._kept[name].values()
                if all(_target(record, member) in (key, None) for member, key in where.items())
            ]
        )
        rows = pl.Series([json.dumps(record) for record in records], dtype=pl.String)
        return page_of(question, rows, name, (), database.settings)

    def _checked(self, question: Question, database: Database) -> _Record:
        (name,), (key,) = question.names, question.ids
        try:
            record = json.loads(question.body)[_ONE[name]]
            sent = record["sourcedId"]
        except (ValueError, KeyError, TypeError):
            raise Problem(400, f"the body is no {_ONE[name]}") from None
        if sent != key:
            raise Problem(422, "sourcedId differs from that of the address")
        if name == "lineItems" and not (
            record.get("title") and _there(database, "classes", _target(record, "class"))
        ):
            raise Problem(422, "a line item has a title and a class that there is")
        if name == "results" and not self._sound(record, database):
            raise Problem(
                422, "a result has a line item and a student that there are, and a known scoreStatus"
            )
        now = moment_text(database.district.today)
        return {"status": LIVE, "dateLastModified": now, **record}

    def _sound(self, result: _Record, database: Database) -> bool:
        return (
            _target(result, "lineItem") in self._kept["lineItems"]
            and _there(database, "users", _target(result, "student"))
            and result.get("scoreStatus") in _SCORE_STATUSES
        )


def _categories(question: Question, database: Database) -> list[_Record]:
    """Return the categories, the same in every class; weights came with 1.2."""
    weight: _Record = {"weight": round(1 / len(_CATEGORIES), 2)} if question.version == "1.2" else {}
    now = moment_text(database.district.year_start)
    return [
        {"sourcedId": f"K-{title}", "status": LIVE, "dateLastModified": now, "title": title, **weight}
        for title in _CATEGORIES
    ]


def _target(record: _Record, member: str) -> str | None:
    reference = record.get(member)
    return reference.get("sourcedId") if isinstance(reference, dict) else None


def _there(database: Database, table: str, key: str | None) -> bool:
    return key is not None and not database.table(table).filter(pl.col("sourcedId") == key).is_empty()
