"""What OneRoster's values mean, as SQL expressions over their text. Pure text; nothing runs here.

Real files write `TRUE` and `1` for `true`, times where dates belong, and words in any case, so all of these are read; what
is nothing of the kind gives NULL. Lists come as one cell with commas from files, as JSON from the API (contract §4.1, §4.3).
"""

from __future__ import annotations

from sis_assets.model.canonical import date, grade

#: Roles of people who work at a school or for it; in lower case, as `word` gives them.
STAFF = (
    "administrator",
    "aide",
    "counselor",
    "districtadministrator",
    "principal",
    "proctor",
    "siteadministrator",
    "systemadministrator",
    "teacher",
)
#: Roles of people around a student.
FAMILY = ("guardian", "parent", "relative")


def word(text: str) -> str:
    """Return the expression of a vocabulary's word, as it is compared."""
    return f"lower({text})"


def among(words: tuple[str, ...]) -> str:
    """Return the words as the right side of IN."""
    return "(" + ", ".join(f"'{each}'" for each in words) + ")"


def listed(text: str) -> str:
    """Return the expression of a list: the words of a cell or of a JSON list, of references their sourcedIds."""
    parts = "lambda part: coalesce(part ->> 'sourcedId', part ->> '$')"
    cell = f"list_transform(string_split({text}, ','), lambda part: trim(part))"
    return (
        f"list_filter(CASE WHEN {text} IS NULL THEN [] WHEN prefix({text}, '[') AND json_valid({text})"
        f" THEN list_transform(json_extract({text}, '$[*]'), {parts}) ELSE {cell} END, lambda part: part <> '')"
    )


def flag(text: str) -> str:
    """Return the expression of a BOOLEAN."""
    return f"CASE WHEN {word(text)} IN ('true', 't', 'yes', 'y', '1') THEN true WHEN {word(text)} IN ('false', 'f', 'no', 'n', '0') THEN false END"


def day(text: str) -> str:
    """Return the expression of a DATE: ISO, also with a time of the day after it, else as the district's file says."""
    iso = f"CASE WHEN regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?') THEN try_cast(left({text}, 10) AS DATE) END"
    return f"coalesce({iso}, {date(text, 'c.date_format')})"


def no_day(text: str) -> str:
    """Return the condition that something stands there that is no date."""
    return f"{text} IS NOT NULL AND {day(text)} IS NULL"


def state(text: str) -> str:
    """Return the expression of a record's status: active (also where it is blank), gone, or NULL when unknown."""
    return (
        f"CASE WHEN {text} IS NULL OR {word(text)} = 'active' THEN 'active'"
        f" WHEN {word(text)} IN ('tobedeleted', 'inactive') THEN 'gone' END"
    )


def ceds(code: str, mapped: str) -> str:
    """Return the expression of our grade: the district's own mapping first, then CEDS's words, then the usual codes."""
    words = f"CASE upper({code}) WHEN 'IT' THEN 'PK' WHEN 'PR' THEN 'PK' WHEN 'TK' THEN 'PK' WHEN 'PS' THEN '13' END"
    return grade(code, f"coalesce({mapped}, {words})")


def sex(text: str) -> str:
    """Return the expression of our gender."""
    return (
        f"CASE {word(text)} WHEN 'male' THEN 'M' WHEN 'm' THEN 'M' WHEN 'female' THEN 'F' WHEN 'f' THEN 'F'"
        f" WHEN 'unspecified' THEN 'N' WHEN 'n' THEN 'N' WHEN 'other' THEN 'X' WHEN 'x' THEN 'X' END"
    )


def year(text: str) -> str:
    """Return the expression of the year in which a school year ends; `2026-2027` is read as 2027."""
    return f"CASE WHEN regexp_full_match({text}, '((19|20)[0-9]{{2}}[-/])?(19|20)[0-9]{{2}}') THEN right({text}, 4)::INTEGER END"


def id_of_type(text: str, kind: str) -> str:
    """Return the expression of the first of a user's further ids that has the type `kind` (an expression), in any case.

    A file writes `{type:identifier},{type:identifier}`, the API a JSON list of objects.
    """
    wanted = f"lower({kind})"
    pairs = f"regexp_extract_all({text}, '\\{{[^{{}}]*\\}}')"
    of_cell = f"list_filter({pairs}, lambda part: lower(trim(split_part(part[2:-2], ':', 1))) = {wanted})[1]"
    of_json = f"list_filter(json_extract({text}, '$[*]'), lambda part: lower(part ->> 'type') = {wanted})[1] ->> 'identifier'"
    return (
        f"nullif(CASE WHEN prefix({text}, '[') AND json_valid({text}) THEN {of_json}"
        f" ELSE trim(regexp_extract({of_cell}, '^\\{{[^:]*:(.*)\\}}$', 1)) END, '')"
    )
