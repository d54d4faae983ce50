"""docs/tables.md says what the definitions say."""

from __future__ import annotations

from sis_assets.model.schema import TABLES
from sis_assets.reference import PAGE, tables_page
from sis_assets.sis.kinds import RAW_TABLES


def test_the_page_is_in_step_with_the_definitions() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_page(), "run `python -m sis_assets.reference`"


def test_the_page_has_every_table_with_every_column() -> None:
    sections = {part.split("`\n", 1)[0]: part for part in tables_page().split("\n### `")[1:]}
    for table in (*RAW_TABLES, *TABLES):
        for column in table.columns:
            assert f"\n| `{column.name}` | `{column.type}` |" in sections[table.qualified]
