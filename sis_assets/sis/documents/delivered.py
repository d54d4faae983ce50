"""Deliveries of landed rows become tables of text, one of each file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.faults import Fault
from sis_assets.sis.documents.flatten import flatten, flattening
from sis_assets.sis.documents.layout import Kind
from sis_assets.sis.reading import Delivery, EntityRead, SourceFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District


def tables_of(
    kinds: Mapping[str, Kind], deliveries: Mapping[str, tuple[District, Delivery]], into: Path
) -> dict[str, tuple[EntityRead, ...] | Fault]:
    """Make a table of text of every file of all deliveries; `kinds` are the entities by name.

    A fault of one district touches no other. The Parquet files lie in `into`; the caller removes that folder.
    """
    with flattening(into) as connection:
        return {
            name: _tables(connection, kinds, delivery.files, into / name)
            for name, (_, delivery) in deliveries.items()
        }


def _tables(
    connection: DuckDBPyConnection, kinds: Mapping[str, Kind], files: tuple[SourceFile, ...], into: Path
) -> tuple[EntityRead, ...] | Fault:
    try:
        return tuple(
            EntityRead(file, flatten(connection, kinds[file.entity], file, table))
            for file in files
            for table in (into.with_name(f"{into.name}.{file.entity}.parquet"),)
        )
    except Fault as fault:
        return fault
