"""An Aeries district's nights by the command line: by the feed, in its hours, with permissions that are missing; and that its
certificate gets nowhere.
"""

from __future__ import annotations

import getpass
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from sis_assets.automation.launch import instance_of
from sis_assets.sandbox.aeries import day
from sis_assets.sandbox.aeries.faults import Fault, Kind
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import AREAS, Settings
from sis_assets.sis.aeries.contract import ENTITIES, STAFF
from sis_assets.transport import http
from sis_assets.warehouse import Home
from sis_assets_tests.commands import Run, Said
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.powerschool_district import HURRIED

pytestmark = pytest.mark.long

CERTIFICATE = "canary0certificate"
IN_THE_DAY = "2026-10-01T15:00:00-07:00"
AT, NEXT, AFTER_THAT = (f"2026-10-0{day}T21:00:00-07:00" for day in (1, 2, 3))
READ_AREAS = sorted({entity.area for entity in ENTITIES if entity.area and entity is not STAFF})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    made = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(made.root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("AERIESTOWN_CERTIFICATE", CERTIFICATE)
    monkeypatch.setenv("AERIESTOWN_OTHER", "canary0of0another")
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    (made.root / "districts").mkdir(parents=True)
    return made


@pytest.fixture
def town(home: TestHome) -> Iterator[Sandbox]:
    """An Aeries, and its district's file: read from 20:00 to 02:00, everything every second night."""
    with Sandbox(students=40, seed=4, settings=Settings(certificate=CERTIFICATE)) as opened:
        write(home, opened)
        yield opened


def write(home: TestHome, town: Sandbox, *, name: str = "aeriestown", **sis: str) -> Path:
    """Write a district's file, with these keys of `sis` instead of the right ones."""
    keys = {
        "kind": "aeries",
        "url": town.url,
        "certificate": "{env: AERIESTOWN_CERTIFICATE}",
        "database_year": str(town.database_year),
        "feed": "{full_read_hours: 40}",
    } | sis
    file = home.root / "districts" / f"{name}.yaml"
    file.write_text(
        f"district: {name}\nname: Aeriestown\ntimezone: America/Los_Angeles\nstate: CA\nsis:\n"
        + "".join(f"  {key}: {value}\n" for key, value in keys.items())
        + 'schools: {exclude: ["99", "998"]}\npull: {from: "20:00", to: "02:00"}\n'
    )
    return file


@pytest.fixture
def run(run: Run) -> Run:
    """Run the command line; no output of any command holds a certificate or a student's name."""

    def command(*arguments: str) -> Said:
        said = run(*arguments)
        assert "canary" not in said.out + said.err
        assert "Family-" not in said.out + said.err
        return said

    return command


def night(run: Run, at: str, *options: str) -> dict[str, object]:
    """Sync the district alone; gives its line."""
    said = run("sync", "aeriestown", "--at", at, *options, "--json")
    [line] = said.lines
    assert said.code == (3 if line["status"] == "failed" else 0)
    return line


def active(run: Run) -> set[str]:
    query = "SELECT student_id FROM lifecycle.accounts WHERE is_active AND district_id = 'aeriestown'"
    return {row["student_id"] for row in json.loads(run("query", query, "--format", "json").out)}


def truly_active(town: Sandbox) -> set[str]:
    return set(map(str, town.truth().active["student_id"]))


def questions(town: Sandbox) -> list[tuple[str, str]]:
    """What the server was asked since the last look."""
    asked = sorted((asked.path, asked.query) for asked in town.log.asked)
    town.log.clear()
    return asked


def test_a_night_is_recorded_in_every_layer_and_the_next_one_is_unchanged(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    assert night(run, AT)["status"] == "applied"
    assert active(run) == truly_active(town)
    assert night(run, NEXT)["status"] == "unchanged"
    paths = [
        *(["raw", entity.name] for entity in ENTITIES if entity is not STAFF),
        *(["core", name] for name in ("students", "terms", "sections", "student_courses")),
        ["lifecycle", "accounts"],
        ["delivery", "outbox"],
    ]
    with instance_of(Home.at(home.root)) as instance:
        for path in paths:
            assert instance.get_materialized_partitions(dg.AssetKey(path)) == {"aeriestown"}, path


def test_a_night_by_the_feed_asks_little_and_ends_as_a_read_of_everything_does(
    town: Sandbox, run: Run
) -> None:
    night(run, AT)
    whole = questions(town)
    town.evolve(
        lambda district: day.after(district, day.Churn(arrivals=1, leavers=1, renamed=2, planned_leavers=1))
    )
    assert night(run, NEXT)["status"] == "applied"
    asked = questions(town)
    assert any("/StudentDataChanges/" in path for path, _ in asked)
    assert len(asked) < len(whole)
    assert active(run) == truly_active(town)
    assert town.truth().active["planned_to_leave"].any()
    assert night(run, AFTER_THAT)["status"] == "unchanged"


def test_a_read_that_fails_exits_3_and_names_the_area_and_whose_move_it_is(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    home.add("filetown")
    home.drop("filetown", [student(n) for n in range(9)])
    assert run("sync", "--all", "--at", AT).code == 0
    town.grant(AREAS - {"Transcripts"})
    town.evolve(lambda district: day.after(district, day.Churn(leavers=2), passed=timedelta(days=3)))
    home.drop("filetown", [student(n) for n in range(8)])
    said = run("sync", "--all", "--at", AFTER_THAT, "--json")
    assert said.code == 3
    by_name = {line["district"]: line for line in said.lines}
    assert by_name["filetown"]["status"] == "applied"
    failed = by_name["aeriestown"]
    assert (failed["status"], failed["change_sets"]) == ("failed", [])
    assert 'tick Read of "Transcripts"' in failed["reason"]
    assert failed["reason"].endswith("Next move: district.")
    assert len(active(run)) == 40


def test_a_certificate_is_in_no_address_log_event_ledger_or_file(
    home: TestHome, town: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a good night, refused certificates, missing areas, a wrong year and broken answers."""
    caplog.set_level(logging.DEBUG)
    assert night(run, AT)["status"] == "applied"
    for fault in (
        Fault(Kind.REVOKED, after=5),
        Fault(Kind.MISSING_AREA),
        Fault(Kind.WRONG_YEAR),
        Fault(Kind.HTML),
        Fault(Kind.RESET, path="/students/?$"),
        Fault(Kind.STATUS, path="/systeminfo", status=500),
    ):
        town.faults.clear()
        town.evolve(lambda district: day.after(district, day.Churn(), passed=timedelta(days=3)))
        town.faults.arm(fault)
        assert night(run, NEXT)["status"] == "failed", fault
        assert run("doctor", "aeriestown").code == 3, fault
    town.faults.clear()
    monkeypatch.setenv("AERIESTOWN_CERTIFICATE", "canary0of0another")
    assert "refuses the certificate" in str(night(run, NEXT)["reason"])
    places = {str(path): path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    places |= {f"name of {path}": str(path).encode() for path in home.root.rglob("*")}
    places["log"] = "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    ).encode()
    places["addresses"] = "\n".join(f"{each.path}?{each.query}" for each in town.log.asked).encode()
    assert [place for place, content in places.items() if b"canary" in content] == []
    assert any(path.endswith(".db") for path in places), "the events are among the places"
    assert town.told_in_address == ()


def test_a_doctor_finds_a_right_set_up_right(town: Sandbox, run: Run) -> None:
    said = run("doctor", "aeriestown", "--json")
    assert (said.code, said.wrong) == (0, {})
    assert {line["check"] for line in said.lines} >= {
        "server",
        "database year",
        "time zone",
        "certificate",
        "LEAs",
        *READ_AREAS,
        "change feed",
    }
    granted = [line["check"] for line in said.lines if line["seen"].startswith("granted: ")]
    assert sorted(granted) == READ_AREAS


@pytest.mark.parametrize("area", READ_AREAS)
def test_a_doctor_names_the_area_that_is_missing_alone_and_what_to_tick(
    town: Sandbox, run: Run, area: str
) -> None:
    town.grant(AREAS - {area})
    said = run("doctor", "aeriestown", "--json")
    assert said.code == 3
    assert area in said.wrong
    assert said.wrong.keys() <= {area, "change feed", "class lists"}
    assert f'tick Read of "{area}"' in said.wrong[area]
    assert said.wrong[area].endswith("Next move: district.")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"certificate": "{env: AERIESTOWN_OTHER}"}, ("certificate", "Send the certificate again")),
        ({"url": "http://127.0.0.1:1/aeries"}, ("server", "127.0.0.1:1")),
        ({"database_year": "1999"}, ("database year", "the server has 2026-2027, 2025-2026")),
        ({"feed": "{timezone: America/Denver}"}, ("time zone", "does not go by America/Denver")),
    ],
)
def test_a_doctor_tells_which_value_is_wrong(
    home: TestHome, town: Sandbox, run: Run, wrong: dict[str, str], told: tuple[str, str]
) -> None:
    write(home, town, **wrong)
    said = run("doctor", "aeriestown", "--json")
    check, words = told
    assert said.code == 3
    assert words in said.wrong[check]


def test_a_secret_that_is_not_in_its_place_fails_and_a_wrong_file_is_a_usage_error(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    write(home, town, certificate="{env: AERIESTOWN_NOWHERE}")
    assert "AERIESTOWN_NOWHERE: it is not set" in str(night(run, AT)["reason"])
    write(home, town, certificate=CERTIFICATE)
    said = run("sync", "aeriestown", "--at", AT)
    assert said.code == 2
    write(home, town, database_yaer="2026")
    said = run("sync", "aeriestown", "--at", AT)
    assert said.code == 2
    assert "database_year" in said.err
    assert not town.log.asked


def test_an_aeries_is_read_in_its_hours_or_by_somebody_who_says_so(town: Sandbox, run: Run) -> None:
    skipped = night(run, IN_THE_DAY)
    assert (skipped["status"], skipped["change_sets"]) == ("skipped", [])
    assert "2026-10-01 20:00 (America/Los_Angeles)" in str(skipped["reason"])
    assert not town.log.asked
    assert night(run, IN_THE_DAY, "--outside-window")["status"] == "applied"
    said = run("query", "SELECT actor, action, subject FROM ops.audit", "--format", "json")
    assert json.loads(said.out) == [
        {"actor": getpass.getuser(), "action": "read_outside_window", "subject": "aeriestown-000001"}
    ]


def test_a_read_that_its_hours_end_goes_on_without_asking_again_and_counts_from_its_first_part(
    home: TestHome, town: Sandbox, run: Run
) -> None:
    other = write(home, town, name="whole")
    assert run("sync", "whole", "--at", AT, "--json").lines[0]["status"] == "applied"
    other.unlink()
    whole = questions(town)

    town.faults.arm(Fault(Kind.SLOW, path="/sections", seconds=0.6))
    stopped = night(run, "2026-10-02T01:59:59-07:00")
    town.faults.clear()
    before = questions(town)
    assert (stopped["status"], stopped["change_sets"]) == ("skipped", [])
    assert 0 < len(before) < len(whole)
    # That there is no list of a whole school's classes is an answer too, but a refusal is not kept.
    kept = [asked for asked in before if not asked[0].endswith("/classes")]
    assert f"{len(kept)} answers are kept and the read goes on at 2026-10-02 20:00" in str(stopped["reason"])

    first_part = town.district.now
    assert any(path.endswith("/students") for path, _ in before), "what changes now was read already"
    town.evolve(lambda district: day.after(district, day.Churn(renamed=3)))
    assert night(run, NEXT)["status"] == "applied"
    assert sorted(kept + questions(town)) == whole
    assert not list((home.root / "landing" / "aeriestown").glob(".answers*"))

    [changed] = night(run, AFTER_THAT)["change_sets"]  # type: ignore[misc]
    assert changed["counts"]["update"] == 3
    since = f"/StudentDataChanges/student/{first_part - timedelta(minutes=15):%Y/%m/%d/%H/%M}"
    assert any(path.endswith(since) for path, _ in questions(town))


@pytest.mark.parametrize("requests_before", [0, 3, 60])
def test_another_years_database_is_noticed_whenever_the_server_goes_over_to_it(
    town: Sandbox, run: Run, requests_before: int
) -> None:
    town.faults.arm(Fault(Kind.WRONG_YEAR, after=requests_before))
    line = night(run, AT)
    assert (line["status"], line["change_sets"]) == ("failed", [])
    assert "was asked for and data of" in str(line["reason"])
