"""Reading one untrusted file, in this process: by the fast path where the bytes prove it safe, else by the precise one.

Both paths end in the same law: records loaded + records rejected = records counted by other means.
"""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path

import duckdb

from sis_assets.model.faults import Mover, PermanentFault, TransientFault
from sis_assets.sis.delimited.count import count_records
from sis_assets.sis.delimited.decode import Text, as_utf8
from sis_assets.sis.delimited.header import Header, match_header
from sis_assets.sis.delimited.records import Lines, OpenQuoteError, records
from sis_assets.sis.delimited.refusals import cut_off, out_of_step, refused
from sis_assets.sis.delimited.shapes import (
    MIB,
    Dialect,
    Layout,
    Limits,
    ReadFile,
    ReadJob,
    Rejected,
    scratch_files,
)
from sis_assets.sis.delimited.sorting import FIELD_END, Sorted, Sorter
from sis_assets.sis.delimited.survey import survey
from sis_assets.sis.delimited.table import Clean, Sandbox, connect

_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
)


def read_delimited(path: Path, layout: Layout, dialect: Dialect, limits: Limits, into: Path) -> ReadFile:
    """Read the delimited text file at `path` into the Parquet file `into` (mode 0600; see `ReadFile` for its columns).

    Values lose outer blanks (space, tab) and nothing else; an empty value is ''. Scratch files stand beside `into` and
    are gone afterwards, `into` too when the file is refused. Raises PermanentFault for a file that cannot be read whole
    (contract: Xello files §2.1, eSchoolPLUS §1.2) and TransientFault when this machine is in trouble; no message holds
    a value of the file.
    """
    with closing(Sandbox(connect(), into.parent)) as sandbox:
        return read_in(sandbox, ReadJob(path, layout, dialect, limits, into))


def read_in(sandbox: Sandbox, job: ReadJob) -> ReadFile:
    """Do what `read_delimited` does, in a sandbox that was made before; after a fault, make a new one."""
    done = False
    try:
        read = _Reading(job).read(sandbox)
        done = True
    except OSError as error:
        raise _of_the_machine(job.path, error) from None
    except duckdb.IOException:
        raise _of_the_machine(job.path, OSError(errno.EIO, "")) from None
    except (MemoryError, duckdb.OutOfMemoryException):
        seen = "the reader ran out of memory"
        raise refused(
            job.path, seen, "Lower the limits or give the readers more memory", Mover.ENGINEER
        ) from None
    finally:
        for leftover in (*scratch_files(job.into), *(() if done else (job.into,))):
            leftover.unlink(missing_ok=True)
    return read


class _Reading:
    """One file on its way; the steps share what is known about it."""

    def __init__(self, job: ReadJob) -> None:
        self._path, self._into = job.path, job.into
        self._layout, self._dialect, self._limits = job.layout, job.dialect, job.limits
        self._decoded, self._clean = scratch_files(job.into)
        self._delimiter = job.dialect.delimiter.encode()

    def read(self, sandbox: Sandbox) -> ReadFile:
        size = self._path.stat().st_size
        if size > self._limits.file_bytes:
            seen = f"the file has {size} bytes, more than {self._limits.file_bytes}"
            raise refused(self._path, seen, "Send only this district's records, or have the limit raised")
        text = as_utf8(self._path, self._dialect.encoding, self._decoded)
        if self._dialect.final_newline and not _ends_with_line_end(text):
            raise cut_off(self._path, "the last record has no line end")
        header = self._header(text)
        fast = self._fast(sandbox, text, header)
        loaded, rejected, counted = self._precise(sandbox, text, header) if fast is None else (fast, (), fast)
        if loaded + len(rejected) != counted:
            seen = f"{loaded} records loaded and {len(rejected)} rejected, but {counted} counted"
            raise out_of_step(self._path, seen)
        if counted == 0:
            raise refused(
                self._path, "the file has a header but no records", "Export and send the file again"
            )
        unknown = tuple(header.names[at] for at in header.unknown)
        return ReadFile(
            self._into, tuple(header.ours), unknown, header.missing_optional, counted, rejected, text.encoding
        )

    def _header(self, text: Text) -> Header:
        lines = Lines(text.path, text.start, self._limits.record_bytes)
        try:
            first = next(records(lines, self._delimiter, self._limits.record_bytes), None)
        except OpenQuoteError:
            raise cut_off(self._path, "a quoted value in the header does not end") from None
        if first is None:
            raise refused(self._path, "the file holds blank lines only", "Export and send the file again")
        if first.problem is not None:
            seen = f"the header cannot be read ({first.problem})"
            raise refused(self._path, seen, "Send the file with its documented header")
        return match_header(self._path, first.fields, self._layout, self._dialect, self._limits)

    def _fast(self, sandbox: Sandbox, text: Text, header: Header) -> int | None:
        """Return the number of records loaded by DuckDB, None when the file may need the precise path."""
        proof = survey(text.path, text.start, len(header.names), self._delimiter, self._limits)
        if proof is None:
            return None
        clean = Clean(
            delimiter=self._dialect.delimiter,
            skip=1,
            quoted=proof.quoted,
            carriage_returns=proof.carriage_returns,
        )
        try:
            with sandbox.on(text.path, self._into):
                loaded = sandbox.write_parquet(clean, header)
                sure = loaded == proof.records and not sandbox.may_repeat_header(header, self._layout.key)
        except duckdb.Error:
            return None
        return loaded if sure else None

    def _precise(self, sandbox: Sandbox, text: Text, header: Header) -> tuple[int, tuple[Rejected, ...], int]:
        """Return how many records were loaded, which were rejected, and how many were counted."""
        found = self._sort(text, header)
        clean = Clean(delimiter=FIELD_END.decode(), numbered=True, escaped=found.line_ends)
        try:
            with sandbox.on(self._clean, self._into):
                loaded = sandbox.write_parquet(clean, header)
        except (duckdb.OutOfMemoryException, duckdb.IOException):
            raise
        except duckdb.Error as error:
            raise out_of_step(
                self._path, f"the accepted records could not be written ({type(error).__name__})"
            ) from None
        counted = count_records(text.path, text.start, header, self._delimiter, self._limits.record_bytes)
        return loaded, found.rejected, counted

    def _sort(self, text: Text, header: Header) -> Sorted:
        lines = Lines(text.path, text.start, self._limits.record_bytes)
        found = records(lines, self._delimiter, self._limits.record_bytes, len(header.names))
        next(found)
        descriptor = os.open(self._clean, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=MIB) as sink:
            try:
                return Sorter(header, self._delimiter, self._limits, sink).sort(found)
            except OpenQuoteError:
                raise cut_off(self._path, "a quoted value is still open at the end of the file") from None


def _ends_with_line_end(text: Text) -> bool:
    with text.path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) in {b"\n", b"\r"}


def _of_the_machine(path: Path, error: OSError) -> TransientFault | PermanentFault:
    kind = TransientFault if error.errno in _PASSING else PermanentFault
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    seen = f"the operating system refused it ({name})"
    todo = "Look at the disk, the folders' permissions and the limits of this machine"
    return kind(tried=f"reading the file {path.name}", seen=seen, todo=todo, mover=Mover.ENGINEER)
