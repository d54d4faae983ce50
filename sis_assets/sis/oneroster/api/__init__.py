"""OneRoster by its REST API."""

from sis_assets.sis.oneroster.canonical import RECORDS, TABLES
from sis_assets.sis.oneroster.contract import RAW_TABLES, STUDENTS
from sis_assets.sis.shape import Sis

API = Sis(
    name="oneroster",
    package="oneroster.api",
    source="oneroster_api",
    description="A OneRoster API of 1.1 or 1.2, of whatever SIS.",
    technology=frozenset({"api"}),
    raw=RAW_TABLES,
    records=RECORDS,
    canonical=TABLES,
    students=STUDENTS,
)
