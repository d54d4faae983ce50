"""A PowerSchool district by the command line: what is recorded, what a doctor says, and that no secret gets anywhere."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sis_assets.automation.launch import instance_of
from sis_assets.sandbox.powerschool.faults import Fault, Kind
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sis.powerschool import plugin
from sis_assets.sis.powerschool.contract import ENTITIES
from sis_assets.transport import http
from sis_assets.warehouse import Home
from sis_assets_tests.commands import Run, Said
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.powerschool_district import HURRIED

AT, LATER = "2026-10-01T20:00:00-07:00", "2026-10-02T20:00:00-07:00"
CLIENT_ID, CLIENT_SECRET = "canary-client-id", "canary-client-secret"
STUDENTS = "/ws/v1/district/student$"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    made = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(made.root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("POWERTOWN_ID", CLIENT_ID)
    monkeypatch.setenv("POWERTOWN_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("POWERTOWN_OTHER", "canary-of-another-secret")
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    (made.root / "districts").mkdir(parents=True)
    return made


@pytest.fixture
def town(home: TestHome) -> Iterator[Sandbox]:
    """A PowerSchool that has our own plugin installed, and its district's file."""
    zipped = home.root.parent / "plugin.zip"
    zipped.write_bytes(plugin.built("helpdesk@example.org"))
    settings = Settings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, page_sizes={"student": 10})
    with Sandbox(students=90, seed=4, settings=settings, plugin=zipped) as opened:
        write(home, opened)
        yield opened


def write(home: TestHome, town: Sandbox, **sis: str) -> None:
    """Write the district's file, with these keys of `sis` instead of the right ones."""
    keys = {
        "kind": "powerschool",
        "url": town.url,
        "client_id": "{env: POWERTOWN_ID}",
        "client_secret": "{env: POWERTOWN_SECRET}",
    } | sis
    (home.root / "districts" / "powertown.yaml").write_text(
        "district: powertown\nname: Powertown\ntimezone: America/Los_Angeles\nstate: CA\nsis:\n"
        + "".join(f"  {key}: {value}\n" for key, value in keys.items())
    )


@pytest.fixture
def run(run: Run) -> Run:
    """Run the command line; no output of any command holds a secret."""

    def command(*arguments: str) -> Said:
        said = run(*arguments)
        assert "canary" not in said.out + said.err
        return said

    return command


