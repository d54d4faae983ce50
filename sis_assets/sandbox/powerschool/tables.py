"""The table API, `/ws/schema/table` (contract: PowerSchool §1.6): text only, chosen columns, grants field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from sis_assets.sandbox.json_text import joined, member, text, whole
from sis_assets.sandbox.powerschool.data import REQUESTS, District
from sis_assets.sandbox.powerschool.database import CLOBS, VIEWS, Database
from sis_assets.sandbox.powerschool.fiql import condition, parsed
from sis_assets.sandbox.powerschool.json_text import as_text
from sis_assets.sandbox.powerschool.pages import counted, page_asked, rows_of_page
from sis_assets.sandbox.powerschool.plugin import Rights
from sis_assets.sandbox.powerschool.reply import Call, Refusal
from sis_assets.sandbox.reply import Reply

#: The column schedulerequests.coursenumber is one character shorter than courses.course_number (contract §1.11).
_REQUESTED_COURSE_NUMBER = 10


def catalogue(database: Database) -> Reply:
    """Answer the list of tables."""
    names = [{"tables": {"name": name}} for name in sorted(database.names)]
    return Reply(json.dumps({"name": "tables", "record": names}))


def listing(call: Call, database: Database, rights: Rights) -> Reply:
    """Answer a page of a table.

    Raises Refusal: 404 unknown table, 405 view, 400 without projection or for an unknown column, 403 without a grant.
    """
    name = _table(call, database)
    columns = _projected(call, name, database, rights)
    rows = _filtered(call, name, columns, database, rights)
    page, size = page_asked(call.query, "schema_table_query", database.settings)
    found = rows_of_page(rows, page, size, call.twist)
    record = f',"record":[{",".join(found)}]' if found or database.settings.empty_records == "list" else ""
    return Reply(f'{{"name":"{name}"{record}}}')


def count(call: Call, database: Database, rights: Rights) -> Reply:
    """Answer how many rows a table has. Without a filter it needs no grant. Raises Refusal as `listing`."""
    name = _table(call, database)
    rows = (
        database.table(name).select(pl.all_horizontal(_conditions(call, name, database, rights)).sum()).item()
    )
    return Reply(f'{{"count":{counted(rows, call.twist)}}}')


def single(call: Call, database: Database, rights: Rights) -> Reply:
    """Answer one row by its DCID. Raises Refusal as `listing`, and 404 where there is no such row."""
    name = _table(call, database)
    columns = _projected(call, name, database, rights)
    place = database.table(name)["dcid"].index_of(_dcid(call))
    if place is None:
        raise Refusal(404, "Resource not found")
    row: str = _rendered(name, columns, database)[place]
    record = json.loads(row)
    return Reply(json.dumps({"id": record["id"], "name": name, "tables": record["tables"]}))


def metadata(call: Call, database: Database, rights: Rights) -> Reply:
    """Answer the columns of a table; with `expansions=access`, what the plugin may do with each."""
    name = _table(call, database)
    with_access = "access" in call.query.get("expansions", "").split(",")
    columns = [
        {"name": column.upper(), "type": _type(column, kind)}
        | ({"access": _access(rights, call, name, column)} if with_access else {})
        for column, kind in database.table(name).schema.items()
    ]
    return Reply(json.dumps({"name": name, "primaryKey": "DCID", "columns": columns}))


def inserted(call: Call, database: Database, rights: Rights) -> tuple[Reply, District]:
    """Answer a POST on schedulerequests, the one table that may be written; gives the district after it.

    A row that is wrong is told inside an answer with status 200 (contract §1.12, 7). Raises Refusal as the server is
    set: 405 or 403, or 400 for a body that names no columns of the table.
    """
    name = _table(call, database)
    mode = database.settings.schedule_requests
    if name != "schedulerequests" or mode == "405":
        raise Refusal(405, "GET, POST and PUT are not allowed on table")
    columns = _written(call, name)
    lacking = [column for column in columns if rights.access(name, column) != "FullAccess"]
    if mode == "403" or lacking:
        raise _not_granted(name, lacking or columns)
    unknown = [column for column in columns if column not in REQUESTS]
    if unknown:
        raise _unknown_column(name, unknown[0])
    district = database.district
    problem = _problem(columns, database)
    if problem:
        failure = {"field": f"{name}/{problem[0]}", "error_code": problem[1], "error_description": problem[2]}
        result = {"status": "ERROR", "action": "INSERT", "error_message": {"error": failure}}
        return _written_reply(0, result), district
    dcid = 90_000 + district.requests.height
    row = pl.DataFrame([{**dict.fromkeys(REQUESTS), **columns, "dcid": dcid}], schema=list(REQUESTS)).select(
        pl.col(column).cast(kind) for column, kind in REQUESTS.items()
    )
    result = {
        "status": "SUCCESS",
        "action": "INSERT",
        "success_message": {"id": dcid, "ref": f"/ws/schema/table/{name}/{dcid}"},
    }
    return _written_reply(1, result), replace(district, requests=pl.concat([district.requests, row]))


def _table(call: Call, database: Database) -> str:
    name = call.path["table"].lower()
    if name in VIEWS:
        raise Refusal(405, "GET, POST and PUT are not allowed on table")
    if name not in database.names:
        raise Refusal(404, "Resource not found")
    return name


def _projected(call: Call, name: str, database: Database, rights: Rights) -> tuple[str, ...]:
    """Return the columns asked for. An unknown one is refused before one without a grant (contract §1.6)."""
    projection = call.query.get("projection", "")
    if not projection:
        raise Refusal(400, "projection is required")
    known = database.table(name).columns
    columns: dict[str, None] = {}
    for item in projection.lower().split(","):
        column = item.strip().removeprefix(f"{name}.")
        if column != "*" and column not in known:
            raise _unknown_column(name, column)
        columns |= dict.fromkeys(known if column == "*" else [column])
    _check_grants(call, name, columns, rights)
    return tuple(columns)


def _filtered(
    call: Call, name: str, columns: tuple[str, ...], database: Database, rights: Rights
) -> pl.Series:
    q, sort = call.query.get("q", ""), call.query.get("sort", "").lower()
    descending = call.query.get("sortdescending", "").lower() == "true"
    conditions = _conditions(call, name, database, rights)
    keys = [key.strip().removeprefix(f"{name}.") for key in sort.split(",") if key.strip()]
    unknown = [key for key in keys if key not in database.table(name).columns]
    if unknown:
        raise _unknown_column(name, unknown[0])

    def select() -> pl.Series:
        rendered = _rendered(name, columns, database)
        frame = database.table(name).with_columns(_row=rendered).filter(conditions)
        return frame.sort(*keys, "dcid", descending=[descending] * len(keys) + [False])["_row"]

    return database.kept(("table rows", name, columns, q, sort, descending), select)


def _rendered(name: str, columns: tuple[str, ...], database: Database) -> pl.Series:
    """Every row as JSON text; null is empty text."""

    def render() -> pl.Series:
        frame = database.table(name)
        values = [
            member(column, text(as_text(column, frame.schema[column])).fill_null('""')) for column in columns
        ]
        inner = pl.lit(f'"tables":{{"{name}":') + whole(values) + pl.lit("}")
        row = joined((member("id", pl.col("dcid").cast(pl.String)), inner))
        return frame.select((pl.lit("{") + row + pl.lit("}")).alias("row"))["row"]

    return database.kept(("table text", name, columns), render)


def _conditions(call: Call, name: str, database: Database, rights: Rights) -> list[pl.Expr]:
    """Return the filter's comparisons. A column that is compared needs a grant as one that is read does."""
    schema = database.table(name).schema
    comparisons = parsed(call.query.get("q", ""), unequal=True)
    fields = [comparison.field.removeprefix(f"{name}.") for comparison in comparisons]
    for field in fields:
        if field not in schema:
            raise _unknown_column(name, field)
        if field in CLOBS:
            raise Refusal(400, "Querying not supported against clob or blob field types")
    _check_grants(call, name, fields, rights)
    # A constant condition keeps an empty filter a filter.
    return [pl.col("dcid").is_not_null()] + [
        condition(comparison, pl.col(field), schema[field])
        for comparison, field in zip(comparisons, fields, strict=True)
    ]


