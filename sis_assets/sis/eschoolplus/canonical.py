"""What the eSchoolPLUS/Xello files mean in the canonical model. Pure text; nothing runs here.

Contract: eSchoolPLUS §1.1, Xello files §2.2–2.5. The shape is that of `sis/shape.py`.
"""

from __future__ import annotations

from sis_assets.model.canonical import EARLIEST_BIRTH, PERSON, date, first_reason, grade
from sis_assets.model.schema import (
    COURSES,
    SCHOOL_COURSES,
    SCHOOLS,
    STUDENT_COURSES,
    STUDENT_SCHOOLS,
    STUDENTS,
)
from sis_assets.sis.eschoolplus.contract import STUDENT_COURSE
from sis_assets.sis.shape import Canonical, Records

_SCHOOL_TYPES = (
    "CASE SchoolType WHEN '1' THEN 'high' WHEN '2' THEN 'elementary_middle' WHEN '3' THEN 'other' END"
)


def _records(entity: str, fields: str, reason: str, *, key: str, joins: str = "") -> str:
    return (
        f"SELECT r.district_id, r.row_number, nullif({key}, '') AS record_key, {fields}, {reason} AS reason_code"
        f" FROM raw_{entity} r JOIN chosen c USING (district_id, extract_id) {joins}"
    )


def _grades(name: str, column: str) -> str:
    return f"LEFT JOIN grade_codes {name} ON {name}.district_id = r.district_id AND {name}.code = r.{column}"


def _schools() -> str:
    """Schools: school_id, name, school_type."""
    reason = first_reason(
        ("coalesce(SchoolCode, '') = ''", "missing_school_id"),
        ("coalesce(Name, '') = ''", "missing_name"),
        (f"coalesce(SchoolType, '') <> '' AND {_SCHOOL_TYPES} IS NULL", "unknown_school_type"),
    )
    fields = (
        f"nullif(SchoolCode, '') AS school_id, nullif(Name, '') AS name, {_SCHOOL_TYPES} AS school_type,"
        " NULL::VARCHAR AS low_grade, NULL::VARCHAR AS high_grade, NULL::VARCHAR AS state_id, NULL::VARCHAR AS lea_id"
    )
    return _records("schools", fields, reason, key="SchoolCode")


def _courses() -> str:
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


def _students() -> str:
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
        f" {year} AS graduation_year, NULL::BOOLEAN AS sis_primary, NULL::VARCHAR AS student_number"
    )
    joins = f"{_KNOWN_SCHOOL.format(column='CurrentSchoolCode')} {_grades('g', 'CurrentGrade')}"
    return _records("students", fields, reason, key="StudentID", joins=joins)


def _student_courses() -> str:
    """Courses of students: the columns of core.student_courses, and `stated`: a 128-bit hash of all that the record says.

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
        f" {_fingerprint([f'r.{name}' for name in STUDENT_COURSE.column_names] + ['other_columns'])} AS stated"
    )
    joins = (
        f"{_grades('g', 'GradeLevel')}"
        " LEFT JOIN present ON present.district_id = r.district_id AND present.student_id = r.StudentID"
        " LEFT JOIN rejected_students rejected ON rejected.district_id = r.district_id AND rejected.record_key = r.StudentID"
    )
    return _records("student_courses", fields, reason, key="StudentID", joins=joins)


def _fingerprint(values: list[str]) -> str:
    """Return a number that differs where any value does: two hashes side by side, which no two records share by chance."""
    listed = ", ".join(values)
    return f"(hash({listed})::UHUGEINT << 64) | hash('again', {listed})"


_KNOWN_SCHOOL = (
    "LEFT JOIN known_schools known ON known.district_id = r.district_id AND known.school_id = r.{column}"
)
_HERE = "SEMI JOIN schools_here USING (district_id, school_id)"
_SCHOOL = ("schools", "SchoolCode")
_DESCRIBED = ("name", "credits", "low_grade", "high_grade", "department")

RECORDS = (
    Records("schools", _schools(), ("school_id",), ("name", "school_type")),
    Records("courses", _courses(), ("school_id", "course_code"), _DESCRIBED),
    Records("students", _students(), ("student_id",), PERSON, same=("school_id",)),
    Records("student_courses", _student_courses(), ("stated",), ("stated",)),
)
TABLES = (
    Canonical(
        SCHOOLS,
        ("schools",),
        f"SELECT {', '.join(SCHOOLS.column_names)} FROM schools_good {_HERE}",
        {
            "school_id": (_SCHOOL,),
            "name": (("schools", "Name"),),
            "school_type": (("schools", "SchoolType"),),
        },
    ),
    Canonical(
        COURSES,
        ("schools", "courses"),
        f"SELECT district_id, course_code, {', '.join(_DESCRIBED)}, true AS is_active, NULL::BOOLEAN AS is_active_next_year"
        f" FROM courses_good {_HERE} QUALIFY row_number() OVER (PARTITION BY district_id, course_code ORDER BY school_id) = 1",
        {
            "course_code": (("courses", "CourseCode"),),
            "name": (("courses", "CourseName"),),
            "credits": (("courses", "CreditValue"),),
            "low_grade": (("courses", "GradeLower"),),
            "high_grade": (("courses", "GradeUpper"),),
            "is_active": (("courses", "CourseCode"),),
        },
    ),
    Canonical(
        SCHOOL_COURSES,
        ("schools", "courses"),
        f"SELECT district_id, school_id, course_code FROM courses_good {_HERE}",
        {"school_id": (("courses", "SchoolCode"), _SCHOOL), "course_code": (("courses", "CourseCode"),)},
    ),
    Canonical(
        STUDENTS,
        ("schools", "students"),
        "FROM students_kept",
        {
            "student_id": (("students", "StudentID"),),
            "state_id": (("students", "StateProvNumber"),),
            "first_name": (("students", "FirstName"),),
            "middle_name": (("students", "MiddleName"),),
            "last_name": (("students", "LastName"),),
            "birth_date": (("students", "DateOfBirth"),),
            "gender": (("students", "Gender"),),
            "grade_level": (("students", "CurrentGrade"),),
            "school_id": (("students", "CurrentSchoolCode"), _SCHOOL),
            "next_school_id": (("students", "PreRegSchoolCode"),),
            "status": (("students", "StudentID"),),
            "email": (("students", "Email"),),
            "graduation_year": (("students", "GraduationYear"),),
        },
        dated=True,
    ),
    Canonical(
        STUDENT_SCHOOLS,
        ("schools", "students"),
        "FROM student_schools_kept",
        {
            "student_id": (("students", "StudentID"),),
            "school_id": (("students", "CurrentSchoolCode"), _SCHOOL),
            "is_primary": (("students", "CurrentSchoolCode"),),
        },
        dated=True,
    ),
    Canonical(
        STUDENT_COURSES,
        ("schools", "students", "student_courses"),
        f"SELECT {', '.join(STUDENT_COURSES.column_names)} FROM student_courses_good"
        " SEMI JOIN students_kept USING (district_id, student_id)",
        {
            "student_id": (("student_courses", "StudentID"), ("students", "StudentID")),
            "course_code": (("student_courses", "CourseCode"),),
            "name": (("student_courses", "CourseName"),),
            "grade_level": (("student_courses", "GradeLevel"),),
            "mark": (("student_courses", "GradeMark"),),
            "credits": (("student_courses", "CreditValue"),),
            "completed_on": (("student_courses", "DateCourseComplete"),),
            "state": (("student_courses", "GradeMark"), ("student_courses", "DateCourseComplete")),
        },
        dated=True,
    ),
)
