"""What OneRoster's records mean in the canonical model, as queries. Pure text; nothing runs here (see `sis.shape`).

The same for files and for the API, for 1.1 and 1.2: what a person is, and where, comes from the person's own record (1.1,
and the API of 1.2) and from the roles beside it (files of 1.2). A record that is `tobedeleted` needs nothing but its key.
Contract: OneRoster §4.1 (dates, status), §4.2 (columns, vocabularies); rules: DESIGN §8, §9.
"""

from __future__ import annotations

from sis_assets.model.canonical import EARLIEST_BIRTH, PERSON, first_reason
from sis_assets.sis.judging import beside, judged, said
from sis_assets.sis.oneroster.contract import BY_NAME
from sis_assets.sis.oneroster.tables import TABLES
from sis_assets.sis.oneroster.values import (
    FAMILY,
    STAFF,
    among,
    ceds,
    day,
    flag,
    id_of_type,
    listed,
    no_day,
    sex,
    state,
    word,
    year,
)
from sis_assets.sis.shape import Records


def _the(column: str) -> str:
    """Return a column of the record, without outer blanks, NULL when it is blank."""
    return f'r."{column}"'


def _trimmed(entity: str) -> str:
    """Return the relation of an entity's raw records, each column as `_the` gives it."""
    columns = ", ".join(f'{said(name)} AS "{name}"' for name in BY_NAME[entity].column_names)
    return f"(SELECT r.district_id, r.extract_id, r.row_number, {columns} FROM raw_{entity} r)"


def _judged(entity: str, key: str, fields: str, reason: str, joins: str = "") -> str:
    return judged(entity, key, fields, reason, joins, of=_trimmed(entity))


_KEY = _the("sourcedId")
_STATE = state(_the("status"))
_GONE = f"coalesce({_STATE} = 'gone', false)"
_ROLES = ("student", *STAFF, *FAMILY)

#: Organisations by key, one row each: what is no school has no school_id.
_ORGS = (
    "(SELECT district_id, org_key, min(school_id) FILTER (is_school AND NOT gone) AS school_id"
    " FROM orgs_good GROUP BY district_id, org_key)"
)
#: The keys of all persons that the source tells of, accepted or not.
_SENT = f"(SELECT DISTINCT r.district_id, {_KEY} AS user_key FROM {_trimmed('users')} r)"


def _reason(*cases: tuple[str, str]) -> str:
    """Return why a record is refused: it lacks its key, its status is none, or, unless it is gone, one of the cases."""
    return (
        f"CASE WHEN {_KEY} IS NULL THEN 'missing_sourced_id' WHEN {_STATE} IS NULL THEN 'unknown_status'"
        f" WHEN NOT {_GONE} THEN {first_reason(*cases)} END"
    )


def _orgs() -> Records:
    kind, identifier = word(_the("type")), _the("identifier")
    school = f"coalesce({kind} = 'school', false)"
    school_id = (
        f"CASE WHEN {school} THEN CASE c.school_ids WHEN 'identifier' THEN {identifier} ELSE {_KEY} END END"
    )
    fields = (
        f"{_KEY} AS org_key, {_GONE} AS gone, {school} AS is_school, {school_id} AS school_id, coalesce({school_id}, {_KEY}) AS place_id,"
        f" {_the('name')} AS name, {identifier} AS state_id, NULL::VARCHAR AS school_type, NULL::VARCHAR AS low_grade,"
        " NULL::VARCHAR AS high_grade, NULL::VARCHAR AS lea_id"
    )
    reason = _reason(
        (f"{_the('name')} IS NULL", "missing_name"),
        (
            f"coalesce({kind} NOT IN ('department', 'school', 'district', 'local', 'state', 'national') AND NOT prefix({kind}, 'ext:'), true)",
            "unknown_org_type",
        ),
        (f"{school} AND {school_id} IS NULL", "missing_school_id"),
    )
    return Records(
        "orgs",
        _judged("orgs", _KEY, fields, reason),
        key=("is_school", "place_id"),
        distinct=("org_key", "gone", "name", "state_id"),
        gives=(("schools", "SELECT * FROM {records} WHERE is_school AND NOT gone"),),
    )


