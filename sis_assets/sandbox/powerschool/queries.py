"""PowerQueries, `/ws/schema/query` (contract: PowerSchool §1.7): the plugin's SQL, run over the district's tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import duckdb
import polars as pl

from sis_assets.sandbox.json_text import member, text, whole
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.fiql import condition, parsed
from sis_assets.sandbox.powerschool.json_text import as_text
from sis_assets.sandbox.powerschool.pages import counted, page_asked, rows_of_page
from sis_assets.sandbox.powerschool.plugin import NamedQuery, Plugin
from sis_assets.sandbox.powerschool.reply import Call, Refusal
from sis_assets.sandbox.reply import Reply

# What Oracle has and DuckDB spells otherwise, as far as queries of rosters use it.
_ORACLE = """
    CREATE MACRO nvl(value, other) AS coalesce(value, other);
    CREATE MACRO to_char(value) AS CAST(value AS VARCHAR),
        (value, form) AS strftime(value, replace(replace(replace(upper(form), 'YYYY', '%Y'), 'MM', '%m'), 'DD', '%d'));
    CREATE TABLE dual AS SELECT 'X' AS dummy;
"""
_ARGUMENT = re.compile(r"(?<!:):([a-z_]\w*)", re.IGNORECASE)
_WORD = re.compile(r"[a-z_]\w*", re.IGNORECASE)


class _Columns:
    """A frame as DuckDB reads it without copying or further packages."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def catalogue(plugin: Plugin) -> Reply:
    """Answer the list of queries."""
    record = [{"name": name, "coreTable": query.core_table} for name, query in sorted(plugin.queries.items())]
    return Reply(json.dumps({"name": "queries", "record": record}))


def answered(call: Call, database: Database, plugin: Plugin) -> Reply:
    """Answer a page of a query, all of it with `pagesize=0`.

    Raises Refusal: 404 unknown query, 400 for a wrong or missing argument, filter or page, 403 without a grant.
    """
    query = _query(call, plugin)
    rows = _rows(call, query, database, plugin)
    if call.query.get("pagesize") == "0":
        page, size = 1, None
    else:
        page, size = page_asked(call.query, "schema_table_query", database.settings)
    found = rows_of_page(rows, page, size, call.twist)
    name = query.core_table.lower() if query.flattened else query.core_table
    total = f'"count":{counted(len(rows), call.twist)},' if call.query.get("count") == "true" else ""
    return Reply(f'{{"name":"{name}",{total}"record":[{",".join(found)}],"@extensions":""}}')


def count(call: Call, database: Database, plugin: Plugin) -> Reply:
    """Answer how many rows a query has. Raises Refusal as `answered`."""
    rows = _rows(call, _query(call, plugin), database, plugin)
    return Reply(f'{{"count":{counted(len(rows), call.twist)}}}')


def _query(call: Call, plugin: Plugin) -> NamedQuery:
    name = call.path["name"]
    query = plugin.queries.get(name)
    if query is None:
        raise Refusal(404, f"Query {name} not found")
    denied = [
        (table, column)
        for table, column, _ in query.columns
        if f"{table}.{column}" in call.twist.denied or plugin.rights.access(table, column) == "NoAccess"
    ]
    if denied:
        errors = [{"code": "NoAccess", "field": column, "resource": table} for table, column in denied]
        raise Refusal(
            403, body={"message": "At least one column lacks sufficient permission", "errors": errors}
        )
    return query


def _rows(call: Call, query: NamedQuery, database: Database, plugin: Plugin) -> pl.Series:  # noqa: ARG001
    arguments = _arguments(call, query)
    q, order = str(arguments.pop("$q", "")), call.query.get("order", "")

    def render() -> pl.Series:
        frame = _result(query, arguments, database)
        names = {_short(alias): alias for _, _, alias in query.columns} | {
            alias: alias for alias in frame.columns
        }
        wanted = [pl.lit(value=True)]
        for comparison in parsed(q, unequal=True):
            alias = names.get(comparison.field)
            if alias is None:
                raise Refusal(400, f"Invalid field specified: {comparison.field}")
            wanted.append(condition(comparison, pl.col(alias), frame.schema[alias]))
        return _rendered(query, _ordered(frame.filter(wanted), order, names))

    key = ("query", query.name, json.dumps(arguments, sort_keys=True), q, order)
    return database.kept(key, render)


def _arguments(call: Call, query: NamedQuery) -> dict[str, object]:
    try:
        arguments = json.loads(call.body or "{}")
    except ValueError:
        raise Refusal(400, "Invalid request body") from None
    if not isinstance(arguments, dict):
        raise Refusal(400, "Invalid request body")
    for name in arguments:
        if name != "$q" and name not in query.arguments:
            raise Refusal(400, f"Invalid argument: {name}")
    for name, required in query.arguments.items():
        if required and name not in arguments:
            raise Refusal(400, f"Missing required argument: {name}")
    return arguments


def _result(query: NamedQuery, arguments: Mapping[str, object], database: Database) -> pl.DataFrame:
    """Run the query's SQL; gives its columns under the query's aliases."""
    sql = _ARGUMENT.sub(r"$\1", query.sql.rstrip().rstrip(";"))
    used = {name: arguments.get(name) for name in query.arguments if f"${name}" in sql}
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute(_ORACLE)
        words = {word.lower() for word in _WORD.findall(sql)}
        for name in words & set(database.names):
            connection.register(name, _Columns(database.table(name)))
        try:
            frame = pl.DataFrame(connection.sql(sql, params=used or None))
        except duckdb.Error as error:
            raise Refusal(400, f"Query {query.name} failed: {type(error).__name__}") from error
    if len(frame.columns) != len(query.columns):
        raise Refusal(400, f"Query {query.name} does not return its columns")
    frame.columns = [alias for _, _, alias in query.columns]
    return frame


def _ordered(frame: pl.DataFrame, order: str, names: Mapping[str, str]) -> pl.DataFrame:
    """Order by "table.column;desc,…", as the query string says; else as the SQL did."""
    keys, descending = [], []
    for part in filter(None, order.lower().split(",")):
        name, _, direction = part.strip().partition(";")
        alias = names.get(name, names.get(_short(name)))
        if alias is None:
            raise Refusal(400, f"Invalid order: {name}")
        keys.append(alias)
        descending.append(direction == "desc")
    return frame.sort(keys, descending=descending, maintain_order=True) if keys else frame


def _rendered(query: NamedQuery, frame: pl.DataFrame) -> pl.Series:
    """Every row as JSON text: values are text, and a null column is left out."""

    def members(wanted: str | None) -> list[pl.Expr]:
        return [
            member(_short(alias), text(as_text(alias, frame.schema[alias])))
            for table, _, alias in query.columns
            if wanted is None or (alias.partition(".")[0] if "." in alias else table) == wanted
        ]

    core = query.core_table.lower()
    if query.flattened:
        row = whole([pl.lit(f'"_name":"{core}"'), *members(None)])
    else:
        tables = dict.fromkeys(
            alias.partition(".")[0] if "." in alias else table for table, _, alias in query.columns
        )
        key = [alias for table, column, alias in query.columns if (table, column) == (core, "dcid")]
        identity = [member("id", pl.col(key[0]).cast(pl.String))] if key else []
        nested = whole([member(table, whole(members(table))) for table in tables])
        row = whole([*identity, pl.lit(f'"name":"{query.core_table}"'), member("tables", nested)])
    return frame.select(row.alias("row"))["row"]


def _short(alias: str) -> str:
    return alias.rpartition(".")[2]
