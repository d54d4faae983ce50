"""Untrusted delimited text files become clean all-text tables, or are refused with a reason.

Nothing is guessed and nothing is lost: every record of a file is loaded, or stands in `ReadFile.rejected` with its
number, its key and a reason, and an independent counter must agree with the sum. How a file is read, and what is
refused, is told in `docs/reading-files.md`.
"""

from sis_assets.sis.delimited.reading import read_delimited
from sis_assets.sis.delimited.shapes import Dialect, Layout, Limits, ReadFile, ReadJob, Rejected
from sis_assets.sis.delimited.workers import Readers

__all__ = ["Dialect", "Layout", "Limits", "ReadFile", "ReadJob", "Readers", "Rejected", "read_delimited"]
