"""The server as a whole: what it logs, how fast it is, as a thread and as a process, and that it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest

from sis_assets.sandbox.aeries.faults import Fault, Kind
from sis_assets.sandbox.aeries.process import SandboxProcess, sandbox_process
from sis_assets.sandbox.aeries.server import Sandbox
from sis_assets.sandbox.loopback import NoServer
from sis_assets_tests.aeries_caller import Caller, caller_of, serving

STUDENTS = "schools/101/students"


def caller_to(url: str, certificate: str, year: int) -> Caller:
    port = urlsplit(url).port
    assert port is not None
    return Caller(port, certificate, year)


def test_the_log_holds_every_request_and_how_many_were_open_at_once() -> None:
    with serving(students=10) as (sandbox, caller):
        caller.get(STUDENTS, EndingRecord=1)
        caller.get("schools/7")
        assert [(each.method, each.path, each.status) for each in sandbox.log.asked] == [
            ("GET", f"/aeries/api/v5/{STUDENTS}", 200),
            ("GET", "/aeries/api/v5/schools/7", 404),
        ]
        assert sandbox.log.asked[0].query == "DatabaseYear=2026&EndingRecord=1"
        sandbox.faults.arm(Fault(Kind.SLOW, seconds=0.3))
        threads = [threading.Thread(target=caller.get, args=(STUDENTS,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sandbox.log.peak == 4
        told = caller.control("GET", "log").json
        assert (told["peak"], len(told["requests"])) == (4, 6)


def test_a_window_of_three_hundred_students_costs_at_most_five_milliseconds_of_cpu() -> None:
    with serving(students=6000) as (sandbox, caller):
        code = int(sandbox.truth().active["school"].value_counts(sort=True)["school"][0])
        path = f"schools/{code}/students"
        caller.get(path, EndingRecord=1)
        costs = []
        for _ in range(20):
            before = sandbox.cpu_seconds
            assert len(caller.get(path, StartingRecord=51, EndingRecord=350).json) == 300
            costs.append(sandbox.cpu_seconds - before)
        # The middle one, because other work of the machine disturbs single measurements.
        assert sorted(costs)[len(costs) // 2] <= 0.005


def test_days_and_summers_pass_over_http() -> None:
    with serving(students=30) as (sandbox, caller):
        before = sandbox.district
        assert caller.control("POST", "day", {"arrivals": 2}).json == {"today": "2026-10-02"}
        assert sandbox.district.arrived == before.arrived + 2
        assert caller.control("POST", "day", {"zzz": 2}).status == 400
        assert caller.control("POST", "summer").json == {"today": "2027-08-18"}
        assert sandbox.database_year == 2027
        assert caller.get("systeminfo").json["AvailableDatabaseYears"] == [
            "2027-2028",
            "2026-2027",
            "2025-2026",
        ]


def test_course_requests_of_a_year_stay_in_its_database() -> None:
    with serving(students=30) as (sandbox, caller):
        student = sandbox.truth().active["student_id"][0]
        assert (
            caller.call("POST", f"schools/101/students/{student}/courserequests", {"CourseID": "0090"}).status
            == 201
        )
        caller.control("POST", "summer")
        requests = "schools/101/scheduling/courserequests"
        assert len(caller.get(requests).json) == 1
        assert caller.get(requests, DatabaseYear=2027).json == []


def test_the_port_is_free_again_afterwards_and_no_thread_is_left() -> None:
    before = threading.active_count()
    with Sandbox(students=10) as sandbox:
        port = sandbox.port
        assert caller_of(sandbox).get("schools").status == 200
    assert threading.active_count() == before
    with Sandbox(students=10, port=port) as sandbox:
        assert caller_of(sandbox).get("schools").status == 200
        with pytest.raises(NoServer, match="port"), Sandbox(students=10, port=port):
            pass


def test_a_child_process_serves_is_controlled_and_tells_its_cpu() -> None:
    with sandbox_process("--students", "20", "--seed", "3", "--leas", "2") as sandbox:
        assert isinstance(sandbox, SandboxProcess)
        caller = caller_to(sandbox.url, sandbox.certificate, sandbox.database_year)
        sandbox.control("POST", "faults", {"scenario": "unavailable"})
        assert caller.get("schools").status == 503
        sandbox.control("DELETE", "faults")
        assert caller.get("schools").status == 200
        assert sandbox.control("POST", "day", {"arrivals": 1}) == {"today": "2026-10-02"}
        assert sandbox.cpu_seconds > 0
        with pytest.raises(ValueError, match="not understood"):
            sandbox.control("POST", "faults", {"scenario": "zzz"})
    with pytest.raises(ConnectionRefusedError):
        caller.get("schools")


def test_a_child_that_does_not_start_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoServer), sandbox_process("--students", "many"):
        pass
    told = capfd.readouterr().err
    assert "invalid int value" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_module_serves_until_it_is_ended(end: signal.Signals) -> None:
    command = [sys.executable, "-m", "sis_assets.sandbox.aeries", "--students", "20", "--seed", "3"]
    with subprocess.Popen(
        [*command, "--scenario", "no_student_data"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            caller = caller_to(url=told["url"], certificate=told["certificate"], year=told["database_year"])
            assert caller.get(STUDENTS).status == 403
            caller.control("DELETE", "faults")
            with Sandbox(students=20, seed=3) as here:
                assert caller.get(STUDENTS).content == caller_of(here).get(STUDENTS).content
        finally:
            process.send_signal(end)
            assert process.wait(timeout=20) == 0
