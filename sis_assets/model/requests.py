"""The rules of course requests (DESIGN §10): which stand, which may be sent, and what the SIS made of them.

Pure SQL text over named relations, so that one pass serves many districts; nothing runs here. Each function says which
relations its query reads and which one it makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from sis_assets.model.canonical import first_reason
from sis_assets.model.faults import Mover, sentence
from sis_assets.model.schema import CEDS_GRADES

#: The columns of a file with requests, in their order.
FIELDS = (
    "school_year",
    "student_id",
    "school_id",
    "course_code",
    "kind",
    "alternate_for",
    "priority",
    "requested_at",
)
KINDS = ("primary", "alternate", "withdrawn")
#: What a row is judged to be.
VERDICTS = ("valid", "duplicate", "invalid", "superseded", "withdrawn")
#: A request in one of these states is the SIS's to hold: an export repeats it.
STANDING = ("valid", "sent", "confirmed", "missing", "changed")
#: Of these, the ones that were handed over.
SENT = ("sent", "confirmed", "missing", "changed")
#: So many nights after it was first sent a request must be confirmed.
UNCONFIRMED_NIGHTS = 2


def _district(text: str) -> str:
    return sentence(text, Mover.DISTRICT)


def _vendor(text: str) -> str:
    return sentence(text, Mover.VENDOR)


#: Why a request is not sent, or not as it was sent: one sentence a code, free of values, ending with whose move it is.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "unreadable": _vendor("The row could not be split into its fields. Send it as the header says"),
        "missing_school_year": _vendor("The row has no school year. Export it with one"),
        "missing_student_id": _vendor("The row has no student id. Export it with one"),
        "missing_school_id": _vendor("The row has no school. Export it with one"),
        "missing_course_code": _vendor("The row has no course code. Export it with one"),
        "missing_kind": _vendor("The row has no kind. Export it as primary, alternate or withdrawn"),
        "missing_requested_at": _vendor(
            "The row has no time, so nobody can tell which of two is the later. Export it with one"
        ),
        "missing_alternate_for": _vendor("The alternate does not say for which course. Export it with one"),
        "invalid_school_year": _vendor("The school year is no year, such as 2028 for 2027-28. Correct it"),
        "invalid_priority": _vendor("The priority is no whole number from 1 to 999. Correct it"),
        "invalid_requested_at": _vendor("The time is none that ISO 8601 knows. Correct it"),
        "unknown_kind": _vendor("The kind is none of primary, alternate and withdrawn. Correct it"),
        "duplicate_row": _vendor("The row stands in the import more than once; the first one counts"),
        "superseded": _vendor("A later row of the same student, year and course stands"),
        "withdrawn": _vendor("The student took the request back; it is not sent"),
        "withdrawn_after_sending": _district(
            "The student took the request back after it was sent. Delete it in the SIS where the import cannot"
        ),
        "wrong_school_year": _vendor(
            "The request is for another year than the one after the district's current one. Correct it, or the"
            " calendar of the district file"
        ),
        "unknown_student": _district("The SIS does not have the student. Correct the id, or add the student"),
        "student_not_active": _district(
            "The student is neither active nor pre-registered. Correct it in the SIS"
        ),
        "not_the_planning_school": _district(
            "The student's next year is planned at another school. Correct the next school in the SIS, or the request"
        ),
        "unknown_course": _district("The SIS does not have the course. Correct the code, or add the course"),
        "course_not_active": _district(
            "The course is not offered next year. Choose another, or activate it in the SIS"
        ),
        "course_not_offered": _district(
            "The school does not offer the course. Choose another, or add it in the SIS"
        ),
        "below_grade_limit": _district(
            "Next year's grade is below the course's lowest. Choose another course"
        ),
        "above_grade_limit": _district(
            "Next year's grade is above the course's highest. Choose another course"
        ),
        "course_code_too_long": _district(
            "The course's code is longer than a request may hold in this SIS. Give the course a shorter one there"
        ),
        "alternates_not_taken": _district(
            "This way into the SIS takes no alternates. Enter it by hand, or choose the API in the district file"
        ),
        "alternate_without_request": _vendor(
            "The alternate stands in for a course that the student does not validly ask for. Ask for that first"
        ),
        "no_student_number": _district(
            "The student has no number at the planning school yet. Enrol the student there in the SIS"
        ),
        "unsafe_value": _district(
            "A value cannot be written as it is: it could be a formula, holds a delimiter, a quote or a control character,"
            " or letters that the file's encoding lacks. Give the record another id or code"
        ),
        "not_in_sis": _district(
            "The SIS does not hold the request. Run its import again, and look at its log"
        ),
        "refused_by_sis": _district("The SIS refused the request. Its log says why; correct it there"),
        "changed_in_sis": _district("The SIS holds the request otherwise. Keep one of the two"),
        "only_in_sis": _district("Nobody sent this request. It was entered in the SIS"),
        "withdrawn_still_there": _district(
            "The request was withdrawn, and the SIS still holds it. Delete it there"
        ),
    }
)

_RANKED = [grade for grade in CEDS_GRADES if grade != "UG"]
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one way into a SIS cannot take.

    `course_characters` is the longest course code. Values that hold the `delimiter`, or letters that the `encoding` lacks,
    cannot be written. `numbered`: students are named by a number of their school.
    """

    course_characters: int
    delimiter: str
    encoding: str = "utf-8"
    alternates: bool = True
    numbered: bool = False


