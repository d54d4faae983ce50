"""How the contract describes OneRoster's records, for both versions and both ways in: CSV files and the REST API.

A column bears the name of the CSV header; `also` says where the same value stands in a JSON object of the API. What a
value must look like is said once, for the strict report; reading itself is lenient. Contract: OneRoster §4.1–4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from sis_assets.model.schema import Table
from sis_assets.sis.documents.layout import Field, raw_table

Version = Literal["1.1", "1.2"]
BOTH: frozenset[Version] = frozenset({"1.1", "1.2"})
ONLY_11: frozenset[Version] = frozenset({"1.1"})
ONLY_12: frozenset[Version] = frozenset({"1.2"})


class Form(Enum):
    """What a value is: how the standard writes it in a CSV file."""

    TEXT = "text"
    GUID = "a sourcedId"
    GUIDS = "a list of sourcedIds"
    LIST = "a list"
    IDS = "a list of {type:identifier}"
    DATE = "YYYY-MM-DD"
    TIME = "a UTC time"
    FLAG = "true or false"
    YEAR = "YYYY"
    STATUS = "active or tobedeleted"


@dataclass(frozen=True, slots=True)
class Value(Field):
    """One column: where it stands in a file and in JSON, and what the standard says of its values.

    `versions` have it. `filled` names the versions in which no row may leave it blank. `headers` are other spellings seen
    in real files. `target` is the entity to which a sourcedId belongs. `words` is the vocabulary by version, compared by
    the strict report. One that is not `kept` is known, is not needed and never reaches a table.
    """

    form: Form = Form.TEXT
    versions: frozenset[Version] = BOTH
    filled: frozenset[Version] = frozenset()
    headers: tuple[str, ...] = ()
    target: str = ""
    words: Mapping[Version, frozenset[str]] | None = None
    kept: bool = True

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every header under which the column may stand in a file."""
        return (self.name, *self.headers)


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of records: our name, the standard's (of the file without `.csv`, and of the API's collection), its columns.

    `columns` come in the order of the file; the first is the key. A file that is not `always` there may be absent.
    `has_api` is false for what the API gives as a part of other records. `json_only` are further parts of a JSON object
    that we know and do not keep.
    """

    name: str
    stem: str
    description: str
    columns: tuple[Value, ...]
    always: bool = False
    versions: frozenset[Version] = BOTH
    has_api: bool = True
    json_only: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.stem}.csv"

    @property
    def fields(self) -> tuple[Value, ...]:
        """The columns that are kept."""
        return tuple(column for column in self.columns if column.kept)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns that are kept."""
        return tuple(field.name for field in self.fields)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Parts of a JSON object that are known and not kept: also what a reference says beside the sourcedId."""
        references = (
            path.removesuffix("sourcedId")
            for field in self.fields
            for path in field.paths
            if path.endswith(".sourcedId")
        )
        return (
            *(path for column in self.columns if not column.kept for path in column.paths),
            *(f"{reference}{part}" for reference in references for part in ("href", "type")),
            *self.json_only,
        )

    @property
    def raw(self) -> Table:
        """The raw table that keeps this entity's records as text."""
        return raw_table("oneroster", "the source", self)

    def header(self, version: Version) -> tuple[str, ...]:
        """Return the header of the file in a version of the standard."""
        return tuple(column.name for column in self.columns if version in column.versions)
