"""The server as a process: where it is, what it logs, how fast it is, and that it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from sis_assets.sandbox.loopback import NoServer
from sis_assets.sandbox.powerschool.faults import Fault, Kind
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets_tests.powerschool_caller import Caller, caller_of, serving

STUDENTS = "/ws/v1/district/student"
EXPANSIONS = "demographics,addresses,phones,school_enrollment,contact_info,initial_enrollment,schedule_setup"


def test_the_log_holds_every_request_and_no_secret() -> None:
    with serving(students=10) as (sandbox, caller):
        caller.get(STUDENTS, page=1, q="local_id==1")
        caller.get("/ws/v1/nothing/1")
        asked = sandbox.log.asked
        assert [(each.method, each.path, each.status) for each in asked] == [
            ("POST", "/oauth/access_token", 200),
            ("GET", STUDENTS, 200),
            ("GET", "/ws/v1/nothing/1", 404),
        ]
        assert asked[1].query == "page=1&q=local_id%3D%3D1"
        assert not any(sandbox.client_secret in f"{each.path}?{each.query}" for each in asked)
        assert [each["path"] for each in caller.get("/_sandbox/log").json["requests"]] == [
            each.path for each in asked
        ]
        caller.call("DELETE", "/_sandbox/log")
        assert sandbox.log.asked == ()


def test_the_log_tells_how_many_requests_were_open_at_once() -> None:
    with serving(students=10) as (sandbox, caller):
        assert sandbox.log.peak == 1
        sandbox.faults.arm(Fault(Kind.SLOW, seconds=0.3))
        threads = [threading.Thread(target=caller.get, args=(STUDENTS,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sandbox.log.peak == 5


def test_a_request_that_is_broken_off_is_logged() -> None:
    with serving(students=10) as (sandbox, caller):
        sandbox.faults.arm(Fault(Kind.RESET, path=STUDENTS))
        with pytest.raises(ConnectionResetError):
            caller.get(STUDENTS)
        assert sandbox.log.asked[-1].path == STUDENTS


def test_the_server_tells_the_cpu_it_used() -> None:
    with serving(students=300) as (sandbox, caller):
        before = sandbox.cpu_seconds
        for _ in range(20):
            caller.get(STUDENTS, expansions=EXPANSIONS)
        assert before < sandbox.cpu_seconds < before + 5
        usage = caller.get("/_sandbox/usage").json
        assert 0 < usage["server_cpu_seconds"] <= usage["process_cpu_seconds"]


def test_a_page_of_a_hundred_costs_at_most_two_milliseconds_of_cpu() -> None:
    with serving(students=2000) as (sandbox, caller):
        caller.get(STUDENTS, expansions=EXPANSIONS)
        costs = []
        for page in range(1, 21):
            before = sandbox.cpu_seconds
            caller.get(STUDENTS, page=page, expansions=EXPANSIONS)
            costs.append(sandbox.cpu_seconds - before)
        # The middle one, because other work of the machine disturbs single measurements.
        assert sorted(costs)[len(costs) // 2] <= 0.002


def test_an_answer_is_not_held_back_until_the_client_acknowledges_its_head() -> None:
    with serving(students=50) as (sandbox, caller):
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
        headers = {"Authorization": f"Bearer {caller.token}", "Accept": "application/json"}
        waits = []
        for _ in range(11):
            begun = time.monotonic()
            connection.request("GET", f"{STUDENTS}?expansions={EXPANSIONS}", headers=headers)
            connection.getresponse().read()
            waits.append(time.monotonic() - begun)
        connection.close()
        # Held back, it would be 40 ms.
        assert sorted(waits)[5] < 0.03


def test_days_and_summers_pass_over_http() -> None:
    with serving(students=30) as (sandbox, caller):
        before = sandbox.district
        assert caller.post("/_sandbox/day", {"arrivals": 2}).json == {"today": "2026-10-02"}
        assert sandbox.district.arrived == before.arrived + 2
        assert caller.post("/_sandbox/day", {"zzz": 2}).status == 400
        assert caller.post("/_sandbox/day", {"arrivals": "many"}).status == 400
        assert caller.post("/_sandbox/summer").json == {"today": "2027-08-20"}
        assert sandbox.district.year == before.year + 1


def test_the_port_is_free_again_afterwards_and_no_thread_is_left() -> None:
    before = threading.active_count()
    with Sandbox(students=10) as sandbox:
        port = sandbox.port
        caller_of(sandbox)
    assert threading.active_count() == before
    with Sandbox(students=10, port=port) as sandbox:
        assert caller_of(sandbox).get("/ws/v1/district").status == 200


def test_the_server_ends_while_a_slow_page_is_asked_for() -> None:
    with serving(students=10) as (sandbox, caller):
        sandbox.faults.arm(Fault(Kind.SLOW, seconds=60.0, path=STUDENTS))

        def asking() -> None:
            with suppress(OSError):
                caller.get(STUDENTS)

        thread = threading.Thread(target=asking)
        thread.start()
        while not sandbox.faults.told()[0]["seen"]:
            time.sleep(0.01)
        begun = time.monotonic()
    assert time.monotonic() - begun < 10
    thread.join()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NoServer, match="port"), Sandbox(students=10, port=taken.getsockname()[1]):
            pass


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_module_serves_until_it_is_ended(end: signal.Signals) -> None:
    command = [sys.executable, "-m", "sis_assets.sandbox.powerschool", "--students", "20", "--seed", "3"]
    with subprocess.Popen(
        [*command, "--scenario", "page_seven_fails"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            caller = Caller(int(told["url"].rpartition(":")[2]), told["client_id"], told["client_secret"])
            assert caller.authorize().status == 200
            assert caller.get(STUDENTS, page=7).status == 500
            with Sandbox(students=20, seed=3) as here:
                assert caller.rows(STUDENTS, expansions=EXPANSIONS) == caller_of(here).rows(
                    STUDENTS, expansions=EXPANSIONS
                )
        finally:
            process.send_signal(end)
            assert process.wait(timeout=20) == 0
