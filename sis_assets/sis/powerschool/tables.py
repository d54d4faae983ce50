"""The canonical tables as PowerSchool fills them, over the accepted records of `canonical`, and from which fields.

Pure text; nothing runs here (see `sis.shape`). Contract: PowerSchool §1.10, §1.12.
"""

from __future__ import annotations

from sis_assets.model import schema
from sis_assets.sis.shape import Canonical

_HERE = "SEMI JOIN schools_here USING (district_id, school_id)"
_KEPT = "SEMI JOIN students_kept USING (district_id, student_id)"

#: The school year that the read falls into, by the year in which it ends: the district's calendar, else from July on the next.
_THIS_YEAR = (
    "(SELECT district_id, CASE WHEN year(year_end) < 9999 THEN year(year_end)"
    " ELSE year(as_of) + (month(as_of) >= 7)::INTEGER END AS this_year FROM chosen)"
)
_OFFERED = f"(SELECT o.*, o.school_year - y.this_year AS ahead FROM school_courses_good o JOIN {_THIS_YEAR} y USING (district_id))"

_SCHOOLS = ("schools",)
_STUDENTS = ("schools", "student_ids", "reenrollments", "students")
_COURSES = ("courses", "school_courses", "schools")
_SECTIONS = ("schools", "terms", "courses", "sections")
_ENROLLMENTS = (*_STUDENTS, "terms", "courses", "sections", "section_enrollments")

_NUMBER = ("schools", "school_number")
_STUDENT = ("students", "local_id")
_SCHOOL_OF_SECTION = (("sections", "school_id"), ("schools", "id"), _NUMBER)
_COURSE_OF_SECTION = (("sections", "course_id"), ("courses", "dcid"), ("courses", "course_number"))


