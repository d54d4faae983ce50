"""What is read of PowerSchool: each entity, where it stands there, and its fields. The one list of all of them.

The client's addresses, expansions and projections, the raw tables, and the plugin's access requests and queries are all
made of it. Contract: PowerSchool §1.4 (`/ws/v1`), §1.7 (queries), §1.10 (columns of tables).
"""

from __future__ import annotations

from sis_assets.sis.documents.layout import Field
from sis_assets.sis.powerschool.layout import V1, Entity, Query, TableRows

#: What the metadata calls the page size of tables and queries.
TABLE_LIMIT = "schema_table_query_max_page_size"


def _codes(kind: str) -> Entity:
    return Entity(
        f"{kind}_codes",
        f"The district's {kind} codes.",
        V1(
            "/ws/v1/district",
            ("district", f"{kind}_codes", f"{kind}_code"),
            limit=None,
            counted=False,
            expandable=frozenset({f"{kind}_codes"}),
        ),
        (
            Field("id", "The code's key.", required=True),
            Field("code", "The code.", required=True),
            Field("description", "What the district means by it."),
            Field("sort_order", "Its place in PowerSchool's lists."),
        ),
        may_be_empty=True,
    )


ENTRY_CODES, EXIT_CODES = _codes("entry"), _codes("exit")
SCHOOLS = Entity(
    "schools",
    "The district's schools.",
    V1("/ws/v1/district/school", ("schools", "school"), "school_max_page_size", counted=False),
    (
        Field("id", "The school's DCID.", required=True),
        Field("school_number", "The school's number; tables call it SchoolID.", required=True),
        Field("name", "The school's name.", required=True),
        Field("state_province_id", "The state's code of the school."),
        Field("low_grade", "Lowest grade; 0 is kindergarten, negative is before it."),
        Field("high_grade", "Highest grade."),
        Field("alternate_school_number", "A second number of the school, 0 for none."),
    ),
    dropped=("addresses", "phones", "principal", "assistant_principal"),
)
TERMS = Entity(
    "terms",
    "The terms of each school.",
    V1("/ws/v1/school/{id}/term", ("terms", "term"), "term_max_page_size", "schools"),
    (
        Field("id", "The term's DCID; not the TermID of tables.", required=True),
        Field("school_id", "The school's DCID.", required=True),
        Field("start_year", "The year in which its school year begins.", required=True),
        Field("portion", "1 year, 2 semester, 3 trimester, 4 quarter."),
        Field("start_date", "First day.", required=True),
        Field("end_date", "Last day.", required=True),
        Field("abbreviation", "Short name."),
        Field("name", "Name.", required=True),
    ),
)
STUDENTS = Entity(
    "students",
    "All students that PowerSchool has, also those who left.",
    V1(
        "/ws/v1/district/student",
        ("students", "student"),
        "student_max_page_size",
        expandable=frozenset({"demographics", "school_enrollment", "contact_info", "schedule_setup"}),
    ),
    (
        Field("id", "The student's DCID.", required=True, pii=True),
        Field("local_id", "The student number.", required=True, pii=True),
        Field("state_province_id", "The state's student id.", pii=True),
        Field("student_username", "The student's login name.", pii=True),
        Field("name.first_name", "First name.", required=True, pii=True),
        Field("name.middle_name", "Middle name.", pii=True),
        Field("name.last_name", "Last name.", required=True, pii=True),
        Field("demographics.gender", "Gender."),
        Field("demographics.birth_date", "Date of birth.", pii=True),
        Field("demographics.projected_graduation_year", "Expected graduation year."),
        Field("demographics.district_entry_date", "First day in the district."),
        Field("school_enrollment.enroll_status", "Letter of the status: A P I T G H."),
        Field("school_enrollment.enroll_status_description", "The status in words."),
        Field(
            "school_enrollment.enroll_status_code",
            "0 active, -1 pre-registered, 2 transferred out, 3 graduated, 4 imported as historical, others inactive.",
            required=True,
            also=("school_enrollment.status_code",),
        ),
        Field(
            "school_enrollment.grade_level", "Grade; 0 is kindergarten, negative is before it.", required=True
        ),
        Field("school_enrollment.entry_date", "First day of the current enrolment."),
        Field(
            "school_enrollment.exit_date", "The day after its last day; planned for students who are active."
        ),
        Field("school_enrollment.school_number", "The number of the school.", required=True),
        Field("school_enrollment.school_id", "The DCID of the school."),
        Field("school_enrollment.entry_code", "Entry code of the current enrolment."),
        Field("school_enrollment.exit_code", "Exit code of the current enrolment."),
        Field("school_enrollment.district_of_residence", "The district in which the student lives."),
        Field("school_enrollment.track", "Calendar track, A to H."),
        Field("contact_info.email", "E-mail address.", pii=True),
        Field("schedule_setup.home_room", "Home room."),
        Field(
            "schedule_setup.next_school",
            "The number of next year's school; 0 for none, 999999 for graduates.",
        ),
        Field(
            "schedule_setup.sched_next_year_grade",
            "Next year's grade; 99 for leavers; 0 is kindergarten or unset.",
        ),
    ),
    dropped=(
        "school_enrollment.entry_comment",
        "school_enrollment.exit_comment",
        "school_enrollment.full_time_equivalency",
    ),
)
STUDENT_IDS = Entity(
    "student_ids",
    "Which internal ID of the tables belongs to which DCID of a student.",
    TableRows("students"),
    (
        Field("dcid", "The student's DCID.", required=True, pii=True),
        Field("id", "The student's ID, which other tables call StudentID.", required=True, pii=True),
    ),
)
REENROLLMENTS = Entity(
    "reenrollments",
    "Every enrolment of a student but the current one.",
    TableRows("reenrollments"),
    (
        Field("dcid", "The enrolment's DCID.", required=True),
        Field("studentid", "The student's ID.", required=True, pii=True),
        Field("schoolid", "The number of the school.", required=True),
        Field("entrydate", "First day.", required=True),
        Field("exitdate", "The day after the last day.", required=True),
        Field("exitcode", "Exit code.", required=True),
    ),
    may_be_empty=True,
)
COURSES = Entity(
    "courses",
    "The course catalogue.",
    TableRows("courses"),
    (
        Field("dcid", "The course's DCID.", required=True),
        Field("id", "The course's ID, which other tables call CourseID.", required=True),
        Field("course_number", "The course number.", required=True),
        Field("course_name", "The course's name.", required=True),
        Field("credit_hours", "Credits.", required=True),
        Field("credittype", "Credit type: the subject for graduation requirements.", required=True),
        Field("schoolid", "0 for a course of the district, else the school's number.", required=True),
        Field("sched_department", "Department.", required=True),
        Field("reggradelevels", "Grades that may request it, separated by commas.", required=True),
    ),
)
SCHOOL_COURSES = Entity(
    "school_courses",
    "Which school offers which course in this year and the next.",
    TableRows("school_course"),
    (
        Field("dcid", "The row's DCID.", required=True),
        Field("courseid", "The course's ID.", required=True),
        Field("schoolid", "The school's number.", required=True),
        Field("yearid", "The school year: the year in which it begins, less 1990.", required=True),
    ),
    may_be_empty=True,
)
SECTIONS = Entity(
    "sections",
    "The sections of each school.",
    V1("/ws/v1/school/{id}/section", ("sections", "section"), "section_max_page_size", "schools"),
    (
        Field("id", "The section's DCID.", required=True),
        Field("school_id", "The school's DCID.", required=True),
        Field("course_id", "The course's DCID.", required=True),
        Field("term_id", "The term's DCID.", required=True),
        Field("section_number", "The section's number in its course."),
        Field("expression", "When it meets."),
        Field("staff_id", "The id of its teacher."),
    ),
    may_be_empty=True,
)
SECTION_ENROLLMENTS = Entity(
    "section_enrollments",
    "Which student is in which section of this year and the next.",
    V1(
        "/ws/v1/section/{id}/section_enrollment",
        ("section_enrollments", "section_enrollment"),
        "section_enrollment_max_page_size",
        "sections",
    ),
    (
        Field("id", "The enrolment's DCID.", required=True),
        Field("section_id", "The section's DCID.", required=True),
        Field("student_id", "The student's DCID.", required=True, pii=True),
        Field("entry_date", "First day."),
        Field("exit_date", "The day after the last day."),
        Field("dropped", "true when the student dropped the section."),
    ),
    may_be_empty=True,
    query=Query(
        name="org.sisassets.sync.section.enrollments",
        description="Which student is in which section, from a term on",
        core_table="cc",
        argument=("first_term", "CC.TERMID"),
        columns=(
            ("CC.DCID", "id"),
            ("SECTIONS.DCID", "section_id"),
            ("STUDENTS.DCID", "student_id"),
            ("CC.DATEENROLLED", "entry_date"),
            ("CC.DATELEFT", "exit_date"),
            ("CC.SECTIONID", "dropped"),
        ),
        sql=(
            "SELECT cc.dcid AS id, sections.dcid AS section_id, students.dcid AS student_id,"
            " to_char(cc.dateenrolled, 'YYYY-MM-DD') AS entry_date, to_char(cc.dateleft, 'YYYY-MM-DD') AS exit_date,"
            " CASE WHEN cc.sectionid < 0 THEN 'true' ELSE 'false' END AS dropped"
            " FROM cc JOIN sections ON sections.id = abs(cc.sectionid) JOIN students ON students.id = cc.studentid"
            " WHERE abs(cc.termid) >= :first_term ORDER BY cc.dcid"
        ),
    ),
)
STAFF = Entity(
    "staff",
    "The active staff of each school.",
    V1(
        "/ws/v1/school/{id}/staff",
        ("staffs", "staff"),
        "staff_max_page_size",
        "schools",
        counted=False,
        expandable=frozenset({"emails", "school_affiliations"}),
    ),
    (
        Field("id", "The person's DCID.", required=True, pii=True),
        Field("local_id", "The person's number in the district.", pii=True),
        Field("admin_username", "Login name for administrators.", pii=True),
        Field("teacher_username", "Login name for teachers.", pii=True),
        Field("name.first_name", "First name.", pii=True),
        Field("name.middle_name", "Middle name.", pii=True),
        Field("name.last_name", "Last name.", required=True, pii=True),
        Field("emails.work_email", "E-mail address.", pii=True),
        Field("school_affiliations.school_affiliation", "JSON: the schools at which the person works."),
    ),
    dropped=("addresses", "phones"),
    may_be_empty=True,
)
STORED_GRADES = Entity(
    "stored_grades",
    "The transcripts: grades as they were stored.",
    TableRows("storedgrades"),
    (
        Field("dcid", "The row's DCID.", required=True),
        Field("studentid", "The student's ID.", required=True, pii=True),
        Field("course_number", "The course number; empty for many transferred courses.", required=True),
        Field("course_name", "The course's name.", required=True),
        Field("storecode", "What was stored: a quarter, a semester, the year.", required=True),
        Field("grade", "The mark.", required=True, pii=True),
        Field("earnedcrhrs", "Credits earned.", required=True),
        Field("grade_level", "Grade in which it was taken.", required=True),
        Field("datestored", "When the grade was stored.", required=True),
        Field("excludefromtranscripts", "1 when it stands in no transcript.", required=True),
    ),
    may_be_empty=True,
)
GRADUATION_SETS = Entity(
    "graduation_sets",
    "Sets of graduation requirements.",
    TableRows("gradreqsets"),
    (
        Field("dcid", "The set's DCID.", required=True),
        Field("id", "The set's ID.", required=True),
        Field("name", "The set's name: a diploma or track.", required=True),
    ),
    may_be_empty=True,
)
GRADUATION_REQUIREMENTS = Entity(
    "graduation_requirements",
    "The requirements of each set.",
    TableRows("gradreq"),
    (
        Field("dcid", "The requirement's DCID.", required=True),
        Field("gradreqsetid", "The ID of its set.", required=True),
        Field("name", "The requirement's name: a subject.", required=True),
        Field("reqcrhrs", "Credits required.", required=True),
        Field("credittype", "The credit types that count, separated by commas.", required=True),
        Field("schoolid", "The number of the school for which it is, 0 for all.", required=True),
    ),
    may_be_empty=True,
)

#: In the order in which they are read: what others are asked by comes first.
ENTITIES = (
    ENTRY_CODES,
    EXIT_CODES,
    SCHOOLS,
    TERMS,
    STUDENTS,
    STUDENT_IDS,
    REENROLLMENTS,
    COURSES,
    SCHOOL_COURSES,
    SECTIONS,
    SECTION_ENROLLMENTS,
    STAFF,
    STORED_GRADES,
    GRADUATION_SETS,
    GRADUATION_REQUIREMENTS,
)
RAW_TABLES = tuple(entity.raw for entity in ENTITIES)

#: The pseudo-school "Graduated Students"; counts leave it out.
GRADUATED_STUDENTS = "999999"
