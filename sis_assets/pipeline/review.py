"""A change set as a person looks at it before deciding: what it says, by school, and of whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sis_assets.model.lifecycle import kind_order
from sis_assets.model.schema import CHANGE_KINDS
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change set as a person sees it before deciding."""

    change_set_id: str
    district_id: str
    extract_id: str
    status: str
    reasons: tuple[str, ...]
    created_at: datetime
    held_until: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    content_sha256: str
    counts: dict[str, int]
    unchanged: int
    rejected: int
    protected: int


def find(connection: DuckDBPyConnection, where: str = "true", values: tuple[Any, ...] = ()) -> list[Proposal]:
    """Return change sets, newest last; `where` is a condition over lifecycle.change_sets."""
    kinds = ", ".join(f"{kind}s" for kind in CHANGE_KINDS)
    rows = connection.execute(
        "SELECT change_set_id, district_id, extract_id, status, reasons, created_at, held_until, decided_at, decided_by, content_sha256,"
        f" unchanged, rejected, protected, {kinds} FROM lifecycle.change_sets WHERE {where} ORDER BY created_at, change_set_id",
        list(values),
    ).fetchall()
    return [
        Proposal(
            change_set_id=row[0],
            district_id=row[1],
            extract_id=row[2],
            status=row[3],
            reasons=tuple(row[4] or ()),
            created_at=row[5],
            held_until=row[6],
            decided_at=row[7],
            decided_by=row[8],
            content_sha256=row[9],
            unchanged=row[10],
            rejected=row[11],
            protected=row[12],
            counts=dict(zip(CHANGE_KINDS, row[13:], strict=True)),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class School:
    """What a change set would do at one school: rows by kind. A create counts at its new school, all else at the one before.

    `name` is empty where the SIS does not have the school any more, `active` counts the accounts active there now.
    """

    school_id: str
    name: str
    active: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Student:
    """One row of a change set with the student's name: from the account where there is one, else from the row itself.

    `changed` has the row's fields with what they were and what they would be.
    """

    school_id: str
    kind: str
    student_id: str
    first_name: str
    last_name: str
    reason: str
    schools: tuple[str, str]
    grades: tuple[str, str]
    changed: Mapping[str, tuple[str, str]]


def schools_of(connection: DuckDBPyConnection, proposal: Proposal) -> list[School]:
    """Return what the set would do, by school."""
    district = quoted([proposal.district_id])
    rows = connection.execute(
        f"SELECT c.school, any_value(s.name), coalesce(any_value(a.active), 0), map_from_entries(list((c.kind, c.rows)"
        f" ORDER BY {kind_order('c.kind')})) FROM ("
        f"SELECT coalesce(school_from, school_to, '') AS school, kind, count(*) AS rows FROM lifecycle.changes"
        f" WHERE {_mine(proposal)} GROUP BY ALL) c"
        f" LEFT JOIN (SELECT school_id, name FROM core.schools WHERE district_id = {district}) s ON s.school_id = c.school"
        " LEFT JOIN (SELECT school_id, count(*) AS active FROM lifecycle.accounts"
        f" WHERE district_id = {district} AND is_active GROUP BY school_id) a ON a.school_id = c.school"
        " GROUP BY c.school ORDER BY c.school"
    ).fetchall()
    return [School(school, name or "", active, counts) for school, name, active, counts in rows]


def students_of(
    connection: DuckDBPyConnection, proposal: Proposal, *, most: int | None = None
) -> list[Student]:
    """Return the set's rows with names, by school and kind; of each school and kind at most so many."""
    limit = (
        ""
        if most is None
        else f"QUALIFY row_number() OVER (PARTITION BY school, c.kind ORDER BY c.student_id) <= {most}"
    )
    rows = connection.execute(
        "SELECT coalesce(c.school_from, c.school_to, '') AS school, c.kind, c.student_id,"
        " coalesce(a.first_name, c.changed ->> '$.first_name.to'), coalesce(a.last_name, c.changed ->> '$.last_name.to'),"
        " c.reason, c.school_from, c.school_to, c.grade_from, c.grade_to, c.changed"
        f" FROM (SELECT * FROM lifecycle.changes WHERE {_mine(proposal)}) c LEFT JOIN (SELECT * FROM lifecycle.accounts"
        f" WHERE district_id = {quoted([proposal.district_id])}) a"
        " ON a.student_id = CASE WHEN c.kind = 'rekey' THEN c.changed ->> '$.student_id.from' ELSE c.student_id END"
        f" {limit} ORDER BY school, {kind_order('c.kind')}, c.student_id"
    ).fetchall()
    return [
        Student(
            school_id=row[0],
            kind=row[1],
            student_id=row[2],
            first_name=row[3] or "",
            last_name=row[4] or "",
            reason=row[5] or "",
            schools=(row[6] or "", row[7] or ""),
            grades=(row[8] or "", row[9] or ""),
            changed=_changed(row[10]),
        )
        for row in rows
    ]


def _mine(proposal: Proposal) -> str:
    return f"district_id = {quoted([proposal.district_id])} AND change_set_id = {quoted([proposal.change_set_id])}"


def _changed(text: str | None) -> dict[str, tuple[str, str]]:
    fields: dict[str, dict[str, Any]] = json.loads(text or "{}")
    return {name: (_shown(each.get("from")), _shown(each.get("to"))) for name, each in fields.items()}


def _shown(value: object) -> str:
    return "" if value is None else str(value)