#: How the number of a request's student `n` is found; where a number counts for any school, that has none.
NUMBERED = "n.district_id = a.district_id AND n.student_id = a.student_id AND coalesce(n.school_id, a.school_id) = a.school_id"


def next_school_year(year_end: date) -> int:
    """Return the one school year that may be asked for while the one that ends on `year_end` runs."""
    return year_end.year + 1


def unsafe(delimiter: str, encoding: str) -> str:
    """Pattern (RE2) of texts that must not be written into a file of this delimiter and encoding.

    Formulas of spreadsheets, delimiters, quotes, control characters and line ends of any kind, letters that the encoding lacks.
    """
    inside = f'"\\x{{{ord(delimiter):x}}}\\x{{0}}-\\x{{1f}}\\x{{7f}}-\\x{{9f}}\\x{{2028}}\\x{{2029}}'
    lacking = "" if encoding == "utf-8" else f"|[^{_letters(encoding)}]"
    return f"^[=+@-]|[{inside}]{lacking}"


def _letters(encoding: str) -> str:
    """Characters of a one-byte encoding, as the inside of a class of a pattern."""
    points = sorted(ord(letter) for letter in bytes(range(256)).decode(encoding, errors="ignore"))
    return "".join(f"\\x{{{point:x}}}" for point in points)


def typed() -> str:
    """Query of requests with their types, read from texts.

    From `rows` (district_id, zone, import_id, origin: hash of the file, row_number, refused: why the reader could not split
    the row, and FIELDS as text; empty is '' or NULL). Gives the columns of requests.course_requests up to `requested_at`,
    import_id, row_number, read_reason and row_sha256.
    """
    text = {name: f"nullif({name}, '')" for name in FIELDS}
    year = f"CASE WHEN regexp_full_match({text['school_year']}, '2[0-9]{{3}}') THEN CAST({text['school_year']} AS INTEGER) END"
    priority = f"CASE WHEN regexp_full_match({text['priority']}, '[1-9][0-9]{{0,2}}') THEN CAST({text['priority']} AS BIGINT) END"
    reason = first_reason(
        ("refused IS NOT NULL", "unreadable"),
        *(
            (f"{text[name]} IS NULL", f"missing_{name}")
            for name in ("school_year", "student_id", "school_id")
        ),
        *((f"{text[name]} IS NULL", f"missing_{name}") for name in ("course_code", "kind", "requested_at")),
        (f"{year} IS NULL", "invalid_school_year"),
        (f"{text['kind']} NOT IN {KINDS}", "unknown_kind"),
        (f"{text['kind']} = 'alternate' AND {text['alternate_for']} IS NULL", "missing_alternate_for"),
        (f"{text['priority']} IS NOT NULL AND {priority} IS NULL", "invalid_priority"),
        (f"{_moment()} IS NULL", "invalid_requested_at"),
    )
    said = ", ".join(f"coalesce({name}, '')" for name in FIELDS)
    return (
        f"SELECT district_id, {year} AS school_year, {text['student_id']} AS student_id, {text['school_id']} AS school_id,"
        f" {text['course_code']} AS course_code, {text['kind']} AS kind,"
        f" CASE WHEN {text['kind']} = 'alternate' THEN {text['alternate_for']} END AS alternate_for, {priority} AS priority,"
        f" {_moment()} AS requested_at, import_id, row_number, {reason} AS read_reason,"
        " sha256(concat_ws(chr(31), CASE WHEN refused IS NOT NULL THEN concat_ws(':', origin, row_number) ELSE '' END,"
        f" {said})) AS row_sha256 FROM rows"
    )


