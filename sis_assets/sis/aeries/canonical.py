"""What Aeries' records mean in the canonical model, as queries. Pure text; nothing runs here (see `sis.shape`).

Contract: Aeries §2.3 (lists and their fields), §2.5 (pitfalls); rules: DESIGN §8, §9. What the school records of a
student say together stands in `standing`.

Aeries counts students and sections school by school: a StudentNumber or a SectionNumber alone names nobody. Its empty
number is 0, also where that is a grade: only a student's own grade 0 is kindergarten.
"""

from __future__ import annotations

from sis_assets.model.canonical import first_reason, grade
from sis_assets.sis.aeries.contract import DISTRICT_ITSELF
from sis_assets.sis.aeries.standing import number, read, students, unreadable
from sis_assets.sis.aeries.tables import LEA_COLUMNS, TABLES
from sis_assets.sis.judging import beside, credit, judged, no_number, own_grades, said
from sis_assets.sis.shape import Records

_SCHOOL = said("SchoolCode")
_STUDENT = number("StudentID")


def _within(school: str, one: str) -> str:
    """Return the id in the district of what a school counts: `994-101`."""
    return f"{school} || '-' || {one}"


_SECTION = _within(_SCHOOL, number("SectionNumber"))


def _limits(low: str, high: str) -> str:
    """Return the fields low_grade and high_grade of a range; a highest grade of 0 ends only one that begins before it."""
    lowest, highest = f"try_cast({said(low)} AS INTEGER)", f"try_cast({said(high)} AS INTEGER)"
    none = f"{highest} = 0 AND {lowest} >= 0"
    return (
        f"CASE WHEN NOT coalesce({none} AND {lowest} = 0, false) THEN {grade(said(low), 'low.grade')} END AS low_grade,"
        f" CASE WHEN NOT coalesce({none}, false) THEN {grade(said(high), 'high.grade')} END AS high_grade"
    )


def _limit_joins(low: str, high: str) -> str:
    return f"{own_grades('low', said(low))} {own_grades('high', said(high))}"


def _schools() -> Records:
    name = said("Name")
    columns = " ".join(f"WHEN '{column}' THEN {said(column)}" for column in LEA_COLUMNS)
    lea = f"CASE c.lea_column {columns} END"
    fields = (
        f"{_SCHOOL} AS number, CASE WHEN {_SCHOOL} <> '{DISTRICT_ITSELF}' AND {said('InactiveStatusCode')} IS NULL"
        f" AND (ours.lea_id IS NOT NULL OR named.district_id IS NULL) THEN {_SCHOOL} END AS school_id,"
        f" {name} AS name, NULL::VARCHAR AS school_type, {_limits('LowGradeLevel', 'HighGradeLevel')},"
        f" {said('StateSchoolID')} AS state_id, {lea} AS lea_id"
    )
    reason = first_reason((f"{_SCHOOL} IS NULL", "missing_school_id"), (f"{name} IS NULL", "missing_name"))
    joins = (
        f"{_limit_joins('LowGradeLevel', 'HighGradeLevel')} {beside('leas', 'ours', 'lea_id', lea)}"
        " LEFT JOIN (SELECT DISTINCT district_id FROM leas) named ON named.district_id = r.district_id"
    )
    return Records(
        "schools",
        judged("schools", _SCHOOL, fields, reason, joins),
        key=("number",),
        distinct=("school_id", "name", "low_grade", "high_grade", "state_id", "lea_id"),
    )


#: A school of the extract, pseudo-schools among them; one whose own record was refused too.
_PLACE = f"{beside('schools_good', 'place', 'number', _SCHOOL)} {beside('known_schools', 'known', 'school_id', _SCHOOL)}"
_NO_PLACE = ("place.number IS NULL AND known.school_id IS NULL", "unknown_school")


def _terms() -> Records:
    code = said("TermCode")
    # Where the tracks of a school differ, the term spans them all.
    start, end = (
        f"coalesce({read(name)}, CASE WHEN json_valid(r.TrackTerms)"
        f" THEN {most}(try_cast(json_extract_string(r.TrackTerms, '$[*].{name}') AS TIMESTAMP[]))::DATE END)"
        for name, most in (("StartDate", "list_min"), ("EndDate", "list_max"))
    )
    year = f"(year({start}) + (month({start}) >= 7)::INTEGER)"
    fields = (
        f"{_within(_SCHOOL, f'{year} || chr(45) || {code}')} AS term_id, {_SCHOOL} AS school_id, {code} AS code,"
        f" coalesce({said('TermDescription')}, {code}) AS name,"
        f" CASE {code} WHEN 'Y' THEN 'school_year' WHEN 'F' THEN 'semester' WHEN 'S' THEN 'semester' ELSE {code} END AS kind,"
        f" {year} AS school_year, {start} AS start_date, {end} AS end_date"
    )
    reason = first_reason(
        (f"{code} IS NULL", "missing_code"),
        _NO_PLACE,
        (f"{start} IS NULL OR {end} IS NULL", "invalid_date"),
    )
    return Records(
        "terms",
        judged("terms", f"concat_ws('-', {_SCHOOL}, {code})", fields, reason, _PLACE),
        key=("school_id", "code"),
        distinct=("name", "start_date", "end_date"),
    )


