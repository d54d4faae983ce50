"""A change set as a person looks at it before deciding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sis_assets.model.lifecycle import kind_order
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.decide import Proposal


def rows_of(
    connection: DuckDBPyConnection, proposal: Proposal, *, with_names: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the set's rows counted by school and kind, and, when asked for, one line a student with the name.

    Names come from the account where there is one, else from the row itself (a create).
    """
    where = f"district_id = {quoted([proposal.district_id])} AND change_set_id = {quoted([proposal.change_set_id])}"
    by_school = [
        {"school": school, "kind": kind, "students": students}
        for school, kind, students in connection.execute(
            "SELECT coalesce(school_from, school_to) AS school, kind, count(*) FROM lifecycle.changes"
            f" WHERE {where} GROUP BY school, kind ORDER BY school, {kind_order('kind')}"
        ).fetchall()
    ]
    if not with_names:
        return by_school, []
    lines = connection.execute(
        "SELECT concat_ws('  ', rpad(c.kind, 10, ' '), c.student_id, coalesce(a.first_name, c.changed ->> '$.first_name.to'),"
        " coalesce(a.last_name, c.changed ->> '$.last_name.to'), c.reason, c.school_from || ' → ' || c.school_to)"
        f" FROM (SELECT * FROM lifecycle.changes WHERE {where}) c LEFT JOIN (SELECT * FROM lifecycle.accounts"
        f" WHERE district_id = {quoted([proposal.district_id])}) a"
        " ON a.student_id = CASE WHEN c.kind = 'rekey' THEN c.changed ->> '$.student_id.from' ELSE c.student_id END"
        f" ORDER BY {kind_order('c.kind')}, c.student_id"
    ).fetchall()
    return by_school, [line for (line,) in lines]
