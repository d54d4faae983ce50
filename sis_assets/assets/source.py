"""What the districts' systems give us. Made elsewhere: external assets, the roots of the lineage."""

from __future__ import annotations

from sis_assets.assets import catalog

SOURCES = catalog.sources()
