"""The pieces of SQL of which a SIS's `Records` are made, over the relations that `sis.shape` names. Pure text.

In all of them `r` is the raw record, `c` the district's row of `chosen`.
"""

from __future__ import annotations

from sis_assets.model.canonical import date


def said(column: str) -> str:
    """Return the expression of a column's text without outer blanks, NULL when nothing is left."""
    return f"nullif(trim(r.{column}, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '')"


def judged(entity: str, key: str, fields: str, reason: str, joins: str = "", *, of: str = "") -> str:
    """Return the query of an entity's records: ours, `key` as record_key, the fields and `reason` as reason_code.

    `of` is the relation of the raw records where it is not the raw table itself.
    """
    return (
        f"SELECT r.district_id, r.extract_id, r.row_number, {key} AS record_key, {fields}, {reason} AS reason_code"
        f" FROM {of or f'raw_{entity}'} r JOIN chosen c USING (district_id, extract_id) {joins}"
    )


def beside(relation: str, name: str, column: str, value: str) -> str:
    """Return the join with the one row of the same district there, if any, whose column has the value."""
    return f"LEFT JOIN {relation} {name} ON {name}.district_id = r.district_id AND {name}.{column} = {value}"


def own_grades(name: str, code: str) -> str:
    """Return the join with what the district's file says of a grade's code."""
    return beside("grade_codes", name, "code", code)


def unreadable(column: str, form: str) -> str:
    """Return the condition that a column holds something that is no date of the form."""
    return f"{said(column)} IS NOT NULL AND {date(said(column), form)} IS NULL"


def credit(column: str) -> str:
    """Return the expression of a column's credits, NULL when it holds no number."""
    return f"try_cast({said(column)} AS DECIMAL(9,3))"


def no_number(column: str) -> str:
    """Return the condition that a column of credits holds something that is no number."""
    return f"{said(column)} IS NOT NULL AND {credit(column)} IS NULL"
