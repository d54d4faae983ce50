"""The warehouse as commands open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sis_assets.warehouse.home import Home

if TYPE_CHECKING:
    from sis_assets.warehouse import Warehouse


@contextmanager
def lake(*, write: bool = False, snapshot: int | None = None) -> Iterator[Warehouse]:
    """Give the warehouse, for reading unless told otherwise; with a `snapshot`, as it was then."""
    from sis_assets.model.schema import TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.sis.kinds import RAW_TABLES  # noqa: PLC0415 - beside its use
    from sis_assets.warehouse import Warehouse  # noqa: PLC0415 - beside its use

    tables = (*RAW_TABLES, *TABLES)
    with Warehouse(Home.from_environment(), tables, read_only=not write, snapshot=snapshot) as warehouse:
        yield warehouse
