"""The canonical tables as Aeries fills them, over the accepted records of `canonical`, and from which fields.

Pure text; nothing runs here (see `sis.shape`). Contract: Aeries §2.3; rules: DESIGN §9, §10.
"""

from __future__ import annotations

from sis_assets.model import schema
from sis_assets.sis.shape import Canonical

_HERE = "SEMI JOIN schools_here USING (district_id, school_id)"
_KEPT = "SEMI JOIN students_kept USING (district_id, student_id)"
_SECTIONS_HERE = f"(SELECT * FROM sections_good {_HERE} WHERE is_active)"
_MEMBER = (
    "StaffID",
    "FirstName",
    "LastName",
    "IsPrimaryTeacher",
    "StartDate",
    "EndDate",
    "InactiveStatusCode",
)
_MEMBERS = "[{" + ", ".join(f'"{name}": "VARCHAR"' for name in _MEMBER) + "}]"

#: Who teaches a section, as the section says; a person whom the list of staff calls inactive does not.
_TEACHERS = (
    "(SELECT * FROM (SELECT district_id, section_id, school_id, nullif(trim(m.StaffID), '0') AS staff_id, nullif(trim(m.FirstName), '') AS first_name,"
    " nullif(trim(m.LastName), '') AS last_name, coalesce(m.IsPrimaryTeacher = 'true', false) AS is_primary,"
    " coalesce(try_cast(m.StartDate AS TIMESTAMP)::DATE, start_date) AS start_date,"
    " coalesce(try_cast(m.EndDate AS TIMESTAMP)::DATE, end_date) AS end_date"
    f" FROM (SELECT *, unnest(json_transform(members, '{_MEMBERS}')) AS m FROM {_SECTIONS_HERE})"
    " WHERE coalesce(trim(m.InactiveStatusCode), '') = '')"
    " ANTI JOIN (SELECT district_id, staff_id FROM staff_good WHERE NOT is_active) gone USING (district_id, staff_id)"
    " WHERE staff_id <> '')"
)

#: Where a school's LEA may stand; the district's file says which it is.
LEA_COLUMNS = ("StateDistrictID", "StateCountyID", "RegionCode")

_SCHOOLS = ("schools",)
_STUDENTS = ("schools", "codes", "students_extended", "enrollment", "students")
_SECTIONS = ("schools", "terms", "courses", "sections")

_PLACE = ("schools", "SchoolCode")
_STUDENT = ("students", "StudentID")
_STATUS = (("students", "InactiveStatusCode"), ("codes", "Code"), ("codes", "Description"))
_COURSE_OF_SECTION = (("sections", "CourseID"), ("courses", "ID"))
_TERM = (("sections", "Semester"), ("terms", "TermCode"), ("terms", "SchoolCode"), ("terms", "StartDate"))


