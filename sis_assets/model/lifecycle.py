"""The lifecycle rules: what differs between the accounts last applied and the newest complete extract (DESIGN §5).

Pure SQL text over named relations, so that one pass serves many districts; nothing runs here. The relations are

    before(district_id, student_id, is_active, tracked fields, sis_key, applied_change_set_id)   the accounts
    after(the columns of core.students)                                                         the extract
    unread(district_id, student_id)                             keys of student records that were rejected
    scope(district_id, mode)                                    the districts that are compared, and how

and each function says which relation its query makes.
"""

from __future__ import annotations

from sis_assets.model.schema import CEDS_GRADES, CHANGE_KINDS, TRACKED, UPDATE_FIELDS

#: Order in which one student's rows take effect.
KIND_ORDER = ("rekey", "create", "reactivate", "update", "transfer", "promote", "deactivate")
_RANKED = [grade for grade in CEDS_GRADES if grade != "UG"]


def _rank(grade: str) -> str:
    """Rank of a CEDS grade for promotion; NULL for UG, which has none."""
    ranked = ", ".join(f"'{grade}'" for grade in _RANKED)
    return f"nullif(list_position([{ranked}], {grade}), 0)"


def _differs(field: str, left: str, right: str) -> str:
    return f"{left}.{field} IS DISTINCT FROM {right}.{field}"


def kind_order(kind: str) -> str:
    """Expression of a kind's place among one student's rows."""
    return f"list_position([{', '.join(repr(k) for k in KIND_ORDER)}], {kind})"


def differences() -> str:
    """Relation `differing`: all but the unchanged, with the states `old` and `new` as structs.

    Left out are active accounts without a tracked difference, and inactive ones whose record is not active either.

    Columns district_id, student_id, had (an account exists), present (the extract has the student), unread (a record
    of the student was rejected), old, new.
    """
    same = " AND ".join(f"b.{field} IS NOT DISTINCT FROM a.{field}" for field in TRACKED)
    old = ", ".join(
        f"'{name}': b.{name}"
        for name in ("student_id", "is_active", *TRACKED, "sis_key", "applied_change_set_id")
    )
    new = ", ".join(
        f"'{name}': a.{name}"
        for name in ("student_id", "status", "exit_reason", "former_student_id", *TRACKED, "sis_key")
    )
    return (
        "SELECT d.*, present IS FALSE AND u.student_id IS NOT NULL AS unread FROM ("
        " SELECT coalesce(b.district_id, a.district_id) AS district_id, coalesce(b.student_id, a.student_id) AS student_id,"
        f" b.student_id IS NOT NULL AS had, a.student_id IS NOT NULL AS present, {{{old}}} AS old, {{{new}}} AS new"
        " FROM before b FULL JOIN after a ON a.district_id = b.district_id AND a.student_id = b.student_id"
        f" WHERE (b.is_active AND a.status IN ('active', 'pre_registered') AND {same}) IS NOT TRUE"
        " AND (b.is_active IS FALSE AND a.status IS NOT NULL AND a.status <> 'active') IS NOT TRUE"
        ") d LEFT JOIN (SELECT DISTINCT * FROM unread) u ON u.district_id = d.district_id AND u.student_id = d.student_id"
    )


def rekeys() -> str:
    """Relation `rekeys`: (district_id, old_id, new_id) of accounts whose student now has another id.

    Evidence is the SIS's own key, a former id that the new record names, or the state's id with the birth date; blanks
    never match, and anything but one candidate on either side means none. Of two who are both inactive nothing is said.
    """
    gone = "SELECT * FROM differing WHERE had AND NOT present AND NOT unread"
    come = "SELECT * FROM differing WHERE present AND NOT had"
    pairs = " UNION ".join(
        "SELECT g.district_id, g.student_id AS old_id, f.student_id AS new_id, g.old.is_active OR f.new.status = 'active' AS matters"
        f" FROM gone g JOIN come f ON f.district_id = g.district_id AND {evidence}"
        for evidence in (
            "f.new.sis_key = g.old.sis_key AND f.new.sis_key <> ''",
            "f.new.former_student_id = g.student_id AND f.new.former_student_id <> ''",
            "f.new.state_id = g.old.state_id AND f.new.state_id <> '' AND f.new.birth_date = g.old.birth_date",
        )
    )
    return (
        f"WITH gone AS ({gone}), come AS ({come}), pairs AS ({pairs}) SELECT district_id, old_id, new_id FROM pairs"
        " QUALIFY matters AND count(*) OVER (PARTITION BY district_id, old_id) = 1 AND count(*) OVER (PARTITION BY district_id, new_id) = 1"
    )


def cases() -> str:
    """Relation `cases`: `differing` with every rekeyed account joined to its new record; adds rekeyed_from."""
    return (
        "SELECT d.district_id, d.student_id, d.had OR k.old_id IS NOT NULL AS had, d.present, d.unread,"
        " CASE WHEN k.old_id IS NOT NULL THEN g.old ELSE d.old END AS old, d.new, k.old_id AS rekeyed_from"
        " FROM differing d"
        " LEFT JOIN rekeys k ON k.district_id = d.district_id AND k.new_id = d.student_id AND NOT d.had"
        " LEFT JOIN differing g ON g.district_id = k.district_id AND g.student_id = k.old_id"
        " WHERE NOT EXISTS (SELECT 1 FROM rekeys r WHERE r.district_id = d.district_id AND r.old_id = d.student_id)"
    )


