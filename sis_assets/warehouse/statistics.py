"""Makes the catalog's statistics of every table what its files say: no more, for privacy, and no less, for right answers.

DuckLake keeps the smallest and largest value of each column of a table. When files go it leaves them as they are: a name
that was the first or last in its column would stay in the catalog for good. When files are rewritten it makes them of the
current files alone, though older states are still kept: reading those then gives wrong values, since values are packed by
these figures. Here they are made of all files that any kept state needs. See docs/decisions/table-statistics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sis_assets.warehouse.opening import LAKE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CATALOG: Final = f"__ducklake_metadata_{LAKE}"
#: DuckLake's types of columns, as a pattern, and as what the texts of their values compare.
_TYPES: Final = {
    "varchar": "VARCHAR",
    "date": "DATE",
    "timestamptz": "TIMESTAMPTZ",
    "boolean": "BOOLEAN",
    "int%": "HUGEINT",
    "decimal%": "DECIMAL(38, 9)",
}


def fit(connection: DuckDBPyConnection) -> int:
    """Set the statistics of every table to what its files say, and return how many columns' changed.

    The transaction is the caller's, with the writers' lock. A column of which a file does not say what it holds is left as
    it is; values of rows that are deleted but still in a file stay.
    """
    changed = 0
    for pattern, cast in _TYPES.items():
        for table_id, column_id, low, high, nulls in connection.execute(
            _FITTING.format(pattern=pattern, cast=cast)
        ).fetchall():
            connection.execute(
                f"UPDATE {_CATALOG}.ducklake_table_column_stats SET min_value = ?, max_value = ?, contains_null = ?"
                " WHERE table_id = ? AND column_id = ?",
                [low, high, nulls, table_id, column_id],
            )
            changed += 1
    return changed


_FITTING: Final = f"""
WITH columns AS (
  SELECT table_id, column_id FROM {_CATALOG}.ducklake_column
  WHERE end_snapshot IS NULL AND lower(column_type) LIKE '{{pattern}}'
), said AS (
  SELECT table_id, column_id, arg_min(min_value, TRY_CAST(min_value AS {{cast}})) AS low,
    arg_max(max_value, TRY_CAST(max_value AS {{cast}})) AS high, bool_or(null_count IS DISTINCT FROM 0) AS nulls,
    bool_or((TRY_CAST(min_value AS {{cast}}) IS NULL OR TRY_CAST(max_value AS {{cast}}) IS NULL)
      AND value_count IS DISTINCT FROM 0) AS silent
  FROM {_CATALOG}.ducklake_file_column_stats JOIN columns USING (table_id, column_id)
  JOIN {_CATALOG}.ducklake_data_file USING (data_file_id, table_id) GROUP BY ALL
), fitting AS (
  SELECT t.*, s.low, s.high, CAST(t.contains_null AS BOOLEAN) OR coalesce(s.nulls, false) AS nulls
  FROM {_CATALOG}.ducklake_table_column_stats t JOIN columns USING (table_id, column_id)
  LEFT JOIN said s USING (table_id, column_id) WHERE NOT coalesce(s.silent, false)
)
SELECT table_id, column_id, low, high, nulls FROM fitting WHERE min_value IS DISTINCT FROM low
  OR max_value IS DISTINCT FROM high OR CAST(contains_null AS BOOLEAN) IS DISTINCT FROM nulls
"""