def _codes() -> Records:
    table, field = said('"Table"'), said('"Field"')
    fields = (
        f"upper({table}) AS code_table, upper({field}) AS code_field, coalesce({said('Code')}, '') AS code,"
        f" {said('Description')} AS description"
    )
    reason = first_reason((f"{table} IS NULL OR {field} IS NULL", "missing_code"))
    return Records(
        "codes",
        judged("codes", said("Code"), fields, reason),
        key=("code_table", "code_field", "code"),
        distinct=("description",),
    )


def _students_extended() -> Records:
    year = f"year({read('ExpectedGraduationDate')})"
    fields = (
        f"{_STUDENT} AS student_id, {_SCHOOL} AS school_code, coalesce({said('StudentNumber')}, '') AS student_number,"
        f" {year}::INTEGER AS graduation_year, {said('SchoolCompletionStatusCode')} AS completion_code,"
        f" {said('SummerWithdrawalReasonCode')} AS summer_code, {read('SummerWithdrawalLeaveDate')} AS summer_date"
    )
    reason = first_reason(
        (f"{_STUDENT} IS NULL", "missing_student_id"),
        (f"{_SCHOOL} IS NULL", "missing_school"),
        (
            unreadable("SchoolCompletionDate", "SummerWithdrawalLeaveDate"),
            "invalid_date",
        ),
        (
            f"{unreadable('ExpectedGraduationDate')} OR coalesce({year} NOT BETWEEN 1900 AND 2200, false)",
            "invalid_graduation_year",
        ),
    )
    return Records(
        "students_extended",
        judged("students_extended", _STUDENT, fields, reason),
        key=("student_id", "school_code", "student_number"),
        distinct=("graduation_year", "completion_code", "summer_code", "summer_date"),
    )


def _enrollment() -> Records:
    fields = (
        f"{_STUDENT} AS student_id, {_SCHOOL} AS school_code, {read('EnterDate')} AS entry_date,"
        f" {read('LeaveDate')} AS exit_date, {said('ExitReasonCode')} AS exit_code"
    )
    reason = first_reason(
        (f"{_STUDENT} IS NULL", "missing_student_id"),
        (f"{_SCHOOL} IS NULL", "missing_school"),
        (unreadable("EnterDate", "LeaveDate"), "invalid_date"),
    )
    return Records("enrollment", judged("enrollment", _STUDENT, fields, reason))


#: Students with an accepted record, and those with a refused one.
_KNOWN_STUDENT = (
    f"{beside('(SELECT DISTINCT district_id, student_id FROM students_good)', 'student', 'student_id', _STUDENT)}"
    f" {beside('rejected_students', 'rejected', 'record_key', _STUDENT)}"
)
_NO_STUDENT = (
    ("student.student_id IS NULL AND rejected.record_key IS NOT NULL", "student_rejected"),
    ("student.student_id IS NULL", "unknown_student"),
)


def _courses() -> Records:
    code = said("ID")
    fields = (
        f"{code} AS course_code, {said('Title')} AS name, {credit('CreditDefault')} AS credits,"
        f" {_limits('LowGrade', 'HighGrade')}, {said('DepartmentCode')} AS department,"
        f" {said('InactiveStatusCode')} IS NULL AS is_active,"
        # Older versions lack the field; then Aeries does not say.
        f" CASE WHEN r.NextYearInactiveStatusCode IS NOT NULL THEN {said('NextYearInactiveStatusCode')} IS NULL END"
        " AS is_active_next_year"
    )
    reason = first_reason(
        (f"{code} IS NULL", "missing_course_code"),
        (f"{said('Title')} IS NULL", "missing_name"),
        (no_number("CreditDefault"), "invalid_credits"),
    )
    return Records(
        "courses",
        judged("courses", code, fields, reason, _limit_joins("LowGrade", "HighGrade")),
        key=("course_code",),
        distinct=(
            "name",
            "credits",
            "low_grade",
            "high_grade",
            "department",
            "is_active",
            "is_active_next_year",
        ),
    )


_COURSE = beside("courses_good", "course", "course_code", said("CourseID"))
_NO_COURSE = ("course.course_code IS NULL", "unknown_course")


def _sections() -> Records:
    fields = (
        f"{_SECTION} AS section_id, {_SCHOOL} AS school_id, course.course_code AS course_code, term.term_id AS term_id,"
        f" term.start_date AS start_date, term.end_date AS end_date, {said('InactiveStatusCode')} IS NULL AS is_active,"
        " CASE WHEN json_valid(r.SectionStaffMembers) THEN r.SectionStaffMembers ELSE '[]' END AS members"
    )
    reason = first_reason(
        (f"{number('SectionNumber')} IS NULL", "unknown_section"),
        _NO_PLACE,
        _NO_COURSE,
        (f"{said('Semester')} IS NOT NULL AND term.term_id IS NULL", "unknown_term"),
    )
    joins = (
        f"{_PLACE} {_COURSE} {beside('terms_good', 'term', 'code', said('Semester'))}"
        f" AND term.school_id = {_SCHOOL}"
    )
    return Records(
        "sections",
        judged("sections", f"concat_ws('-', {_SCHOOL}, {said('SectionNumber')})", fields, reason, joins),
        key=("section_id",),
        distinct=("course_code", "term_id", "is_active", "members"),
    )


