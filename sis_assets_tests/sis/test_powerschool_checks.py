"""A doctor looks at each of the four values, at each right and at the clock, and says what to tell the district."""

from __future__ import annotations

from email.utils import formatdate
from time import time

from sis_assets.model.faults import Fault
from sis_assets.sis.powerschool import client
from sis_assets.sis.powerschool.contract import ENTITIES
from sis_assets_tests.powerschool_district import Reading
from sis_assets_tests.powerschool_server import Answer, Asked


def seen(reading: Reading) -> dict[str, str]:
    found = {}
    for name, look in client.checks(reading.district, reading.home):
        try:
            found[name] = look()
        except Fault as fault:
            found[name] = f"no: {fault.reason}"
    return found


def wrong(reading: Reading) -> dict[str, str]:
    return {name: told for name, told in seen(reading).items() if told.startswith("no:")}


def test_everything_about_a_district_in_order_is_looked_at(reading: Reading) -> None:
    found = seen(reading)
    assert list(found) == ["clock", "credentials", "version", "page sizes", *(e.name for e in ENTITIES)]
    assert not [told for told in found.values() if told.startswith("no:")]
    assert found["version"] == "PowerSchool 25.9.0.1, America/Los_Angeles"
    assert found["students"] == "2 on the first page"
    assert "section_enrollment 2" in found["page sizes"]


def test_one_page_of_each_entity_is_read_and_no_more(reading: Reading) -> None:
    seen(reading)
    assert {request.page for request in reading.server.asked} == {1}
    assert "/ws/v1/section/901/section_enrollment" in reading.server.paths()


def test_a_refused_secret_is_told_at_the_credentials_though_an_older_token_is_kept(reading: Reading) -> None:
    reading.fetch()
    reading.server.token_answer = Answer(401, {"error": "invalid_client"})
    assert list(wrong(reading)) == ["credentials"]


def test_a_missing_right_is_told_at_its_entity_alone(reading: Reading) -> None:
    body = {"errors": [{"code": "NoAccess", "field": "Grade", "resource": "StoredGrades"}]}

    def without(asked: Asked) -> Answer | None:
        return Answer(403, body) if asked.path == "/ws/schema/table/storedgrades" else None

    reading.server.fault = without
    found = wrong(reading)
    assert list(found) == ["stored_grades"]
    assert "StoredGrades.Grade" in found["stored_grades"]


def test_a_clock_that_is_wrong_is_told(reading: Reading) -> None:
    metadata = Answer(200, {"metadata": {}}, {"Date": formatdate(time() + 3600, usegmt=True)})
    reading.server.fault = lambda asked: metadata if "Authorization" not in asked.headers else None
    found = wrong(reading)
    assert list(found) == ["clock"]
    assert "differ by 3" in found["clock"]


def test_another_time_zone_and_an_unknown_page_size_are_told(reading: Reading) -> None:
    reading.server.sizes = {"district_timezone": "America/New_York", "term_max_page_size": 0}
    found = wrong(reading)
    assert set(found) == {"version", "page sizes", "terms"}
    assert "America/New_York" in found["version"]


def test_without_sections_their_enrolments_are_not_asked_for(reading: Reading) -> None:
    reading.server.sections = []
    assert seen(reading)["section_enrollments"] == "not asked: there are no sections to ask by"
