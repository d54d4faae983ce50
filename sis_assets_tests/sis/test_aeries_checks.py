"""What a doctor tells of an Aeries district: server, year, time zone, certificate, areas by name, LEAs, the feed."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sis_assets.model.faults import Fault
from sis_assets.sis.aeries import client
from sis_assets_tests.aeries_district import Reading
from sis_assets_tests.aeries_server import AREAS, ZONE, school, student
from sis_assets_tests.powerschool_server import Answer


@pytest.fixture(autouse=True)
def _now(aeries: Reading) -> None:
    aeries.server.now = datetime.now(ZONE)


def told(aeries: Reading) -> dict[str, tuple[bool, str]]:
    found = {}
    for name, look in client.checks(aeries.district, aeries.home):
        try:
            found[name] = (True, look())
        except Fault as fault:
            found[name] = (False, fault.reason)
    return found


def test_everything_of_a_district_in_order_is_looked_at(aeries: Reading) -> None:
    found = told(aeries)
    assert [name for name, (good, _) in found.items() if not good] == []
    assert set(found) == {
        "server",
        "database year",
        "time zone",
        "certificate",
        "LEAs",
        *(AREAS - {"Staff Data"}),
        "status codes",
        "class lists",
        "change feed",
    }
    assert "9.25.2.25" in found["server"][1]
    assert "2025-2026" in found["database year"][1]
    assert found["certificate"][1] == "accepted; of 2 listed schools 2 take part"
    assert found["Student Data"][1] == "granted: students, students_extended"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("area", sorted(AREAS))
def test_one_missing_area_is_named_alone_and_what_to_tick(aeries: Reading, area: str, status: int) -> None:
    aeries.settings["staff"] = True
    aeries.server.areas, aeries.server.refused_as = AREAS - {area}, status
    bad = {name: seen for name, (good, seen) in told(aeries).items() if not good}
    expected = {area} | ({"class lists", "change feed"} if area == "Class Schedules/History" else set())
    assert set(bad) - {"change feed"} == expected - {"change feed"}
    assert f'tick Read of "{area}"' in bad[area]
    assert "Next move: district." in bad[area]


def test_a_bad_certificate_is_told_where_the_certificate_is_looked_at(aeries: Reading) -> None:
    aeries.server.certificate = "another-certificate"
    found = told(aeries)
    assert found["server"][0]
    assert not found["certificate"][0]
    assert "refuses the certificate (401)" in found["certificate"][1]


def test_a_year_that_the_server_does_not_have_is_told_with_those_it_has(aeries: Reading) -> None:
    aeries.settings["database_year"] = 2026
    good, seen = told(aeries)["database year"]
    assert not good
    assert "the server has 2025-2026, 2024-2025" in seen


def test_a_clock_that_differs_is_told_and_a_zone_that_is_another_is_wrong(aeries: Reading) -> None:
    aeries.server.now = datetime.now(ZONE) + timedelta(hours=1)
    good, seen = told(aeries)["server"]
    assert good
    assert "differs from ours by 3" in seen
    aeries.server.now = datetime.now(ZoneInfo("America/New_York"))
    good, seen = told(aeries)["time zone"]
    assert not good
    assert "sis.feed.timezone" in seen
    aeries.settings["feed"] = {"timezone": "America/New_York"}
    assert told(aeries)["time zone"][0]


def test_leas_that_the_schools_have_are_told_and_one_without_students_is_wrong(aeries: Reading) -> None:
    aeries.server.schools.append(school(1201, StateDistrictID="88888"))
    assert "88888 (1 schools), 99999 (2 schools); list under sis.leas" in told(aeries)["LEAs"][1]
    aeries.settings["leas"] = ["99999", "88888"]
    good, seen = told(aeries)["LEAs"]
    assert not good
    assert "no student of LEA 88888" in seen
    aeries.server.students.append(student(12010001, 1201))
    assert told(aeries)["LEAs"][0]


@pytest.mark.parametrize("status", [404, 501])
def test_a_server_without_a_feed_is_no_failure(aeries: Reading, status: int) -> None:
    aeries.server.fault = lambda asked: Answer(status) if "DataChanges" in asked.path else None
    assert told(aeries)["change feed"] == (True, "not offered: everything is read every time")


def test_whether_the_classes_of_a_whole_school_come_at_once_is_told(aeries: Reading) -> None:
    assert "section by section" in told(aeries)["class lists"][1]
    aeries.server.whole_classes = True
    assert told(aeries)["class lists"][1] == "a whole school at once"


def test_a_doctor_asks_for_few_records(aeries: Reading) -> None:
    told(aeries)
    assert len(aeries.server.asked) < 45
    for asked in aeries.server.asked:
        assert asked.query.get("EndingRecord", "2") == "2"
        assert not asked.path.endswith("/Transcript")
