"""The canonical tables as OneRoster fills them, over the accepted records of `canonical`, and from which columns.

Pure text; nothing runs here (see `sis.shape`). Contract: OneRoster §4.1, §4.2.
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

_SCHOOLS = ("orgs",)
_PEOPLE = ("orgs", "demographics", "roles", "users")
_COURSES = ("orgs", "academic_sessions", "courses")
_SECTIONS = (*_COURSES, "classes")
_ENROLLMENTS = (*_PEOPLE, "academic_sessions", "courses", "classes", "enrollments")

_SCHOOL = (("orgs", "sourcedId"), ("orgs", "identifier"))
_STUDENT = (("users", "sourcedId"), ("users", "identifier"))
_PLACE = (
    ("users", "orgSourcedIds"),
    ("users", "roles"),
    ("users", "primaryOrgSourcedId"),
    ("roles", "orgSourcedId"),
    *_SCHOOL,
)
_COURSE = (("courses", "courseCode"), ("courses", "sourcedId"))
_WHERE_TAUGHT = (("classes", "schoolSourcedId"), *_SCHOOL)


def _of(entity: str, **columns: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {ours: ((entity, theirs),) for ours, theirs in columns.items()}


#: Sections of accepted classes at schools that take part.
_SECTIONS_HERE = f"(SELECT * FROM classes_good {_HERE} WHERE NOT gone)"

SCHOOLS = Canonical(
    schema.SCHOOLS,
    _SCHOOLS,
    f"SELECT {', '.join(schema.SCHOOLS.column_names)} FROM schools_good {_HERE}",
    _of("orgs", name="name", state_id="identifier") | {"school_id": _SCHOOL},
)
TERMS = Canonical(
    schema.TERMS,
    ("academic_sessions",),
    # A session is the district's, of no school.
    "SELECT district_id, session_key AS term_id, NULL::VARCHAR AS school_id, name, kind, school_year, start_date, end_date"
    " FROM academic_sessions_good WHERE NOT gone",
    _of(
        "academic_sessions",
        term_id="sourcedId",
        name="title",
        kind="type",
        school_year="schoolYear",
        start_date="startDate",
        end_date="endDate",
    ),
)
STUDENTS = Canonical(
    schema.STUDENTS,
    _PEOPLE,
    f"SELECT {', '.join(schema.STUDENTS.column_names)} FROM students_kept",
    _of(
        "users",
        sis_key="sourcedId",
        state_id="userIds",
        first_name="givenName",
        middle_name="middleName",
        last_name="familyName",
        grade_level="grades",
        email="email",
    )
    | _of("demographics", birth_date="birthDate", gender="sex")
    | {
        "student_id": _STUDENT,
        "school_id": _PLACE,
        "status": (
            ("users", "status"),
            ("users", "enabledUser"),
            ("roles", "status"),
            ("roles", "beginDate"),
            ("roles", "endDate"),
        ),
        "entry_date": (("roles", "beginDate"), ("users", "roles")),
        "exit_date": (("roles", "endDate"), ("users", "roles")),
        "exit_reason": (
            ("users", "status"),
            ("users", "enabledUser"),
            ("roles", "status"),
            ("roles", "endDate"),
        ),
    },
    dated=True,
)
STUDENT_SCHOOLS = Canonical(
    schema.STUDENT_SCHOOLS,
    _PEOPLE,
    f"SELECT {', '.join(schema.STUDENT_SCHOOLS.column_names)} FROM student_schools_kept",
    {
        "student_id": _STUDENT,
        "school_id": _PLACE,
        "is_primary": (("users", "primaryOrgSourcedId"), ("roles", "roleType"), ("roles", "beginDate")),
        "entry_date": (("roles", "beginDate"), ("users", "roles")),
        "exit_date": (("roles", "endDate"), ("users", "roles")),
    },
    dated=True,
)
COURSES = Canonical(
    schema.COURSES,
    _COURSES,
    # A course without a school year is one of every year; the source then does not say what next year's catalogue is.
    "SELECT district_id, course_code, arg_min(name, (off, owner_key, course_key)) AS name, NULL::DECIMAL(9,3) AS credits,"
    " arg_min_null(low_grade, (off, owner_key, course_key)) AS low_grade, arg_min_null(high_grade, (off, owner_key, course_key)) AS high_grade,"
    " arg_min_null(department, (off, owner_key, course_key)) AS department, bool_or(coalesce(ahead <= 0, true)) AS is_active,"
    " CASE WHEN bool_or(next_is_told) THEN bool_or(coalesce(ahead = 1, true)) END AS is_active_next_year FROM"
    " (SELECT k.*, k.school_year - y.this_year AS ahead, coalesce(abs(k.school_year - y.this_year), 0) AS off,"
    " bool_or(coalesce(k.school_year > y.this_year, false)) OVER (PARTITION BY district_id) AS next_is_told"
    f" FROM courses_good k JOIN {_THIS_YEAR} y USING (district_id) WHERE NOT k.gone) GROUP BY district_id, course_code",
    _of(
        "courses",
        name="title",
        low_grade="grades",
        high_grade="grades",
        department="subjects",
    )
    | {
        "course_code": _COURSE,
        "is_active": (("courses", "schoolYearSourcedId"), ("academic_sessions", "schoolYear")),
        "is_active_next_year": (("courses", "schoolYearSourcedId"), ("academic_sessions", "schoolYear")),
    },
    dated=True,
)
SCHOOL_COURSES = Canonical(
    schema.SCHOOL_COURSES,
    _SECTIONS,
    # A course of the district is offered where it is taught.
    f"SELECT DISTINCT district_id, school_id, course_code FROM (SELECT * FROM courses_good WHERE NOT gone) {_HERE}"
    f" UNION SELECT district_id, school_id, course_code FROM {_SECTIONS_HERE}",
    {
        "school_id": (("courses", "orgSourcedId"), *_WHERE_TAUGHT),
        "course_code": (*_COURSE, ("classes", "courseSourcedId")),
    },
)
SECTIONS = Canonical(
    schema.SECTIONS,
    _SECTIONS,
    f"SELECT {', '.join(schema.SECTIONS.column_names)} FROM {_SECTIONS_HERE}",
    {
        "section_id": (("classes", "sourcedId"),),
        "course_code": (("classes", "courseSourcedId"), *_COURSE),
        "school_id": _WHERE_TAUGHT,
        "term_id": (("classes", "termSourcedIds"), ("academic_sessions", "sourcedId")),
    },
)
#: Seats in sections of schools that take part, those of students only where the student is kept.
_SEATS = (
    "(SELECT e.*, s.course_code, s.course_name, s.start_date AS first_day, s.end_date AS last_day FROM enrollments_good e"
    f" JOIN {_SECTIONS_HERE} s USING (district_id, section_id) WHERE NOT e.gone)"
)
SECTION_ENROLLMENTS = Canonical(
    schema.SECTION_ENROLLMENTS,
    _ENROLLMENTS,
    f"SELECT DISTINCT district_id, section_id, person_id, role, is_primary, start_date, end_date FROM {_SEATS} e WHERE role = 'teacher'"
    " UNION SELECT DISTINCT district_id, section_id, person_id, role, NULL::BOOLEAN, start_date, end_date"
    f" FROM (SELECT *, person_id AS student_id FROM {_SEATS} WHERE role = 'student') {_KEPT}",
    _of(
        "enrollments",
        section_id="classSourcedId",
        role="role",
        is_primary="primary",
        start_date="beginDate",
        end_date="endDate",
    )
    | {"person_id": (("enrollments", "userSourcedId"), *_STUDENT)},
    dated=True,
)
STAFF = Canonical(
    schema.STAFF,
    _PEOPLE,
    "SELECT district_id, user_key AS staff_id, min(first_name) AS first_name, min(last_name) AS last_name, min(email) AS email,"
    f" min(school_id) AS school_id FROM (SELECT u.*, u.staff_school_id AS school_id FROM users_good u WHERE u.is_staff AND u.is_enabled) {_HERE}"
    " GROUP BY district_id, user_key",
    _of("users", staff_id="sourcedId", first_name="givenName", last_name="familyName", email="email")
    | {"school_id": (("users", "orgSourcedIds"), ("users", "roles"), ("roles", "orgSourcedId"), *_SCHOOL)},
)
STUDENT_COURSES = Canonical(
    schema.STUDENT_COURSES,
    _ENROLLMENTS,
    # What has ended is told by a transcript, which OneRoster's rostering has not.
    "SELECT DISTINCT e.district_id, k.student_id, e.course_code, e.course_name AS name, k.grade_level, NULL::VARCHAR AS mark,"
    " NULL::DECIMAL(9,3) AS credits, NULL::DATE AS completed_on,"
    " CASE WHEN coalesce(e.start_date, e.first_day) > c.as_of THEN 'scheduled' ELSE 'in_progress' END AS state"
    f" FROM {_SEATS} e JOIN students_kept k ON k.district_id = e.district_id AND k.student_id = e.person_id"
    " JOIN chosen c ON c.district_id = e.district_id WHERE e.role = 'student' AND coalesce(e.end_date, e.last_day, c.as_of) >= c.as_of",
    {
        "student_id": (("enrollments", "userSourcedId"), *_STUDENT),
        "course_code": (("enrollments", "classSourcedId"), ("classes", "courseSourcedId"), *_COURSE),
        "name": (("courses", "title"),),
        "grade_level": (("users", "grades"),),
        "state": (
            ("enrollments", "beginDate"),
            ("enrollments", "endDate"),
            ("academic_sessions", "startDate"),
            ("academic_sessions", "endDate"),
        ),
    },
    dated=True,
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
)
