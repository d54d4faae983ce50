"""The strict look finds every departure of the contract's checklist, and nothing where there is none (contract §4.4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sis_assets.districts import District
from sis_assets.model.faults import NeedsPerson, PermanentFault
from sis_assets.sis.oneroster.conformance.examine import Report, examine
from sis_assets.sis.oneroster.conformance.findings import CODES, MOST_ROWS
from sis_assets.sis.oneroster.conformance.report import told, write
from sis_assets.sis.oneroster.files import client
from sis_assets.sis.oneroster.files.package import IN_DROP, package_of
from sis_assets.sis.oneroster.layout import Version
from sis_assets.transport.dropzone import LocalFolder, NotYet, land
from sis_assets.warehouse import Home
from sis_assets_tests.oneroster_packages import (
    CLASS,
    COURSE,
    DISTRICT_ORG,
    HIGH,
    YEAR,
    birth,
    everything,
    package,
    role,
    seat,
    student,
    zipped,
)

TERM = YEAR | {"sourcedId": "t-2", "title": "Autumn", "type": "semester", "endDate": "2027-01-10"}
SOUND_CLASS = CLASS | {"termSourcedIds": "t-2"}
TEACHER = student(2, role="teacher", grades="")
ROWS: dict[str, Any] = everything(
    [student(1), TEACHER],
    academic_sessions=[YEAR, TERM],
    classes=[SOUND_CLASS],
    enrollments=[seat(1), seat(2, role="teacher", primary="true")],
    demographics=[birth(1, sex="female")],
)
PERSON_12 = {name: value for name, value in student(1).items() if name not in {"orgSourcedIds", "role"}}
ROWS_12: dict[str, Any] = everything(
    [PERSON_12 | {"primaryOrgSourcedId": "o-2"}],
    classes=[SOUND_CLASS],
    academic_sessions=[TERM],
    roles=[role(1)],
)
DATED = {"status": "active", "dateLastModified": "2026-10-15T10:00:00.000Z"}


def look(folder: Path, files: Mapping[str, str | bytes]) -> Report:
    drop, landing = folder / "drop", folder / "landing"
    drop.mkdir(exist_ok=True)
    for name, content in files.items():
        (drop / name).write_bytes(content.encode() if isinstance(content, str) else content)
    landed = land(LocalFolder(drop), IN_DROP, quiet_seconds=0, landing=landing)
    assert not isinstance(landed, NotYet)
    return examine(package_of(landed, landing), None, landing)


def codes(report: Report) -> list[str]:
    return [code for code, _ in report.findings.by_code()]


@pytest.mark.parametrize(("version", "rows"), [("1.1", ROWS), ("1.2", ROWS_12)])
def test_a_sound_package_departs_in_nothing(tmp_path: Path, version: Version, rows: dict[str, Any]) -> None:
    report = look(tmp_path, package(rows, version=version))
    assert (report.version, codes(report)) == (version, [])
    assert told(report, tmp_path) == f"as OneRoster {version} says"


def test_sound_changes_depart_in_nothing(tmp_path: Path) -> None:
    report = look(tmp_path, package({"users": [student(9, orgSourcedIds="o-77", **DATED)]}, mode="delta"))
    assert codes(report) == []


#: Code → the records that show it, in the place of those of ROWS.
RECORDS: dict[str, dict[str, Any]] = {
    "table.empty": {"courses": []},
    "row.required": {"users": [student(1, username=""), TEACHER]},
    "row.guid": {"orgs": [DISTRICT_ORG, HIGH, HIGH | {"sourcedId": "o 3"}]},
    "row.list": {"courses": [COURSE | {"grades": "09,,10"}]},
    "row.user_ids": {"users": [student(1, userIds="State:1"), TEACHER]},
    "row.date": {"demographics": [birth(1, birthDate="1/05/2011", sex="male")]},
    "row.datetime": {"users": [student(1, dateLastModified="2026-10-15"), TEACHER]},
    "row.boolean": {"users": [student(1, enabledUser="TRUE"), TEACHER]},
    "row.year": {"academic_sessions": [YEAR | {"schoolYear": "26-27"}, TERM]},
    "row.enum": {"classes": [SOUND_CLASS | {"classType": "Scheduled"}]},
    "row.status_in_bulk": {"users": [student(1, status="active"), TEACHER]},
    "row.duplicate_sourced_id": {"users": [student(1), TEACHER, student(1)]},
    "row.line_break": {"courses": [COURSE | {"title": "English\n9"}]},
    "reference.missing_record": {"users": [student(1, orgSourcedIds="o-2,o-9"), TEACHER]},
    "semantic.org_type": {"classes": [SOUND_CLASS | {"schoolSourcedId": "o-1"}]},
    "semantic.school_year_type": {"courses": [COURSE | {"schoolYearSourcedId": "t-2"}]},
    "semantic.term_type": {"classes": [CLASS]},
    "semantic.end_before_start": {"academic_sessions": [YEAR, TERM | {"endDate": "2026-08-12"}]},
    "semantic.outside_term": {"enrollments": [seat(1, beginDate="2026-08-11")]},
    "semantic.several_primary_teachers": {
        "enrollments": [seat(2, role="teacher", primary="true"), seat(3, userSourcedId="u-2", role="teacher", primary="true")]
    },
    "semantic.subject_codes": {"courses": [COURSE | {"subjects": "a,b", "subjectCodes": "1"}]},
}  # fmt: skip


def reader(code: str, *more: Any) -> Any:
    """A case of a test that stands for a check of the reader."""
    return pytest.param(code, *more, marks=pytest.mark.conformance("reader", code))


@pytest.mark.parametrize("code", [reader(code) for code in RECORDS])
def test_records_depart(tmp_path: Path, code: str) -> None:
    report = look(tmp_path, package(ROWS | RECORDS[code]))
    assert code in codes(report)
    [found, *_] = [each for each in report.findings.told if each.code == code]
    assert found.file == f"{next(iter(RECORDS[code])).replace('academic_sessions', 'academicSessions')}.csv"
    assert code == "table.empty" or (found.row and found.key)


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        reader(
            "semantic.several_primary_roles",
            {"roles": [role(1), role(2, userSourcedId="u-1", role="relative")]},
        ),
        reader("semantic.primary_org_without_role", {"roles": [role(1, orgSourcedId="o-3")]}),
    ],
)
def test_records_of_1_2_depart(tmp_path: Path, code: str, rows: dict[str, Any]) -> None:
    assert codes(look(tmp_path, package(ROWS_12 | rows, version="1.2"))) == [code]


def test_two_primary_teachers_one_after_the_other_are_no_departure(tmp_path: Path) -> None:
    first = seat(2, role="teacher", primary="true", endDate="2026-10-01")
    then = seat(3, userSourcedId="u-2", role="teacher", primary="true", beginDate="2026-10-01")
    assert codes(look(tmp_path, package(ROWS | {"enrollments": [first, then]}))) == []


@pytest.mark.conformance("reader", "row.status_missing")
def test_changes_need_a_status_and_a_time(tmp_path: Path) -> None:
    report = look(tmp_path, package({"users": [student(1)]}, mode="delta"))
    assert dict(report.findings.by_code()) == {"row.status_missing": 2}


@pytest.mark.conformance("reader", "reference.missing_file")
def test_what_refers_to_an_absent_file_is_said_once(tmp_path: Path) -> None:
    rows = {name: found for name, found in ROWS.items() if name != "courses"}
    report = look(tmp_path, package(rows | {"classes": [SOUND_CLASS, SOUND_CLASS | {"sourcedId": "s-2"}]}))
    assert dict(report.findings.by_code()) == {"reference.missing_file": 1}


WHOLE = package(ROWS)


def altered(name: str, old: str, new: str) -> dict[str, str | bytes]:
    assert old in WHOLE[name]
    return {**WHOLE, name: WHOLE[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        reader("manifest.missing", {name: text for name, text in WHOLE.items() if name != "manifest.csv"}),
        reader("manifest.header", altered("manifest.csv", "propertyName,value", "property,values")),
        reader("manifest.missing_property", altered("manifest.csv", "file.resources,absent\r\n", "")),
        reader(
            "manifest.duplicate_property",
            altered(
                "manifest.csv",
                "file.resources,absent\r\n",
                "file.resources,absent\r\nfile.resources,absent\r\n",
            ),
        ),
        reader(
            "manifest.unknown_property", altered("manifest.csv", "1.1\r\n", "1.1\r\nfile.pupils,absent\r\n")
        ),
        reader("manifest.version", altered("manifest.csv", "manifest.version,1.0", "manifest.version,1")),
        reader(
            "manifest.oneroster_version",
            altered("manifest.csv", "oneroster.version,1.1", "oneroster.version,1.1.1"),
        ),
        reader("manifest.nested_folder", {"x.zip": zipped(WHOLE, "export/")}),
        reader("schema.missing_column", altered("users.csv", ",password", "")),
        reader("schema.unknown_column", altered("users.csv", "dateLastModified", "dataLastModified")),
        reader("schema.duplicate_column", altered("users.csv", "sms", "phone")),
        reader("schema.empty_column", altered("users.csv", "sms", "")),
        reader("schema.column_order", altered("users.csv", "sms,phone", "phone,sms")),
        reader("row.width", altered("users.csv", ",09,\r\n", ",09\r\n")),
        reader("row.quoting", altered("users.csv", "s0001@example.org", '"s0001"@example.org')),
    ],
)
def test_a_manifest_or_a_header_departs(tmp_path: Path, code: str, files: dict[str, str | bytes]) -> None:
    assert code in codes(look(tmp_path, files))


def test_every_code_has_a_test() -> None:
    shown = {*RECORDS, "row.status_missing", "reference.missing_file"}
    for test in (test_a_manifest_or_a_header_departs, test_records_of_1_2_depart):
        [mark] = [mark for mark in test.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
        shown |= {case.values[0] for case in mark.args[1]}
    assert shown == set(CODES)


def test_extensions_come_last_and_are_no_departure(tmp_path: Path) -> None:
    files = dict(WHOLE)
    lines = files["orgs.csv"].splitlines()
    files["orgs.csv"] = "".join(
        f"{line},{extra}\r\n" for line, extra in zip(lines, ["metadata.x", "1", "2", "3"], strict=True)
    )
    assert codes(look(tmp_path, files)) == []


def test_many_departures_of_one_kind_are_counted_and_not_all_told(tmp_path: Path) -> None:
    people = [student(number, enabledUser="TRUE") for number in range(MOST_ROWS + 5)]
    report = look(tmp_path, package({"orgs": [HIGH], "users": people}))
    assert report.findings.counts["users.csv", "row.boolean"] == MOST_ROWS + 5
    assert sum(found.code == "row.boolean" for found in report.findings.told) == MOST_ROWS


def test_the_report_holds_ids_and_no_other_value(tmp_path: Path) -> None:
    people = [student(1, enabledUser="TRUE", familyName="Sample-Secret", email="")]
    report = look(tmp_path, package(ROWS | {"users": people}))
    path = tmp_path / "outbox" / "report.csv"
    write(report, path)
    text = path.read_text()
    assert "Sample-Secret" not in text
    assert path.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {"users.csv", "u-1", "row.boolean", "1"} <= set(rows[0].values())
    assert told(report, path).startswith("departs from OneRoster 1.1: row.boolean 1")


@contextmanager
def _district(folder: Path, **settings: Any) -> Iterator[tuple[District, Home]]:
    drop = folder / "drop"
    drop.mkdir()
    for name, content in altered("users.csv", "true", "TRUE").items():
        (drop / name).write_bytes(content.encode() if isinstance(content, str) else content)
    found = District.model_validate(
        {
            "district": "sample",
            "name": "Sample District",
            "timezone": "America/Chicago",
            "sis": {
                "kind": "oneroster_files",
                "dropzone": {"folder": str(drop), "quiet_seconds": 0},
                **settings,
            },
        }
    )
    yield found, Home.at(folder / "home")


def _checked(district: District, home: Home) -> dict[str, str]:
    return {name: check() for name, check in client.checks(district, home)}


def test_a_doctor_tells_of_departures_that_the_lenient_profile_loads(tmp_path: Path) -> None:
    with _district(tmp_path) as (district, home):
        seen = _checked(district, home)
    assert seen["drop"].startswith("reachable; academicSessions.csv")
    assert "row.boolean 1" in seen["conformance"]
    assert (home.outbox / "oneroster" / "sample-conformance.csv").is_file()


def test_a_doctor_faults_departures_in_the_strict_profile(tmp_path: Path) -> None:
    with _district(tmp_path, profile="strict") as (district, home), pytest.raises(PermanentFault) as raised:
        _checked(district, home)
    assert "row.boolean 1" in raised.value.reason


def test_a_doctor_tells_of_a_drop_that_is_not_there(tmp_path: Path) -> None:
    with _district(tmp_path) as (district, home):
        for file in (tmp_path / "drop").iterdir():
            file.unlink()
        assert _checked(district, home) == {
            "drop": "reachable; none of the expected files is there yet",
            "conformance": "nothing to look at yet",
        }
        (tmp_path / "drop").rmdir()
        with pytest.raises(NeedsPerson):
            next(iter(client.checks(district, home)))[1]()
