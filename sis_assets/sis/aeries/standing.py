"""What the school records of Aeries' students say: who is here, who will be, who left and why, and which record counts.

A student has a record at each school that ever was theirs, so the records of one student differ, and only some count:
every active one, and of those who are active nowhere the one that says most of them. Pure text; nothing runs here.
Contract: Aeries §2.3 (status, completion, summer withdrawal, end of year), §2.5; rules: DESIGN §5, §8, §9.
"""

from __future__ import annotations

from sis_assets.model.canonical import EARLIEST_BIRTH, PERSON, date, first_reason, grade
from sis_assets.sis.aeries.contract import PRE_ENROLLED
from sis_assets.sis.judging import beside, judged, own_grades, said
from sis_assets.sis.shape import Records

ISO = "'iso'"
_LEFT = "('inactive', 'graduated')"
#: Of a person, but of one school record: another school's may say otherwise without contradiction.
_OF_THE_RECORD = {"next_school_id", "graduation_year"}


def number(column: str) -> str:
    """Return the expression of a whole number that names something, NULL when it is 0: Aeries' empty number."""
    return f"nullif({said(column)}, '0')"


def day(column: str) -> str:
    """Return the expression of a date's text without its time of day, which is always midnight."""
    return f"regexp_replace({said(column)}, 'T00:00(:00([.]0+)?)?$', '')"


def read(column: str) -> str:
    """Return the expression of a date, NULL when blank or impossible."""
    return date(day(column), ISO)


def unreadable(*columns: str) -> str:
    """Return the condition that one of the columns holds something that is no date."""
    return " OR ".join(f"{said(column)} IS NOT NULL AND {read(column)} IS NULL" for column in columns)


#: What the codes table calls the students' status tags, in plain letters. A tag is never active by its description.
_TAGS = (
    "(SELECT district_id, code, trim(regexp_replace(lower(description), '[^a-z]+', ' ', 'g')) AS meaning"
    " FROM codes_good WHERE code_table = 'STU' AND code_field = 'TG')"
)
_PRE_ENROLLED = "pre ?(enroll(ed|ment)|regist(ered|ration))( (for )?next year)?"
_GRADUATED = "graduate[ds]?( .*)?"
_NO_SHOW = "no ?shows?"

#: The enrolment that each student entered last at each school.
_LAST = (
    "(SELECT * FROM enrollment_good QUALIFY row_number() OVER (PARTITION BY district_id, student_id, school_code"
    " ORDER BY entry_date DESC NULLS LAST, exit_date DESC NULLS FIRST, row_number DESC) = 1)"
)


#: Who left in the summer and then went to school after all has an enrolment that began later and lasted.
_SUMMER = (
    "more.summer_code IS NOT NULL"
    " AND (last.entry_date > more.summer_date AND last.exit_date > last.entry_date) IS NOT TRUE"
)
#: Only at high schools does a completion tell of graduation.
_COMPLETED = "more.completion_code IS NOT NULL AND place.high_grade IN ('12', '13')"
#: An enrolment that ended before the current one says nothing about why the student left.
_EXIT_CODE = f"CASE WHEN (last.exit_date < {read('SchoolEnterDate')}) IS NOT TRUE THEN last.exit_code END"


def _joins() -> str:
    school, student = said("SchoolCode"), number("StudentID")
    return (
        f"{beside('schools_good', 'place', 'number', school)} {beside('known_schools', 'known', 'school_id', school)}"
        f" {beside('schools_here', 'here', 'school_id', school)}"
        f" {beside('(SELECT * FROM school_rules WHERE NOT takes_part)', 'shut', 'school_id', said('NextSchoolCode'))}"
        f" {beside('(SELECT * FROM schools_good WHERE school_id IS NULL)', 'pseudo', 'number', said('NextSchoolCode'))}"
        f" {own_grades('g', said('Grade'))} {beside('status_codes', 'own', 'code', said('InactiveStatusCode'))}"
        f" {beside(_TAGS, 'tag', 'code', said('InactiveStatusCode'))}"
        f" {beside('students_extended_good', 'more', 'student_id', student)}"
        f" AND more.school_code = {school} AND more.student_number = coalesce({said('StudentNumber')}, '')"
        f" {beside(_LAST, 'last', 'student_id', student)} AND last.school_code = {school}"
        f" {beside('exit_codes', 'of_summer', 'code', 'more.summer_code')}"
        f" {beside('exit_codes', 'of_completion', 'code', 'more.completion_code')}"
        f" {beside('exit_codes', 'of_exit', 'code', _EXIT_CODE)}"
    )


