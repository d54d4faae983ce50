"""What the eSchoolPLUS/Xello files mean in the canonical model, as one query an entity. Pure text; nothing runs here.

Contract: eSchoolPLUS §1.1, Xello files §2.2–2.5. Each query gives district_id, extract_id, row_number, record_key,
reason_code (NULL when the record is accepted) and the canonical columns. It reads the raw table, joined with
`chosen` (district_id, extract_id, as_of, year_end, date_format) and `grade_codes` (district_id, code, grade).
"""

from __future__ import annotations

from sis_assets.model.canonical import EARLIEST_BIRTH, date, first_reason, grade
from sis_assets.sis.eschoolplus.contract import STUDENT_COURSE

_SCHOOL_TYPES = (
    "CASE SchoolType WHEN '1' THEN 'high' WHEN '2' THEN 'elementary_middle' WHEN '3' THEN 'other' END"
)


def _records(entity: str, fields: str, reason: str, *, key: str, joins: str = "") -> str:
    return (
        f"SELECT r.district_id, r.extract_id, r.row_number, nullif({key}, '') AS record_key, {fields}, {reason} AS reason_code"
        f" FROM raw_{entity} r JOIN chosen c USING (district_id, extract_id) {joins}"
    )


def _grades(name: str, column: str) -> str:
    return f"LEFT JOIN grade_codes {name} ON {name}.district_id = r.district_id AND {name}.code = r.{column}"


def schools() -> str:
    """Schools: school_id, name, school_type."""
    reason = first_reason(
        ("coalesce(SchoolCode, '') = ''", "missing_school_id"),
        ("coalesce(Name, '') = ''", "missing_name"),
        (f"coalesce(SchoolType, '') <> '' AND {_SCHOOL_TYPES} IS NULL", "unknown_school_type"),
    )
    fields = (
        f"nullif(SchoolCode, '') AS school_id, nullif(Name, '') AS name, {_SCHOOL_TYPES} AS school_type,"
        " NULL::VARCHAR AS low_grade, NULL::VARCHAR AS high_grade, NULL::VARCHAR AS state_id"
    )
    return _records("schools", fields, reason, key="SchoolCode")


def courses() -> str:
    """Courses as offered by a school: school_id, course_code, name, credits, low_grade, high_grade."""
    credit = "try_cast(nullif(CreditValue, '') AS DECIMAL(9,3))"
    low, high = grade("nullif(GradeLower, '')", "low.grade"), grade("nullif(GradeUpper, '')", "high.grade")
    reason = first_reason(
        ("coalesce(CourseCode, '') = ''", "missing_course_code"),
        ("coalesce(SchoolCode, '') = ''", "missing_school"),
        ("coalesce(CourseName, '') = ''", "missing_name"),
        ("known.school_id IS NULL", "unknown_school"),
        (f"coalesce(CreditValue, '') <> '' AND {credit} IS NULL", "invalid_credits"),
        (f"coalesce(GradeLower, '') <> '' AND {low} IS NULL", "unknown_grade"),
        (f"coalesce(GradeUpper, '') <> '' AND {high} IS NULL", "unknown_grade"),
    )
    fields = (
        f"SchoolCode AS school_id, nullif(CourseCode, '') AS course_code, CourseName AS name, {credit} AS credits,"
        f" {low} AS low_grade, {high} AS high_grade, NULL::VARCHAR AS department"
    )
    joins = f"{_KNOWN_SCHOOL.format(column='SchoolCode')} {_grades('low', 'GradeLower')} {_grades('high', 'GradeUpper')}"
    return _records("courses", fields, reason, key="CourseCode", joins=joins)


