"""What the asset catalogue shows: keys, groups, kinds, owners, descriptions, columns and their lineage.

Everything comes from the schema and the contracts, so that a column is described once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from sis_assets.assets.partitions import DISTRICTS
from sis_assets.model.schema import (
    ACCOUNTS,
    CHANGE_SETS,
    CONFIRMATIONS,
    CORE,
    COURSE_REQUESTS,
    OUTBOX,
    SIS_IMPORTS,
    TRACKED,
    Column,
    Table,
)
from sis_assets.sis.kinds import ALL

OWNERS = ["team:student-data"]
#: Of an asset as a whole, whichever district came last: a weekend and a night may pass, and after another nothing runs at all.
_COARSE = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=78), fail_window=timedelta(hours=102))


def key(layer: str, name: str) -> dg.AssetKey:
    """Asset key of a table in a layer."""
    return dg.AssetKey([layer, name])


#: Whether all districts' data is fresh enough, and whether one district's is.
DISTRICTS_FRESH = dg.AssetCheckKey(key("core", "students"), "districts_fresh")
DISTRICT_FRESH = dg.AssetCheckKey(key("core", "students"), "district_fresh")

Origins = Sequence[tuple[dg.AssetKey, str]]
Edges = Mapping[str, Origins]


def _columns(columns: Iterable[Column], edges: Edges) -> dg.TableSchema:
    """Return a table's columns. Where each comes from stands in words too: the open-source UI draws no column lineage."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=_with_origins(column.description, edges.get(column.name, ())),
                tags={"pii": ""} if column.pii else {},
            )
            for column in columns
        ]
    )


def _with_origins(description: str, sources: Origins) -> str:
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
    tables: Sequence[Table],
    *,
    kinds: set[str],
    deps: Iterable[dg.AssetKey],
    lineage: Edges,
) -> dg.AssetSpec:
    """Return the asset of one table, or of the raw tables of one entity, which differ by SIS."""
    columns = _merged(tables)
    return dg.AssetSpec(
        key(layer, name),
        deps=list(dict.fromkeys(deps)),
        description="\n\n".join(dict.fromkeys(table.description for table in tables)),
        group_name=layer,
        kinds=kinds,
        owners=OWNERS,
        partitions_def=DISTRICTS,
        skippable=True,
        freshness_policy=_COARSE if layer in {"raw", "core"} else None,
        metadata={
            "dagster/column_schema": _columns(columns, lineage),
            "dagster/column_lineage": _lineage(lineage),
            "dagster/table_name": ", ".join(table.qualified for table in tables),
        },
    )


def _merged(tables: Sequence[Table]) -> list[Column]:
    """Return every column of the tables once; what differs by SIS is said of each, in the order of the tables."""
    named: dict[str, list[Column]] = {}
    for table in tables:
        for column in table.columns:
            named.setdefault(column.name, []).append(column)
    return [
        replace(
            columns[0],
            description=" ".join(dict.fromkeys(column.description for column in columns)),
            pii=any(column.pii for column in columns),
        )
        for columns in named.values()
    ]


def sources() -> list[dg.AssetSpec]:
    """Return what districts give us: read by us, made by their SIS."""
    return [
        dg.AssetSpec(
            key("source", sis.source),
            description=sis.description,
            group_name="source",
            kinds=set(sis.technology),
            owners=OWNERS,
            metadata={
                "dagster/column_schema": _columns(
                    (
                        replace(column, name=f"{entity}.{column.name}")
                        for entity in sis.entities
                        for column in sis.fields(entity)
                    ),
                    {},
                )
            },
        )
        for sis in ALL
    ]


def raw() -> list[dg.AssetSpec]:
    """One asset for each entity, whatever the SIS (decision D6)."""
    found = []
    for entity in dict.fromkeys(entity for sis in ALL for entity in sis.entities):
        mine = [sis for sis in ALL if entity in sis.entities]
        edges: dict[str, list[tuple[dg.AssetKey, str]]] = {}
        for sis in mine:
            for column in sis.fields(entity):
                edges.setdefault(column.name, []).append(
                    (key("source", sis.source), f"{entity}.{column.name}")
                )
        found.append(
            _spec(
                "raw",
                entity,
                [sis.raw_of(entity) for sis in mine],
                kinds={"ducklake", "python"},
                deps=[key("source", sis.source) for sis in mine],
                lineage=edges,
            )
        )
    return found


def core() -> list[dg.AssetSpec]:
    """Return the canonical tables that some SIS fills."""
    filled = [made for sis in ALL for made in sis.canonical]
    found = []
    for table in CORE:
        mine = [made for made in filled if made.table is table]
        edges: dict[str, dict[tuple[dg.AssetKey, str], None]] = {}
        for made in mine:
            for column, origins in made.lineage.items():
                edges.setdefault(column, {}).update(
                    dict.fromkeys((key("raw", entity), field) for entity, field in origins)
                )
        if mine:
            found.append(
                _spec(
                    "core",
                    table.name,
                    [table],
                    kinds={"ducklake", "sql"},
                    deps=[key("raw", entity) for made in mine for entity in made.entities],
                    lineage={column: list(origins) for column, origins in edges.items()},
                )
            )
    return found


def lifecycle() -> list[dg.AssetSpec]:
    """Change sets and the accounts that they were applied to."""
    students = key("core", "students")
    change_sets = key("lifecycle", "change_sets")
    tracked = ("student_id", *TRACKED)
    return [
        _spec(
            "lifecycle",
            "change_sets",
            [CHANGE_SETS],
            kinds={"ducklake", "sql"},
            deps=[students],
            lineage={
                f"{kind}s": [(students, name) for name in names] for kind, names in _KIND_FIELDS.items()
            },
        ),
        _spec(
            "lifecycle",
            "accounts",
            [ACCOUNTS],
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
            [OUTBOX],
            kinds={"ducklake"},
            deps=[accounts],
            lineage={
                "payload": [(accounts, name) for name in ("student_id", "is_active", *TRACKED)],
                "change_set_id": [(accounts, "applied_change_set_id")],
            },
        )
    ]


def requests() -> list[dg.AssetSpec]:
    """Course requests: what students ask for, what was handed to the SIS, and what it holds."""
    asked, handed = key("requests", "course_requests"), key("requests", "sis_imports")
    students, courses, offers = (key("core", name) for name in ("students", "courses", "school_courses"))
    judged_by = [
        *((students, name) for name in ("status", "school_id", "next_school_id", "grade_level")),
        *((courses, name) for name in ("is_active", "is_active_next_year", "low_grade", "high_grade")),
        (offers, "course_code"),
    ]
    return [
        _spec(
            "requests",
            "course_requests",
            [COURSE_REQUESTS],
            kinds={"ducklake", "sql"},
            deps=[students, courses, offers],
            lineage={"status": judged_by, "reason": judged_by},
        ),
        _spec(
            "requests",
            "sis_imports",
            [SIS_IMPORTS],
            kinds={"ducklake", "file"},
            deps=[asked],
            lineage={"records": [(asked, "status")]},
        ),
        _spec(
            "requests",
            "confirmations",
            [CONFIRMATIONS],
            kinds={"ducklake", "sql"},
            deps=[asked, handed],
            lineage={
                name: [(asked, name)] for name in ("school_year", "student_id", "school_id", "course_code")
            }
            | {"result": [(asked, name) for name in ("school_id", "kind", "alternate_for")]},
        ),
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
