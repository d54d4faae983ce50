"""`python -m sis_assets.reference` writes docs/tables.md: every table and column of the warehouse, from their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sis_assets.model.schema import TABLES, Column, Table
from sis_assets.sis.kinds import ALL, RAW_TABLES

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"

_SCHEMAS = {
    "raw": "What the SIS said, as text, one set of rows an extract.",
    "core": "The canonical model: one row a thing, of the newest complete extract.",
    "lifecycle": "What was proposed, and what the product holds now.",
    "delivery": "What other systems read.",
    "requests": "What students ask for next year, on its way back to the SIS.",
    "ops": "The ledgers: what was read, compared and decided.",
}


def tables_page() -> str:
    """Return the page as Markdown."""
    parts = [
        "# Tables",
        (
            "This page is made by `python -m sis_assets.reference` from the definitions that also make the tables. Dagster shows"
            " the same descriptions. How to ask: [for analysts](analysts.md)."
        ),
        (
            "Every table has `district_id`. Ids and codes are text, dates are dates, times are UTC. A column marked ● can"
            " identify a student."
        ),
    ]
    for schema, meaning in _SCHEMAS.items():
        parts += [f"## `{schema}`", meaning]
        for table in (*RAW_TABLES, *TABLES):
            if table.schema == schema:
                parts += [f"### `{table.qualified}`", table.description, _columns(table)]
    return "\n\n".join(parts) + "\n"


def _columns(table: Table) -> str:
    sources: dict[str, list[str]] = {}
    for sis in ALL:
        for made in sis.canonical:
            for column, origins in made.lineage.items() if made.table is table else ():
                sources.setdefault(column, []).extend(
                    f"`{sis.raw_of(entity).name}.{name}`" for entity, name in origins
                )
    rows = [_row(column, sources.get(column.name, [])) for column in table.columns]
    return "\n".join(["| column | type | | meaning |", "|---|---|---|---|", *rows])


def _row(column: Column, sources: Sequence[str]) -> str:
    origins = ", ".join(dict.fromkeys(sources))
    meaning = f"{column.description} From {origins}." if origins else column.description
    mark = "●" if column.pii else ""
    return f"| `{column.name}` | `{column.type}` | {mark} | {meaning.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    PAGE.write_text(tables_page(), encoding="utf-8")
