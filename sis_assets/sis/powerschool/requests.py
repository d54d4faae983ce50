"""Course requests into PowerSchool: a tab-separated file for the administrator (contract: PowerSchool §1.11).

The file's columns are those of the table ScheduleRequests, to which the administrator maps them. CourseNumber is one
character shorter there than in Courses.
"""

from __future__ import annotations

from sis_assets.model.canonical import grade
from sis_assets.model.requests import Limits
from sis_assets.sis.request_form import Always, Form, delimited

#: 0 is kindergarten or unset, 99 stands for leavers: then the grade after this year's is the next.
_NEXT_GRADES = (
    "SELECT district_id, local_id AS student_id, any_value(next_grade) AS next_grade FROM"
    f" (SELECT district_id, local_id, {grade('sched_next_year_grade', 'NULL')} AS next_grade FROM raw.powerschool_students"
    " SEMI JOIN chosen USING (district_id, extract_id) WHERE coalesce(sched_next_year_grade, '') NOT IN ('', '0', '99'))"
    " GROUP BY ALL"
)

FORM = Form(
    files={"file": {"course_requests.txt": delimited}},
    limits=Limits(course_characters=10, delimiter="\t"),
    columns={
        "Student_Number": "student_id",
        "CourseNumber": "course_code",
        "SchoolID": "school_id",
        "YearID": "year_id",
        "AlternateGroupCode": Always(""),
        "GlobalAlternateCourse": "is_alternate",
        "AlternatePriority": "alternate_priority",
    },
    next_grades=_NEXT_GRADES,
)
