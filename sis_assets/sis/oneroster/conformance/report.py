"""The report of a strict look, for a person: a CSV file of ids and codes, and a sentence. No values of records."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from sis_assets.sis.oneroster.conformance.examine import Report
from sis_assets.sis.oneroster.conformance.findings import CODES

_HEADER = ("file", "row", "sourcedId", "column", "code", "meaning")


def write(report: Report, path: Path) -> None:
    """Write the report's file (0600) in the place of an older one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for found in report.findings.told:
            row = "" if found.row is None else str(found.row)
            writer.writerow((found.file, row, found.key, found.column, found.code, CODES[found.code]))
    partial.replace(path)


def told(report: Report, path: Path) -> str:
    """Return the report in a sentence."""
    counts = [f"{code} {count}" for code, count in report.findings.by_code()]
    if not counts:
        return f"as OneRoster {report.version} says"
    return f"departs from OneRoster {report.version}: {', '.join(counts)}; record by record in {path}"
