"""The warehouse: a DuckLake, its schema, its transactions, its upkeep and its ledger."""

from sis_assets.warehouse.home import Home
from sis_assets.warehouse.lake import Warehouse

__all__ = ["Home", "Warehouse"]
