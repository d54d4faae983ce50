"""What PowerSchool's records mean in the canonical model, as queries. Pure text; nothing runs here (see `sis.shape`).

Contract: PowerSchool §1.4 (status codes, grades, identifiers), §1.10 (tables), §1.12 (pitfalls); rules: DESIGN §8, §9.

Four numbers name a student and two a school, and none is ever compared with another kind. Students: DCID (`/ws/v1`'s
ids, our sis_key), ID (the tables' StudentID, led back to the DCID by `student_ids`), student number (our student_id),
state id. Schools: DCID (`/ws/v1`'s school_id, here school_key) and number (our school_id).
"""

from __future__ import annotations

from sis_assets.model.canonical import EARLIEST_BIRTH, PERSON, date, first_reason, grade
from sis_assets.sis.judging import beside, credit, judged, no_number, own_grades, said, unreadable
from sis_assets.sis.powerschool import contract
from sis_assets.sis.powerschool.contract import GRADUATED_STUDENTS
from sis_assets.sis.powerschool.layout import Entity
from sis_assets.sis.powerschool.tables import TABLES
from sis_assets.sis.shape import Records

#: A date of `/ws/v1`; those of tables are written as the district file says.
_ISO = "'iso'"
_FORM = "c.date_format"
_LEFT = "('inactive', 'graduated')"


def _records(entity: Entity, key: str, fields: str, reason: str, joins: str = "") -> str:
    return judged(entity.name, key, fields, reason, joins)


def _codes(entity: Entity) -> Records:
    reason = first_reason((f"{said('code')} IS NULL", "missing_code"))
    return Records(entity.name, _records(entity, said("code"), f"{said('code')} AS code", reason))


def _schools() -> Records:
    number, name = said("school_number"), said("name")
    fields = (
        f"{number} AS number, nullif({number}, '{GRADUATED_STUDENTS}') AS school_id, {said('id')} AS school_key, {name} AS name,"
        f" NULL::VARCHAR AS school_type, {grade(said('low_grade'), 'low.grade')} AS low_grade,"
        f" {grade(said('high_grade'), 'high.grade')} AS high_grade, {said('state_province_id')} AS state_id, NULL::VARCHAR AS lea_id"
    )
    reason = first_reason((f"{number} IS NULL", "missing_school_id"), (f"{name} IS NULL", "missing_name"))
    joins = f"{own_grades('low', said('low_grade'))} {own_grades('high', said('high_grade'))}"
    return Records(
        "schools",
        _records(contract.SCHOOLS, number, fields, reason, joins),
        key=("number",),
        distinct=("school_key", "name", "low_grade", "high_grade", "state_id"),
    )


_SCHOOL_OF_KEY = beside("schools_good", "school", "school_key", said("school_id"))


def _terms() -> Records:
    start, end = date(said("start_date"), _ISO), date(said("end_date"), _ISO)
    year = f"try_cast({said('start_year')} AS INTEGER)"
    fields = (
        f"{said('id')} AS term_id, school.school_id AS school_id, {said('name')} AS name,"
        f" CASE {said('portion')} WHEN '1' THEN 'school_year' WHEN '2' THEN 'semester' WHEN '3' THEN 'trimester'"
        f" WHEN '4' THEN 'quarter' ELSE {said('portion')} END AS kind,"
        f" {year} + 1 AS school_year, {start} AS start_date, {end} AS end_date"
    )
    reason = first_reason(
        (f"{said('name')} IS NULL", "missing_name"),
        ("school.school_id IS NULL", "unknown_school"),
        (f"coalesce({year} NOT BETWEEN 1900 AND 2200, true)", "invalid_school_year"),
        (f"{start} IS NULL OR {end} IS NULL", "invalid_date"),
    )
    return Records("terms", _records(contract.TERMS, said("id"), fields, reason, _SCHOOL_OF_KEY))


def _student_ids() -> Records:
    fields = f"{said('id')} AS table_id, {said('dcid')} AS student_key"
    reason = first_reason((f"{said('id')} IS NULL", "missing_student_id"))
    return Records(
        "student_ids",
        _records(contract.STUDENT_IDS, said("id"), fields, reason),
        key=("table_id",),
        distinct=("student_key",),
    )


_KEY_OF_ID = beside("student_ids_good", "ids", "table_id", said("studentid"))


