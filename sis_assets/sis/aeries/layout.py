"""How the contract describes what is read of Aeries: rights, lists, entities.

Contract: Aeries §2.1 (request form, windows), §2.2 (permission areas), §2.3 (lists).
"""

from __future__ import annotations

from dataclasses import dataclass

from sis_assets.model.schema import Table
from sis_assets.sis.documents.layout import Field, raw_table


@dataclass(frozen=True, slots=True)
class Listing:
    """Where an entity's records stand below `/api/v5`.

    `path` may hold `{school}`, then there is one list for each school, and `{year}`, the year in which a school year
    begins. `by_windows` lists are asked for by record numbers, others come whole. `of_student` and `of_section` give the
    records of one of them. `inner` are the names that the list inside an object may have, whose items are the records:
    what stands around it is repeated in each. Where that is a record `of_another` entity, only what this one knows is.
    """

    path: str
    by_windows: bool = False
    of_student: str = ""
    of_section: str = ""
    inner: tuple[str, ...] = ()
    of_another: bool = False

    @property
    def of_schools(self) -> bool:
        """Whether each school has a list of its own."""
        return "{school}" in self.path


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of records: its name here, where it is read, which permission area opens it, and its fields.

    `area` is Aeries' own name of the permission area, "" for what every certificate may read. `numbers`, then `texts`, are
    what orders the objects of a list; where they are `unique`, a key that comes twice shows that the list moved. A `large`
    one has so long lists that few may be in memory at once.
    `dropped` are parts of a record that we know, do not need and do not keep; a name that ends in `*` stands for all that
    begin so. An entity that is not `may_be_empty` fails the extract when it has no records.
    """

    name: str
    description: str
    listing: Listing
    area: str
    fields: tuple[Field, ...]
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    unique: bool = False
    large: bool = False
    dropped: tuple[str, ...] = ()
    may_be_empty: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(field.name for field in self.fields)

    @property
    def raw(self) -> Table:
        """The raw table that keeps this entity's records as text."""
        return raw_table("aeries", "Aeries", self)
