"""The client against a server that was built from the contract by itself: everything is found, and histories end the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.districts import District
from sis_assets.model.faults import Fault as Trouble
from sis_assets.sandbox.aeries.data import INACTIVE_SCHOOL
from sis_assets.sandbox.aeries.day import Churn, after
from sis_assets.sandbox.aeries.faults import Fault, Kind
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.aeries.settings import Settings
from sis_assets.sis.aeries import client
from sis_assets.sis.reading import Past
from sis_assets.transport.visit import Visit
from sis_assets.warehouse.home import Home
from sis_assets_tests.aeries_district import CERTIFICATE_NAME
from sis_assets_tests.powerschool_district import HURRIED

pytestmark = pytest.mark.long


def contents(sandbox: Sandbox, home: Path, **sis: Any) -> dict[str, bytes]:
    """Fetch the sandbox's district into a home; gives the landed files' bytes."""
    keys = {
        "kind": "aeries",
        "url": sandbox.url,
        "certificate": {"env": CERTIFICATE_NAME},
        "database_year": sandbox.database_year,
        "feed": {"full_read_hours": 744},
    }
    district = District.model_validate(
        {
            "district": "sandbox",
            "name": "Sandbox",
            "timezone": "America/Los_Angeles",
            "sis": keys | sis,
            "schools": {"exclude": [str(INACTIVE_SCHOOL)]},
        }
    )
    found = client.fetch(district, Home.at(home), Past(datetime.now(UTC)), Visit(), HURRIED)
    return {file.entity: file.path.read_bytes() for file in found.files}  # type: ignore[union-attr]


@pytest.fixture
def certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CERTIFICATE_NAME, Settings().certificate)


SERVERS: dict[str, dict[str, Any]] = {
    "usual": {},
    "small windows": {"largest_window": 7},
    "objects and arrays": {"single_school": "array", "single_extended": "object", "unknown_student": "empty"},
    "older": {"older_build": True},
    "numbers as text": {"numbers_as_text": True, "academic_year": "number"},
    "all records": {"student_records": "all", "requirements_list": "Subjects"},
    "other statuses": {"bad_certificate_status": 403, "missing_area_status": 401},
}


@pytest.mark.usefixtures("certificate")
@pytest.mark.parametrize("server", SERVERS)
def test_every_record_that_the_server_knows_is_found(tmp_path: Path, server: str) -> None:
    with Sandbox(students=150, seed=3, settings=Settings(**SERVERS[server])) as sandbox:
        found = contents(sandbox, tmp_path, staff=True)
        truth = sandbox.truth()
        for entity, frame in (
            ("students", truth.records),
            ("classes", truth.seats),
            ("courses", truth.courses),
        ):
            assert found[entity].count(b"\n") == frame.height, entity
        for number in truth.records["student_id"]:
            assert f'"StudentID":{number}'.encode() in found["students"]


BROKEN: list[Callable[[], Fault]] = [
    lambda: Fault(Kind.REVOKED, after=20),
    lambda: Fault(Kind.MISSING_AREA, area="Transcripts"),
    lambda: Fault(Kind.FEATURE_OFF, area="Graduation Status"),
    lambda: Fault(Kind.WRONG_YEAR),
    lambda: Fault(Kind.STATUS, path="/students", status=404),
    lambda: Fault(Kind.TRUNCATED, path="/students"),
    lambda: Fault(Kind.INVALID_JSON, path="/courses"),
    lambda: Fault(Kind.HTML, path="/sections"),
    lambda: Fault(Kind.SHORT_PAGE, path=r"/schools/\d+/students$", start=1, rows=2),
    lambda: Fault(Kind.DUPLICATE_ROWS, path=r"/schools/\d+/students$", rows=2),
]


@pytest.mark.usefixtures("certificate")
@pytest.mark.parametrize("fault", BROKEN, ids=lambda made: made().kind)
def test_a_broken_server_is_never_read_in_part(tmp_path: Path, fault: Callable[[], Fault]) -> None:
    with Sandbox(students=150, seed=3) as sandbox:
        whole = contents(sandbox, tmp_path / "whole")
        sandbox.faults.arm(fault())
        if fault().kind is Kind.SHORT_PAGE:  # a window that was cut short is no end of a list
            assert contents(sandbox, tmp_path / "broken", window_records=10) == whole
            return
        with pytest.raises(Trouble, match="Next move:"):
            contents(sandbox, tmp_path / "broken", window_records=10)


#: What no feed tells of stays out: a student of whom nothing is left.
CHURNS = st.builds(
    Churn,
    **dict.fromkeys(
        (
            *("arrivals", "leavers", "returners", "transfers", "concurrent", "pre_enrollments"),
            *("planned_leavers", "completions", "rekeys", "renamed", "readdressed"),
            *("class_changes", "section_changes", "course_changes"),
        ),
        st.integers(0, 3),
    ),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    churns=st.lists(st.tuples(CHURNS, st.integers(1, 60 * 24)), min_size=1, max_size=3),
    seed=st.integers(1, 50),
    window=st.sampled_from([5, 1000]),
)
@pytest.mark.usefixtures("certificate")
def test_reads_of_changes_and_a_read_of_everything_land_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, churns: list[tuple[Churn, int]], seed: int, window: int
) -> None:
    home = tmp_path_factory.mktemp("history")
    with Sandbox(students=120, seed=seed) as sandbox:
        contents(sandbox, home / "by-feed", window_records=window)
        for number, (churn, minutes) in enumerate(churns):
            sandbox.evolve(
                lambda district, c=churn, m=minutes: after(district, c, passed=timedelta(minutes=m))
            )
            by_feed = contents(sandbox, home / "by-feed", window_records=window)
            assert by_feed == contents(sandbox, home / f"whole-{number}")