def _academic_sessions() -> Records:
    kind, start, day_after = _the("type"), day(_the("startDate")), day(_the("endDate"))
    fields = (
        f"{_KEY} AS session_key, {_GONE} AS gone, {_the('title')} AS name, CASE {word(kind)} WHEN 'schoolyear' THEN 'school_year'"
        f" WHEN 'gradingperiod' THEN 'grading_period' ELSE {word(kind)} END AS kind, {year(_the('schoolYear'))} AS school_year,"
        f" {start} AS start_date, {day_after} - 1 AS end_date"
    )
    reason = _reason(
        (f"{_the('title')} IS NULL", "missing_name"),
        (f"{start} IS NULL OR {day_after} IS NULL", "invalid_date"),
        (f"{_the('schoolYear')} IS NOT NULL AND {year(_the('schoolYear'))} IS NULL", "invalid_school_year"),
    )
    return Records(
        "academic_sessions",
        _judged("academic_sessions", _KEY, fields, reason),
        key=("session_key",),
        distinct=("gone", "name", "kind", "school_year", "start_date", "end_date"),
    )


def _demographics() -> Records:
    birth, gender = day(_the("birthDate")), sex(_the("sex"))
    fields = f"{_KEY} AS user_key, {_GONE} AS gone, {birth} AS birth_date, {gender} AS gender"
    reason = _reason(
        ("sent.user_key IS NULL", "unknown_person"),
        (
            f"{_the('birthDate')} IS NOT NULL AND coalesce({birth} NOT BETWEEN {EARLIEST_BIRTH} AND c.as_of, true)",
            "invalid_birth_date",
        ),
        (f"{_the('sex')} IS NOT NULL AND {gender} IS NULL", "invalid_gender"),
    )
    return Records(
        "demographics",
        _judged("demographics", _KEY, fields, reason, beside(_SENT, "sent", "user_key", _KEY)),
        key=("user_key",),
        distinct=("gone", "birth_date", "gender"),
    )


def _unknown_role(role: str) -> str:
    return f"{role} NOT IN {among(_ROLES)} AND NOT prefix({role}, 'ext:')"


def _roles() -> Records:
    role, begin, day_after = word(_the("role")), day(_the("beginDate")), day(_the("endDate"))
    fields = (
        f"{_KEY} AS role_key, {_GONE} AS gone, {_the('userSourcedId')} AS user_key, {_the('orgSourcedId')} AS org_key, {role} AS role,"
        f" coalesce({word(_the('roleType'))} = 'primary', false) AS is_primary, {begin} AS begin_date, {day_after} AS day_after"
    )
    reason = _reason(
        ("sent.user_key IS NULL", "unknown_person"),
        (f"coalesce({_unknown_role(role)}, true)", "unknown_role"),
        ("org.org_key IS NULL", "unknown_org"),
        (f"{no_day(_the('beginDate'))} OR {no_day(_the('endDate'))}", "invalid_date"),
    )
    joins = f"{beside(_SENT, 'sent', 'user_key', _the('userSourcedId'))} {beside(_ORGS, 'org', 'org_key', _the('orgSourcedId'))}"
    return Records(
        "roles",
        _judged("roles", _KEY, fields, reason, joins),
        key=("role_key",),
        distinct=("gone", "user_key", "org_key", "role", "is_primary", "begin_date", "day_after"),
    )


def _claims() -> str:
    """Return the query of what each person's record, and the roles beside it, say: what somebody is, where, from when.

    One row a record (row_number) and claim. A claim without an organisation says only what the person is.
    """
    orgs, embedded = listed(_the("orgSourcedIds")), _the("roles")
    own = (
        f"SELECT r.district_id, r.row_number, {word(_the('role'))} AS role, unnest(CASE WHEN len({orgs}) > 0 THEN {orgs} ELSE [NULL] END)"
        " AS org_key, NULL::BOOLEAN AS is_primary, NULL::DATE AS begin_date, NULL::DATE AS day_after, false AS gone"
        f" FROM people r WHERE {_the('role')} IS NOT NULL"
    )
    parts = "SELECT r.*, unnest(json_extract(r.roles, '$[*]')) AS part FROM people r"
    of_json = (
        f"SELECT r.district_id, r.row_number, {word(_part('role'))}, coalesce(part ->> '$.org.sourcedId', part ->> 'orgSourcedId'),"
        f" coalesce({word(_part('roleType'))} = 'primary', false), {day(_part('beginDate'))}, {day(_part('endDate'))}, false"
        f" FROM ({parts} WHERE prefix({embedded}, '[') AND json_valid(r.roles)) r JOIN chosen c USING (district_id, extract_id)"
    )
    beside_it = (
        "SELECT r.district_id, r.row_number, held.role, held.org_key, held.is_primary, held.begin_date, held.day_after, held.gone"
        f" FROM people r JOIN roles_good held ON held.district_id = r.district_id AND held.user_key = {_KEY}"
    )
    return f"{own} UNION ALL {of_json} UNION ALL {beside_it}"