def _of(entity: str, **columns: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {ours: ((entity, theirs),) for ours, theirs in columns.items()}


def _all_of(entity: str, **columns: tuple[str, ...]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {ours: tuple((entity, name) for name in theirs) for ours, theirs in columns.items()}


SCHOOLS = Canonical(
    schema.SCHOOLS,
    _SCHOOLS,
    f"SELECT {', '.join(schema.SCHOOLS.column_names)} FROM schools_good {_HERE}",
    _of("schools", name="Name", state_id="StateSchoolID")
    | _all_of(
        "schools",
        school_id=("SchoolCode", "InactiveStatusCode", *LEA_COLUMNS),
        lea_id=LEA_COLUMNS,
        low_grade=("LowGradeLevel", "HighGradeLevel"),
        high_grade=("HighGradeLevel", "LowGradeLevel"),
    ),
)
TERMS = Canonical(
    schema.TERMS,
    ("schools", "terms"),
    f"SELECT {', '.join(schema.TERMS.column_names)} FROM terms_good {_HERE}",
    _of("terms", kind="TermCode")
    | _all_of(
        "terms",
        term_id=("SchoolCode", "StartDate", "TermCode"),
        name=("TermDescription", "TermCode"),
        school_year=("StartDate", "TrackTerms"),
        start_date=("StartDate", "TrackTerms"),
        end_date=("EndDate", "TrackTerms"),
    )
    | {"school_id": (("terms", "SchoolCode"), _PLACE)},
)
STUDENTS = Canonical(
    schema.STUDENTS,
    _STUDENTS,
    f"SELECT {', '.join(schema.STUDENTS.column_names)} FROM students_kept",
    _of(
        "students",
        student_id="StudentID",
        sis_key="StudentID",
        former_student_id="OldStudentID",
        state_id="StateStudentID",
        first_name="FirstName",
        middle_name="MiddleName",
        last_name="LastName",
        birth_date="Birthdate",
        gender="Gender",
        grade_level="Grade",
        entry_date="SchoolEnterDate",
        email="StudentEmailAddress",
    )
    | {
        "school_id": (("students", "SchoolCode"), *_STATUS, ("students", "SchoolEnterDate"), _PLACE),
        "next_school_id": (("students", "NextSchoolCode"), _PLACE, ("schools", "InactiveStatusCode")),
        "status": (
            *_STATUS,
            ("students_extended", "SchoolCompletionStatusCode"),
            ("enrollment", "ExitReasonCode"),
        ),
        "exit_date": (
            ("students", "SchoolLeaveDate"),
            *_STATUS,
            ("enrollment", "LeaveDate"),
            ("students_extended", "SummerWithdrawalLeaveDate"),
        ),
        "exit_reason": (
            *_STATUS,
            ("students", "SchoolEnterDate"),
            ("students_extended", "SummerWithdrawalReasonCode"),
            ("students_extended", "SummerWithdrawalLeaveDate"),
            ("students_extended", "SchoolCompletionStatusCode"),
            ("schools", "HighGradeLevel"),
            ("enrollment", "ExitReasonCode"),
            ("enrollment", "EnterDate"),
            ("enrollment", "LeaveDate"),
        ),
        "graduation_year": (("students_extended", "ExpectedGraduationDate"),),
    },
    dated=True,
)
STUDENT_SCHOOLS = Canonical(
    schema.STUDENT_SCHOOLS,
    _STUDENTS,
    # Where the student is or will be; of one who left, where that was.
    "SELECT s.district_id, s.student_id, s.place AS school_id, coalesce(s.school_id = k.school_id, false) AS is_primary,"
    " s.entry_date, s.exit_date, s.student_number FROM students_good s JOIN students_kept k USING (district_id, student_id)"
    " WHERE s.is_here AND (s.school_id IS NOT NULL OR s.status = 'pre_registered') QUALIFY row_number() OVER"
    " (PARTITION BY s.district_id, s.student_id, s.place ORDER BY s.school_id NULLS LAST, s.row_number) = 1",
    _of("students", entry_date="SchoolEnterDate", student_number="StudentNumber")
    | {
        "student_id": (_STUDENT,),
        "school_id": (("students", "SchoolCode"), _PLACE),
        "is_primary": (("students", "SchoolCode"), *_STATUS, ("students", "SchoolEnterDate")),
        "exit_date": STUDENTS.lineage["exit_date"],
    },
    dated=True,
)
COURSES = Canonical(
    schema.COURSES,
    ("courses",),
    f"SELECT {', '.join(schema.COURSES.column_names)} FROM courses_good",
    _of(
        "courses",
        course_code="ID",
        name="Title",
        credits="CreditDefault",
        department="DepartmentCode",
        is_active="InactiveStatusCode",
        is_active_next_year="NextYearInactiveStatusCode",
    )
    | _all_of("courses", low_grade=("LowGrade", "HighGrade"), high_grade=("HighGrade", "LowGrade")),
)
SCHOOL_COURSES = Canonical(
    schema.SCHOOL_COURSES,
    _SECTIONS,
    # A school without sections offers all courses that the district has, this year or the next.
    f"SELECT DISTINCT district_id, school_id, course_code FROM {_SECTIONS_HERE} UNION ALL"
    " SELECT district_id, h.school_id, c.course_code FROM schools_here h JOIN courses_good c USING (district_id)"
    f" ANTI JOIN {_SECTIONS_HERE} s ON s.district_id = h.district_id AND s.school_id = h.school_id"
    " WHERE c.is_active OR c.is_active_next_year",
    {
        "school_id": (("sections", "SchoolCode"), _PLACE),
        "course_code": (
            *_COURSE_OF_SECTION,
            ("sections", "InactiveStatusCode"),
            ("courses", "InactiveStatusCode"),
            ("courses", "NextYearInactiveStatusCode"),
        ),
    },
)
SECTIONS = Canonical(
    schema.SECTIONS,
    _SECTIONS,
    f"SELECT {', '.join(schema.SECTIONS.column_names)} FROM {_SECTIONS_HERE}",
    _all_of("sections", section_id=("SchoolCode", "SectionNumber", "InactiveStatusCode"))
    | {
        "school_id": (("sections", "SchoolCode"), _PLACE),
        "course_code": _COURSE_OF_SECTION,
        "term_id": _TERM,
    },
)
SECTION_ENROLLMENTS = Canonical(
    schema.SECTION_ENROLLMENTS,
    (*_STUDENTS, "terms", "courses", "sections", "classes", "staff"),
    "SELECT district_id, section_id, student_id AS person_id, 'student' AS role, NULL::BOOLEAN AS is_primary, start_date, end_date"
    f" FROM classes_good {_KEPT} SEMI JOIN {_SECTIONS_HERE} s USING (district_id, section_id)"
    " UNION ALL SELECT DISTINCT district_id, section_id, staff_id, 'teacher', is_primary, start_date, end_date"
    f" FROM {_TEACHERS}",
    {
        "section_id": (
            ("classes", "SchoolCode"),
            ("classes", "SectionNumber"),
            ("sections", "SchoolCode"),
            ("sections", "SectionNumber"),
        ),
        "person_id": (
            ("classes", "StudentID"),
            _STUDENT,
            ("sections", "SectionStaffMembers"),
            ("staff", "InactiveStatusCode"),
        ),
        "role": (("classes", "StudentID"), ("sections", "SectionStaffMembers")),
        "is_primary": (("sections", "SectionStaffMembers"),),
        "start_date": (
            ("classes", "DateStarted"),
            ("sections", "SectionStaffMembers"),
            ("terms", "StartDate"),
        ),
        "end_date": (("classes", "DateEnded"), ("sections", "SectionStaffMembers"), ("terms", "EndDate")),
    },
)
STAFF = Canonical(
    schema.STAFF,
    (*_SECTIONS, "staff"),
    # Sections name their teachers, so those are known where the list of staff is not read too.
    "SELECT district_id, staff_id, first_name, last_name, email, school_id FROM ("
    " SELECT p.district_id, p.staff_id, p.first_name, p.last_name, p.email, coalesce(h.school_id, t.school_id) AS school_id"
    " FROM staff_good p LEFT JOIN schools_here h USING (district_id, school_id)"
    f" LEFT JOIN (SELECT district_id, staff_id, min(school_id) AS school_id FROM {_TEACHERS} GROUP BY ALL) t USING (district_id, staff_id)"
    " WHERE p.is_active UNION ALL SELECT district_id, staff_id, min_by(first_name, section_id), min_by(last_name, section_id),"
    f" NULL::VARCHAR, min(school_id) FROM {_TEACHERS} ANTI JOIN staff_good USING (district_id, staff_id) GROUP BY district_id, staff_id"
    ") WHERE school_id IS NOT NULL",
    {
        "staff_id": (("staff", "ID"), ("staff", "InactiveStatusCode"), ("sections", "SectionStaffMembers")),
        "first_name": (("staff", "FirstName"), ("sections", "SectionStaffMembers")),
        "last_name": (("staff", "LastName"), ("sections", "SectionStaffMembers")),
        "email": (("staff", "EmailAddress"),),
        "school_id": (("staff", "PrimaryAeriesSchool"), ("sections", "SchoolCode"), _PLACE),
    },
)
STUDENT_COURSES = Canonical(
    schema.STUDENT_COURSES,
    (*_STUDENTS, "terms", "courses", "sections", "classes", "transcripts"),
    # A transcript is one of the student: each school of the student gives the same. What has ended is told by it alone.
    "SELECT district_id, student_id, course_code, name, grade_level, mark, credits, completed_on, 'completed' AS state"
    f" FROM transcripts_good {_KEPT} QUALIFY row_number() OVER (PARTITION BY district_id, student_id, sequence, course_code,"
    " name, grade_level, mark, credits, completed_on, taken_in, taken_term ORDER BY row_number) = 1"
    " UNION ALL SELECT DISTINCT e.district_id, e.student_id, e.course_code, e.course_name, k.grade_level, NULL::VARCHAR, e.credits,"
    " NULL::DATE, CASE WHEN e.start_date > c.as_of THEN 'scheduled' ELSE 'in_progress' END"
    f" FROM classes_good e SEMI JOIN {_SECTIONS_HERE} s USING (district_id, section_id)"
    " JOIN students_kept k USING (district_id, student_id) JOIN chosen c USING (district_id)"
    " WHERE k.status = 'active' AND (e.end_date < c.as_of) IS NOT TRUE",
    {
        "student_id": (("transcripts", "StudentID"), ("classes", "StudentID"), _STUDENT),
        "course_code": (("transcripts", "CourseID"), ("classes", "CourseID"), ("courses", "ID")),
        "name": (("transcripts", "TranscriptCourseTitle"), ("courses", "Title")),
        "grade_level": (("transcripts", "StudentGrade"), ("students", "Grade")),
        "mark": (("transcripts", "Mark"),),
        "credits": (("transcripts", "CreditCompleted"), ("courses", "CreditDefault")),
        "completed_on": (("transcripts", "DateOfCompletion"),),
        "state": (
            ("transcripts", "StudentID"),
            ("classes", "DateStarted"),
            ("classes", "DateEnded"),
            ("terms", "StartDate"),
            ("terms", "EndDate"),
        ),
    },
    dated=True,
)
GRADUATION_REQUIREMENTS = Canonical(
    schema.GRADUATION_REQUIREMENTS,
    ("schools", "graduation_requirements"),
    f"SELECT {', '.join(schema.GRADUATION_REQUIREMENTS.column_names)} FROM graduation_requirements_good {_HERE}",
    _of(
        "graduation_requirements",
        track="GraduationRequirementTrack",
        subject_code="SubjectAreaCode",
        subject_name="SubjectAreaDescription",
        credits="RequiredCreditFor12thGraders",
    )
    | {"school_id": (("graduation_requirements", "SchoolCode"), _PLACE)},
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
