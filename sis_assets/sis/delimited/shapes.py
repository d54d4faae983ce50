"""What goes into a reader and what comes out of it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a district writes its files.

    `encoding` None means: strict utf-8, else cp1252. `final_newline` says that the last record ends with a line end, so
    that a file without it was cut off.
    """

    delimiter: str = "|"
    encoding: str | None = None
    final_newline: bool = True

    def __post_init__(self) -> None:
        """Refuse delimiters that could be part of a value or of the file's own structure."""
        usable = len(self.delimiter) == 1 and (self.delimiter == "\t" or self.delimiter.isprintable())
        if not usable or self.delimiter in string.ascii_letters + string.digits + '" ':
            raise ValueError(
                "a delimiter is one printable character or a tab: no letter, digit, quote or blank"
            )


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file, a record (in bytes of utf-8), a field (in characters) and a header may be."""

    file_bytes: int = 2048 * MIB
    record_bytes: int = MIB
    field_chars: int = 64 * 1024
    columns: int = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns a file may have.

    `columns` maps our name of a column to the header names it may bear (compared without blanks, invisible characters
    and case). `key` is our name of the column that identifies a record. Unknown columns are kept, not refused; those with a
    header of `unwanted` are left behind.
    """

    columns: Mapping[str, tuple[str, ...]]
    required: frozenset[str]
    key: str
    unwanted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a layout that contradicts itself."""
        if not (self.required | {self.key}) <= set(self.columns):
            raise ValueError("the required columns and the key must be columns of the layout")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not loaded. `record_key` is None when the key cannot be trusted; `message` holds no value."""

    row_number: int
    record_key: str | None = field(repr=False)
    reason_code: str
    message: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read: its clean table as Parquet, and what is to be told about it.

    Columns of the Parquet file: `row_number` BIGINT (records from 1, the header not counted; rejected records keep
    their numbers), then `columns`, each VARCHAR, then `other_columns` VARCHAR: a JSON object of the columns unknown to
    the layout, NULL when there are none. `records` = rows of the Parquet file + `rejected`.
    """

    parquet: Path
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    missing_optional: tuple[str, ...]
    records: int
    rejected: tuple[Rejected, ...]
    encoding: str


@dataclass(frozen=True, slots=True)
class ReadJob:
    """One call of `read_delimited`, to be done elsewhere."""

    path: Path
    layout: Layout
    dialect: Dialect
    limits: Limits
    into: Path


def scratch_files(into: Path) -> tuple[Path, Path]:
    """Return the files that a reading into `into` may leave if its process dies: decoded text and clean records."""
    return into.with_name(into.name + ".utf8"), into.with_name(into.name + ".clean")