def _reenrollments() -> Records:
    entry, end = date(said("entrydate"), _FORM), date(said("exitdate"), _FORM)
    fields = (
        f"ids.student_key AS student_key, {said('schoolid')} AS school_id, {entry} AS entry_date, {end} AS day_after,"
        f" {said('exitcode')} AS exit_code"
    )
    reason = first_reason(
        ("ids.student_key IS NULL", "unknown_student"),
        (f"{unreadable('entrydate', _FORM)} OR {unreadable('exitdate', _FORM)}", "invalid_date"),
    )
    return Records(
        "reenrollments", _records(contract.REENROLLMENTS, said("studentid"), fields, reason, _KEY_OF_ID)
    )


#: The enrolment of each student that ended last among those that are not the current one.
_LAST_BEFORE = (
    "(SELECT district_id, student_key, max(day_after) AS day_after, arg_max(exit_code, (day_after, row_number)) AS exit_code"
    " FROM reenrollments_good WHERE day_after IS NOT NULL GROUP BY ALL)"
)


def _students() -> Records:
    code, school = said("enroll_status_code"), said("school_number")
    entry, day_after = date(said("entry_date"), _ISO), date(said("exit_date"), _ISO)
    birth, year = date(said("birth_date"), _ISO), f"try_cast({said('projected_graduation_year')} AS INTEGER)"
    level, gender = grade(said("grade_level"), "g.grade"), f"upper({said('gender')})"
    status = (
        f"coalesce(own.status, CASE {code} WHEN '0' THEN 'active' WHEN '-1' THEN 'pre_registered' WHEN '3' THEN 'graduated'"
        " ELSE 'inactive' END)"
    )
    # An enrolment that ended before the current one says nothing about why the student left.
    late = f"CASE WHEN before.day_after >= coalesce({day_after}, {entry}, before.day_after) THEN before.exit_code END"
    fields = (
        f"{said('local_id')} AS student_id, {said('id')} AS sis_key, NULL::VARCHAR AS former_student_id,"
        f" {said('state_province_id')} AS state_id, {said('first_name')} AS first_name,"
        f" {said('middle_name')} AS middle_name, {said('last_name')} AS last_name, {birth} AS birth_date,"
        f" {gender} AS gender, {level} AS grade_level, {school} AS school_id,"
        f" CASE WHEN {said('next_school')} NOT IN ('0', '{GRADUATED_STUDENTS}') THEN {said('next_school')} END AS next_school_id,"
        f" {status} AS status, {entry} AS entry_date,"
        f" CASE WHEN {status} IN {_LEFT} THEN {day_after} - 1 END AS exit_date,"
        f" CASE WHEN {status} IN {_LEFT} THEN coalesce(why.reason, CASE WHEN {status} = 'graduated' THEN 'graduated'"
        f" WHEN {code} = '2' THEN 'transferred_out' ELSE 'withdrawn' END) END AS exit_reason,"
        f" {said('email')} AS email, nullif({year}, 0) AS graduation_year, NULL::BOOLEAN AS sis_primary, NULL::VARCHAR AS student_number"
    )
    reason = first_reason(
        (f"{said('local_id')} IS NULL", "missing_student_id"),
        (f"{said('first_name')} IS NULL", "missing_first_name"),
        (f"{said('last_name')} IS NULL", "missing_last_name"),
        (f"{said('grade_level')} IS NULL", "missing_grade"),
        (f"{level} IS NULL", "unknown_grade"),
        (f"{school} IS NULL", "missing_school"),
        (f"{code} IS NULL", "missing_status"),
        # Who left may stand at a school that is closed or a pseudo-school; nobody expects an account there.
        (
            f"known.school_id IS NULL AND {school} <> '{GRADUATED_STUDENTS}' AND {status} NOT IN {_LEFT}",
            "unknown_school",
        ),
        (
            f"{said('birth_date')} IS NOT NULL AND coalesce({birth} NOT BETWEEN {EARLIEST_BIRTH} AND c.as_of, true)",
            "invalid_birth_date",
        ),
        (f"{unreadable('entry_date', _ISO)} OR {unreadable('exit_date', _ISO)}", "invalid_date"),
        (f"{gender} NOT IN ('M', 'F', 'N', 'X')", "invalid_gender"),
        (
            f"{said('projected_graduation_year')} <> '0' AND coalesce({year} NOT BETWEEN 1900 AND 2200, true)",
            "invalid_graduation_year",
        ),
    )
    left_with = f"coalesce({said('exit_code')}, {late})"
    joins = (
        f"{beside('known_schools', 'known', 'school_id', school)} {own_grades('g', said('grade_level'))}"
        f" {beside('status_codes', 'own', 'code', code)}"
        f" {beside(_LAST_BEFORE, 'before', 'student_key', said('id'))}"
        f" {beside('exit_codes', 'why', 'code', left_with)}"
    )
    return Records(
        "students",
        _records(contract.STUDENTS, said("local_id"), fields, reason, joins),
        key=("student_id",),
        distinct=PERSON,
        same=("school_id",),
    )


