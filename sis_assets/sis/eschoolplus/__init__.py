"""eSchoolPLUS, and files in the Career Cruising and Xello layouts."""

from sis_assets.sis.eschoolplus.canonical import RECORDS, TABLES
from sis_assets.sis.eschoolplus.contract import RAW_TABLES
from sis_assets.sis.shape import STUDENT_ID, Sis

FILES = Sis(
    name="eschoolplus",
    package="eschoolplus",
    source="eschoolplus_files",
    description="Files of the eSchoolPLUS Career Cruising utility or in Xello's layouts, dropped by the district.",
    technology=frozenset({"file", "sftp"}),
    raw=RAW_TABLES,
    records=RECORDS,
    canonical=TABLES,
    students={"students": {"StudentID": STUDENT_ID}, "student_courses": {"StudentID": STUDENT_ID}},
)
