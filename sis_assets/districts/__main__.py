"""`python -m sis_assets.districts` rewrites the schema file and the key tables from the models."""

from pathlib import Path

from sis_assets.districts.schema import SCHEMA_FILE, key_tables, schema_text

BEGIN, END = "<!-- keys: made by `python -m sis_assets.districts` -->\n", "<!-- end of keys -->\n"
PAGE = Path(__file__).parents[2] / "docs" / "district-file.md"


def with_tables(page: str) -> str:
    """Return the documentation page with the key tables between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{key_tables()}\n{END}{after}"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
