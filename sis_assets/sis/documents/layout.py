"""How a contract describes the records that a SIS gives as JSON objects: their fields, and the raw table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sis_assets.model.schema import DISTRICT, TEXT, WHOLE, Column, Table


@dataclass(frozen=True, slots=True)
class Field:
    """One field: where it stands in a row, and what it holds. Its column bears the last name of `path`.

    `also` are other places where versions of the SIS have it. A `required` one that no row has fails the extract.
    """

    path: str
    description: str
    required: bool = False
    pii: bool = False
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The column's name."""
        return self.path.rpartition(".")[2]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every place where it may stand."""
        return (self.path, *self.also)


class Kind(Protocol):
    """One kind of records: its name here and its fields.

    `dropped` are parts of a record that we know and do not keep; a name that ends in `*` stands for all that begin so.
    """

    @property
    def name(self) -> str:
        """Its name here."""

    @property
    def description(self) -> str:
        """What its records are."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its fields."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """Parts of a record that are known and not kept."""


def raw_table(sis: str, called: str, kind: Kind) -> Table:
    """Return the raw table of a kind of records: `raw.<sis>_<kind>`. `called` is the SIS's own name."""
    return Table(
        "raw",
        f"{sis}_{kind.name}",
        f"{kind.description} As {called} said: text, one set of rows an extract.",
        (
            DISTRICT,
            Column("extract_id", TEXT, "The extract that brought the record."),
            Column("row_number", WHOLE, "Number of the record in the order of its key, from 1."),
            *(Column(field.name, TEXT, field.description, field.pii) for field in kind.fields),
            Column("other_columns", TEXT, "JSON of the fields that the contract does not know.", pii=True),
        ),
    )