def _classes() -> Records:
    fields = (
        f"section.section_id AS section_id, {_STUDENT} AS student_id, course.course_code AS course_code,"
        f" course.name AS course_name, course.credits AS credits,"
        f" coalesce({read('DateStarted')}, section.start_date) AS start_date,"
        f" coalesce({read('DateEnded')}, section.end_date) AS end_date"
    )
    reason = first_reason(
        *_NO_STUDENT,
        _NO_COURSE,
        ("section.section_id IS NULL", "unknown_section"),
        (unreadable("DateStarted", "DateEnded"), "invalid_date"),
    )
    joins = f"{_KNOWN_STUDENT} {_COURSE} {beside('sections_good', 'section', 'section_id', _SECTION)}"
    return Records("classes", judged("classes", _STUDENT, fields, reason, joins))


def _staff() -> Records:
    fields = (
        f"{number('ID')} AS staff_id, {said('FirstName')} AS first_name, {said('LastName')} AS last_name,"
        f" {said('EmailAddress')} AS email, {number('PrimaryAeriesSchool')} AS school_id,"
        f" {said('InactiveStatusCode')} IS NULL AS is_active"
    )
    reason = first_reason(
        (f"{number('ID')} IS NULL", "missing_staff_id"), (f"{said('LastName')} IS NULL", "missing_last_name")
    )
    return Records(
        "staff",
        judged("staff", number("ID"), fields, reason),
        key=("staff_id",),
        distinct=("first_name", "last_name", "email", "school_id", "is_active"),
    )


def _transcripts() -> Records:
    # Here, unlike in a student's record, grade 0 is an empty number.
    level = grade(number("StudentGrade"), "g.grade")
    fields = (
        f"{_STUDENT} AS student_id, {said('CourseID')} AS course_code, {said('TranscriptCourseTitle')} AS name,"
        f" {level} AS grade_level, {said('Mark')} AS mark, {credit('CreditCompleted')} AS credits,"
        f" {read('DateOfCompletion')} AS completed_on, {said('SchoolYear')} AS taken_in, {said('Term')} AS taken_term,"
        f" {number('SequenceNumber')} AS sequence"
    )
    reason = first_reason(
        *_NO_STUDENT,
        (
            f"{said('CourseID')} IS NULL AND {said('TranscriptCourseTitle')} IS NULL",
            "missing_course_code",
        ),
        (f"{number('StudentGrade')} IS NOT NULL AND {level} IS NULL", "unknown_grade"),
        (no_number("CreditCompleted"), "invalid_credits"),
        (unreadable("DateOfCompletion"), "invalid_date"),
    )
    joins = f"{_KNOWN_STUDENT} {own_grades('g', number('StudentGrade'))}"
    return Records("transcripts", judged("transcripts", _STUDENT, fields, reason, joins))


def _graduation_requirements() -> Records:
    track = said("GraduationRequirementTrack")
    fields = (
        f"{_SCHOOL} AS school_id, {track} AS track, coalesce({track}, '') AS track_key, {said('SubjectAreaCode')} AS subject_code,"
        f" {said('SubjectAreaDescription')} AS subject_name, {credit('RequiredCreditFor12thGraders')} AS credits"
    )
    reason = first_reason(
        (f"{said('SubjectAreaCode')} IS NULL", "missing_code"),
        _NO_PLACE,
        (no_number("RequiredCreditFor12thGraders"), "invalid_credits"),
    )
    return Records(
        "graduation_requirements",
        judged("graduation_requirements", said("SubjectAreaCode"), fields, reason, _PLACE),
        key=("school_id", "track_key", "subject_code"),
        distinct=("subject_name", "credits"),
    )


def _graduation_status() -> Records:
    amounts = ("CreditsRequired", "CreditsCompleted", "CreditsCurrentlyEnrolled", "CreditsNeeded")
    fields = f"{_STUDENT} AS student_id, {said('SubjectAreaCode')} AS subject_code"
    reason = first_reason(
        *_NO_STUDENT,
        (f"{said('SubjectAreaCode')} IS NULL", "missing_code"),
        (" OR ".join(no_number(amount) for amount in amounts), "invalid_credits"),
    )
    return Records("graduation_status", judged("graduation_status", _STUDENT, fields, reason, _KNOWN_STUDENT))


#: In the order in which they are judged: each may read what those before it left.
RECORDS = (
    _schools(),
    _terms(),
    _codes(),
    _students_extended(),
    _enrollment(),
    students(),
    _courses(),
    _sections(),
    _classes(),
    _staff(),
    _transcripts(),
    _graduation_requirements(),
    _graduation_status(),
)

__all__ = ["RECORDS", "TABLES"]