def _part(name: str) -> str:
    return f"nullif(trim(part ->> '{name}'), '')"


def _open(bound: str, extreme: str) -> str:
    """Return the bound of several spans of time; one without it has none."""
    return f"CASE WHEN bool_and({bound} IS NOT NULL) THEN {extreme}({bound}) END"


#: What a person is by all claims: student, staff, and at which school a member of staff is.
_PARTS = (
    f"(SELECT k.district_id, k.row_number, bool_or(role = 'student') AS is_student, bool_or(role IN {among(STAFF)} AND NOT gone) AS is_staff,"
    f" bool_or({_unknown_role('role')}) AS is_unknown,"
    " bool_or(role = 'student' AND k.org_key IS NOT NULL AND org.org_key IS NULL) AS is_elsewhere,"
    f" min(org.school_id) FILTER (role IN {among(STAFF)} AND NOT gone) AS staff_school_id"
    f" FROM claims k LEFT JOIN {_ORGS} org ON org.district_id = k.district_id AND org.org_key = k.org_key GROUP BY ALL)"
)
#: The schools at which a person is a student: a list of structs for each record.
_PLACES = (
    "(SELECT district_id, row_number, list({'school_id': school_id, 'is_primary': is_primary, 'entry_date': begin_date,"
    " 'day_after': day_after, 'gone': gone} ORDER BY school_id) AS places FROM"
    " (SELECT k.district_id, k.row_number, org.school_id, bool_or(k.is_primary) AS is_primary,"
    f" {_open('k.begin_date', 'min')} AS begin_date, {_open('k.day_after', 'max')} AS day_after, bool_and(k.gone) AS gone"
    f" FROM claims k JOIN {_ORGS} org ON org.district_id = k.district_id AND org.org_key = k.org_key"
    " WHERE k.role = 'student' AND org.school_id IS NOT NULL GROUP BY k.district_id, k.row_number, org.school_id) GROUP BY ALL)"
)
#: Persons of whom demographics were sent and none is accepted: what they say of birth and gender is not known.
_UNKNOWN_BIRTH = (
    f"(SELECT district_id, user_key FROM (SELECT r.district_id, {_KEY} AS user_key FROM {_trimmed('demographics')} r"
    " UNION SELECT district_id, record_key FROM unread WHERE entity = 'demographics')"
    " ANTI JOIN demographics_good USING (district_id, user_key))"
)


