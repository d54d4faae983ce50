"""`query`: ask the warehouse, reading only."""

from __future__ import annotations

import csv
import json
import re
import sys
from enum import StrEnum
from typing import Annotated

import typer

from sis_assets.cli.printing import cell, moment, plain, print_rows, stop
from sis_assets.cli.warehouse import lake

_EXTRACT = re.compile(r"[a-z0-9-]+-\d{6,}")


class Format(StrEnum):
    """How `query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def query(
    sql: Annotated[str, typer.Argument(help="A query; tables are schema.table, such as core.students.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Every table as it was: at a time (ISO 8601 with its offset), or when an extract had been applied (its id)."
        ),
    ] = None,
) -> None:
    """Ask the warehouse, reading only: one SELECT, DESCRIBE, SHOW or EXPLAIN."""
    import duckdb  # noqa: PLC0415 - heavy, only where needed

    reading = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
    from sis_assets.warehouse.lake import wide  # noqa: PLC0415 - beside its use

    past = None if as_of is None else _snapshot(as_of)
    with lake(snapshot=past) as warehouse, warehouse.read() as connection, wide(connection):
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in reading:
                stop("`query` only reads: give one SELECT, DESCRIBE, SHOW or EXPLAIN.")
            cursor = connection.execute(statements[0])
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
            stop(str(error))  # of the query's own words
        except duckdb.Error as error:
            stop(
                f"The query failed with {type(error).__name__}; its text is withheld, it may quote a student's data."
            )
    if form is Format.JSON:
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            stop(f"Several columns are named {', '.join(doubled)}; give each a name of its own for JSON.")
        objects = [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
        sys.stdout.write(json.dumps(objects, ensure_ascii=False) + "\n")
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([cell(value) for value in row] for row in rows)
    else:
        print_rows(names, rows)


def _snapshot(as_of: str) -> int:
    """Return the snapshot that `--as-of` means: an extract by its id, else a time."""
    from sis_assets.warehouse.history import snapshot_after, snapshot_at  # noqa: PLC0415 - beside its use

    with lake() as warehouse, warehouse.read() as connection:
        if _EXTRACT.fullmatch(as_of):
            return snapshot_after(connection, as_of)
        return snapshot_at(connection, moment(as_of, option="--as-of"))