def _of(entity: str, **columns: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {ours: ((entity, theirs),) for ours, theirs in columns.items()}


SCHOOLS = Canonical(
    schema.SCHOOLS,
    _SCHOOLS,
    f"SELECT {', '.join(schema.SCHOOLS.column_names)} FROM schools_good {_HERE}",
    _of(
        "schools",
        school_id="school_number",
        name="name",
        low_grade="low_grade",
        high_grade="high_grade",
        state_id="state_province_id",
    ),
)
TERMS = Canonical(
    schema.TERMS,
    ("schools", "terms"),
    f"SELECT {', '.join(schema.TERMS.column_names)} FROM terms_good {_HERE}",
    _of(
        "terms",
        term_id="id",
        name="name",
        kind="portion",
        school_year="start_year",
        start_date="start_date",
        end_date="end_date",
    )
    | {"school_id": (("terms", "school_id"), ("schools", "id"), _NUMBER)},
)
STUDENTS = Canonical(
    schema.STUDENTS,
    _STUDENTS,
    f"SELECT {', '.join(schema.STUDENTS.column_names)} FROM students_kept",
    _of(
        "students",
        student_id="local_id",
        sis_key="id",
        state_id="state_province_id",
        first_name="first_name",
        middle_name="middle_name",
        last_name="last_name",
        birth_date="birth_date",
        gender="gender",
        grade_level="grade_level",
        next_school_id="next_school",
        status="enroll_status_code",
        entry_date="entry_date",
        email="email",
        graduation_year="projected_graduation_year",
    )
    | {
        "school_id": (("students", "school_number"), _NUMBER),
        "exit_date": (("students", "exit_date"), ("students", "enroll_status_code")),
        "exit_reason": (
            ("students", "enroll_status_code"),
            ("students", "exit_code"),
            ("students", "exit_date"),
            ("students", "entry_date"),
            ("reenrollments", "exitcode"),
            ("reenrollments", "exitdate"),
            ("reenrollments", "studentid"),
            ("student_ids", "id"),
            ("student_ids", "dcid"),
            ("students", "id"),
        ),
    },
)
STUDENT_SCHOOLS = Canonical(
    schema.STUDENT_SCHOOLS,
    _STUDENTS,
    # A former enrolment that covers today, at another school, is a second one of today.
    "SELECT district_id, student_id, school_id, true AS is_primary, entry_date, exit_date, NULL::VARCHAR AS student_number FROM students_kept"
    " UNION ALL SELECT district_id, k.student_id, e.school_id, false AS is_primary, min(e.entry_date) AS entry_date,"
    " max(e.day_after) - 1 AS exit_date, NULL::VARCHAR AS student_number FROM reenrollments_good e JOIN chosen c USING (district_id)"
    " JOIN students_kept k USING (district_id) SEMI JOIN schools_here h ON h.district_id = e.district_id AND h.school_id = e.school_id"
    " WHERE k.sis_key = e.student_key AND k.status = 'active' AND e.school_id <> k.school_id"
    " AND e.entry_date <= c.as_of AND e.day_after > c.as_of GROUP BY ALL",
    {
        "student_id": (_STUDENT,),
        "school_id": (("students", "school_number"), ("reenrollments", "schoolid"), _NUMBER),
        "is_primary": (("students", "school_number"), ("reenrollments", "schoolid")),
        "entry_date": (("students", "entry_date"), ("reenrollments", "entrydate")),
        "exit_date": (("students", "exit_date"), ("reenrollments", "exitdate")),
    },
    dated=True,
)
COURSES = Canonical(
    schema.COURSES,
    _COURSES,
    # Without a list of offers for a year, the SIS does not say what that year's catalogue is.
    "SELECT k.district_id, k.course_code, k.name, k.credits, k.low_grade, k.high_grade, k.department,"
    " coalesce(this.course_code IS NOT NULL OR NOT said.this, true) AS is_active,"
    " CASE WHEN said.next THEN next.course_code IS NOT NULL END AS is_active_next_year FROM"
    " (SELECT * FROM courses_good QUALIFY row_number() OVER (PARTITION BY district_id, course_code"
    " ORDER BY try_cast(owner AS BIGINT), owner) = 1) k"
    f" LEFT JOIN (SELECT DISTINCT district_id, course_code FROM {_OFFERED} WHERE ahead = 0) this USING (district_id, course_code)"
    f" LEFT JOIN (SELECT DISTINCT district_id, course_code FROM {_OFFERED} WHERE ahead = 1) next USING (district_id, course_code)"
    f" LEFT JOIN (SELECT district_id, bool_or(ahead = 0) AS this, bool_or(ahead = 1) AS next FROM {_OFFERED} GROUP BY ALL) said"
    " USING (district_id)",
    _of(
        "courses",
        course_code="course_number",
        name="course_name",
        credits="credit_hours",
        low_grade="reggradelevels",
        high_grade="reggradelevels",
    )
    | {
        "department": (("courses", "sched_department"), ("courses", "credittype")),
        "is_active": (("school_courses", "courseid"), ("school_courses", "yearid")),
        "is_active_next_year": (("school_courses", "courseid"), ("school_courses", "yearid")),
    },
    dated=True,
)
SCHOOL_COURSES = Canonical(
    schema.SCHOOL_COURSES,
    _COURSES,
    f"SELECT DISTINCT district_id, school_id, course_code FROM {_OFFERED} {_HERE} WHERE ahead IN (0, 1)",
    {
        "school_id": (("school_courses", "schoolid"), _NUMBER),
        "course_code": (("school_courses", "courseid"), ("courses", "id"), ("courses", "course_number")),
    },
    dated=True,
)
SECTIONS = Canonical(
    schema.SECTIONS,
    _SECTIONS,
    f"SELECT {', '.join(schema.SECTIONS.column_names)} FROM sections_good {_HERE}",
    _of("sections", section_id="id", term_id="term_id")
    | {"school_id": _SCHOOL_OF_SECTION, "course_code": _COURSE_OF_SECTION},
)
SECTION_ENROLLMENTS = Canonical(
    schema.SECTION_ENROLLMENTS,
    (*_ENROLLMENTS, "staff"),
    "SELECT e.district_id, e.section_id, e.student_id AS person_id, 'student' AS role, NULL::BOOLEAN AS is_primary,"
    f" e.start_date, e.end_date FROM section_enrollments_good e {_KEPT}"
    f" SEMI JOIN (SELECT district_id, section_id FROM sections_good {_HERE}) s USING (district_id, section_id) WHERE NOT e.dropped"
    " UNION ALL SELECT s.district_id, s.section_id, s.staff_id, 'teacher', true, s.start_date, s.end_date"
    f" FROM sections_good s {_HERE} SEMI JOIN staff_good USING (district_id, staff_id)",
    {
        "section_id": (("section_enrollments", "section_id"), ("sections", "id")),
        "person_id": (
            ("section_enrollments", "student_id"),
            _STUDENT,
            ("sections", "staff_id"),
            ("staff", "id"),
        ),
        "role": (("section_enrollments", "student_id"), ("sections", "staff_id")),
        "is_primary": (("sections", "staff_id"),),
        "start_date": (("section_enrollments", "entry_date"), ("terms", "start_date")),
        "end_date": (("section_enrollments", "exit_date"), ("terms", "end_date")),
    },
)
STAFF = Canonical(
    schema.STAFF,
    ("schools", "staff"),
    f"SELECT {', '.join(schema.STAFF.column_names)} FROM staff_good {_HERE}",
    _of("staff", staff_id="id", first_name="first_name", last_name="last_name", email="work_email")
    | {"school_id": (("staff", "school_affiliation"), ("schools", "id"), _NUMBER)},
)
STUDENT_COURSES = Canonical(
    schema.STUDENT_COURSES,
    (*_ENROLLMENTS, "stored_grades"),
    # What has ended is told by the transcript, not by the seat.
    "SELECT district_id, student_id, course_code, name, grade_level, mark, credits, completed_on, 'completed' AS state"
    f" FROM stored_grades_good {_KEPT} WHERE NOT excluded UNION ALL"
    " SELECT DISTINCT e.district_id, e.student_id, s.course_code, s.course_name, k.grade_level, NULL::VARCHAR, s.credits,"
    " NULL::DATE, CASE WHEN coalesce(e.start_date, s.start_date) > c.as_of THEN 'scheduled' ELSE 'in_progress' END"
    " FROM section_enrollments_good e JOIN sections_good s USING (district_id, section_id)"
    " JOIN students_kept k USING (district_id, student_id) JOIN chosen c USING (district_id)"
    " WHERE NOT e.dropped AND coalesce(e.end_date, s.end_date) >= c.as_of",
    {
        "student_id": (("stored_grades", "studentid"), ("section_enrollments", "student_id"), _STUDENT),
        "course_code": (("stored_grades", "course_number"), *_COURSE_OF_SECTION),
        "name": (("stored_grades", "course_name"), ("courses", "course_name")),
        "grade_level": (("stored_grades", "grade_level"), ("students", "grade_level")),
        "mark": (("stored_grades", "grade"),),
        "credits": (("stored_grades", "earnedcrhrs"), ("courses", "credit_hours")),
        "completed_on": (("stored_grades", "datestored"),),
        "state": (("stored_grades", "dcid"), ("section_enrollments", "entry_date"), ("terms", "start_date")),
    },
    dated=True,
)
GRADUATION_REQUIREMENTS = Canonical(
    schema.GRADUATION_REQUIREMENTS,
    ("schools", "graduation_sets", "graduation_requirements"),
    # A requirement of the district is one of each of its schools.
    "SELECT g.district_id, h.school_id, g.track, g.subject_code, g.subject_name, g.credits FROM graduation_requirements_good g"
    " JOIN schools_here h ON h.district_id = g.district_id AND h.school_id = coalesce(g.school_id, h.school_id)",
    _of(
        "graduation_requirements",
        subject_code="credittype",
        subject_name="name",
        credits="reqcrhrs",
    )
    | {
        "school_id": (("graduation_requirements", "schoolid"), _NUMBER),
        "track": (("graduation_requirements", "gradreqsetid"), ("graduation_sets", "name")),
    },
)

TABLES = (
    SCHOOLS,
    TERMS,
    STUDENTS,
    STUDENT_SCHOOLS,
    COURSES,
    SCHOOL_COURSES,
    SECTIONS,
    SECTION_ENROLLMENTS,
    STAFF,
    STUDENT_COURSES,
    GRADUATION_REQUIREMENTS,
)
