"""eSchoolPLUS, and files in the Career Cruising and Xello layouts."""

from sis_assets.sis.eschoolplus.canonical import RECORDS, TABLES
from sis_assets.sis.eschoolplus.contract import RAW_TABLES
from sis_assets.sis.shape import Sis

FILES = Sis("eschoolplus", "eschoolplus", RAW_TABLES, RECORDS, TABLES)
