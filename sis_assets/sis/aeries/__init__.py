"""Aeries, by its API certificate."""

from sis_assets.sis.aeries.canonical import RECORDS, TABLES
from sis_assets.sis.aeries.contract import RAW_TABLES
from sis_assets.sis.shape import STUDENT_ID, Sis

AERIES = Sis(
    name="aeries",
    package="aeries",
    source="aeries_api",
    description="Aeries' API, opened by the certificate that the district has made.",
    technology=frozenset({"api"}),
    raw=RAW_TABLES,
    records=RECORDS,
    canonical=TABLES,
    students={
        entity: {"StudentID": STUDENT_ID}
        for entity in (
            "students",
            "students_extended",
            "enrollment",
            "classes",
            "transcripts",
            "graduation_status",
        )
    },
)
