"""What the asset catalogue shows: keys, groups, kinds, owners, descriptions, columns and their lineage.

Everything comes from the schema and the contracts, so that a column is described once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from sis_assets.assets.partitions import DISTRICTS
from sis_assets.model.schema import (
    ACCOUNTS,
    CHANGE_SETS,
    OUTBOX,
    TRACKED,
    Table,
)
from sis_assets.sis.eschoolplus.canonical import TABLES
from sis_assets.sis.eschoolplus.contract import FILES

OWNERS = ["team:student-data"]
SOURCE = dg.AssetKey(["source", "eschoolplus_files"])


def key(layer: str, name: str) -> dg.AssetKey:
    """Asset key of a table in a layer."""
    return dg.AssetKey([layer, name])


Edges = Mapping[str, Sequence[tuple[dg.AssetKey, str]]]


def _columns(table: Table, edges: Edges) -> dg.TableSchema:
    """Return the table's columns. Where each comes from stands in words too: the open-source UI draws no column lineage."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=_with_origins(column.description, edges.get(column.name, ())),
                tags={"pii": ""} if column.pii else {},
            )
            for column in table.columns
        ]
    )


def _with_origins(description: str, sources: Sequence[tuple[dg.AssetKey, str]]) -> str:
    origins = ", ".join(f"{'/'.join(asset.path)}.{name}" for asset, name in sources)
    return f"{description} From {origins}." if origins else description


def _lineage(edges: Edges) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset, name) for asset, name in sources]
            for column, sources in edges.items()
        }
    )


def _spec(
    layer: str,
    name: str,
    table: Table,
    *,
    kinds: set[str],
    deps: Sequence[dg.AssetKey],
    lineage: Edges,
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(layer, name),
        deps=deps,
        description=table.description,
        group_name=layer,
        kinds=kinds,
        owners=OWNERS,
        partitions_def=DISTRICTS,
        skippable=True,
        metadata={
            "dagster/column_schema": _columns(table, lineage),
            "dagster/column_lineage": _lineage(lineage),
            "dagster/table_name": table.qualified,
        },
    )


def source() -> dg.AssetSpec:
    """Return the files that districts drop: read by us, made by their SIS."""
    columns = [
        dg.TableColumn(
            f"{file.entity}.{field.name}",
            "text",
            description=field.description,
            tags={"pii": ""} if field.pii else {},
        )
        for file in FILES
        for field in file.fields
    ]
    return dg.AssetSpec(
        SOURCE,
        description="Files of the eSchoolPLUS Career Cruising utility or in Xello's layouts, dropped by the district.",
        group_name="source",
        kinds={"file", "sftp"},
        owners=OWNERS,
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
    )


def raw() -> list[dg.AssetSpec]:
    """One asset for each entity, whatever the SIS (decision D6)."""
    return [
        _spec(
            "raw",
            file.entity,
            file.raw,
            kinds={"ducklake", "python"},
            deps=[SOURCE],
            lineage={field.name: [(SOURCE, f"{file.entity}.{field.name}")] for field in file.fields},
        )
        for file in FILES
    ]


def core() -> list[dg.AssetSpec]:
    """Return the canonical tables that the files fill."""
    return [
        _spec(
            "core",
            made.table.name,
            made.table,
            kinds={"ducklake", "sql"},
            deps=[key("raw", entity) for entity in made.entities],
            lineage={
                column: [(key("raw", entity), field) for entity, field in sources]
                for column, sources in made.lineage.items()
            },
        )
        for made in TABLES
    ]


def lifecycle() -> list[dg.AssetSpec]:
    """Change sets and the accounts that they were applied to."""
    students = key("core", "students")
    change_sets = key("lifecycle", "change_sets")
    tracked = ("student_id", *TRACKED)
    return [
        _spec(
            "lifecycle",
            "change_sets",
            CHANGE_SETS,
            kinds={"ducklake", "sql"},
            deps=[students],
            lineage={
                f"{kind}s": [(students, name) for name in names] for kind, names in _KIND_FIELDS.items()
            },
        ),
        _spec(
            "lifecycle",
            "accounts",
            ACCOUNTS,
            kinds={"ducklake", "sql"},
            deps=[students, change_sets],
            lineage={
                **{name: [(students, name)] for name in tracked},
                "is_active": [(students, "status")],
                "sis_key": [(students, "sis_key")],
                "applied_change_set_id": [(change_sets, "change_set_id")],
            },
        ),
    ]


def delivery() -> list[dg.AssetSpec]:
    """Return what other systems read."""
    accounts = key("lifecycle", "accounts")
    return [
        _spec(
            "delivery",
            "outbox",
            OUTBOX,
            kinds={"ducklake"},
            deps=[accounts],
            lineage={
                "payload": [(accounts, name) for name in ("student_id", "is_active", *TRACKED)],
                "change_set_id": [(accounts, "applied_change_set_id")],
            },
        )
    ]


_KIND_FIELDS: Mapping[str, tuple[str, ...]] = {
    "create": ("student_id", "status"),
    "update": tuple(name for name in TRACKED if name != "school_id"),
    "transfer": ("school_id",),
    "promote": ("grade_level",),
    "deactivate": ("status", "exit_reason"),
    "reactivate": ("status",),
    "rekey": ("student_id", "sis_key", "state_id", "birth_date", "former_student_id"),
}
