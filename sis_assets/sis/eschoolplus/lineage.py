"""From which column of which file each canonical column comes; a test keeps it in step with the queries."""

from __future__ import annotations

from collections.abc import Mapping

from sis_assets.model.schema import (
    COURSES,
    SCHOOL_COURSES,
    SCHOOLS,
    STUDENT_COURSES,
    STUDENT_SCHOOLS,
    STUDENTS,
    Table,
)

Sources = Mapping[str, tuple[tuple[str, str], ...]]

_KNOWN = ("schools", "SchoolCode")

#: Of which files each canonical table is made.
MADE_OF: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "schools": (SCHOOLS, ("schools",)),
    "courses": (COURSES, ("schools", "courses")),
    "school_courses": (SCHOOL_COURSES, ("schools", "courses")),
    "students": (STUDENTS, ("schools", "students")),
    "student_schools": (STUDENT_SCHOOLS, ("schools", "students")),
    "student_courses": (STUDENT_COURSES, ("schools", "students", "student_courses")),
}
CORE_FROM_RAW: Mapping[str, Sources] = {
    "schools": {
        "school_id": (_KNOWN,),
        "name": (("schools", "Name"),),
        "school_type": (("schools", "SchoolType"),),
    },
    "courses": {
        "course_code": (("courses", "CourseCode"),),
        "name": (("courses", "CourseName"),),
        "credits": (("courses", "CreditValue"),),
        "low_grade": (("courses", "GradeLower"),),
        "high_grade": (("courses", "GradeUpper"),),
        "is_active": (("courses", "CourseCode"),),
    },
    "school_courses": {
        "school_id": (("courses", "SchoolCode"), _KNOWN),
        "course_code": (("courses", "CourseCode"),),
    },
    "students": {
        "student_id": (("students", "StudentID"),),
        "state_id": (("students", "StateProvNumber"),),
        "first_name": (("students", "FirstName"),),
        "middle_name": (("students", "MiddleName"),),
        "last_name": (("students", "LastName"),),
        "birth_date": (("students", "DateOfBirth"),),
        "gender": (("students", "Gender"),),
        "grade_level": (("students", "CurrentGrade"),),
        "school_id": (("students", "CurrentSchoolCode"), _KNOWN),
        "next_school_id": (("students", "PreRegSchoolCode"),),
        "status": (("students", "StudentID"),),
        "email": (("students", "Email"),),
        "graduation_year": (("students", "GraduationYear"),),
    },
    "student_schools": {
        "student_id": (("students", "StudentID"),),
        "school_id": (("students", "CurrentSchoolCode"), _KNOWN),
        "is_primary": (("students", "CurrentSchoolCode"),),
    },
    "student_courses": {
        "student_id": (("student_courses", "StudentID"), ("students", "StudentID")),
        "course_code": (("student_courses", "CourseCode"),),
        "name": (("student_courses", "CourseName"),),
        "grade_level": (("student_courses", "GradeLevel"),),
        "mark": (("student_courses", "GradeMark"),),
        "credits": (("student_courses", "CreditValue"),),
        "completed_on": (("student_courses", "DateCourseComplete"),),
        "state": (("student_courses", "GradeMark"), ("student_courses", "DateCourseComplete")),
    },
}
