"""The strict look at a package: its manifest, its headers, and every record. Contract: OneRoster §4.1, §4.2, §4.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.sis.oneroster.conformance.facts import Facts, Row
from sis_assets.sis.oneroster.conformance.findings import Finding, Findings
from sis_assets.sis.oneroster.conformance.meanings import Meanings
from sis_assets.sis.oneroster.conformance.values import checker
from sis_assets.sis.oneroster.contract import BY_NAME, ENTITIES, FILES
from sis_assets.sis.oneroster.files import manifest as letter
from sis_assets.sis.oneroster.files.manifest import Manifest, Mode
from sis_assets.sis.oneroster.files.package import Package
from sis_assets.sis.oneroster.files.records import Table, opened
from sis_assets.sis.oneroster.layout import Entity, Form, Value, Version

_METADATA: Final = "metadata."
_PROPERTIES: Final = frozenset({"manifest.version", "oneroster.version"})
_VERSIONS: Final[Mapping[str, Version]] = {"1.1": "1.1", "1.2": "1.2"}
_OPTIONAL: Final = frozenset({"source.systemName", "source.systemCode"})


@dataclass(frozen=True, slots=True)
class Report:
    """What a package was held against, and how it departs from it."""

    version: Version
    findings: Findings


def examine(package: Package, encoding: str | None, scratch: Path) -> Report:
    """Hold a package against the standard, in the version that it says it is of.

    Raises PermanentFault for a file that is no text or is cut off. Nothing is kept of the files.
    """
    with ExitStack() as stack:
        tables = {
            entity.name: stack.enter_context(opened(found.path, encoding, scratch))
            for entity in ENTITIES
            if (found := package.files.get(entity.name))
        }
        findings = Findings()
        version = _version(package.manifest, tables)
        _look_at_manifest(package, version, findings)
        examined = [_Examined(BY_NAME[name], table, version) for name, table in tables.items()]
        facts = Facts()
        for file in examined:
            file.look_at_header(findings)
            for _, row in file.rows():
                facts.learn(file.entity.name, row)
        meanings = Meanings(facts)
        for file in examined:
            _look_at_records(file, package.modes, facts, meanings, findings)
        return Report(version, findings)


def _version(told: Manifest | None, tables: Mapping[str, Table]) -> Version:
    """Return the version that the manifest names; without one, that of the users' header."""
    named = dict(told.rows).get("oneroster.version", "") if told else ""
    if named in _VERSIONS:
        return _VERSIONS[named]
    return "1.1" if "users" in tables and "role" in tables["users"].columns else "1.2"


def _look_at_manifest(package: Package, version: Version, findings: Findings) -> None:
    told = package.manifest
    if package.nested:
        findings.add(Finding("manifest.nested_folder", letter.NAME))
    if told is None:
        findings.add(Finding("manifest.missing", letter.NAME))
        return
    if told.header != ("propertyName", "value"):
        findings.add(Finding("manifest.header", letter.NAME, 0))
    wanted = _PROPERTIES | {f"file.{stem}" for stem in FILES[version]}
    counted = Counter(name for name, _ in told.rows)
    for name in sorted(wanted - counted.keys()):
        findings.add(Finding("manifest.missing_property", letter.NAME, column=name))
    for number, (name, value) in enumerate(told.rows, start=1):
        if name not in wanted | _OPTIONAL:
            findings.add(Finding("manifest.unknown_property", letter.NAME, number))
        elif counted[name] > 1:
            findings.add(Finding("manifest.duplicate_property", letter.NAME, number, column=name))
        elif name == "manifest.version" and value != "1.0":
            findings.add(Finding("manifest.version", letter.NAME, number, column=name))
        elif name == "oneroster.version" and value not in {"1.1", "1.2"}:
            findings.add(Finding("manifest.oneroster_version", letter.NAME, number, column=name))


