"""PowerSchool, by its API plugin."""

from sis_assets.sis.powerschool.canonical import RECORDS, TABLES
from sis_assets.sis.powerschool.contract import RAW_TABLES
from sis_assets.sis.shape import Sis

POWERSCHOOL = Sis("powerschool", "powerschool", RAW_TABLES, RECORDS, TABLES)