def _moment() -> str:
    """TIMESTAMPTZ of requested_at; a time without an offset is the district's own, NULL when impossible."""
    shaped = f"regexp_full_match(requested_at, '{_TIME}')"
    offset = "regexp_matches(requested_at, ':.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')"
    # The engine wants seconds, and a colon within the offset; ISO 8601 does not.
    seconds = "regexp_replace(requested_at, '([T ][0-9]{2}:[0-9]{2})(Z|[+-]|$)', '\\1:00\\2')"
    colon = f"regexp_replace({seconds}, '(:.*[+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    return (
        f"CASE WHEN NOT {shaped} THEN NULL WHEN {offset} THEN try_cast({colon} AS TIMESTAMPTZ)"
        f" ELSE timezone(zone, try_cast({seconds} AS TIMESTAMP)) END"
    )


def judged(limits: Limits) -> str:
    """Query of every row of requests.course_requests of some districts, with what it is judged to be now.

    From `asked` (the columns of requests.course_requests), `years` (district_id, school_year: the one that may be asked
    for), `planning` (district_id, school_id, planned_at), `students_now` (the columns of core.students), `next_grades`
    (district_id, student_id, next_grade as the SIS states it), `numbers` (district_id, school_id, student_id, number),
    `courses_now` and `offers` (those of core.courses and core.school_courses). Gives the same columns; `status` keeps what
    became of a request that is still valid. All rows of a district must be there.
    """
    verdict = (
        "CASE WHEN final IS NULL THEN 'valid' WHEN final = 'duplicate_row' THEN 'duplicate' WHEN final = 'superseded' THEN final"
        " WHEN final LIKE 'withdrawn%' THEN 'withdrawn' ELSE 'invalid' END"
    )
    kept = f"sent_at IS NOT NULL AND status IN {SENT[1:]}"
    return (
        f"WITH {_standing()}, looked AS ({_looked(limits)}),"
        " final AS (SELECT l.*, coalesce(l.own, CASE WHEN l.kind = 'alternate' AND p.course_code IS NULL"
        " THEN 'alternate_without_request' END) AS final FROM looked l LEFT JOIN (SELECT district_id, school_year, student_id, course_code"
        " FROM looked WHERE own IS NULL AND kind = 'primary') p"
        " ON p.district_id = l.district_id AND p.school_year = l.school_year"
        " AND p.student_id = l.student_id AND p.course_code = l.alternate_for)"
        f" SELECT * EXCLUDE (copy, place, was_sent, own, final, status, reason), CASE WHEN final IS NOT NULL THEN {verdict}"
        f" WHEN {kept} THEN status WHEN sent_at IS NOT NULL THEN 'sent' ELSE 'valid' END AS status,"
        f" CASE WHEN final IS NOT NULL THEN final WHEN {kept} THEN reason END AS reason FROM final"
    )


def _standing() -> str:
    """Relation `contest`: `copy` counts equal rows, `place` those that contradict each other, the standing one first."""
    key = "district_id, school_year, student_id, course_code"
    return (
        "copies AS (SELECT *, row_number() OVER (PARTITION BY district_id, row_sha256 ORDER BY import_id, row_number) AS copy"
        " FROM asked), contest AS (SELECT *, row_number() OVER"
        f" (PARTITION BY {key}, read_reason IS NULL AND copy = 1"
        " ORDER BY requested_at DESC, import_id DESC, row_number DESC) AS place,"
        f" bool_or(sent_at IS NOT NULL) OVER (PARTITION BY {key}) AS was_sent FROM copies)"
    )


