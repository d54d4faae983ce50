"""A departure from the standard: what it is called, where it is, and what it means. No value of a record but its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

#: Of one kind in one file, so many are told one by one; all are counted.
MOST_ROWS: Final = 1_000

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "manifest.missing": "there is no manifest.csv",
        "manifest.header": "the header is not propertyName,value",
        "manifest.missing_property": "a property that must be there is not",
        "manifest.duplicate_property": "a property stands more than once",
        "manifest.unknown_property": "a property that the standard does not have",
        "manifest.version": "manifest.version is not 1.0",
        "manifest.oneroster_version": "oneroster.version is neither 1.1 nor 1.2",
        "manifest.nested_folder": "the files stand in a folder of the zip, not at its root",
        "schema.missing_column": "a column of the standard is missing",
        "schema.unknown_column": "a column that the standard does not have, and no metadata",
        "schema.duplicate_column": "a column stands more than once",
        "schema.empty_column": "a column has no name",
        "schema.column_order": "the columns are not in the standard's order, or metadata do not come last",
        "table.empty": "the file has a header and no records",
        "row.width": "the record has another number of fields than the header",
        "row.quoting": "the record's quoting does not work out, or the record is too long",
        "row.line_break": "a value holds a line break",
        "row.required": "a value that must be there is blank",
        "row.guid": "the value is no sourcedId: up to 255 letters, digits and . _ - / @",
        "row.list": "the value is no list with commas",
        "row.user_ids": "the value is no list of {type:identifier}",
        "row.date": "the value is no date YYYY-MM-DD",
        "row.datetime": "the value is no UTC time ending in Z",
        "row.boolean": "the value is neither true nor false",
        "row.year": "the value is no year YYYY",
        "row.enum": "the value is not of the standard's vocabulary",
        "row.status_in_bulk": "status and dateLastModified are filled in a file with everything",
        "row.status_missing": "status or dateLastModified is blank in a file of changes",
        "row.duplicate_sourced_id": "another record of the file has the same sourcedId",
        "reference.missing_file": "the file to which the column refers is absent",
        "reference.missing_record": "the record to which the value refers is not in the package",
        "semantic.org_type": "the organisation is no school",
        "semantic.school_year_type": "the session is no schoolYear",
        "semantic.term_type": "the session is neither a term nor a semester",
        "semantic.several_primary_roles": "the person has several primary roles at the organisation",
        "semantic.primary_org_without_role": "the person has no role at the primary organisation",
        "semantic.end_before_start": "the end is not after the beginning",
        "semantic.outside_term": "the enrolment is not within the terms of its class",
        "semantic.several_primary_teachers": "the class has several primary teachers at once",
        "semantic.subject_codes": "there are not as many subject codes as subjects",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure: its code, the file, and where it has one the record (from 1), its key and the column."""

    code: str
    file: str
    row: int | None = None
    key: str = field(default="", repr=False)
    column: str = ""


@dataclass(slots=True)
class Findings:
    """All departures of a package: the first of each kind in each file, and how many there are."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there are not many of its kind."""
        kind = (finding.file, finding.code)
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_ROWS:
            self.told.append(finding)

    def by_code(self) -> Iterator[tuple[str, int]]:
        """Give each code that occurs and how often, in the order of CODES."""
        total: Counter[str] = Counter()
        for (_, code), count in self.counts.items():
            total[code] += count
        return ((code, total[code]) for code in CODES if total[code])
