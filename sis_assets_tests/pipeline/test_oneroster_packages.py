"""What a OneRoster package must be to be read at all, and what is made of one. Contract: OneRoster §4.1, §4.4."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from sis_assets.pipeline.stage import Outcome
from sis_assets.sis.delimited import Readers
from sis_assets_tests.oneroster_packages import (
    COURSE,
    birth,
    everything,
    manifest,
    package,
    receive,
    role,
    seat,
    student,
    table,
    text,
    zipped,
)
from sis_assets_tests.spine import Spine

STUDENTS = [student(1), student(2, orgSourcedIds="o-3")]
WHOLE = package(everything(STUDENTS, enrollments=[seat(1)], demographics=[birth(1)]))
LOOSE = {name: content for name, content in WHOLE.items() if name != "manifest.csv"}
PEOPLE_12 = [
    {name: value for name, value in row.items() if name not in {"orgSourcedIds", "role"}} for row in STUDENTS
]
WHOLE_12 = package(
    everything(PEOPLE_12, roles=[role(1), role(2, orgSourcedId="o-3")]),
    version="1.2",
)


def said_of(modes: Mapping[str, str]) -> dict[str, str]:
    """WHOLE, of which the manifest says something else of some files."""
    bulk = dict.fromkeys((name.removesuffix(".csv") for name in LOOSE), "bulk")
    return WHOLE | {"manifest.csv": manifest({**bulk, **modes})}


@dataclass
class Case:
    """What is dropped, how the district's file describes it, and what its sync says."""

    files: Mapping[str, str | bytes]
    status: str = "applied"
    reason: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


