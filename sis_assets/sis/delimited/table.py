"""Text that was proven clean becomes a Parquet file, by DuckDB locked into a sandbox.

DuckDB may open the one file it reads and the one it writes, nothing else: no other path, no network, no extension.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sis_assets.sis.delimited.header import Header
from sis_assets.sis.delimited.shapes import MIB

THREADS = 2
MEMORY = "384MB"
_BUFFER_BYTES = 4 << 20
_NEVER = "\x01"  # a NULL's spelling that cannot occur: text with this control character never comes here


@dataclass(frozen=True, slots=True)
class Clean:
    """How clean text is written: one record a line, `skip` lines before the first.

    `numbered`: each line begins with its row number. `escaped`: LF and CR of values are written as U+001E and U+001D.
    """

    delimiter: str
    skip: int = 0
    quoted: bool = False
    carriage_returns: bool = False
    numbered: bool = False
    escaped: bool = False


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection that can be given to one `Sandbox`. It takes a while: 15 ms."""
    return duckdb.connect(
        ":memory:",
        config={
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "enable_external_file_cache": "false",  # it knows files by their path, and ours is always the same
        },
    )


class Sandbox:
    """A connection that can open one path to read and one to write, both in `folder`, and nothing else, for good.

    One serves all files whose tables belong into the folder: `on` lays the file to read under the one path, as a link to
    what it is now, and takes the table from the other. The folder is ours alone, so that no file is put in the place of
    either. Errors of DuckDB pass through; their text may quote the file and must not be shown.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        # The folder by its descriptor: no character of its path is taken for a pattern.
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._names = f"reading-{os.getpid()}", f"writing-{os.getpid()}"
        self._from, self._into = (_text(f"/dev/fd/{self._descriptor}/{name}") for name in self._names)
        connection.execute(f"SET allowed_paths = [{self._from}, {self._into}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        os.close(self._descriptor)

    def serves(self, folder: Path) -> bool:
        """Whether tables into this folder can be made here."""
        return folder == self._folder

    @contextmanager
    def on(self, source: Path, into: Path) -> Iterator[None]:
        """Let the queries of the block read `source` and write `into` (mode 0600). Raises OSError."""
        reading, writing = (self._folder / name for name in self._names)
        try:
            _lay(source, reading)
            os.close(os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            yield
            writing.replace(into)
        finally:
            reading.unlink(missing_ok=True)
            writing.unlink(missing_ok=True)

    def write_parquet(self, clean: Clean, header: Header) -> int:
        """Write the records, in the order of the file, and return their number."""
        number = "number" if clean.numbered else "row_number() OVER ()"
        others = ", ".join(f"{_text(header.names[at])}, {_value(clean, at)}" for at in header.unknown)
        columns = [
            f"{number}::BIGINT AS row_number",
            *(f"{_value(clean, at)} AS {_name(column)}" for column, at in header.ours.items()),
            f"{f'json_object({others})::VARCHAR' if others else 'NULL::VARCHAR'} AS other_columns",
        ]
        query = f"SELECT {', '.join(columns)} FROM {_scan(self._from, clean, len(header.names))}"
        options = "FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false"
        row = self._connection.execute(f"COPY ({query}) TO {self._into} ({options})").fetchone()
        return int(row[0]) if row else 0

    def may_repeat_header(self, header: Header, key: str) -> bool:
        """Tell whether the key column's own name stands in the key of some record that was written."""
        query = (
            f"SELECT count(*) FROM read_parquet({self._into}) WHERE contains(lower({_name(key)}), lower($1))"
        )
        row = self._connection.execute(query, [header.names[header.key]]).fetchone()
        return row is None or row[0] > 0


def _scan(path: str, clean: Clean, width: int) -> str:
    # DuckDB reads CR LF only when it is not strict. That accepts too many fields and stray quotes silently: the survey
    # has proven that there are none.
    line_ends = r"strict_mode = false, new_line = '\r\n'" if clean.carriage_returns else "strict_mode = true"
    quote = "'\"'" if clean.quoted else "''"
    columns = {"number": "BIGINT"} if clean.numbered else {}
    columns |= {f"c{at}": "VARCHAR" for at in range(width)}
    described = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    return (
        f"read_csv({path}, auto_detect = false, header = false, skip = {clean.skip}, "
        f"delim = {_text(clean.delimiter)}, quote = {quote}, escape = {quote}, nullstr = {_text(_NEVER)}, "
        f"compression = 'none', {line_ends}, buffer_size = {_BUFFER_BYTES}, max_line_size = {_BUFFER_BYTES // 2}, "
        f"columns = {{{described}}})"
    )


def _value(clean: Clean, at: int) -> str:
    value = f"c{at}"
    if clean.escaped:
        value = f"replace(replace({value}, chr(30), chr(10)), chr(29), chr(13))"
    if clean.numbered:
        return value
    # trim costs as much as all the rest; to look for something to trim costs next to nothing
    blanks = [blank for blank in (" ", "\t") if blank != clean.delimiter]
    padded = " OR ".join(
        f"prefix({value}, {_text(blank)}) OR suffix({value}, {_text(blank)})" for blank in blanks
    )
    return f"CASE WHEN {padded} THEN trim({value}, {_text(''.join(blanks))}) ELSE {value} END"


def _lay(source: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    try:
        os.link(source, place)
    except OSError:  # another file system, or one without links
        mine = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(mine, "wb") as copy, source.open("rb") as found:
            shutil.copyfileobj(found, copy, MIB)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