#: Accepted students by DCID, and whether the extract has the DCID at all.
_STUDENT = (
    "LEFT JOIN students_good student ON student.district_id = r.district_id AND student.sis_key = {key}"
)
_SENT = "EXISTS (SELECT 1 FROM raw_students sent WHERE sent.district_id = r.district_id AND sent.extract_id = r.extract_id AND sent.id = {key})"


def _no_student(key: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"student.student_id IS NULL AND {_SENT.format(key=key)}", "student_rejected"),
        ("student.student_id IS NULL", "unknown_student"),
    )


def _courses() -> Records:
    levels = (
        f"CASE WHEN regexp_full_match({said('reggradelevels')}, '-?[0-9]{{1,2}}(, *-?[0-9]{{1,2}})*')"
        f" THEN string_split({said('reggradelevels')}, ',')::INTEGER[] END"
    )
    low, high = f"list_min({levels})::VARCHAR", f"list_max({levels})::VARCHAR"
    fields = (
        f"{said('dcid')} AS course_key, {said('id')} AS table_id, coalesce({said('schoolid')}, '0') AS owner,"
        f" {said('course_number')} AS course_code, {said('course_name')} AS name, {credit('credit_hours')} AS credits,"
        f" {grade(low, 'NULL')} AS low_grade, {grade(high, 'NULL')} AS high_grade,"
        f" coalesce({said('sched_department')}, {said('credittype')}) AS department"
    )
    reason = first_reason(
        (f"{said('course_number')} IS NULL", "missing_course_code"),
        (f"{said('course_name')} IS NULL", "missing_name"),
        (no_number("credit_hours"), "invalid_credits"),
    )
    return Records(
        "courses",
        _records(contract.COURSES, said("course_number"), fields, reason),
        key=("owner", "course_code"),
        distinct=("course_key", "name", "credits", "low_grade", "high_grade", "department"),
    )


#: Courses by the tables' CourseID; an ID of two courses names none.
_COURSE_BY_ID = "(SELECT * FROM courses_good QUALIFY count(*) OVER (PARTITION BY district_id, table_id) = 1)"


def _school_courses() -> Records:
    year = f"try_cast({said('yearid')} AS INTEGER)"
    fields = (
        f"{said('schoolid')} AS school_id, course.course_code AS course_code, {year} + 1991 AS school_year"
    )
    reason = first_reason(
        ("course.course_code IS NULL", "unknown_course"),
        ("known.school_id IS NULL", "unknown_school"),
        (f"{year} IS NULL", "invalid_school_year"),
    )
    joins = (
        f"{beside(_COURSE_BY_ID, 'course', 'table_id', said('courseid'))}"
        f" {beside('known_schools', 'known', 'school_id', said('schoolid'))}"
    )
    return Records(
        "school_courses", _records(contract.SCHOOL_COURSES, said("courseid"), fields, reason, joins)
    )


def _sections() -> Records:
    fields = (
        f"{said('id')} AS section_id, school.school_id AS school_id, course.course_code AS course_code,"
        f" course.name AS course_name, course.credits AS credits, term.term_id AS term_id,"
        f" term.start_date AS start_date, term.end_date AS end_date, {said('staff_id')} AS staff_id"
    )
    reason = first_reason(
        ("school.school_id IS NULL", "unknown_school"),
        ("course.course_code IS NULL", "unknown_course"),
        ("term.term_id IS NULL", "unknown_term"),
    )
    joins = (
        f"{_SCHOOL_OF_KEY} {beside('courses_good', 'course', 'course_key', said('course_id'))}"
        f" {beside('terms_good', 'term', 'term_id', said('term_id'))}"
    )
    return Records("sections", _records(contract.SECTIONS, said("id"), fields, reason, joins))


