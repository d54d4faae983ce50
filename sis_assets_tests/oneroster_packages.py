"""OneRoster packages for tests, of obviously made-up people: what a district would drop, loose or in a zip."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sis_assets.sis.oneroster.contract import BY_NAME, FILES
from sis_assets.sis.oneroster.layout import Version
from sis_assets_tests.spine import Spine

Row = dict[str, str]

DISTRICT_ORG = {"sourcedId": "o-1", "name": "Sample District", "type": "district"}
HIGH = {"sourcedId": "o-2", "name": "Sample High", "type": "school", "parentSourcedId": "o-1"}
MIDDLE = {"sourcedId": "o-3", "name": "Sample Middle", "type": "school", "parentSourcedId": "o-1"}
YEAR = {
    "sourcedId": "t-1",
    "title": "2026-2027",
    "type": "schoolYear",
    "startDate": "2026-08-12",
    "endDate": "2027-06-05",
    "schoolYear": "2027",
}
COURSE = {"sourcedId": "k-1", "title": "English 9", "courseCode": "ENG9", "orgSourcedId": "o-1"}
CLASS = {
    "sourcedId": "s-1",
    "title": "English 9, period 1",
    "courseSourcedId": "k-1",
    "classType": "scheduled",
    "schoolSourcedId": "o-2",
    "termSourcedIds": "t-1",
}


def student(number: int, **changes: str) -> Row:
    """A student of 1.1; the number makes the person."""
    return {
        "sourcedId": f"u-{number}",
        "enabledUser": "true",
        "orgSourcedIds": "o-2",
        "role": "student",
        "username": f"s{number:04}",
        "givenName": f"Given-{number:04}",
        "familyName": f"Family-{number:04}",
        "identifier": f"{100000 + number}",
        "email": f"s{number:04}@example.org",
        "grades": "09",
    } | changes


def seat(number: int, **changes: str) -> Row:
    return {
        "sourcedId": f"e-{number}",
        "classSourcedId": "s-1",
        "schoolSourcedId": "o-2",
        "userSourcedId": f"u-{number}",
        "role": "student",
    } | changes


def birth(number: int, **changes: str) -> Row:
    return {"sourcedId": f"u-{number}", "birthDate": "2011-03-09", "sex": "unspecified"} | changes


def role(number: int, **changes: str) -> Row:
    return {
        "sourcedId": f"r-{number}",
        "userSourcedId": f"u-{number}",
        "roleType": "primary",
        "role": "student",
        "orgSourcedId": "o-2",
    } | changes


def text(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """A CSV file with these columns; what a row does not say is blank."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([[row.get(name, "") for name in header] for row in rows])
    return out.getvalue()


def table(entity: str, rows: Sequence[Mapping[str, str]], version: Version = "1.1") -> str:
    """A file of an entity with the header of the version."""
    header = BY_NAME[entity].header(version)
    assert all(row.keys() <= set(header) for row in rows), entity
    return text(header, rows)


def manifest(modes: Mapping[str, str], version: Version = "1.1") -> str:
    """A manifest; files of which `modes` (by file name without .csv) says nothing are absent."""
    rows = {"manifest.version": "1.0", "oneroster.version": version}
    rows |= {f"file.{stem}": modes.get(stem, "absent") for stem in sorted(FILES[version])}
    return text(
        ("propertyName", "value"), [{"propertyName": name, "value": value} for name, value in rows.items()]
    )


def package(
    rows: Mapping[str, Sequence[Row]],
    *,
    mode: Literal["bulk", "delta"] = "bulk",
    modes: Mapping[str, str] | None = None,
    version: Version = "1.1",
) -> dict[str, str]:
    """The files of a package with these records by entity, and its manifest."""
    files = {BY_NAME[name].file: table(name, records, version) for name, records in rows.items()}
    told = {BY_NAME[name].stem: (modes or {}).get(name, mode) for name in rows}
    return files | {"manifest.csv": manifest(told, version)}


def everything(students: Sequence[Row], **rows: Sequence[Row]) -> dict[str, Sequence[Row]]:
    """The records of a small whole district with these users."""
    return {
        "orgs": [DISTRICT_ORG, HIGH, MIDDLE],
        "academic_sessions": [YEAR],
        "users": students,
        "courses": [COURSE],
        "classes": [CLASS],
    } | rows


def zipped(files: Mapping[str, str | bytes], folder: str = "") -> bytes:
    """The files in one zip, in a folder of it if one is named."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return out.getvalue()


def receive(spine: Spine, name: str, files: Mapping[str, str | bytes], **settings: Any) -> None:
    """Drop the files for a district of OneRoster files; `settings` are keys of its section `sis`."""
    dropzone = {"folder": str(spine.folder(name)), "quiet_seconds": 0}
    if name not in spine.districts or settings:
        spine.district(name, sis={"kind": "oneroster_files", "dropzone": dropzone, **settings})
    spine.drop(name, files)
