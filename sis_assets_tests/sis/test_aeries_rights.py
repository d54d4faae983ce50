"""Certificate, areas, year and refusals: what a person must do, nothing that leaks, no other year's data (contract §2.1, §2.2)."""

from __future__ import annotations

import logging

import pytest

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets_tests.aeries_district import CERTIFICATE_NAME, Reading
from sis_assets_tests.aeries_server import AREAS, school
from sis_assets_tests.powerschool_server import Answer, Asked


def test_the_certificate_travels_in_its_header_only(
    aeries: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        aeries.fetch()
    certificate = aeries.server.certificate
    for asked in aeries.server.asked:
        assert certificate not in asked.path
        assert certificate not in str(asked.query)
        assert asked.headers["Accept"] == "application/json"
        told = asked.headers.get("Aeries-Cert")
        assert told == (None if asked.path.endswith("/systeminfo") else certificate)
    assert certificate not in caplog.text


def test_what_the_server_tells_of_itself_is_asked_for_first(aeries: Reading) -> None:
    aeries.fetch()
    assert aeries.server.paths()[0] == "/systeminfo"


def test_the_database_year_goes_with_every_request_for_data(aeries: Reading) -> None:
    aeries.fetch()
    years = {asked.query.get("DatabaseYear") for asked in aeries.server.asked[1:]}
    assert years == {"2025"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_bad_certificate_needs_a_new_one_whatever_the_status(aeries: Reading, status: int) -> None:
    aeries.server.certificate, aeries.server.refused_as = "another", status
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert f"refuses the certificate ({status})" in fault.seen
    assert "API Security" in fault.todo


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("area", sorted(AREAS - {"Staff Data"}))
def test_a_missing_area_is_named_whatever_the_status(aeries: Reading, area: str, status: int) -> None:
    aeries.server.areas, aeries.server.refused_as = AREAS - {area}, status
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert f'tick Read of "{area}"' in fault.todo
    assert f"lacks the permission for {area} ({status})" in fault.seen


def test_the_staff_is_read_and_its_area_needed_only_where_the_file_says_so(aeries: Reading) -> None:
    aeries.server.areas = AREAS - {"Staff Data"}
    aeries.fetch()
    aeries.settings["staff"] = True
    assert 'tick Read of "Staff Data"' in aeries.fault().todo
    aeries.server.areas = AREAS
    assert "staff" in aeries.tables()


@pytest.mark.parametrize("status", [401, 403])
def test_a_certificate_that_is_revoked_in_the_middle_of_a_read_lands_nothing(
    aeries: Reading, status: int
) -> None:
    aeries.server.refused_as = status

    def revoke(asked: Asked) -> None:
        if asked.path.endswith("/schools/994/sections"):
            aeries.server.certificate = "another"

    aeries.server.fault = revoke
    fault = aeries.fault()
    assert fault.tried == "Reading sections of school 994"
    assert "refuses the certificate" in fault.seen
    assert not (aeries.home.landing / "sample" / ".last-read.json").exists()


def test_a_school_that_is_not_there_fails_the_read_and_is_named(aeries: Reading) -> None:
    aeries.server.fault = lambda asked: (
        Answer(404, {"Message": "no school"}) if asked.path.endswith("/schools/995/students") else None
    )
    fault = aeries.fault()
    assert isinstance(fault, PermanentFault)
    assert fault.tried.startswith("Reading students of school 995")
    assert "404" in fault.seen


def test_a_resource_that_a_flag_switches_off_is_explained(aeries: Reading) -> None:
    aeries.server.fault = lambda asked: Answer(501) if asked.path.endswith("/Transcript") else None
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert "feature flag" in fault.seen
    assert "Aeries' support" in fault.todo


@pytest.mark.parametrize(
    ("status", "seen"), [(400, "does not accept"), (500, "answers 500"), (405, "answers 405")]
)
def test_other_refusals_are_told_and_not_repeated(aeries: Reading, status: int, seen: str) -> None:
    aeries.server.fault = lambda asked: (
        Answer(status, {"Message": "Sample99400001"}) if asked.path.endswith("/courses") else None
    )
    fault = aeries.fault()
    assert isinstance(fault, PermanentFault)
    assert seen in fault.seen
    assert "Sample" not in fault.reason
    assert aeries.server.paths().count("/courses") == 1


def test_a_page_to_sign_in_is_not_taken_for_data(aeries: Reading) -> None:
    aeries.server.fault = lambda asked: (
        Answer(200, b"<html>sign in</html>") if asked.path.endswith("/courses") else None
    )
    assert "markup" in aeries.fault().seen


def test_a_site_path_that_is_missing_is_explained(aeries: Reading) -> None:
    aeries.settings["url"] = aeries.server.url
    assert "site path" in aeries.fault().todo


@pytest.mark.parametrize("content", ["two words", "tab\t", "ümlaut", 'line\n"'])
def test_what_is_no_certificate_is_never_sent_nor_told(
    aeries: Reading, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv(CERTIFICATE_NAME, content)
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert content not in fault.reason
    assert aeries.server.paths() == ["/systeminfo"]


def test_a_year_that_the_server_does_not_have_is_not_asked_for(aeries: Reading) -> None:
    aeries.settings["database_year"] = 2026
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert "2025-2026, 2024-2025" in fault.seen
    assert aeries.server.paths() == ["/systeminfo"]


@pytest.mark.parametrize("years", [["2025"], ["2025-26"], "2025-2026", None])
def test_years_come_in_several_forms(aeries: Reading, years: object) -> None:
    aeries.server.years = years  # type: ignore[assignment]
    aeries.fetch()


def test_terms_of_another_year_fail_the_read(aeries: Reading) -> None:
    aeries.server.schools = [school(994, 2026), school(995, 2026)]
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert "2025-2026 was asked for and data of 2026-2027 came" in fault.seen


def test_a_term_of_another_year_among_those_of_ours_is_no_failure(aeries: Reading) -> None:
    aeries.server.schools = [school(994), school(995, 2024), school(996)]
    aeries.fetch()


def test_enrolments_of_another_year_fail_the_read(aeries: Reading) -> None:
    row = {**aeries.server.enrollment[0], "AcademicYear": "2026-2027"}
    aeries.server.fault = lambda asked: (
        Answer(200, [row]) if asked.path.endswith("/schools/994/enrollment/0/year/2025") else None
    )
    fault = aeries.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.tried == "Reading enrollment of school 994"
    assert "data of 2026-2027 came" in fault.seen


def test_an_enrolment_without_a_readable_year_is_not_as_agreed(aeries: Reading) -> None:
    row = {**aeries.server.enrollment[0], "AcademicYear": ""}
    aeries.server.fault = lambda asked: (
        Answer(200, [row]) if asked.path.endswith("/schools/994/enrollment/0/year/2025") else None
    )
    assert "without a school year" in aeries.fault().seen


def test_a_cut_off_answer_is_asked_for_again_and_then_fails(aeries: Reading) -> None:
    aeries.server.fault = lambda asked: (
        Answer(200, b'[{"ID": "0400"') if asked.path.endswith("/courses") else None
    )
    fault = aeries.fault()
    assert isinstance(fault, TransientFault)
    assert "cut off" in fault.seen
    assert aeries.server.paths().count("/courses") == aeries.patience.attempts