def _users() -> Records:
    grades, enabled = listed(_the("grades")), flag(_the("enabledUser"))
    level = ceds(f"({grades})[1]", "g.grade")
    student = "coalesce(part.is_student, false)"
    student_id = f"CASE c.student_ids WHEN 'identifier' THEN {_the('identifier')} ELSE {_KEY} END"
    fields = (
        f"{_KEY} AS user_key, {_GONE} AS gone, {student} AS is_student, coalesce(part.is_staff, false) AS is_staff,"
        f" coalesce(CASE WHEN {student} THEN {student_id} END, {_KEY}) AS person_id, {student_id} AS student_id, {_KEY} AS sis_key,"
        f" NULL::VARCHAR AS former_student_id, {id_of_type(_the('userIds'), 'c.state_ids')} AS state_id,"
        f" {_the('givenName')} AS first_name, {_the('middleName')} AS middle_name, {_the('familyName')} AS last_name,"
        f" born.birth_date AS birth_date, born.gender AS gender, {level} AS grade_level, NULL::VARCHAR AS next_school_id,"
        f" {_the('email')} AS email, NULL::INTEGER AS graduation_year, coalesce({enabled}, true) AND NOT {_GONE} AS is_enabled,"
        " coalesce(place.places, []) AS places, main.school_id AS main_school_id, part.staff_school_id AS staff_school_id,"
        " c.as_of AS as_of"
    )
    reason = _reason(
        ("coalesce(part.is_unknown, false)", "unknown_role"),
        (f"{_the('enabledUser')} IS NOT NULL AND {enabled} IS NULL", "invalid_flag"),
        (f"{student} AND {student_id} IS NULL", "missing_student_id"),
        (f"{student} AND {_the('givenName')} IS NULL", "missing_first_name"),
        (
            f"({student} OR coalesce(part.is_staff, false)) AND {_the('familyName')} IS NULL",
            "missing_last_name",
        ),
        (f"{student} AND len({grades}) = 0", "missing_grade"),
        (f"{student} AND len({grades}) > 1", "several_grades"),
        (f"{student} AND {level} IS NULL", "unknown_grade"),
        (f"{student} AND place.places IS NULL AND part.is_elsewhere", "unknown_school"),
        (f"{student} AND place.places IS NULL", "missing_school"),
        (f"{student} AND unborn.user_key IS NOT NULL", "demographics_rejected"),
    )
    joins = " ".join(
        (
            f"LEFT JOIN {_PARTS} part ON part.district_id = r.district_id AND part.row_number = r.row_number",
            f"LEFT JOIN {_PLACES} place ON place.district_id = r.district_id AND place.row_number = r.row_number",
            beside("(SELECT * FROM demographics_good WHERE NOT gone)", "born", "user_key", _KEY),
            beside(_UNKNOWN_BIRTH, "unborn", "user_key", _KEY),
            beside(_ORGS, "main", "org_key", _the("primaryOrgSourcedId")),
            beside("grade_codes", "g", "code", f"({grades})[1]"),
        )
    )
    key = f"coalesce(CASE WHEN {student} THEN {student_id} END, {_KEY})"
    said_of_them = f"WITH people AS MATERIALIZED {_trimmed('users')}, claims AS MATERIALIZED ({_claims()})"
    return Records(
        "users",
        f"{said_of_them} {judged('users', key, fields, reason, joins, of='people')}",
        key=("is_student", "person_id"),
        distinct=("gone", "is_enabled", *PERSON),
        same=("places", "staff_school_id"),
        gives=(("students", _students()),),
    )


def _students() -> str:
    """Return the query of the students among `{records}`, a row each and school, as every SIS gives them."""
    ended = "(place.gone OR coalesce(place.day_after <= as_of, false))"
    status = f"CASE WHEN NOT is_enabled OR {ended} THEN 'inactive' WHEN place.entry_date > as_of THEN 'pre_registered' ELSE 'active' END"
    return (
        "SELECT * EXCLUDE (places, place), place.school_id AS school_id, "
        f"coalesce(place.school_id = main_school_id, place.is_primary) AS sis_primary, {status} AS status, place.entry_date AS entry_date,"
        f" CASE WHEN {ended} THEN place.day_after - 1 END AS exit_date, CASE WHEN {status} = 'inactive' THEN 'withdrawn' END AS exit_reason,"
        " NULL::VARCHAR AS student_number FROM (SELECT *, unnest(places) AS place FROM {records} WHERE is_student AND student_id IS NOT NULL)"
    )


#: Accepted persons by key, one row each.
_PERSONS = (
    "(SELECT district_id, user_key, min(person_id) AS person_id, bool_or(is_student) AS is_student, bool_or(is_staff) AS is_staff"
    " FROM users_good GROUP BY district_id, user_key)"
)


def _courses() -> Records:
    owner = _the("orgSourcedId")
    fields = (
        f"{_KEY} AS course_key, {_GONE} AS gone, coalesce({_the('courseCode')}, {_KEY}) AS course_code, {_the('title')} AS name,"
        f" {_grades('list_min')} AS low_grade, {_grades('list_max')} AS high_grade, ({listed(_the('subjects'))})[1] AS department,"
        f" {owner} AS owner_key, org.school_id AS school_id, this_year.school_year AS school_year"
    )
    reason = _reason(
        (f"{_the('title')} IS NULL", "missing_name"),
        (f"{owner} IS NOT NULL AND org.org_key IS NULL", "unknown_org"),
    )
    joins = " ".join(
        (
            beside(_ORGS, "org", "org_key", owner),
            beside(_SESSIONS, "this_year", "session_key", _the("schoolYearSourcedId")),
            f"LEFT JOIN {_OWN_GRADES} own ON own.district_id = r.district_id",
        )
    )
    return Records(
        "courses",
        _judged("courses", _KEY, fields, reason, joins),
        key=("course_key",),
        distinct=(
            "gone",
            "course_code",
            "name",
            "low_grade",
            "high_grade",
            "department",
            "owner_key",
            "school_year",
        ),
    )


