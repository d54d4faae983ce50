"""eSchoolPLUS: files in the Career Cruising and Xello layouts, and the OneRoster face of its API."""

from dataclasses import replace

from sis_assets.sis.eschoolplus.canonical import RECORDS, TABLES
from sis_assets.sis.eschoolplus.contract import RAW_TABLES
from sis_assets.sis.oneroster import api as oneroster_api
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
API = replace(
    oneroster_api.API,
    package="eschoolplus.api",
    source="eschoolplus_api",
    description="eSchoolPLUS's PLUS 360 API, by the API profile that the district has activated.",
)
