"""The resources of `/ws/v1`: lists, pages, counts and single rows (contract: PowerSchool §1.3, §1.4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

from sis_assets.sandbox.json_text import whole
from sis_assets.sandbox.powerschool.data import ACTIVE, ENTRY_CODES, EXIT_CODES
from sis_assets.sandbox.powerschool.database import Database
from sis_assets.sandbox.powerschool.fiql import Comparison, condition, parsed
from sis_assets.sandbox.powerschool.pages import counted, page_asked, rows_of_page
from sis_assets.sandbox.powerschool.reply import Call, Refusal
from sis_assets.sandbox.powerschool.settings import PAGED, Settings
from sis_assets.sandbox.powerschool.v1_shape import Leaves, Shape
from sis_assets.sandbox.powerschool.v1_shapes import SCHOOLS, SHAPES
from sis_assets.sandbox.powerschool.v1_students import STUDENTS, extension_members
from sis_assets.sandbox.reply import Reply

_DISTRICT_EXPANSIONS = (
    "entry_codes, test_setup, exit_codes, districts_of_residence, federal_race_categories, district_race_codes, "
    "ethnicity_race_decline_to_specify, scheduling_reporting_ethnicities, fees_payment_methods"
)


def metadata(settings: Settings) -> Reply:
    """Answer `/ws/v1/metadata`, which needs no token."""
    sizes = {f"{name}_max_page_size": settings.page_size(name) for name in PAGED}
    about = {
        "plugin_id": settings.plugin_id,
        "powerschool_version": settings.version,
        **sizes,
        "district_timezone": settings.timezone,
        "district_uuid": "00000000-0000-4000-8000-000000000410",
        "state": settings.state,
        "state_reporting_version": "1.0.0",
        "mobile_api_version": "1.0.0",
        "machine_uptime": 1,
        "powerschool_uptime": 1,
        "sso_enabled_admin": "false",
    }
    return Reply(json.dumps({"metadata": about}))


def clock(*, skew_seconds: float) -> Reply:
    """Answer `/ws/v1/time`, which needs no token. Its keys are not confirmed."""
    now = datetime.now(UTC) + timedelta(seconds=skew_seconds)
    return Reply(json.dumps({"time": {"current_time": now.isoformat(timespec="seconds")}}))


def district(call: Call) -> Reply:
    """Answer `/ws/v1/district`, with the district's own entry and exit codes where asked for."""
    asked = _names(call.query, "expansions")
    codes = {
        many: {one: [_code(place, *pair) for place, pair in enumerate(pairs, start=1)]}
        for many, one, pairs in (
            ("entry_codes", "entry_code", ENTRY_CODES),
            ("exit_codes", "exit_code", EXIT_CODES),
        )
        if many in asked
    }
    about = {
        "@expansions": _DISTRICT_EXPANSIONS,
        "uuid": "00000000-0000-4000-8000-000000000410",
        "name": "Sample Unified",
        "district_number": "0410",
        "addresses": {
            "physical": {
                "street": "1 Sample Main",
                "city": "Alder",
                "state_province": "CA",
                "postal_code": 95001,
            }
        },
        "phones": {"main": {"number": "555-0100"}, "fax": {"number": "555-0101"}},
        **codes,
    }
    return Reply(json.dumps({"district": about}))


def listing(call: Call, database: Database) -> Reply:
    """Answer a page of a resource, of the whole district or of one school or section.

    Raises Refusal: 404 for a resource or parent that is not there, 400 for a bad page, filter or expansion.
    """
    shape = _shape(call)
    rows = _rows(call, shape, database)
    page, size = page_asked(call.query, shape.one, database.settings)
    found = rows_of_page(rows, page, size, call.twist)
    return Reply(_wrapped(shape, found))


def count(call: Call, database: Database) -> Reply:
    """Answer how many rows a listing has in all, the pseudo-school left out. Raises Refusal as `listing`."""
    shape = _shape(call)
    rows = len(_rows(call, shape, database))
    if shape is SCHOOLS and database.settings.graduated_school_listed:
        rows -= 1
    return Reply(f'{{"resource":{{"count":{counted(rows, call.twist)}}}}}')


