"""Takes from the catalog the smallest and largest values of rows that are gone.

DuckLake widens a table's statistics with every file that comes and never narrows them when one goes: of whatever was
purged, a name that was the first or the last in its column would stay in the catalog for good. Here they are narrowed to
what the current files say of themselves. They must never say less than is there: DuckLake packs values by them, and too
narrow ones give wrong results. See docs/decisions/purged-statistics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sis_assets.warehouse.opening import LAKE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CATALOG = f"__ducklake_metadata_{LAKE}"
#: Types of columns that may hold what identifies a student; the others hold counts, places and times of ours.
_TELLING = {"varchar": "VARCHAR", "date": "DATE"}


def narrow(connection: DuckDBPyConnection) -> int:
    """Narrow the statistics of every table and return how many columns' changed; the transaction is the caller's.

    The writers' lock must be held, and no file may have deleted rows left in it, else their values stay. A column of which
    a file does not say what it holds is left as it is.
    """
    changed = 0
    for kind, cast in _TELLING.items():
        for table_id, column_id, low, high in connection.execute(
            _NARROWER.format(kind=kind, cast=cast)
        ).fetchall():
            connection.execute(
                f"UPDATE {_CATALOG}.ducklake_table_column_stats SET min_value = ?, max_value = ?"
                " WHERE table_id = ? AND column_id = ?",
                [low, high, table_id, column_id],
            )
            changed += 1
    return changed


_NARROWER = f"""
WITH columns AS (
  SELECT table_id, column_id FROM {_CATALOG}.ducklake_column
  WHERE end_snapshot IS NULL AND lower(column_type) = '{{kind}}'
), current AS (
  SELECT table_id, column_id, f.min_value, f.max_value, f.value_count
  FROM {_CATALOG}.ducklake_file_column_stats f JOIN columns USING (table_id, column_id)
  JOIN {_CATALOG}.ducklake_data_file d USING (data_file_id, table_id) WHERE d.end_snapshot IS NULL
), said AS (
  SELECT table_id, column_id, arg_min(min_value, TRY_CAST(min_value AS {{cast}})) AS low,
    arg_max(max_value, TRY_CAST(max_value AS {{cast}})) AS high,
    bool_or((TRY_CAST(min_value AS {{cast}}) IS NULL OR TRY_CAST(max_value AS {{cast}}) IS NULL)
      AND value_count IS DISTINCT FROM 0) AS silent
  FROM current GROUP BY ALL
)
SELECT t.table_id, t.column_id, s.low, s.high FROM {_CATALOG}.ducklake_table_column_stats t
JOIN columns USING (table_id, column_id) LEFT JOIN said s USING (table_id, column_id)
WHERE NOT coalesce(s.silent, false) AND (t.min_value IS DISTINCT FROM s.low OR t.max_value IS DISTINCT FROM s.high)
"""
