"""OneRoster by CSV files, loose or in one zip, whole or as changes."""

from sis_assets.sis.oneroster.canonical import RECORDS, TABLES
from sis_assets.sis.oneroster.contract import RAW_TABLES, STUDENTS
from sis_assets.sis.shape import Sis

FILES = Sis(
    name="oneroster",
    package="oneroster.files",
    source="oneroster_files",
    description="OneRoster 1.1 or 1.2 in CSV files, loose or in one zip, dropped by the district or its SIS.",
    technology=frozenset({"file", "sftp"}),
    raw=RAW_TABLES,
    records=RECORDS,
    canonical=TABLES,
    students=STUDENTS,
)