@dataclass(frozen=True, slots=True)
class _Examined:
    """One file of the package, and the entity whose records it holds."""

    entity: Entity
    table: Table
    version: Version

    def look_at_header(self, findings: Findings) -> None:
        """Hold the header against the standard's."""
        found, wanted = self.table.columns, self.entity.header(self.version)
        codes = {
            "schema.missing_column": [name for name in wanted if name not in found],
            "schema.unknown_column": [
                "" for name in found if name and name not in wanted and not name.startswith(_METADATA)
            ],
            "schema.duplicate_column": [name for name in wanted if found.count(name) > 1],
            "schema.empty_column": ["" for name in found if not name.strip()],
        }
        for code, names in codes.items():
            for name in names:
                findings.add(Finding(code, self.entity.file, 0, column=name))
        if not any(codes.values()) and found[: len(wanted)] != wanted:
            findings.add(Finding("schema.column_order", self.entity.file, 0))

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Give the records that have all their fields, with their numbers."""
        names, width = self.table.columns, len(self.table.columns)
        for number, record in enumerate(self.table.records(), start=1):
            if record.problem is None and len(record.fields) == width:
                values = (value.decode() for value in record.fields)
                yield number, dict(zip(names, values, strict=True))

    def broken(self) -> Iterator[tuple[int, str]]:
        """Give the numbers of the other records, and what is wrong with them."""
        for number, record in enumerate(self.table.records(), start=1):
            if record.problem is not None:
                yield number, "row.quoting"
            elif len(record.fields) != len(self.table.columns):
                yield number, "row.width"


def _look_at_records(
    file: _Examined, modes: Mapping[str, Mode], facts: Facts, meanings: Meanings, findings: Findings
) -> None:
    entity, name = file.entity, file.entity.file
    for number, code in file.broken():
        findings.add(Finding(code, name, number))
    checks = _checks(file, modes, facts, findings)
    seen: set[str] = set()
    number = 0
    for number, row in file.rows():
        key = row.get("sourcedId", "")
        wrong = [(code, column.name) for column, check in checks for code in check(row.get(column.name, ""))]
        wrong += _of_the_mode(row, modes[entity.name])
        if key and key in seen:
            wrong.append(("row.duplicate_sourced_id", "sourcedId"))
        seen.add(key)
        if any("\n" in value or "\r" in value for value in row.values()):
            wrong.append(("row.line_break", ""))
        wrong += meanings.of(entity.name, row)
        for code, column in wrong:
            findings.add(Finding(code, name, number, key, column))
    if number == 0 and not any(file.broken()):
        findings.add(Finding("table.empty", name))


def _of_the_mode(row: Row, mode: Mode) -> list[tuple[str, str]]:
    blank = [column for column in ("status", "dateLastModified") if not row.get(column)]
    if mode == "delta":
        return [("row.status_missing", column) for column in blank]
    return [] if len(blank) > 1 else [("row.status_in_bulk", "status")]


Check = Callable[[str], list[str]]


def _checks(
    file: _Examined, modes: Mapping[str, Mode], facts: Facts, findings: Findings
) -> list[tuple[Value, Check]]:
    """Return for each column of the file the function that gives what is wrong with a value.

    What a column refers to can be looked for only where the package has everything of it.
    """
    whole = "delta" not in modes.values()
    found: list[tuple[Value, Check]] = []
    for column in file.entity.columns:
        if file.version not in column.versions or column.name not in file.table.columns:
            continue
        written = checker(column, file.version)
        known = facts.keys[column.target] if column.target and modes[column.target] == "bulk" else None
        if column.target and modes[column.target] == "absent" and whole:
            findings.add(Finding("reference.missing_file", file.entity.file, column=column.name))
        found.append((column, _check(column, written, known)))
    return found


def _check(column: Value, written: Callable[[str], str | None], known: set[str] | None) -> Check:
    several = column.form is Form.GUIDS

    def check(text: str) -> list[str]:
        code = written(text)
        if code is not None:
            return [code]
        if known is None or not text or known.issuperset(text.split(",") if several else (text,)):
            return []
        return ["reference.missing_record"]

    return check