def _access(rights: Rights, call: Call, name: str, column: str) -> str:
    return "NoAccess" if f"{name}.{column}" in call.twist.denied else rights.access(name, column)


def _check_grants(call: Call, name: str, columns: Iterable[str], rights: Rights) -> None:
    denied = [column for column in columns if _access(rights, call, name, column) == "NoAccess"]
    if denied:
        raise _not_granted(name, denied)


def _not_granted(name: str, columns: Iterable[str]) -> Refusal:
    errors = [{"code": "NoAccess", "field": column, "resource": name} for column in columns]
    return Refusal(403, body={"message": "At least one column lacks sufficient permission", "errors": errors})


def _unknown_column(name: str, column: str) -> Refusal:
    return Refusal(400, f"Invalid field specified: {column} is not valid column for table: {name}")


def _type(column: str, kind: pl.DataType) -> str:
    if column in CLOBS:
        return "Clob"
    if kind.is_numeric():
        return "Double" if kind.is_float() else "Integer"
    return {pl.Date: "Date", pl.Boolean: "Boolean"}.get(type(kind), "String")


def _written(call: Call, name: str) -> dict[str, str]:
    try:
        columns = json.loads(call.body)["tables"][name]
        return {str(column).lower(): str(value) for column, value in columns.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(400, "Invalid request body") from None


def _problem(columns: dict[str, str], database: Database) -> tuple[str, str, str] | None:
    """Return what is wrong with a course request: the column, a code, a sentence; None where nothing is."""
    number = columns.get("coursenumber", "")
    if len(number) > _REQUESTED_COURSE_NUMBER:
        return "coursenumber", "INVALID_LENGTH", f"longer than {_REQUESTED_COURSE_NUMBER} characters"
    if number not in database.table("courses")["course_number"]:
        return "coursenumber", "INVALID_COURSE", "no such course"
    if columns.get("studentid", "") not in database.table("students")["id"].cast(pl.String):
        return "studentid", "INVALID_STUDENT", "no such student"
    return None


def _written_reply(count: int, result: object) -> Reply:
    body = {"insert_count": count, "update_count": 0, "delete_count": 0, "result": [result]}
    return Reply(json.dumps(body))


def _dcid(call: Call) -> int:
    try:
        return int(call.path["dcid"])
    except ValueError:
        raise Refusal(404, "Resource not found") from None