def _section_enrollments() -> Records:
    start, day_after = date(said("entry_date"), _ISO), date(said("exit_date"), _ISO)
    fields = (
        f"section.section_id AS section_id, student.student_id AS student_id, {start} AS start_date,"
        f" {day_after} - 1 AS end_date, coalesce({said('dropped')} IN ('true', '1'), false) AS dropped"
    )
    reason = first_reason(
        ("section.section_id IS NULL", "unknown_section"),
        *_no_student(said("student_id")),
        (f"{unreadable('entry_date', _ISO)} OR {unreadable('exit_date', _ISO)}", "invalid_date"),
    )
    joins = (
        f"{beside('sections_good', 'section', 'section_id', said('section_id'))}"
        f" {_STUDENT.format(key=said('student_id'))}"
    )
    return Records(
        "section_enrollments", _records(contract.SECTION_ENROLLMENTS, said("id"), fields, reason, joins)
    )


def _staff() -> Records:
    listed = "r.school_affiliation"
    schools = (
        f"CASE WHEN NOT json_valid({listed}) THEN [] WHEN json_type({listed}) = 'ARRAY'"
        f" THEN json_extract_string({listed}, '$[*].school_id') ELSE [json_extract_string({listed}, '$.school_id')] END"
    )
    school = (
        "(SELECT min(s.school_id) FROM schools_good s WHERE s.district_id = r.district_id"
        f" AND list_contains({schools}, s.school_key))"
    )
    fields = (
        f"{said('id')} AS staff_id, {said('first_name')} AS first_name, {said('last_name')} AS last_name,"
        f" {said('work_email')} AS email, {school} AS school_id"
    )
    reason = first_reason((f"{said('last_name')} IS NULL", "missing_last_name"))
    return Records("staff", _records(contract.STAFF, said("id"), fields, reason))


def _stored_grades() -> Records:
    level = grade(said("grade_level"), "g.grade")
    fields = (
        f"student.student_id AS student_id, {said('course_number')} AS course_code, {said('course_name')} AS name,"
        f" {level} AS grade_level, {said('grade')} AS mark, {credit('earnedcrhrs')} AS credits,"
        f" {date(said('datestored'), _FORM)} AS completed_on, coalesce({said('excludefromtranscripts')} = '1', false) AS excluded"
    )
    reason = first_reason(
        *_no_student("ids.student_key"),
        (f"{said('course_number')} IS NULL AND {said('course_name')} IS NULL", "missing_course_code"),
        (f"{said('grade_level')} IS NOT NULL AND {level} IS NULL", "unknown_grade"),
        (no_number("earnedcrhrs"), "invalid_credits"),
        (unreadable("datestored", _FORM), "invalid_date"),
    )
    joins = f"{_KEY_OF_ID} {_STUDENT.format(key='ids.student_key')} {own_grades('g', said('grade_level'))}"
    return Records(
        "stored_grades", _records(contract.STORED_GRADES, said("studentid"), fields, reason, joins)
    )


def _graduation_sets() -> Records:
    fields = f"{said('id')} AS set_id, {said('name')} AS track"
    reason = first_reason((f"{said('name')} IS NULL", "missing_name"))
    return Records(
        "graduation_sets",
        _records(contract.GRADUATION_SETS, said("id"), fields, reason),
        key=("set_id",),
        distinct=("track",),
    )


def _graduation_requirements() -> Records:
    school = f"nullif({said('schoolid')}, '0')"
    fields = (
        f"{school} AS school_id, sets.track AS track, {said('credittype')} AS subject_code,"
        f" {said('name')} AS subject_name, {credit('reqcrhrs')} AS credits"
    )
    reason = first_reason(
        ("sets.set_id IS NULL", "unknown_requirement_set"),
        (f"{said('name')} IS NULL", "missing_name"),
        (f"{school} IS NOT NULL AND known.school_id IS NULL", "unknown_school"),
        (no_number("reqcrhrs"), "invalid_credits"),
    )
    joins = (
        f"{beside('graduation_sets_good', 'sets', 'set_id', said('gradreqsetid'))}"
        f" {beside('known_schools', 'known', 'school_id', school)}"
    )
    return Records(
        "graduation_requirements",
        _records(contract.GRADUATION_REQUIREMENTS, said("name"), fields, reason, joins),
    )


#: In the order in which they are judged: each may read what those before it left.
RECORDS = (
    _codes(contract.ENTRY_CODES),
    _codes(contract.EXIT_CODES),
    _schools(),
    _terms(),
    _student_ids(),
    _reenrollments(),
    _students(),
    _courses(),
    _school_courses(),
    _sections(),
    _section_enrollments(),
    _staff(),
    _stored_grades(),
    _graduation_sets(),
    _graduation_requirements(),
)

__all__ = ["RECORDS", "TABLES"]
