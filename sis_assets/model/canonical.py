"""Rules that every SIS shares when text becomes the canonical model, as SQL expressions. Pure text; nothing runs here.

A SIS's `canonical` module says, for each of its entities, which records there are and what each field means; the rules
below decide about repeated keys and the primary school in the same way for all of them (DESIGN §5, §8, §9).
"""

from __future__ import annotations

from collections.abc import Sequence

#: Fields of a person: records of one student that differ in any of them contradict each other.
PERSON = (
    "sis_key",
    "state_id",
    "first_name",
    "middle_name",
    "last_name",
    "birth_date",
    "gender",
    "grade_level",
    "next_school_id",
    "email",
    "graduation_year",
)
EARLIEST_BIRTH = "DATE '1900-01-01'"


def grade(code: str, mapped: str) -> str:
    """CEDS code of a grade: the district's own mapping first, then the field's usual codes; NULL when unknown.

    `code` is the expression of the SIS's code, `mapped` that of the district's mapping (NULL where there is none).
    """
    upper = f"upper({code})"
    number = f"try_cast({code} AS INTEGER)"
    return (
        f"coalesce({mapped}, CASE WHEN {code} IS NULL THEN NULL WHEN {upper} IN ('K', 'KF', 'KG', 'KK') THEN 'KG' WHEN {upper} IN ('PK', 'UG') THEN {upper}"
        f" WHEN NOT regexp_full_match({code}, '-?[0-9]{{1,3}}') THEN NULL WHEN {number} < 0 THEN 'PK' WHEN {number} = 0 THEN 'KG'"
        f" WHEN {number} <= 12 THEN lpad({number}::VARCHAR, 2, '0') ELSE '13' END)"
    )


def date(text: str, form: str) -> str:
    """DATE of a text in the district's agreed form (`iso`, `mdy` or `dmy`); NULL when blank or impossible.

    `form` is the expression of the form's name.
    """
    slashed = f"replace({text}, '-', '/')"
    shaped = f"regexp_full_match({text}, '[0-9]{{1,2}}([-/])[0-9]{{1,2}}([-/])[0-9]{{4}}')"
    return (
        f"CASE WHEN {form} = 'iso' THEN CASE WHEN regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') THEN try_cast({text} AS DATE) END"
        f" WHEN NOT {shaped} THEN NULL WHEN {form} = 'mdy' THEN try_strptime({slashed}, '%m/%d/%Y')::DATE"
        f" WHEN {form} = 'dmy' THEN try_strptime({slashed}, '%d/%m/%Y')::DATE END"
    )


def first_reason(*cases: tuple[str, str]) -> str:
    """Expression of the first reason code whose condition holds, else NULL. `cases` are (condition, code)."""
    branches = " ".join(f"WHEN {condition} THEN '{code}'" for condition, code in cases)
    return f"CASE {branches} END"


def repeated(records: str, key: Sequence[str], distinct: Sequence[str]) -> str:
    """Query of the accepted records whose key repeats, with how many contents differ.

    `records` has district_id, row_number, reason_code and the columns of `key` and `distinct`; no accepted record lacks
    a part of its key. Gives the records' columns and `variants`. Keys are found by their hash, which is quick; records
    whose keys only share a hash may be among them, and are nobody's copy.
    """
    columns = ", ".join(("district_id", *key))
    return (
        f"WITH suspects AS (SELECT hash({columns}) AS suspect FROM {records} WHERE reason_code IS NULL GROUP BY suspect HAVING count(*) > 1)"
        f" SELECT *, count(DISTINCT row({', '.join(distinct)})) OVER (PARTITION BY {columns}) AS variants FROM {records}"
        f" WHERE reason_code IS NULL AND hash({columns}) IN (SELECT suspect FROM suspects)"
    )


def refusals(repeats: str, key: Sequence[str], same: Sequence[str]) -> str:
    """Query of the repeated records to reject: all of a contradicting key, the copies of an agreeing one.

    `same` names the columns that make two agreeing records of one key copies of each other. Gives district_id,
    row_number, record_key and reason_code.
    """
    columns = ", ".join(("district_id", *key, *same))
    return (
        "SELECT district_id, row_number, record_key, reason_code FROM (SELECT district_id, row_number, record_key,"
        " CASE WHEN variants > 1 THEN 'conflicting_rows'"
        f" WHEN row_number > min(row_number) OVER (PARTITION BY {columns}) THEN 'duplicate_row' END AS reason_code"
        f" FROM {repeats}) WHERE reason_code IS NOT NULL"
    )


PRIMARY_FIRST = "coalesce(sis_primary, false) DESC, entry_date DESC NULLS LAST, school_id"
"""Order that puts the primary school first: the SIS's flag, the latest entry, the lowest id."""
