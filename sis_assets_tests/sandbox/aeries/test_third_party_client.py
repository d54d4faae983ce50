"""A client that others wrote runs against the server: system, schools, terms, days, codes of absences, staff.

Its models take every field of an answer by name and no other, so it notices a field too many or too few. It speaks
https to the host it is given; its base address is pointed at the loopback server. It asks for no form of answer and
reads JSON, so the server is told to give that.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aeripy import Aeripy
from aeripy.exceptions import AeripyException

from sis_assets.sandbox.aeries.faults import Fault, Kind
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import Settings


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(students=400, settings=Settings(any_accept="json")) as served:
        yield served


def client_of(sandbox: Sandbox, certificate: str) -> Aeripy:
    made = Aeripy(hostname="127.0.0.1", api_key=certificate)
    made._rest_adapter.url = f"{sandbox.url}/api/v5"
    return made


@pytest.fixture
def client(sandbox: Sandbox) -> Aeripy:
    return client_of(sandbox, sandbox.certificate)


def test_it_reads_the_system_info(client: Aeripy) -> None:
    info = client.get_system_info()
    assert info.database_year == "2026-2027"
    assert info.available_database_years == ["2026-2027", "2025-2026"]
    assert info.current_date_time == "2026-10-01T18:00:00.000-07:00"


def test_it_reads_schools_and_one_of_them_as_an_object(client: Aeripy, sandbox: Sandbox) -> None:
    schools = client.get_schools()
    assert {0, 97, 99, *sandbox.truth().schools["code"]} <= {school.school_code for school in schools}
    assert client.get_school(101) == next(school for school in schools if school.school_code == 101)
    with pytest.raises(AeripyException, match="404"):
        client.get_school(5)


def test_it_reads_terms_days_bells_and_codes_of_absences(client: Aeripy) -> None:
    assert [term.term_code for term in client.get_terms(101)] == ["Y", "F", "S"]
    assert client.get_calendar(101)[0].calendar_date == "2026-08-18T00:00:00"
    assert [bell.period for bell in client.get_bell_schedules(101)] == [1, 2, 3, 4, 5, 6]
    assert [code.absence_code for code in client.get_absence_codes(101)] == ["A", "E", "T"]


def test_it_reads_the_staff_by_a_path_with_a_slash_at_its_end(client: Aeripy, sandbox: Sandbox) -> None:
    staff = client.get_staff()
    assert [each.id for each in staff] == sandbox.truth().staff["staff_id"].to_list()
    assert sandbox.log.asked[-1].path.endswith("/staff/")
    assert client.get_staff(staff[0].id) == staff[0]


def test_it_is_told_of_a_wrong_certificate_and_of_a_missing_area(client: Aeripy, sandbox: Sandbox) -> None:
    with pytest.raises(AeripyException, match="401"):
        client_of(sandbox, "wrong").get_schools()
    sandbox.faults.arm(Fault(Kind.MISSING_AREA, area="Staff Data"))
    with pytest.raises(AeripyException, match="403"):
        client.get_staff()
    sandbox.faults.clear()


def test_it_never_put_the_certificate_in_an_address(client: Aeripy, sandbox: Sandbox) -> None:
    client.get_schools()
    assert sandbox.told_in_address == ()
