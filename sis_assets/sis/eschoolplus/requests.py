"""Course requests into eSchoolPLUS: a file for an upload definition on SCHD_STU_REQ (contract: eSchoolPLUS §1.5, §1.3).

The columns are the table's key and its NOT NULL columns; the letters and the interval are district validation tables, so
each is a setting. The file is cp1252, whatever the district's own files are.
"""

from __future__ import annotations

from sis_assets.model.requests import Limits
from sis_assets.sis.request_form import Always, Form, delimited

FORM = Form(
    # The upload is run twice: to verify, which changes nothing and writes a log, then for good.
    files={"file": {"course_requests.verify.csv": delimited, "course_requests.csv": delimited}},
    limits=Limits(course_characters=10, delimiter=",", encoding="cp1252"),
    columns={
        "STUDENT_ID": "student_id",
        "SCHOOL_YEAR": "school_year",
        "BUILDING": "school_id",
        "SCHD_INTERVAL": Always("1"),
        "COURSE": "course_code",
        "REQUEST_TYPE": "type",
        "IS_LOCKED": Always("N"),
        "TEACHER_OVERLOAD": Always("N"),
        "RETAKE": Always("N"),
        "ALT_TO_REQUEST": "alternate_for",
        "ALTERNATE_SEQUENCE": "alternate_priority",
    },
    types={"primary": "R", "alternate": "A"},
)
