"""The JSON Schema of district files for editors, and the key tables of their documentation page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sis_assets.districts.district import District

SCHEMA_FILE = Path(__file__).with_name("district.schema.json")

Schema = dict[str, Any]
Row = tuple[str, str, str, str]


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a district file, with a description for every key."""
    made = District.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "District file"}


def schema_text() -> str:
    """Return the content of the committed schema file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def key_tables() -> str:
    """Return the Markdown tables of all keys: the file's own, each kind of SIS, what kinds share."""
    schema = json_schema()
    own = {
        **schema["properties"],
        "sis": {"description": "The Student Information System: its keys stand below."},
    }
    tables = ["### The file\n", *_table(_rows({**schema, "properties": own}, schema, ""))]
    shared: dict[str, Schema] = {}
    for kind in _members(schema["properties"]["sis"], schema):
        tables += [
            f"\n### `sis` {_named(kind)}\n",
            f"{kind['description']}\n",
            *_table(_own_rows(kind, schema, "sis.")),
        ]
        for key, field in kind["properties"].items():
            shared |= {f"`sis.{key}` {_named(part)}".rstrip(): part for part, _ in _nested(field, schema)}
    for heading, part in shared.items():
        prefix = heading.split("`")[1]
        tables += [
            f"\n### {heading}\n",
            f"{part['description']}\n",
            *_table(_rows(part, schema, f"{prefix}.")),
        ]
    return "\n".join(tables) + "\n"


def _named(section: Schema) -> str:
    kind = section["properties"].get("kind", {}).get("const")
    return f"of kind `{kind}`" if kind else ""


def _table(rows: Iterable[Row]) -> list[str]:
    return [
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _rows(section: Schema, schema: Schema, prefix: str) -> Iterator[Row]:
    """Return the rows of a section's keys, each followed by those of the sections in it."""
    for row, field in zip(_own_rows(section, schema, prefix), _kind_first(section).values(), strict=True):
        yield row
        for nested, suffix in _nested(field, schema):
            yield from _rows(nested, schema, f"{row[0].strip('`')}{suffix}.")


def _own_rows(section: Schema, schema: Schema, prefix: str) -> Iterator[Row]:
    for key, field in _kind_first(section).items():
        default = "**required**" if key in section.get("required", []) else _default(field)
        meaning = _resolved(field, schema)["description"].replace("|", "\\|")
        yield f"`{prefix}{key}`", _value(field, schema), default, meaning


def _kind_first(section: Schema) -> Schema:
    fields: Schema = section["properties"]
    return {key: fields[key] for key in sorted(fields, key=lambda key: key != "kind")}


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, []) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`".replace("|", "\\|")


def _resolved(part: Schema, schema: Schema) -> Schema:
    """Return the definition behind a reference, keeping what stands beside the reference."""
    if "$ref" not in part:
        return part
    name = part["$ref"].rsplit("/", 1)[-1]
    return {**schema["$defs"][name], **{key: value for key, value in part.items() if key != "$ref"}}


def _members(part: Schema, schema: Schema) -> list[Schema]:
    """Return the alternatives that a value may be, without null."""
    resolved = _resolved(part, schema)
    options: list[Schema] = resolved.get("anyOf") or resolved.get("oneOf") or [resolved]
    return [_resolved(option, schema) for option in options if option.get("type") != "null"]


def _nested(field: Schema, schema: Schema) -> Iterator[tuple[Schema, str]]:
    for option in _members(field, schema):
        items = _members(option["items"], schema) if "items" in option else [option]
        for item in items:
            if "properties" in item and item["title"] != "Secret":
                yield item, "[]" if "items" in option else ""


def _value(field: Schema, schema: Schema) -> str:
    return " or ".join(dict.fromkeys(_type(option, schema) for option in _members(field, schema)))


def _type(part: Schema, schema: Schema) -> str:
    match part:
        case {"title": "Secret"}:
            text = "`{env: NAME}` or `{file: PATH}`"
        case {"const": only}:
            text = f"`{only}`"
        case {"enum": options}:
            text = " \\| ".join(f"`{option}`" for option in options if isinstance(option, str))
        case {"items": item}:
            text = f"list of {_value(item, schema)}"
        case {"properties": _}:
            text = "mapping"
        case {"additionalProperties": item}:
            text = f"mapping to {_value(item, schema)}"
        case {"type": "integer" | "number"}:
            text = _number(part)
        case {"format": "date"}:
            text = "date"
        case {"type": "boolean"}:
            text = "true or false"
        case _:
            text = "text"
    return text


def _number(part: Schema) -> str:
    name = "whole number" if part["type"] == "integer" else "number"
    low, high = part.get("minimum"), part.get("maximum")
    if high is None:
        return f"{name} from {low}"
    return f"{name}, {low} to {high}"