def students() -> str:
    """Students, one record a student and school: the columns of core.students, sis_primary, entry and exit."""
    birth = date("nullif(DateOfBirth, '')", "c.date_format")
    grade_level = grade("nullif(CurrentGrade, '')", "g.grade")
    gender = "upper(nullif(Gender, ''))"
    year = "try_cast(nullif(GraduationYear, '') AS INTEGER)"
    reason = first_reason(
        ("coalesce(StudentID, '') = ''", "missing_student_id"),
        ("coalesce(FirstName, '') = ''", "missing_first_name"),
        ("coalesce(LastName, '') = ''", "missing_last_name"),
        ("coalesce(CurrentGrade, '') = ''", "missing_grade"),
        (f"{grade_level} IS NULL", "unknown_grade"),
        ("coalesce(CurrentSchoolCode, '') = ''", "missing_school"),
        ("known.school_id IS NULL", "unknown_school"),
        (
            f"coalesce(DateOfBirth, '') <> '' AND coalesce({birth} NOT BETWEEN {EARLIEST_BIRTH} AND c.as_of, true)",
            "invalid_birth_date",
        ),
        (f"{gender} NOT IN ('M', 'F', 'N', 'X')", "invalid_gender"),
        (
            f"coalesce(GraduationYear, '') <> '' AND coalesce({year} NOT BETWEEN 1900 AND 2200, true)",
            "invalid_graduation_year",
        ),
    )
    fields = (
        "nullif(StudentID, '') AS student_id, NULL::VARCHAR AS sis_key, NULL::VARCHAR AS former_student_id, nullif(StateProvNumber, '') AS state_id,"
        " FirstName AS first_name, nullif(MiddleName, '') AS middle_name, LastName AS last_name,"
        f" {birth} AS birth_date, {gender} AS gender, {grade_level} AS grade_level, CurrentSchoolCode AS school_id,"
        " CASE WHEN PreRegSchoolCode NOT IN ('', '0') THEN PreRegSchoolCode END AS next_school_id, 'active' AS status,"
        " NULL::DATE AS entry_date, NULL::DATE AS exit_date, NULL::VARCHAR AS exit_reason, nullif(Email, '') AS email,"
        f" {year} AS graduation_year, NULL::BOOLEAN AS sis_primary"
    )
    joins = f"{_KNOWN_SCHOOL.format(column='CurrentSchoolCode')} {_grades('g', 'CurrentGrade')}"
    return _records("students", fields, reason, key="StudentID", joins=joins)


def student_courses() -> str:
    """Courses of students: the columns of core.student_courses, and `stated`: everything that the record says.

    The files do not say what is scheduled: without a mark, a course that ends after the district's year is scheduled,
    one that ended before the read is completed (a transferred one has mark 0), any other is in progress.
    """
    done = date("nullif(DateCourseComplete, '')", "c.date_format")
    credit = "try_cast(nullif(CreditValue, '') AS DECIMAL(9,3))"
    mark = "CASE WHEN GradeMark NOT IN ('', '0') THEN GradeMark END"
    level = grade("nullif(GradeLevel, '')", "g.grade")
    reason = first_reason(
        ("coalesce(StudentID, '') = ''", "missing_student_id"),
        ("coalesce(CourseCode, '') = ''", "missing_course_code"),
        ("present.student_id IS NULL AND rejected.record_key IS NOT NULL", "student_rejected"),
        ("present.student_id IS NULL", "unknown_student"),
        (f"coalesce(GradeLevel, '') <> '' AND {level} IS NULL", "unknown_grade"),
        (f"coalesce(CreditValue, '') <> '' AND {credit} IS NULL", "invalid_credits"),
        (f"coalesce(DateCourseComplete, '') <> '' AND {done} IS NULL", "invalid_date"),
    )
    state = (
        f"CASE WHEN {mark} IS NOT NULL THEN 'completed' WHEN {done} > c.year_end THEN 'scheduled'"
        f" WHEN {done} < c.as_of THEN 'completed' ELSE 'in_progress' END"
    )
    fields = (
        "StudentID AS student_id, nullif(CourseCode, '') AS course_code, nullif(CourseName, '') AS name,"
        f" {level} AS grade_level, {mark} AS mark, {credit} AS credits, {done} AS completed_on, {state} AS state,"
        f" concat_ws(chr(31), {', '.join(f'r.{name}' for name in STUDENT_COURSE.column_names)}, other_columns) AS stated"
    )
    joins = (
        f"{_grades('g', 'GradeLevel')}"
        " LEFT JOIN present ON present.district_id = r.district_id AND present.student_id = r.StudentID"
        " LEFT JOIN rejected_students rejected ON rejected.district_id = r.district_id AND rejected.record_key = r.StudentID"
    )
    return _records("student_courses", fields, reason, key="StudentID", joins=joins)


_KNOWN_SCHOOL = (
    "LEFT JOIN known_schools known ON known.district_id = r.district_id AND known.school_id = r.{column}"
)