def _records() -> str:
    """Query of all school records as they are judged one by one: the student's fields, `place`, `is_here`, `is_out`."""
    tag, school, gender = said("InactiveStatusCode"), said("SchoolCode"), f"upper({said('Gender')})"
    level, birth = grade(said("Grade"), "g.grade"), read("Birthdate")
    tagged = (
        f"coalesce(own.status, CASE WHEN {tag} IS NULL THEN 'active' WHEN {tag} = '{PRE_ENROLLED}' THEN 'pre_registered'"
        f" WHEN regexp_full_match(tag.meaning, '{_PRE_ENROLLED}') THEN 'pre_registered'"
        f" WHEN regexp_full_match(tag.meaning, '{_GRADUATED}') THEN 'graduated' ELSE 'inactive' END)"
    )
    why = (
        f"CASE WHEN {_SUMMER} THEN coalesce(of_summer.reason, 'no_show')"
        f" WHEN {_COMPLETED} THEN coalesce(of_completion.reason, 'graduated')"
        f" ELSE coalesce(of_exit.reason, CASE WHEN {tagged} = 'graduated' THEN 'graduated'"
        f" WHEN regexp_full_match(tag.meaning, '{_NO_SHOW}') THEN 'no_show' END, 'withdrawn') END"
    )
    status = f"CASE WHEN {tagged} = 'inactive' AND {why} = 'graduated' THEN 'graduated' ELSE {tagged} END"
    left = f"{tagged} IN {_LEFT}"
    fields = (
        f"{number('StudentID')} AS student_id, {number('StudentID')} AS sis_key,"
        f" nullif({number('OldStudentID')}, {said('StudentID')}) AS former_student_id, {said('StateStudentID')} AS state_id,"
        f" {said('FirstName')} AS first_name, {said('MiddleName')} AS middle_name, {said('LastName')} AS last_name,"
        f" {birth} AS birth_date, {gender} AS gender, {level} AS grade_level, {school} AS place,"
        f" CASE WHEN pseudo.number IS NULL AND shut.school_id IS NULL THEN {number('NextSchoolCode')} END AS next_school_id,"
        f" {status} AS status, {read('SchoolEnterDate')} AS entry_date,"
        f" CASE WHEN {left} THEN coalesce({read('SchoolLeaveDate')}, last.exit_date, more.summer_date) END AS exit_date,"
        f" CASE WHEN {left} THEN {why} END AS exit_reason, {said('StudentEmailAddress')} AS email,"
        f" more.graduation_year AS graduation_year, NULL::BOOLEAN AS sis_primary, {said('StudentNumber')} AS student_number,"
        " here.school_id IS NOT NULL AS is_here, place.number IS NOT NULL AND here.school_id IS NULL AS is_out"
    )
    reason = first_reason(
        (f"{number('StudentID')} IS NULL", "missing_student_id"),
        (f"{said('FirstName')} IS NULL", "missing_first_name"),
        (f"{said('LastName')} IS NULL", "missing_last_name"),
        (f"{said('Grade')} IS NULL", "missing_grade"),
        (f"{level} IS NULL", "unknown_grade"),
        (f"{school} IS NULL", "missing_school"),
        # Who left may stand at a school that is gone; nobody expects an account there.
        (
            f"known.school_id IS NULL AND place.number IS NULL AND {tagged} NOT IN {_LEFT}",
            "unknown_school",
        ),
        (
            f"{said('Birthdate')} IS NOT NULL AND coalesce({birth} NOT BETWEEN {EARLIEST_BIRTH} AND c.as_of, true)",
            "invalid_birth_date",
        ),
        (unreadable("SchoolEnterDate", "SchoolLeaveDate"), "invalid_date"),
        (f"{gender} NOT IN ('M', 'F', 'N', 'X')", "invalid_gender"),
    )
    return judged("students", number("StudentID"), fields, reason, _joins())


def students() -> Records:
    """Return how students are judged.

    Every active record at a school that takes part counts; a student without one has one record that counts. Of the
    others `school_id` is empty, so that they are no place of the student, and they contradict nobody. What is refused of
    a student takes the records with it that say less: alone, they would tell of a leaver.
    """
    counts = "reason_code IS NULL AND is_here"
    one = "PARTITION BY district_id, student_id"
    first = (
        f"row_number() OVER ({one} ORDER BY ({counts}) DESC, rank, exit_date DESC NULLS LAST, entry_date DESC NULLS LAST,"
        " place, row_number) = 1"
    )
    refused = f"min(rank) FILTER (reason_code IS NOT NULL AND NOT is_out) OVER ({one})"
    query = (
        f"SELECT * EXCLUDE (leads), CASE WHEN leads THEN place END AS school_id, CASE WHEN leads THEN 0 ELSE row_number END AS apart"
        f" FROM (SELECT * REPLACE (CASE WHEN {counts} AND {refused} < rank THEN 'student_rejected' ELSE reason_code END"
        f" AS reason_code), {counts} AND (status = 'active' OR {first}) AS leads"
        f" FROM (SELECT *, CASE status WHEN 'active' THEN 0 WHEN 'pre_registered' THEN 1 ELSE 2 END AS rank FROM ({_records()})))"
    )
    return Records(
        "students",
        query,
        key=("student_id", "apart"),
        distinct=tuple(name for name in PERSON if name not in _OF_THE_RECORD),
        same=("school_id",),
    )
