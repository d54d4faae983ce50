"""What reading a district's source gives, the same for every SIS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
class Past:
    """What the ledger knows of a district's complete extracts of its kind of SIS, at the business clock's `now`.

    `entities` are those of all of them, `files` (SHA-256 by entity) those of the district's newest complete extract, which
    was read under the settings of hash `read_under`. The source was last read whole at `read_at`; `refused` tells whether a
    read since then failed for other than passing reasons. Where the newest extract is of another kind of SIS, or there is
    none, there are no files.
    """

    now: datetime
    entities: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    read_at: datetime | None = None
    read_under: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A whole delivery of a district, before it is read. `read_under` hashes the settings that say how to read it.

    `stated` is told with the extract: how this delivery came and what identifies its records.
    """

    files: tuple[SourceFile, ...]
    read_under: str
    stated: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_sha256(self) -> str:
        """Hash of all bytes: two deliveries with the same hash hold the same."""
        return fingerprint(sorted((file.entity, file.sha256) for file in self.files))


@dataclass(frozen=True, slots=True)
class EntityRead:
    """One file of a delivery after reading: its records as text in a short-lived Parquet file, and what was rejected."""

    source: SourceFile
    read: ReadFile
