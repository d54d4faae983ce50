"""What reading a district's source gives, the same for every SIS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.fingerprint import fingerprint

if TYPE_CHECKING:
    from sis_assets.sis.delimited import ReadFile


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source, as it landed: its entity, its name there, size, hash and place here.

    `declared_records` is what the sender's manifest says it holds, None where there is none.
    """

    entity: str
    name: str
    bytes: int
    sha256: str
    path: Path
    declared_records: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A whole delivery of a district, before it is read. `read_under` hashes the settings that say how to read it."""

    files: tuple[SourceFile, ...]
    read_under: str

    @property
    def content_sha256(self) -> str:
        """Hash of all bytes: two deliveries with the same hash hold the same."""
        return fingerprint(sorted((file.entity, file.sha256) for file in self.files))


@dataclass(frozen=True, slots=True)
class EntityRead:
    """One file of a delivery after reading: its records as text in a short-lived Parquet file, and what was rejected."""

    source: SourceFile
    read: ReadFile