USERS = WHOLE["users.csv"]
HEADER, FIRST, SECOND = USERS.splitlines(keepends=True)
CASES = {
    "loose": Case(WHOLE),
    "loose-without-manifest": Case(LOOSE),
    "zip": Case({"Export 2026.ZIP": zipped(WHOLE)}),
    "zip-in-a-folder": Case({"x.zip": zipped(WHOLE, "Sample District/OneRoster/")}),
    "zip-from-a-mac": Case(
        {"x.zip": zipped({**WHOLE, "__MACOSX/._users.csv": b"\0", "._orgs.csv": b"\0", ".DS_Store": b"\0"})}
    ),
    "v1-2": Case(WHOLE_12),
    "v1-2-zip": Case({"x.zip": zipped(WHOLE_12)}),
    "byte-order-marks": Case({name: "\ufeff" + content for name, content in WHOLE.items()}),
    "other-case": Case({name[0].upper() + name[1:]: content for name, content in LOOSE.items()}),
    "spreadsheet-manifest": Case(
        WHOLE | {"manifest.csv": WHOLE["manifest.csv"].replace("manifest.version,1.0", "manifest.version,1")}
    ),
    "shouting-manifest": Case(WHOLE | {"manifest.csv": WHOLE["manifest.csv"].replace("bulk", " Bulk ")}),
    "roles-in-users-of-1-2": Case(
        package(everything(STUDENTS)) | {"manifest.csv": package(everything([]), version="1.2")["manifest.csv"]}
    ),
    "two-zips": Case(
        {"a.zip": zipped(WHOLE), "b.zip": zipped(WHOLE)}, "failed", "several files for the same records"
    ),
    "zip-and-loose": Case({"a.zip": zipped(WHOLE), "users.csv": USERS}, "failed", "a zip and loose files"),
    "two-folders": Case(
        {"a.zip": zipped({"a/users.csv": USERS, "b/orgs.csv": WHOLE["orgs.csv"]})},
        "failed",
        "in several folders",
    ),
    "twice-in-zip": Case(
        {"a.zip": zipped({"a/users.csv": USERS, "b/users.csv": USERS})},
        "failed",
        "several files for the same records",
    ),
    "slip": Case({"a.zip": zipped({**WHOLE, "../users.csv": USERS})}, "failed", "leads out of it"),
    "no-zip": Case({"a.zip": b"PK\x03\x04 nothing"}, "failed", "damaged or cut off"),
    "half-a-zip": Case({"a.zip": zipped(WHOLE)[:-30]}, "failed", "damaged or cut off"),
    "manifest-alone-first": Case({"manifest.csv": manifest({})}, "failed", r"missing: orgs\.csv, users\.csv"),
    "manifest-names-more": Case(
        {name: content for name, content in WHOLE.items() if name != "users.csv"},
        "failed",
        r"it names users\.csv, and there is no such file",
    ),
    "manifest-names-less": Case(
        said_of({"enrollments": "absent"}), "failed", r"enrollments\.csv is there, and it says absent"
    ),
    "manifest-says-nonsense": Case(said_of({"users": "full"}), "failed", "none of absent, bulk and delta"),
    "manifest-contradicts-itself": Case(
        WHOLE | {"manifest.csv": WHOLE["manifest.csv"] + "file.users,delta\r\n"}, "failed", "twice, and differs"
    ),
    "manifest-is-no-csv": Case(WHOLE | {"manifest.csv": b"\xff\xfe\x00"}, "failed", "no CSV in UTF-8"),
    "delta-first": Case(
        package(everything(STUDENTS), mode="delta"), "failed", r"orgs\.csv holds only changes, and there is no"
    ),
    "no-users": Case({"orgs.csv": WHOLE["orgs.csv"]}, "failed", r"missing: users\.csv"),
    "header-only": Case(WHOLE | {"enrollments.csv": table("enrollments", [])}, "failed", "no records"),
    "cut-off": Case(WHOLE | {"users.csv": USERS[:-2]}, "failed", "cut off"),
    "cut-off-allowed": Case(
        WHOLE | {"users.csv": USERS[:-2]}, settings={"final_newline": False}
    ),
    "nobody-is-anything": Case(
        {"orgs.csv": WHOLE["orgs.csv"], "users.csv": table("users", PEOPLE_12, "1.2")},
        "failed",
        "nothing says who is a student",
    ),
    "roles-in-the-wrong-file": Case(
        WHOLE_12 | {"users.csv": WHOLE_12["roles.csv"]}, "failed", r"Reading users\.csv: .*givenName"
    ),
    "users-in-the-wrong-file": Case(
        WHOLE_12 | {"roles.csv": WHOLE_12["users.csv"]}, "failed", r"Reading roles\.csv: .*userSourcedId"
    ),
    "quoted-everywhere": Case(
        WHOLE | {"users.csv": "".join(
            ",".join(f'"{value}"' for value in line.strip().split(",")) + "\n" for line in (HEADER, FIRST, SECOND)
        )}
    ),
    "columns-in-another-order": Case(
        WHOLE | {"users.csv": text(sorted(student(1)), STUDENTS)}
    ),
    "misspelt-headers": Case(
        WHOLE | {
            "users.csv": USERS.replace("dateLastModified", "dataLastModified").replace("givenName", "GivenName "),
            "demographics.csv": WHOLE["demographics.csv"].replace("birthDate", "birthdate"),
        }
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> Spine:
    return Spine(tmp_path_factory.mktemp("packages"), readers)


@pytest.fixture(scope="module")
def outcomes(spine: Spine) -> dict[str, Outcome]:
    for name, case in CASES.items():
        receive(spine, name, case.files, **case.settings)
    return spine.sync()


@pytest.mark.parametrize("name", list(CASES))
def test_what_a_sync_says_of_a_package(spine: Spine, outcomes: dict[str, Outcome], name: str) -> None:
    case, outcome = CASES[name], outcomes[name]
    assert outcome.status == case.status, outcome.reason
    assert re.search(case.reason, outcome.reason), outcome.reason
    if case.status == "failed":
        assert outcome.reason.endswith(" Next move: district.")
        assert spine.extracts(name)[0]["passing"] is False
        assert not spine.students(name)
    else:
        students = spine.students(name)
        assert {key: row["school_id"] for key, row in students.items()} == {"u-1": "o-2", "u-2": "o-3"}
        assert {row["status"] for row in students.values()} == {"active"}


def test_every_way_to_send_a_package_gives_the_same_students(
    spine: Spine, outcomes: dict[str, Outcome]
) -> None:
    students = [
        [{**row, "district_id": ""} for row in spine.students(name).values()]
        for name in ("loose", "zip", "zip-in-a-folder", "byte-order-marks", "misspelt-headers")
    ]
    assert all(found == students[0] for found in students)
    assert students[0][0]["birth_date"] is not None


def test_every_extract_states_what_identifies_its_records(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    stated = json.loads(spine.extracts("loose")[0]["stated"])
    assert (stated["ids.student"], stated["ids.school"], stated["ids.state_id"]) == (
        "sourcedId",
        "sourcedId",
        "none",
    )
    assert "users bulk" in stated["files"]
    assert "roles absent" in stated["files"]
    assert spine.extracts("half-a-zip")[0]["stated"] is None


def test_what_is_not_needed_is_not_kept(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    receive(
        spine,
        "secrets",
        WHOLE | {"users.csv": table("users", [student(1, password="sample", phone="1", sms="2")])},
    )
    spine.sync("secrets")
    [row] = spine.rows("FROM raw.oneroster_users WHERE district_id = 'secrets'")
    assert not {"password", "phone", "sms"} & row.keys()
    assert row["other_columns"] is None
    assert spine.extracts("secrets")[-1]["unknown_columns"] == []


def test_extensions_are_kept_and_reported(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    header = (*student(1), "metadata.homeroom")
    receive(spine, "more", WHOLE | {"users.csv": text(header, [student(1) | {"metadata.homeroom": "12"}])})
    spine.sync("more")
    [other] = spine.column("SELECT other_columns FROM raw.oneroster_users WHERE district_id = 'more'")
    assert json.loads(other) == {"metadata.homeroom": "12"}
    assert spine.extracts("more")[-1]["unknown_columns"] == ["users.metadata.homeroom"]


def test_dirt_costs_the_dirty_records_and_no_others(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    people = [
        student(1, status="active", enabledUser="TRUE"),
        student(2, enabledUser="1", role="Student"),
        student(3, grades=""),
        student(4, orgSourcedIds="o-9"),
    ]
    files = package(
        everything(
            people,
            demographics=[birth(1, birthDate="1/05/2012"), birth(2, birthDate="31/31/2012")],
            enrollments=[seat(1, role="Student", primary="FALSE"), seat(2, classSourcedId="s-9")],
        )
    )
    files["classes.csv"] = files["classes.csv"].replace("scheduled", "Scheduled")
    receive(spine, "dirt", files, dates="mdy")
    assert spine.sync("dirt")["dirt"].status == "applied"
    assert {
        (entity, number): row["reason_code"] for (entity, number), row in spine.rejected("dirt").items()
    } == {
        ("demographics", 2): "invalid_birth_date",
        ("users", 2): "demographics_rejected",
        ("users", 3): "missing_grade",
        ("users", 4): "unknown_school",
        ("enrollments", 2): "unknown_section",
    }
    assert list(spine.students("dirt")) == ["u-1"]


def test_classes_of_courses_that_are_absent_stop_nobody_else(
    spine: Spine, outcomes: dict[str, Outcome]
) -> None:
    rows = everything(STUDENTS, enrollments=[seat(1)])
    receive(spine, "no-courses", package({name: found for name, found in rows.items() if name != "courses"}))
    assert spine.sync("no-courses")["no-courses"].status == "applied"
    assert {row["reason_code"] for row in spine.rejected("no-courses").values()} == {
        "unknown_course",
        "unknown_section",
    }
    assert len(spine.students("no-courses")) == 2


def test_a_file_that_was_there_once_is_required_ever_after(
    spine: Spine, outcomes: dict[str, Outcome]
) -> None:
    receive(spine, "fewer", WHOLE)
    spine.sync("fewer")
    receive(spine, "fewer", package(everything(STUDENTS, enrollments=[seat(1)])))
    reason = spine.sync("fewer")["fewer"].reason
    assert "missing: demographics.csv" in reason


def test_a_broken_record_protects_its_student(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    receive(spine, "broken", WHOLE)
    spine.sync("broken")
    torn = WHOLE | {"users.csv": HEADER + FIRST + SECOND.replace(",Given-0002", "")}
    receive(spine, "broken", torn)
    outcome = spine.sync("broken")["broken"]
    assert outcome.status == "unchanged", outcome.reason
    assert [row["is_active"] for row in spine.accounts("broken")] == [True, True]


def test_a_student_known_by_the_identifier_is_protected_by_it(
    spine: Spine, outcomes: dict[str, Outcome]
) -> None:
    ids = {"student": "identifier"}
    receive(spine, "numbers", WHOLE, ids=ids)
    spine.sync("numbers")
    assert list(spine.students("numbers")) == ["100001", "100002"]
    broken = SECOND.replace(",s0002@example.org", ',"s0002"@example.org')
    receive(spine, "numbers", WHOLE | {"users.csv": HEADER + FIRST + broken})
    assert spine.sync("numbers")["numbers"].status == "unchanged"
    assert [row["record_key"] for row in spine.rejected("numbers").values()] == ["100002"]


def test_unreadable_demographics_change_no_birth_date(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    receive(spine, "births", WHOLE)
    spine.sync("births")
    header = WHOLE["demographics.csv"].splitlines(keepends=True)[0]
    receive(
        spine, "births", WHOLE | {"demographics.csv": header + "u-1,torn\r\n" + "u-2" + "," * 15 + "\r\n"}
    )
    spine.sync("births")
    assert spine.rejected("births", "users")["users", 1]["reason_code"] == "demographics_rejected"
    assert [row["birth_date"] is not None for row in spine.accounts("births")] == [True, False]


def test_course_requests_find_the_catalogue(spine: Spine, outcomes: dict[str, Outcome]) -> None:
    assert spine.column("SELECT course_code FROM core.school_courses WHERE district_id = 'loose'") == [
        COURSE["courseCode"]
    ]
    assert spine.column("SELECT state FROM core.student_courses WHERE district_id = 'loose'") == [
        "in_progress"
    ]
