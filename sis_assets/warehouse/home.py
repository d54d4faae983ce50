"""Where everything lives: `SIS_ASSETS_HOME`, `SIS_ASSETS_CATALOG` and `SIS_ASSETS_FILES`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation and the two places that may lie elsewhere.

    `catalog` is a DuckLake address (`ducklake:sqlite:PATH` or `ducklake:postgres:CONNINFO`), `files` a folder or an
    `s3://` prefix with a slash at its end.
    """

    root: Path
    catalog: str
    files: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """Return the home that the environment names; nothing is created or touched."""
        root = Path(environment.get("SIS_ASSETS_HOME") or "data").absolute()
        warehouse = root / "warehouse"
        files = environment.get("SIS_ASSETS_FILES") or f"{warehouse / 'files'}"
        return cls(
            root=root,
            catalog=environment.get("SIS_ASSETS_CATALOG")
            or f"ducklake:sqlite:{warehouse / 'catalog.sqlite'}",
            files=files if files.endswith("/") else f"{files}/",
        )

    @classmethod
    def at(cls, root: Path) -> Home:
        """Return the home at `root` with its default catalog and files."""
        return cls.from_environment({"SIS_ASSETS_HOME": str(root)})

    @property
    def districts(self) -> Path:
        """The folder of the district files."""
        return self.root / "districts"

    @property
    def landing(self) -> Path:
        """Where files from the districts land, by content."""
        return self.root / "landing"

    @property
    def outbox(self) -> Path:
        """Where files for people and other systems are laid."""
        return self.root / "outbox"

    @property
    def requests(self) -> Path:
        """Where files with course requests are dropped, one folder a district."""
        return self.root / "requests"

    @property
    def dagster(self) -> Path:
        """The default `DAGSTER_HOME`."""
        return self.root / "dagster"

    @property
    def scratch(self) -> Path:
        """Short-lived files that may hold students' data; inside `warehouse/`, never in the system's temporary folder."""
        return self.root / "warehouse" / "scratch"
