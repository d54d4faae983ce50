"""Applying rows of change sets to the accounts, and taking them back: pure SQL text over named relations.

`rows` are rows of lifecycle.changes that belong together, `before` the accounts of the same districts. Both directions
use the same fold: a student's rows become one new state of one account. Taking back what was just applied gives the
accounts before, byte for byte, because every row says what it replaces.
"""

from __future__ import annotations

from sis_assets.model.lifecycle import kind_order
from sis_assets.model.schema import ACCOUNTS, TRACKED

_TYPES = {column.name: column.type for column in ACCOUNTS.columns}


def folded(*, back: bool = False) -> str:
    """Relation `folded`: one row a student of `rows`, with what every field becomes.

    Columns district_id, student_id (as the rows name it), at_id (where the account stands now), to_id (where it will
    stand), creates, activates, deactivates, fields (which tracked fields change), wanted and expected (structs of all
    tracked fields as text), sis_key, change_set_id, previous_change_set_id.
    """
    expected, wanted = ("to", "from") if back else ("from", "to")
    shape = ", ".join(
        f'"{name}": {{"from": "VARCHAR", "to": "VARCHAR"}}' for name in ("student_id", *TRACKED)
    )
    at_id = "student_id" if back else "coalesce(changed.student_id.from, student_id)"
    to_id = "coalesce(changed.student_id.from, student_id)" if back else "student_id"
    activates = "creates OR reactivates"
    ids = f"any_value(change_set_id) AS change_set_id, any_value(previous_change_set_id) AS previous_change_set_id, any_value(sis_key_{wanted}) AS sis_key"
    # Nearly every student has one row, and to group millions of texts takes memory that cannot be spilled.
    return (
        "WITH several AS (SELECT district_id, student_id FROM rows GROUP BY ALL HAVING count(*) > 1),"
        " merged AS (SELECT district_id, student_id, changed AS text, kind = 'create' AS creates, kind = 'reactivate' AS reactivates,"
        f" kind = 'deactivate' AS deactivates, change_set_id, previous_change_set_id, sis_key_{wanted} AS sis_key"
        " FROM rows ANTI JOIN several USING (district_id, student_id)"
        " UNION ALL SELECT district_id, student_id,"
        " '{' || string_agg(nullif(substr(changed, 2, length(changed) - 2), ''), ', ' ORDER BY kind) || '}' AS text,"
        " bool_or(kind = 'create') AS creates, bool_or(kind = 'reactivate') AS reactivates, bool_or(kind = 'deactivate') AS deactivates,"
        f" {ids} FROM rows SEMI JOIN several USING (district_id, student_id) GROUP BY district_id, student_id),"
        f" parsed AS (SELECT *, json_transform(coalesce(text, '{{}}'), '{{{shape}}}') AS changed, json_keys(coalesce(text, '{{}}')) AS fields FROM merged)"
        f" SELECT district_id, student_id, {at_id} AS at_id, {to_id} AS to_id, creates,"
        f" {'deactivates' if back else activates} AS activates, {'reactivates' if back else 'deactivates'} AS deactivates,"
        f" fields, {_side(wanted)} AS wanted, {_side(expected)} AS expected, sis_key,"
        " change_set_id, previous_change_set_id FROM parsed"
    )


def _side(side: str) -> str:
    return "{" + ", ".join(f"'{name}': changed.{name}.{side}" for name in TRACKED) + "}"


def contradictions(*, back: bool = False) -> str:
    """Query that counts students of `folded` whose account is not in the state that the rows were made for.

    The account must stand under its id (for a create: nothing may stand there) and nobody else under the id that it is
    to get. Forward, it must be active unless the rows activate it, and hold what the rows replace; back, the change set
    must be the one that wrote it last.
    """
    fields = " OR ".join(
        f"(list_contains(f.fields, '{name}') AND CAST(b.{name} AS VARCHAR) IS DISTINCT FROM f.expected.{name})"
        for name in TRACKED
    )
    wrong = (
        "b.applied_change_set_id IS DISTINCT FROM f.change_set_id"
        if back
        else f"(NOT f.creates AND (b.is_active = f.activates OR {fields}))"
    )
    absent = "b.student_id IS NULL" if back else "(b.student_id IS NULL) <> f.creates"
    return (
        "SELECT count(*) FROM folded f LEFT JOIN before b ON b.district_id = f.district_id AND b.student_id = f.at_id"
        " LEFT JOIN before o ON o.district_id = f.district_id AND o.student_id = f.to_id AND f.to_id <> f.at_id"
        f" WHERE {absent} OR {wrong} OR o.student_id IS NOT NULL"
    )


def new_states(*, back: bool = False) -> str:
    """Relation `states`: the rows that the accounts of `folded` become, in the columns of lifecycle.accounts."""
    fields = ", ".join(
        f"CASE WHEN list_contains(f.fields, '{name}') THEN CAST(f.wanted.{name} AS {_TYPES[name]}) ELSE b.{name} END AS {name}"
        for name in TRACKED
    )
    # Taking back a create leaves no account.
    where = " WHERE NOT f.creates" if back else ""
    owner = "f.previous_change_set_id" if back else "f.change_set_id"
    return (
        "SELECT f.district_id, f.to_id AS student_id,"
        " CASE WHEN f.activates THEN true WHEN f.deactivates THEN false ELSE b.is_active END AS is_active,"
        f" {fields}, f.sis_key, {owner} AS applied_change_set_id"
        f" FROM folded f LEFT JOIN before b ON b.district_id = f.district_id AND b.student_id = f.at_id{where}"
    )


def outbox(*, back: bool = False) -> str:
    """Query of the outbox rows of `rows`.

    Columns district_id, place (order within the district), change_set_id, idempotency_key and payload (JSON:
    change_set_id, student_id, kind, reason, undone, changed, and the account after it or null).
    """
    account = ", ".join(f"'{name}': s.{name}" for name in ACCOUNTS.column_names if name != "district_id")
    order = f"r.change_set_id, r.student_id, {kind_order('r.kind')}{' DESC' if back else ''}"
    undone = "true" if back else "false"
    return (
        f"SELECT r.district_id, row_number() OVER (PARTITION BY r.district_id ORDER BY {order}) AS place, r.change_set_id,"
        f" sha256(concat_ws(chr(31), r.change_set_id, r.row_sha256, '{undone}')) AS idempotency_key,"
        " CAST(to_json({'change_set_id': r.change_set_id, 'student_id': r.student_id, 'kind': r.kind, 'reason': r.reason,"
        f" 'undone': {undone}, 'changed': CAST(r.changed AS JSON),"
        f" 'account': CASE WHEN s.student_id IS NOT NULL THEN {{{account}}} END}}) AS VARCHAR) AS payload"
        " FROM rows r JOIN folded f ON f.district_id = r.district_id AND f.student_id = r.student_id"
        " LEFT JOIN states s ON s.district_id = f.district_id AND s.student_id = f.to_id"
    )
