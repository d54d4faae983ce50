"""The warehouse as commands open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.warehouse import Warehouse


@contextmanager
def lake(*, write: bool = False) -> Iterator[Warehouse]:
    """Give the warehouse, for reading unless told otherwise."""
    from sis_assets.model.schema import TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.sis.kinds import RAW_TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.warehouse import Warehouse  # noqa: PLC0415 - beside its use

    with Warehouse(Home.from_environment(), (*RAW_TABLES, *TABLES), read_only=not write) as warehouse:
        yield warehouse