def _looked(limits: Limits) -> str:
    """Rows of `contest` with the first reason that speaks against each by itself."""
    written = ["student_id", "school_id", "course_code"]
    pattern = unsafe(limits.delimiter, limits.encoding).replace("'", "''")
    next_grade, low, high = (_rank(grade) for grade in (_next_grade(), "c.low_grade", "c.high_grade"))
    reason = first_reason(
        ("a.read_reason IS NOT NULL", "unreadable"),
        ("a.copy > 1", "duplicate_row"),
        ("a.place > 1", "superseded"),
        ("a.kind = 'withdrawn' AND a.was_sent", "withdrawn_after_sending"),
        ("a.kind = 'withdrawn'", "withdrawn"),
        (" OR ".join(f"regexp_matches(a.{name}, '{pattern}')" for name in written), "unsafe_value"),
        (f"a.kind = 'alternate' AND regexp_matches(a.alternate_for, '{pattern}')", "unsafe_value"),
        ("a.school_year IS DISTINCT FROM y.school_year", "wrong_school_year"),
        ("s.student_id IS NULL", "unknown_student"),
        ("s.status NOT IN ('active', 'pre_registered')", "student_not_active"),
        ("coalesce(s.next_school_id, p.planned_at, s.school_id) <> a.school_id", "not_the_planning_school"),
        ("c.course_code IS NULL", "unknown_course"),
        (f"length(a.course_code) > {limits.course_characters}", "course_code_too_long"),
        ("NOT coalesce(c.is_active_next_year, c.is_active, true)", "course_not_active"),
        ("o.course_code IS NULL", "course_not_offered"),
        (f"{next_grade} < {low}", "below_grade_limit"),
        (f"{next_grade} > {high}", "above_grade_limit"),
        *([] if limits.alternates else [("a.kind = 'alternate'", "alternates_not_taken")]),
        *([("n.number IS NULL", "no_student_number")] if limits.numbered else []),
    )
    return (
        f"SELECT a.*, CASE WHEN a.read_reason IS NOT NULL THEN a.read_reason ELSE {reason} END AS own FROM contest a"
        " LEFT JOIN years y ON y.district_id = a.district_id"
        " LEFT JOIN students_now s ON s.district_id = a.district_id AND s.student_id = a.student_id"
        " LEFT JOIN next_grades g ON g.district_id = a.district_id AND g.student_id = a.student_id"
        " LEFT JOIN planning p ON p.district_id = a.district_id AND p.school_id = s.school_id"
        " LEFT JOIN courses_now c ON c.district_id = a.district_id AND c.course_code = a.course_code"
        " LEFT JOIN offers o ON o.district_id = a.district_id AND o.school_id = a.school_id AND o.course_code = a.course_code"
        f" LEFT JOIN numbers n ON {NUMBERED}"
    )


def _rank(grade: str) -> str:
    """Rank of a CEDS grade; NULL for UG and for none: a limit that nothing can be said of does not bind."""
    return f"nullif(list_position({_RANKED}, {grade}), 0)"


def _next_grade() -> str:
    """Next year's grade: what the SIS states, else one more than now; the highest stays."""
    now = f"nullif(list_position({_RANKED}, s.grade_level), 0)"
    return (
        f"coalesce(g.next_grade, {_RANKED}[CASE WHEN {now} < {len(_RANKED)} THEN {now} + 1 ELSE {now} END])"
    )


def reconciled() -> str:
    """Query of what the SIS holds of every request, and of what it holds beside them.

    From `asked` (the columns of requests.course_requests), `years`, `held` (district_id, school_year, student_id, school_id,
    course_code, kind, alternate_for; NULL where the SIS does not say) and `refused` (district_id, school_year, student_id,
    course_code: what an upload's log says was refused). Gives district_id, school_year, student_id, school_id, course_code,
    result (confirmed, missing, changed, extra), reason and differs.
    """
    key = "district_id, school_year, student_id, course_code"
    fields = ("school_id", "kind", "alternate_for")
    differs = ", ".join(
        f"CASE WHEN coalesce(h.{name} <> coalesce(a.{name}, ''), false) THEN '{name}' END" for name in fields
    )
    return (
        f"WITH standing AS (SELECT {key}, school_id, kind, alternate_for, status FROM asked WHERE status IN {STANDING}),"
        f" compared AS (SELECT a.{', a.'.join(key.split(', '))}, a.school_id, h.student_id IS NOT NULL AS there,"
        f" list_filter([{differs}], lambda name: name IS NOT NULL) AS differs"
        f" FROM standing a LEFT JOIN held h USING ({key}) WHERE a.status IN {SENT}),"
        f" nearest AS (SELECT {key}, any_value(school_id) AS school_id, bool_or(there) AS there,"
        f" arg_min(differs, len(differs)) AS differs FROM compared GROUP BY {key})"
        f" SELECT n.{', n.'.join(key.split(', '))}, n.school_id, CASE WHEN NOT there THEN 'missing' WHEN len(differs) = 0 THEN 'confirmed'"
        " ELSE 'changed' END AS result, CASE WHEN NOT there AND r.student_id IS NOT NULL THEN 'refused_by_sis'"
        " WHEN NOT there THEN 'not_in_sis' WHEN len(differs) > 0 THEN 'changed_in_sis' END AS reason,"
        " CASE WHEN there AND len(differs) > 0 THEN differs END AS differs"
        f" FROM nearest n LEFT JOIN (SELECT DISTINCT {key} FROM refused) r USING ({key})"
        f" UNION ALL SELECT {key}, school_id, 'extra', CASE WHEN w.student_id IS NOT NULL THEN 'withdrawn_still_there' ELSE 'only_in_sis' END,"
        f" NULL FROM (SELECT DISTINCT {key}, school_id FROM held) h SEMI JOIN years USING (district_id, school_year)"
        f" ANTI JOIN standing USING ({key}) LEFT JOIN (SELECT DISTINCT {key} FROM asked WHERE status = 'withdrawn') w USING ({key})"
    )