def single(call: Call, database: Database) -> Reply:
    """Answer one row by its DCID. Raises Refusal 404 where there is none."""
    shape = _shape(call)
    frame = _frame(shape, database)
    place = frame["dcid"].index_of(_dcid(call))
    if place is None:
        raise Refusal(404, "Resource not found")
    row: str = _rendered(call, shape, database)[place]
    return Reply(f'{{"{shape.one}":{{{shape.head},{row[1:]}}}')


def _wrapped(shape: Shape, found: list[str]) -> str:
    """One row stands as an object, several as a list, none without the key (contract §1.3)."""
    if not found:
        return f'{{"{shape.many}":{{{shape.head}}}}}'
    rows = found[0] if len(found) == 1 else f"[{','.join(found)}]"
    return f'{{"{shape.many}":{{{shape.head},"{shape.one}":{rows}}}}}'


def _shape(call: Call) -> Shape:
    """Return the shape asked for, under a parent that it has."""
    shape = SHAPES.get(call.path["one"])
    parent = call.path.get("parent")
    # Only schools and students are listed for the whole district; everything else is asked for by its parent.
    listed = {"district": ("school", "student"), "school": tuple(SHAPES), "section": tuple(SHAPES)}
    if shape is None or (parent is not None and shape.one not in listed.get(parent, ())):
        raise Refusal(404, "Resource not found")
    if parent not in (None, "district") and parent not in shape.parents:
        raise Refusal(404, "Resource not found")
    return shape


def _frame(shape: Shape, database: Database) -> pl.DataFrame:
    return database.kept(("v1", shape.one), lambda: shape.rows(database))


def _rendered(call: Call, shape: Shape, database: Database) -> pl.Series:
    """Every row of the resource as JSON text, in the order of its frame."""
    expansions = _names(call.query, "expansions")
    extensions = tuple(name for name in _names(call.query, "extensions") if name in shape.extensions)
    unknown = [name for name in expansions if name not in (shape.expansions or ())]
    if unknown and database.settings.unknown_expansion == "reject":
        raise Refusal(400, f"Invalid expansion: {unknown[0]}")

    def render() -> pl.Series:
        frame = _frame(shape, database)
        members = shape.members(Leaves(frame.schema, database.settings), expansions)
        return frame.select(whole((*extension_members(extensions), *members)).alias("row"))["row"]

    return database.kept(("v1 text", shape.one, frozenset(expansions), extensions), render)


def _rows(call: Call, shape: Shape, database: Database) -> pl.Series:
    """Return the rows of this listing as JSON text: those of its parent that meet its filter."""
    rendered = _rendered(call, shape, database)
    parent, dcid, q = call.path.get("parent"), call.path.get("dcid"), call.query.get("q", "")

    def select() -> pl.Series:
        frame = _frame(shape, database)
        wanted = [_condition(shape, each, frame) for each in parsed(q, unequal=False)]
        if parent in shape.parents:
            _must_exist(str(parent), _dcid(call), database)
            wanted.append(pl.col(shape.parents[str(parent)]) == _dcid(call))
            if shape is STUDENTS and database.settings.school_students == "active":
                wanted.append(pl.col("status") == ACTIVE)
        return rendered.filter(frame.select(pl.all_horizontal(wanted)).to_series()) if wanted else rendered

    key = (
        "v1 rows",
        shape.one,
        parent,
        dcid,
        q,
        *(call.query.get(name, "") for name in ("expansions", "extensions")),
    )
    return database.kept(key, select)


def _condition(shape: Shape, comparison: Comparison, frame: pl.DataFrame) -> pl.Expr:
    column = shape.filters.get(comparison.field)
    if column is None:
        raise Refusal(400, f"Invalid field in query: {comparison.field}")
    if column == "status_letter":
        comparison = Comparison(comparison.field, comparison.operator, comparison.value.upper())
    return condition(comparison, pl.col(column), frame.schema[column])


def _must_exist(parent: str, dcid: int, database: Database) -> None:
    if dcid not in database.frame(f"{parent}s")["dcid"]:
        raise Refusal(404, "Resource not found")


def _dcid(call: Call) -> int:
    try:
        return int(call.path["dcid"])
    except ValueError:
        raise Refusal(404, "Resource not found") from None


def _names(query: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in query.get(key, "").split(",") if name.strip())


def _code(place: int, code: str, description: str) -> dict[str, object]:
    number = code.isdecimal() and not code.startswith("0")
    return {
        "id": place,
        "code": int(code) if number else code,
        "description": description,
        "sort_order": place,
    }
