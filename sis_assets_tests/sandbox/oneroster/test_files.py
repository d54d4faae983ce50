"""The district as files: what the contract asks of a package, and the dirt that real ones have (OneRoster §4.1, §4.2)."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from sis_assets.sandbox.oneroster.database import Database
from sis_assets.sandbox.oneroster.day import Churn, after_a_day
from sis_assets.sandbox.oneroster.dirt import Dirt
from sis_assets.sandbox.oneroster.district import founded
from sis_assets.sandbox.oneroster.files import Layout, written
from sis_assets.sandbox.oneroster.settings import Settings, Version
from sis_assets.sandbox.oneroster.truth import truth_of

USERS_1_1 = (
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password"
)
USERS_1_2 = (
    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,"
    "email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,"
    "preferredFamilyName,primaryOrgSourcedId,pronouns"
)
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def database() -> Database:
    return Database(founded(users=400, seed=7), Settings())


def read(folder: Path, name: str) -> Rows:
    return list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text("utf-8-sig"), newline="")))


def header(folder: Path, name: str) -> str:
    return (folder / f"{name}.csv").read_bytes().decode().partition("\r\n")[0]


def manifest(folder: Path) -> dict[str, str]:
    return {row["propertyName"]: row["value"] for row in read(folder, "manifest")}


@pytest.mark.conformance("provider", "manifest.properties")
@pytest.mark.parametrize(("version", "files"), [("1.1", 7), ("1.2", 8)])
def test_a_manifest_names_every_file_once_and_how_it_is_sent(
    database: Database, tmp_path: Path, version: Version, files: int
) -> None:
    folder = written(database, tmp_path, Layout(version=version))
    names = [row["propertyName"] for row in read(folder, "manifest")]
    assert len(names) == len(set(names))
    told = manifest(folder)
    assert (told["manifest.version"], told["oneroster.version"]) == ("1.0", version)
    sent = {path.stem for path in folder.iterdir()} - {"manifest"}
    assert {name.removeprefix("file.") for name, mode in told.items() if mode == "bulk"} == sent
    assert len(sent) == files
    assert {"file.results", "file.lineItems"} <= {name for name, mode in told.items() if mode == "absent"}
    assert ("file.roles" in told) is (version == "1.2")


@pytest.mark.conformance("provider", "schema.header_order")
@pytest.mark.parametrize(("version", "columns"), [("1.1", USERS_1_1), ("1.2", USERS_1_2)])
def test_columns_have_the_order_of_the_version(
    database: Database, tmp_path: Path, version: Version, columns: str
) -> None:
    folder = written(database, tmp_path, Layout(version=version))
    assert header(folder, "users") == columns
    assert header(folder, "orgs") == "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"
    assert header(folder, "enrollments") == (
        "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate"
    )


def test_extensions_come_last(database: Database, tmp_path: Path) -> None:
    folder = written(database, tmp_path, Layout(metadata=True))
    assert header(folder, "users") == f"{USERS_1_2},metadata.sample.source"


@pytest.mark.conformance("provider", "row.values")
def test_values_are_written_as_the_contract_has_them(database: Database, tmp_path: Path) -> None:
    folder = written(database, tmp_path, Layout(version="1.1"))
    users = {row["sourcedId"]: row for row in read(folder, "users")}
    truth = truth_of(database)
    active = truth.active.filter(pl.col("state_id").is_not_null()).row(0, named=True)
    row = users[active["user_id"]]
    assert row["enabledUser"] == "true"
    assert row["familyName"] == active["family_name"]
    assert row["orgSourcedIds"] == ",".join(active["school_ids"])
    assert row["userIds"].endswith(f",{{state:{active['state_id']}}}")
    born = {row["sourcedId"]: row["birthDate"] for row in read(folder, "demographics")}
    assert born[active["user_id"]] == active["birth_date"].isoformat()
    assert {row["sex"] for row in read(folder, "demographics")} == {"male", "female", ""}
    assert {row["schoolYear"] for row in read(folder, "academicSessions")} == {"2027"}
    text = (folder / "users.csv").read_bytes().decode()
    assert text.count("\n") == text.count("\r\n") == len(users) + 1


@pytest.mark.conformance("provider", "semantic.bulk")
def test_bulk_is_what_is_active_without_status_or_date(database: Database, tmp_path: Path) -> None:
    folder = written(database, tmp_path, Layout())
    truth = truth_of(database)
    for name, frame in (("users", truth.users), ("enrollments", truth.enrollments), ("roles", truth.roles)):
        rows = read(folder, name)
        assert sorted(row["sourcedId"] for row in rows) == sorted(frame["sourcedId"])
        assert {(row["status"], row["dateLastModified"]) for row in rows} == {("", "")}


@pytest.mark.conformance("provider", "semantic.delta")
def test_a_delta_is_what_changed_with_status_and_date(tmp_path: Path) -> None:
    database = Database(after_a_day(founded(users=400, seed=7), Churn(arrivals=2, leavers=3)), Settings())
    folder = written(database, tmp_path, Layout(since=date(2026, 10, 2), bulk=("orgs",)))
    users = read(folder, "users")
    assert sorted(row["status"] for row in users) == ["active"] * 2 + ["tobedeleted"] * 3
    assert all(row["dateLastModified"].startswith("2026-10-02T03:") for row in users)
    assert {row["status"] for row in read(folder, "orgs")} == {""}
    told = manifest(folder)
    assert (told["file.users"], told["file.orgs"]) == ("delta", "bulk")


@pytest.mark.parametrize("nested", [False, True])
def test_one_zip_has_the_files_at_its_root_unless_nested(
    database: Database, tmp_path: Path, *, nested: bool
) -> None:
    package = written(database, tmp_path / "drop.zip", Layout(zipped=True, nested=nested, bom=True))
    with zipfile.ZipFile(package) as members:
        folders = {name.rpartition("/")[0] for name in members.namelist()}
        assert folders == ({"oneroster-export"} if nested else {""})
        assert all(members.read(name).startswith(b"\xef\xbb\xbf") for name in members.namelist())
        assert {member.compress_type for member in members.infolist()} == {zipfile.ZIP_DEFLATED}
    again = written(database, tmp_path / "again.zip", Layout(zipped=True, nested=nested, bom=True))
    assert again.read_bytes() == package.read_bytes()


def test_files_are_absent_or_have_a_header_only(database: Database, tmp_path: Path) -> None:
    folder = written(database, tmp_path, Layout(absent=("courses",), empty=("users",)))
    assert manifest(folder)["file.courses"] == "absent"
    assert not (folder / "courses.csv").exists()
    assert (folder / "users.csv").read_bytes().decode() == f"{USERS_1_2}\r\n"


def soiled(database: Database, folder: Path, dirt: Dirt, version: Version = "1.2", **more: object) -> Path:
    return written(database, folder, Layout(version=version, dirt=frozenset({dirt}), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("dirt", Dirt)
def test_every_dirt_changes_some_bytes_where_the_version_has_its_place(
    database: Database, tmp_path: Path, dirt: Dirt, version: Version
) -> None:
    since = date(2026, 9, 1) if dirt is Dirt.BLANK_DELTA else None
    clean = written(database, tmp_path / "clean", Layout(version=version, since=since))
    dirty = soiled(database, tmp_path / "dirty", dirt, version, since=since)
    seen = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (clean, dirty)]
    of_1_2 = {Dirt.ROLES_IN_PROFILES, Dirt.TWO_PRIMARY_ROLES, Dirt.PRIMARY_ORG_ALONE, Dirt.DRAFT_COLUMN}
    assert (seen[0] != seen[1]) is (version == "1.2" or dirt not in of_1_2)


def test_headers_are_misspelt_or_reordered(database: Database, tmp_path: Path) -> None:
    misspelt = header(soiled(database, tmp_path, Dirt.MISSPELT_HEADERS), "users").split(",")
    assert {"prefferedGivenName", "dataLastModified"} <= set(misspelt)
    reordered = header(soiled(database, tmp_path, Dirt.REORDERED_COLUMNS), "users")
    assert reordered.startswith("pronouns,sourcedId,")
    old = header(soiled(database, tmp_path, Dirt.OLD_DEMOGRAPHICS), "demographics")
    assert old.startswith("userSourcedId,status,dateLastModified,birthdate,sex")
    draft = header(soiled(database, tmp_path, Dirt.DRAFT_COLUMN), "users")
    assert "userMasterIdentifier,resourceSourcedIds,preferredGivenName" in draft


def test_dates_and_flags_and_types_are_written_in_other_ways(database: Database, tmp_path: Path) -> None:
    days = read(soiled(database, tmp_path, Dirt.DAY_MONTH_YEAR), "academicSessions")
    assert "6/06/2027" in {row["endDate"] for row in days}
    assert {row["enabledUser"] for row in read(soiled(database, tmp_path, Dirt.CAPITAL_FLAGS), "users")} == {
        "TRUE"
    }
    primary = {row["primary"] for row in read(soiled(database, tmp_path, Dirt.NUMBER_FLAGS), "enrollments")}
    assert primary == {"1", "0"}
    kinds = {
        row["classType"] for row in read(soiled(database, tmp_path, Dirt.CAPITAL_CLASS_TYPES), "classes")
    }
    assert kinds == {"Scheduled", "Homeroom"}


def test_bulk_is_filled_and_delta_is_blank(database: Database, tmp_path: Path) -> None:
    filled = read(soiled(database, tmp_path, Dirt.FILLED_BULK), "users")
    assert {row["status"] for row in filled} == {"active"}
    blank = read(soiled(database, tmp_path, Dirt.BLANK_DELTA, since=date(2026, 8, 1)), "users")
    assert {(row["status"], row["dateLastModified"]) for row in blank} == {("", "")}


def test_references_dangle(database: Database, tmp_path: Path) -> None:
    folder = soiled(database, tmp_path / "user", Dirt.DANGLING_USER)
    users = {row["sourcedId"] for row in read(folder, "users")}
    assert {row["userSourcedId"] for row in read(folder, "roles")} - users
    folder = soiled(database, tmp_path / "courses", Dirt.DANGLING_COURSES)
    assert manifest(folder)["file.courses"] == "absent"
    assert not (folder / "courses.csv").exists()
    assert all(row["courseSourcedId"] for row in read(folder, "classes"))


def test_roles_stand_in_the_wrong_file(database: Database, tmp_path: Path) -> None:
    folder = soiled(database, tmp_path, Dirt.ROLES_IN_PROFILES)
    assert read(folder, "roles") == []
    assert {row["roleType"] for row in read(folder, "userProfiles")} == {"primary", "secondary"}


def test_rows_are_short_or_twice_or_badly_named(database: Database, tmp_path: Path) -> None:
    lines = (soiled(database, tmp_path, Dirt.SHORT_ROW) / "enrollments.csv").read_text().splitlines()
    assert [line.count(",") for line in (lines[0], lines[-2], lines[-1])] == [9, 9, 8]
    ids = [row["sourcedId"] for row in read(soiled(database, tmp_path, Dirt.DUPLICATE_ROW), "enrollments")]
    assert len(ids) == len(set(ids)) + 1
    assert " " in read(soiled(database, tmp_path, Dirt.BAD_ID), "users")[0]["sourcedId"]


def test_records_contradict_each_other(database: Database, tmp_path: Path) -> None:
    at = read(soiled(database, tmp_path, Dirt.CLASS_AT_DISTRICT), "classes")[0]
    assert at["schoolSourcedId"] == "D-1"
    held = read(soiled(database, tmp_path, Dirt.CLASS_IN_PERIOD), "classes")[0]
    assert held["termSourcedIds"] == "G2027-1"
    alone = read(soiled(database, tmp_path, Dirt.PRIMARY_ORG_ALONE), "users")[0]
    assert alone["primaryOrgSourcedId"] == "D-1"
    begun = read(soiled(database, tmp_path, Dirt.OUTSIDE_TERM), "enrollments")[0]
    assert begun["beginDate"] == "2001-01-01"
    roles = read(soiled(database, tmp_path, Dirt.TWO_PRIMARY_ROLES), "roles")
    primary = [(row["userSourcedId"], row["orgSourcedId"]) for row in roles if row["roleType"] == "primary"]
    assert len(primary) == len(set(primary)) + 1


def test_a_manifest_has_gaps_repeats_strangers_and_lies(database: Database, tmp_path: Path) -> None:
    assert "file.orgs" not in manifest(soiled(database, tmp_path, Dirt.MANIFEST_GAP))
    twice = [row["propertyName"] for row in read(soiled(database, tmp_path, Dirt.MANIFEST_TWICE), "manifest")]
    assert twice.count("file.orgs") == 2
    assert "file.pets" in manifest(soiled(database, tmp_path, Dirt.MANIFEST_STRANGER))
    assert manifest(soiled(database, tmp_path, Dirt.MANIFEST_NUMBER))["manifest.version"] == "1"
    unannounced = soiled(database, tmp_path, Dirt.FILE_UNANNOUNCED)
    assert manifest(unannounced)["file.demographics"] == "absent"
    assert (unannounced / "demographics.csv").exists()
    missing = soiled(database, tmp_path / "missing", Dirt.FILE_MISSING)
    assert manifest(missing)["file.demographics"] == "bulk"
    assert not (missing / "demographics.csv").exists()
