"""Course requests into PowerSchool: a tab-separated file for the administrator, or rows by its API (contract: PowerSchool §1.11).

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

#: ScheduleRequests.StudentID is Students.ID, which is neither the DCID nor the student's number.
_IDS = (
    "SELECT s.district_id, NULL::VARCHAR AS school_id, s.local_id AS student_id, any_value(i.id) AS number"
    " FROM raw.powerschool_students s JOIN raw.powerschool_student_ids i ON i.district_id = s.district_id"
    " AND i.extract_id = s.extract_id AND i.dcid = s.id SEMI JOIN chosen c ON c.district_id = s.district_id"
    " AND c.extract_id = s.extract_id GROUP BY ALL HAVING count(DISTINCT i.id) = 1"
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
    numbers=_IDS,
    api="powerschool.schedule_requests",
)
