"""`status` shows the fleet, `alerts` tells people: as an engineer sees them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sis_assets_tests.commands import Run
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.webhooks import Webhook

NIGHT, MORNING, LATER = (
    f"2026-10-{moment}-07:00" for moment in ("15T20:00:00", "16T08:00:00", "17T08:00:00")
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    made = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(made.root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return made


@pytest.fixture
def fleet(home: TestHome, run: Run) -> TestHome:
    """Three districts: one read last night, one that failed, one never read."""
    for name in ("north", "south", "west"):
        home.add(name)
    home.drop("north", [student(number) for number in range(3)])
    home.drop("south", [])
    run("sync", "north", "south", "--at", NIGHT, "--json")
    return home


def test_status_shows_the_worst_first_with_whose_move_it_is(fleet: TestHome, run: Run) -> None:
    lines = run("status", "--at", MORNING, "--json").lines
    assert [(line["district"], line["state"], line["next_move"]) for line in lines] == [
        ("south", "failing", "district"),
        ("west", "new", None),
        ("north", "ok", None),
    ]
    assert (lines[2]["age_hours"], lines[2]["accounts"]) == (12.0, 3)
    [condition] = lines[0]["conditions"]
    assert condition["since"].startswith("2026-10-16T03:00:00")
    assert condition["reason"].endswith("Next move: district.")
    said = run("status", "--at", MORNING)
    assert "12 h old" in said.out
    assert condition["reason"] in said.out


@pytest.mark.parametrize(
    ("by", "order"), [("district", ["north", "south", "west"]), ("age", ["south", "west", "north"])]
)
def test_status_sorts_by_what_is_asked(fleet: TestHome, run: Run, by: str, order: list[str]) -> None:
    lines = run("status", "--at", MORNING, "--by", by, "--json").lines
    assert [line["district"] for line in lines] == order


def test_status_says_by_when_access_must_be_renewed(home: TestHome, run: Run) -> None:
    home.add("north", more="access: {expires: 2027-06-30}\n")
    home.drop("north", [student(1)])
    run("sync", "north", "--at", "2027-06-14T20:00:00-07:00", "--json")
    [line] = run("status", "--at", "2027-06-15T08:00:00-07:00", "--json").lines
    assert (line["state"], line["access_expires"], line["renew_by"]) == (
        "access_renewal",
        "2027-06-30",
        "2027-06-15",
    )
    [line] = run("status", "--at", "2027-07-20T08:00:00-07:00", "--json").lines
    assert (line["state"], line["next_move"]) == ("access_expired", "district")


def test_alerts_are_tested_and_told_by_hand(
    fleet: TestHome, run: Run, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("alerts", "test")
    assert said.code == 2
    assert "SIS_ASSETS_ALERTS" in said.err
    monkeypatch.setenv("SIS_ASSETS_ALERTS", f"{webhook.url}/team")
    assert run("alerts", "test").code == 0
    assert webhook.got.pop()["title"] == "sis-assets: a test"
    assert "1 message" in run("alerts", "tell").out
    assert "failing: south" in webhook.got[0]["message"]
    assert "0 messages" in run("alerts", "tell").out
    monkeypatch.setenv("SIS_ASSETS_ALERTS", f"{webhook.url}/broken")
    said = run("alerts", "test")
    assert said.code == 3
    assert webhook.url not in said.out + said.err


def test_status_writes_the_fleet_as_one_page(fleet: TestHome, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "made" / "fleet.html"
    said = run("status", "--at", MORNING, "--html", str(page))
    assert (said.code, said.out) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert re.findall(r'data-sort="(\w+)"><span class="name"', text) == [
        "south",
        "west",
        "north",
    ]
    for told in ("12 h old", "Next move: district.", "2026-10-16 03:00 UTC", "district&#39;s move <b>1</b>"):
        assert told in text
    assert not re.search(r"Given-|Family-|https?:|(src|href)=", text)
    assert [line["district"] for line in run("status", "--html", str(page), "--json").lines]


def test_a_page_that_cannot_be_written_is_a_usage_error(fleet: TestHome, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = run("status", "--html", str(tmp_path / "file" / "fleet.html"))
    assert said.code == 2
    assert "cannot be written: " in said.err
    assert run("status", "--html", str(tmp_path)).code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drops", "file", "home"]


def test_changes_show_writes_the_page_of_what_is_held_and_of_nothing_else(fleet: TestHome, run: Run) -> None:
    fleet.drop("north", [])
    fleet.drop("west", [student(number) for number in range(30)])
    run("sync", "west", "--at", NIGHT, "--json")
    fleet.drop("west", [student(number) for number in range(10)])
    run("sync", "west", "--at", MORNING, "--json")
    page = fleet.root / "outbox" / "reviews" / "west-000002.1.html"
    page.unlink()
    said = run("changes", "show", "west-000002.1", "--page")
    assert str(page) in said.out
    assert "Family-0020" in page.read_text()
    assert "Family-" not in said.out
    said = run("changes", "show", "west-000001.1", "--page")
    assert said.code == 2
    assert "only what is held has a page" in said.err