def changes() -> str:
    """Relation `proposed`: one row a student and kind, the columns of lifecycle.changes but its change_set_id.

    Depends on nothing but `cases`: the same input gives the same rows and hashes in any order.
    """
    # Of a new student every old field is NULL: what a create fills is what differs.
    facts = {
        "fields": f"nullif(concat_ws(', ', {', '.join(_entry(field) for field in UPDATE_FIELDS)}), '')",
        "school": _entry("school_id"),
        "grade": _entry("grade_level"),
        "comes": "present AND new.status = 'active'",
        "promoted": f"coalesce({_rank('new.grade_level')} > {_rank('old.grade_level')}, false)",
    }
    stays = "had AND present AND new.status IN ('active', 'pre_registered')"
    leaves = "had AND old.is_active AND (present AND new.status IN ('inactive', 'graduated') OR NOT present AND NOT unread)"
    updated = "concat_ws(', ', fields, CASE WHEN NOT promoted THEN grade END)"
    kinds = ", ".join(
        f"CASE WHEN {condition} THEN {{'kind': '{kind}', 'changed': '{{' || {changed} || '}}'}} END"
        for kind, condition, changed in (
            ("rekey", "rekeyed_from IS NOT NULL", _pair("student_id", "rekeyed_from", "student_id")),
            ("create", "NOT had AND comes", "concat_ws(', ', fields, school, grade)"),
            ("reactivate", "had AND NOT old.is_active AND comes", "''"),
            ("update", f"{stays} AND {updated} <> ''", updated),
            ("transfer", f"{stays} AND school IS NOT NULL", "school"),
            ("promote", f"{stays} AND promoted", "grade"),
            ("deactivate", leaves, "''"),
        )
    )
    reason = (
        "CASE WHEN kind <> 'deactivate' THEN NULL WHEN NOT present THEN 'missing'"
        " ELSE coalesce(new.exit_reason, CASE WHEN new.status = 'graduated' THEN 'graduated' ELSE 'withdrawn' END) END"
    )
    places = ", ".join(
        f"CASE WHEN kind <> '{without}' THEN {side}.{field} END AS {name}_{end}"
        for name, field in (("school", "school_id"), ("grade", "grade_level"))
        for end, side, without in (("from", "old", "create"), ("to", "new", "deactivate"))
    )
    context = ", ".join(
        f"coalesce({name}, '')" for name in ("reason", "school_from", "school_to", "grade_from", "grade_to")
    )
    return (
        f"SELECT *, sha256(concat_ws(chr(31), district_id, student_id, kind, {context}, changed)) AS row_sha256 FROM ("
        f"SELECT district_id, student_id, kind, {reason} AS reason, {places}, changed, old.sis_key AS sis_key_from,"
        " coalesce(new.sis_key, old.sis_key) AS sis_key_to, old.applied_change_set_id AS previous_change_set_id FROM ("
        f"SELECT *, unnest(list_filter([{kinds}], lambda x: x IS NOT NULL), recursive := true)"
        f" FROM (SELECT *, {', '.join(f'{fact} AS {name}' for name, fact in facts.items())} FROM cases)))"
    )


def _entry(field: str) -> str:
    """Text of one field in `changed`, NULL when it does not differ."""
    return (
        f"CASE WHEN {_differs(field, 'new', 'old')} THEN {_pair(field, f'old.{field}', f'new.{field}')} END"
    )


def _pair(field: str, before: str, after: str) -> str:
    json = [
        f"coalesce(CAST(to_json({_plain(field, value)}) AS VARCHAR), 'null')" for value in (before, after)
    ]
    return f"""'"{field}": {{"from": ' || {json[0]} || ', "to": ' || {json[1]} || '}}'"""


def _plain(field: str, value: str) -> str:
    return f"CAST({value} AS VARCHAR)" if field == "birth_date" else value


def kept_in_mode() -> str:
    """Condition on `proposed p`: rows that the calendar's mode lets through (additions_only: a new or returning student's)."""
    return (
        "(SELECT mode FROM scope s WHERE s.district_id = p.district_id) = 'normal' OR EXISTS (SELECT 1 FROM proposed q"
        " WHERE q.district_id = p.district_id AND q.student_id = p.student_id AND q.kind IN ('create', 'reactivate'))"
    )


def decided() -> str:
    """Condition on `proposed p`: rows that `decided` (district_id, student_id, kind, reason, changed) holds too.

    With a change of id, or a return, everything else of that student goes: it makes no sense without it.
    """
    same = (
        "d.district_id = {0}.district_id AND d.student_id = {0}.student_id AND d.kind = {0}.kind"
        " AND d.reason IS NOT DISTINCT FROM {0}.reason AND d.changed = {0}.changed"
    )
    return (
        f"EXISTS (SELECT 1 FROM decided d WHERE {same.format('p')}) OR EXISTS (SELECT 1 FROM proposed q JOIN decided d ON {same.format('q')}"
        " WHERE q.district_id = p.district_id AND q.student_id = p.student_id AND q.kind IN ('rekey', 'reactivate'))"
    )


def counts(relation: str) -> str:
    """Query of `<kind>` counts by district_id and change_set_id over rows of lifecycle.changes."""
    kinds = ", ".join(f"count(*) FILTER (kind = '{kind}') AS {kind}s" for kind in CHANGE_KINDS)
    return f"SELECT district_id, change_set_id, {kinds} FROM {relation} GROUP BY ALL"


def content_sha256(relation: str) -> str:
    """Query of (district_id, change_set_id, content_sha256): a hash of the rows' hashes in order.

    In two steps, so that a set of millions needs little memory.
    """
    return (
        "SELECT district_id, change_set_id, sha256(string_agg(part, '' ORDER BY prefix)) AS content_sha256 FROM ("
        " SELECT district_id, change_set_id, left(row_sha256, 3) AS prefix, sha256(string_agg(row_sha256, '' ORDER BY row_sha256)) AS part"
        f" FROM {relation} GROUP BY ALL) GROUP BY district_id, change_set_id"
    )
