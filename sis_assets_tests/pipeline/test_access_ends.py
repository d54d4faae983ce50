"""Access that ends with the school year, announced or not: nobody is called, nobody changes, everybody knows whose move it is."""

from __future__ import annotations

import pytest

from sis_assets_tests.powerschool_line import NAME, SECRET_NAME, Line, Opened

JUNE, JULY, AUGUST = (f"2027-{day}T20:00:00-07:00" for day in ("06-29", "07-06", "08-20"))


@pytest.fixture
def town(opened: Opened) -> Line:
    line = opened(students=20, seed=3)
    assert line.spine.sync(NAME, at=JUNE)[NAME].status == "applied"
    return line


def sync(town: Line, at: str) -> tuple[str, str]:
    outcome = town.spine.sync(NAME, at=at)[NAME]
    return str(outcome.status), outcome.reason


def test_after_the_announced_day_no_call_is_made_and_a_new_date_reads_again(town: Line) -> None:
    accounts = town.active()
    town.set(access={"expires": "2027-06-30"})
    town.sandbox.log.clear()
    status, reason = sync(town, JULY)
    assert (status, town.active(), town.sandbox.log.asked) == ("skipped", accounts, ())
    assert "ended on 2027-06-30" in reason
    assert len(town.spine.extracts(NAME)) == 1
    town.set(access={"expires": "2028-06-30"})
    assert sync(town, AUGUST)[0] in {"applied", "unchanged"}


@pytest.mark.parametrize(
    ("at", "access", "status"),
    [(JULY, {}, "skipped"), (AUGUST, {}, "failed"), (JULY, {"expires": "2028-06-30"}, "failed")],
)
def test_a_refused_sign_in_in_july_asks_whether_the_year_has_ended(
    town: Line, monkeypatch: pytest.MonkeyPatch, at: str, access: dict[str, str], status: str
) -> None:
    accounts = town.active()
    town.set(access=access)
    monkeypatch.setenv(SECRET_NAME, "no longer right")
    said, reason = sync(town, at)
    assert (said, town.active()) == (status, accounts)
    assert ("set access.expires" in reason) is (status == "skipped")
    assert reason.endswith("Next move: district.")