def test_a_night_is_recorded_in_every_layer_and_the_next_one_is_unchanged(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    said = run("sync", "powertown", "--at", AT, "--json")
    assert said.code == 0, said
    [line] = said.lines
    assert (line["status"], line["change_sets"][0]["counts"]["create"]) == ("applied", 90)
    assert run("sync", "powertown", "--at", LATER, "--json").lines[0]["status"] == "unchanged"
    paths = [
        *(["raw", entity.name] for entity in ENTITIES),
        *(["core", name] for name in ("students", "terms", "sections", "staff", "student_courses")),
        ["lifecycle", "accounts"],
        ["delivery", "outbox"],
    ]
    with instance_of(Home.at(home.root)) as instance:
        for path in paths:
            assert instance.get_materialized_partitions(dg.AssetKey(path)) == {"powertown"}, path
    assert [each for each in town.log.asked if "/ws/schema/query/" in each.path], "the plugin's query is used"


def test_a_read_that_fails_exits_3_and_names_the_entity_and_whose_move_it_is(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    home.add("filetown")
    home.drop("filetown", [student(n) for n in range(9)])
    assert run("sync", "--all", "--at", AT).code == 0
    town.faults.arm(Fault(Kind.STATUS, path=STUDENTS, page=7, status=500))
    home.drop("filetown", [student(n) for n in range(8)])
    said = run("sync", "--all", "--at", LATER, "--json")
    assert said.code == 3
    by_name = {line["district"]: line for line in said.lines}
    assert by_name["filetown"]["status"] == "applied"
    assert (by_name["powertown"]["status"], by_name["powertown"]["change_sets"]) == ("failed", [])
    assert "Reading students, page 7" in by_name["powertown"]["reason"]
    assert by_name["powertown"]["reason"].endswith("Next move: district.")
    counted = "SELECT district_id, count(*) FILTER (is_active) AS n FROM lifecycle.accounts GROUP BY ALL ORDER BY ALL"
    assert json.loads(run("query", counted, "--format", "json").out) == [
        {"district_id": "filetown", "n": 8},
        {"district_id": "powertown", "n": 90},
    ]


def test_no_secret_and_no_token_is_anywhere_but_in_the_encrypted_token_file(
    home: TestHome, town: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a good night, refused tokens and secrets, missing rights and broken answers."""
    issued = tokens_of(town, monkeypatch)
    caplog.set_level(logging.DEBUG)
    run("sync", "powertown", "--at", AT)
    for fault in (
        Fault(Kind.REVOKE_TOKEN, path=STUDENTS, after=2, times=2),
        Fault(Kind.NO_V1_RIGHT, path="^/ws/v1/"),
        Fault(Kind.HTML, path=STUDENTS),
        Fault(Kind.STATUS, path="/oauth/access_token", status=500),
        Fault(Kind.RESET, path=STUDENTS),
    ):
        town.faults.clear()
        town.revoke_tokens()
        town.faults.arm(fault)
        run("sync", "powertown", "--at", LATER, "--json")
        run("doctor", "powertown")
    town.faults.clear()
    monkeypatch.setenv("POWERTOWN_SECRET", "canary-of-another-secret")
    town.revoke_tokens()
    assert run("sync", "powertown", "--at", LATER, "--json").code == 3
    assert len(issued) > 5
    secrets = [CLIENT_ID, CLIENT_SECRET, "canary-of-another-secret", *issued]
    wanted = re.compile("|".join(map(re.escape, secrets)).encode())
    places = {str(path): path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    places |= {f"name of {path}": str(path).encode() for path in home.root.rglob("*")}
    places["log"] = "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    ).encode()
    places["addresses"] = "\n".join(f"{each.path}?{each.query}" for each in town.log.asked).encode()
    assert [place for place, content in places.items() if wanted.search(content)] == []
    kept = list((home.root / "warehouse" / "scratch" / "tokens").iterdir())
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600


def tokens_of(town: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every token is added that the server gives out from now on."""
    issued: list[str] = []
    tokens = town._service.tokens
    usual = tokens.issued

    def told(authorization: str, body: str) -> Any:
        reply = usual(authorization, body)
        issued.append(json.loads(reply.text)["access_token"])
        return reply

    monkeypatch.setattr(tokens, "issued", told)
    return issued


def test_a_doctor_finds_a_right_set_up_right(town: Sandbox, run: Run) -> None:
    said = run("doctor", "powertown", "--json")
    assert (said.code, said.wrong) == (0, {})
    assert [line["check"] for line in said.lines] == [
        "district file",
        "allow list",
        "clock",
        "credentials",
        "version",
        "page sizes",
        *(entity.name for entity in ENTITIES),
        "ledger",
    ]
    told = run("doctor", "powertown").out
    assert "PowerSchool 24.4.0.1, America/Los_Angeles" in told
    assert "students: 10 on the first page" in told
    assert "Given-" not in told


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        (Fault(Kind.CLOCK_SKEW, path=".", seconds=3600), "clock", "Set the clock"),
        (Fault(Kind.FORBIDDEN, path="/section$"), "sections", "Install the newest plugin"),
        (
            Fault(Kind.DENY_COLUMNS, path="/table/storedgrades", columns=("storedgrades.grade",)),
            "stored_grades",
            "StoredGrades.grade",
        ),
        (Fault(Kind.NO_V1_RIGHT, path=STUDENTS), "students", "accessLevelV1Api"),
        (Fault(Kind.STATUS, path="/staff$", status=500), "staff", "server's log"),
    ],
    ids=["clock", "one entity", "one field", "all of v1", "a server error"],
)
def test_a_doctor_names_what_is_wrong_alone_and_whose_move_it_is(
    town: Sandbox, run: Run, fault: Fault, check: str, words: str
) -> None:
    town.faults.arm(fault)
    said = run("doctor", "powertown", "--json")
    assert (said.code, said.wrong.keys()) == (3, {check})
    assert words.lower() in said.wrong[check].lower()
    assert said.wrong[check].endswith("Next move: district.")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"client_secret": "{env: POWERTOWN_OTHER}"}, "client secret"),
        ({"client_id": "canary-of-another-district"}, "client id"),
        ({"url": "http://127.0.0.1:1"}, "127.0.0.1:1"),
    ],
)
def test_a_doctor_tells_which_value_to_send_again(
    home: TestHome, town: Sandbox, run: Run, wrong: dict[str, str], words: str
) -> None:
    write(home, town, **wrong)
    said = run("doctor", "powertown", "--json")
    assert said.code == 3
    assert words in said.wrong["credentials"]
    assert said.wrong["credentials"].endswith("Next move: district.")


def test_a_doctor_and_a_sync_name_the_secret_that_is_not_in_its_place(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    write(home, town, client_secret="{env: POWERTOWN_NOWHERE}")
    doctor = run("doctor", "powertown", "--json")
    assert (doctor.code, doctor.wrong.keys()) == (3, {"source"})
    assert [line["check"] for line in doctor.lines] == ["district file", "allow list", "source", "ledger"]
    sync = run("sync", "powertown", "--at", AT, "--json")
    assert (sync.code, sync.lines[0]["status"]) == (3, "failed")
    for reason in (doctor.wrong["source"], sync.lines[0]["reason"]):
        assert "POWERTOWN_NOWHERE: it is not set" in reason
        assert reason.endswith("Next move: engineer.")
    assert not town.log.asked
