"""PowerSchool, by its API plugin."""

from sis_assets.sis.powerschool.canonical import RECORDS, TABLES
from sis_assets.sis.powerschool.contract import RAW_TABLES
from sis_assets.sis.shape import STUDENT_ID, Sis

POWERSCHOOL = Sis(
    name="powerschool",
    package="powerschool",
    source="powerschool_api",
    description="PowerSchool's API, opened by the plugin that the district has installed.",
    technology=frozenset({"api"}),
    raw=RAW_TABLES,
    records=RECORDS,
    canonical=TABLES,
    students={
        "students": {"local_id": STUDENT_ID, "id": "dcid"},
        "student_ids": {"id": "table_id", "dcid": "dcid"},
        "reenrollments": {"studentid": "table_id"},
        "section_enrollments": {"student_id": "dcid"},
        "stored_grades": {"studentid": "table_id"},
    },
)
