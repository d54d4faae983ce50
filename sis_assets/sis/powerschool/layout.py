"""How the contract describes what is read of PowerSchool: resources, tables, queries, entities.

Contract: PowerSchool §1.3 (conventions), §1.4 (`/ws/v1`), §1.6 (tables), §1.7 (queries).
"""

from __future__ import annotations

from dataclasses import dataclass

from sis_assets.model.schema import Table
from sis_assets.sis.documents.layout import Field, raw_table


@dataclass(frozen=True, slots=True)
class V1:
    """A resource of `/ws/v1`. Governed by the plugin's `accessLevelV1Api`.

    `at` is where its rows stand in a document. `limit` names the page size in the metadata, None for a resource that
    comes whole. `parent` is the entity whose DCIDs fill `{id}` in the path, one list for each. `expandable` are the
    parts of a row that must be asked for.
    """

    path: str
    at: tuple[str, ...]
    limit: str | None
    parent: str | None = None
    counted: bool = True
    expandable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableRows:
    """A table of `/ws/schema/table`, lower case. Governed by the plugin's access requests, field by field."""

    table: str

    @property
    def path(self) -> str:
        """Its address."""
        return f"/ws/schema/table/{self.table}"


@dataclass(frozen=True, slots=True)
class Query:
    """A query of our plugin (a PowerQuery) that gives an entity in fewer requests. Without it the normal way is used.

    `columns` are (table.column that the server checks the right of, alias), in the order of the SELECT; aliases are the
    entity's fields.
    """

    name: str
    description: str
    core_table: str
    argument: tuple[str, str]
    columns: tuple[tuple[str, str], ...]
    sql: str

    @property
    def path(self) -> str:
        """Its address."""
        return f"/ws/schema/query/{self.name}"


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of records: its name here, where it is read, and its fields; the first one is its key.

    `dropped` are parts of a row that we know, do not need and do not keep. An entity that is not `may_be_empty` fails
    the extract when it has no records.
    """

    name: str
    description: str
    source: V1 | TableRows
    fields: tuple[Field, ...]
    dropped: tuple[str, ...] = ()
    may_be_empty: bool = False
    query: Query | None = None

    @property
    def key(self) -> str:
        """The name of the column that identifies a row: its DCID, or the id of a code."""
        return self.fields[0].name

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(field.name for field in self.fields)

    @property
    def parameters(self) -> dict[str, str]:
        """What a request must say so that the answer has all fields."""
        if isinstance(self.source, TableRows):
            return {"projection": ",".join(self.column_names), "sort": self.key}
        parts = {path.partition(".")[0] for field in self.fields for path in field.paths}
        expansions = ",".join(sorted((parts | set(self.source.at)) & self.source.expandable))
        return {"expansions": expansions} if expansions else {}

    @property
    def raw(self) -> Table:
        """The raw table that keeps this entity's records as text."""
        return raw_table("powerschool", "PowerSchool", self)