_SESSIONS = "(SELECT * FROM academic_sessions_good WHERE NOT gone)"
#: The district's own grades, as one map from code to grade.
_OWN_GRADES = "(SELECT district_id, map_from_entries(list((code, grade))) AS grades FROM grade_codes GROUP BY district_id)"
_RANKED = "['PK', 'KG', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13']"


def _grades(extreme: str) -> str:
    """Return the lowest or highest grade of a list; no limit where one of them has no rank."""
    level = ceds("code", "own.grades[code]")
    ranks = f"list_transform({listed(_the('grades'))}, lambda code: list_position({_RANKED}, {level}))"
    return f"CASE WHEN list_count({ranks}) = len({ranks}) THEN {_RANKED}[{extreme}({ranks})] END"


def _classes() -> Records:
    terms = listed(_the("termSourcedIds"))
    of_terms = (
        "(SELECT t.district_id, t.row_number, arg_min(s.session_key, (s.start_date, s.session_key)) AS term_id, min(s.start_date) AS start_date,"
        " max(s.end_date) AS end_date FROM (SELECT r.district_id, r.row_number, unnest("
        f"{terms}) AS session_key FROM {_trimmed('classes')} r) t LEFT JOIN {_SESSIONS} s ON s.district_id = t.district_id"
        " AND s.session_key = t.session_key GROUP BY t.district_id, t.row_number)"
    )
    fields = (
        f"{_KEY} AS section_id, {_GONE} AS gone, org.school_id AS school_id, course.course_key AS course_key,"
        " course.course_code AS course_code, course.name AS course_name, term.term_id AS term_id, term.start_date AS start_date,"
        " term.end_date AS end_date"
    )
    reason = _reason(
        ("org.org_key IS NULL", "unknown_school"),
        ("org.school_id IS NULL", "org_is_no_school"),
        ("course.course_key IS NULL", "unknown_course"),
        (f"len({terms}) > 0 AND term.term_id IS NULL", "unknown_term"),
    )
    joins = " ".join(
        (
            beside(_ORGS, "org", "org_key", _the("schoolSourcedId")),
            beside(
                "(SELECT * FROM courses_good WHERE NOT gone)", "course", "course_key", _the("courseSourcedId")
            ),
            f"LEFT JOIN {of_terms} term ON term.district_id = r.district_id AND term.row_number = r.row_number",
        )
    )
    return Records(
        "classes",
        _judged("classes", _KEY, fields, reason, joins),
        key=("section_id",),
        distinct=("gone", "school_id", "course_key", "term_id", "start_date", "end_date"),
    )


def _enrollments() -> Records:
    role, begin, day_after = word(_the("role")), day(_the("beginDate")), day(_the("endDate"))
    person = _the("userSourcedId")
    fields = (
        f"{_KEY} AS enrollment_key, {_GONE} AS gone, section.section_id AS section_id, {role} AS role, {flag(_the('primary'))} AS is_primary,"
        f" person.person_id AS person_id, {begin} AS start_date, {day_after} - 1 AS end_date"
    )
    reason = _reason(
        ("section.section_id IS NULL", "unknown_section"),
        ("person.user_key IS NULL AND sent.user_key IS NOT NULL", "person_rejected"),
        ("person.user_key IS NULL", "unknown_person"),
        (
            f"coalesce({role} NOT IN ('administrator', 'proctor', 'student', 'teacher') AND NOT prefix({role}, 'ext:'), true)",
            "unknown_role",
        ),
        (f"{no_day(_the('beginDate'))} OR {no_day(_the('endDate'))}", "invalid_date"),
    )
    joins = " ".join(
        (
            beside(
                "(SELECT * FROM classes_good WHERE NOT gone)", "section", "section_id", _the("classSourcedId")
            ),
            beside(_PERSONS, "person", "user_key", person),
            beside(_SENT, "sent", "user_key", person),
        )
    )
    return Records(
        "enrollments",
        _judged("enrollments", _KEY, fields, reason, joins),
        key=("enrollment_key",),
        distinct=("gone", "section_id", "person_id", "role", "is_primary", "start_date", "end_date"),
    )


#: In the order in which they are judged: each may read what those before it left.
RECORDS = (
    _orgs(),
    _academic_sessions(),
    _demographics(),
    _roles(),
    _users(),
    _courses(),
    _classes(),
    _enrollments(),
)

__all__ = ["RECORDS", "TABLES"]
