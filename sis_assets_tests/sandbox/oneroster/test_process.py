"""The provider as a process: where it is, what it logs, how it is controlled, what it costs, and that it ends."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from sis_assets.sandbox.loopback import NoServer
from sis_assets.sandbox.oneroster.day import Churn, after_a_day
from sis_assets.sandbox.oneroster.faults import Fault, Kind
from sis_assets.sandbox.oneroster.process import SandboxProcess, sandbox_process
from sis_assets.sandbox.oneroster.server import Sandbox
from sis_assets_tests.oneroster_caller import BASES, Answer, Caller, scopes, serving


def plain(
    sandbox: SandboxProcess, method: str, path: str, body: str | None = None, token: str = ""
) -> Answer:
    """A call to a child process, by a caller that has its port only."""

    class Elsewhere:
        port = urlsplit(sandbox.url).port

    headers = {"Authorization": f"Bearer {token}"}
    return Caller(Elsewhere(), "1.2").call(method, path, body=body, headers=headers)  # type: ignore[arg-type]


def test_a_child_process_serves_one_version_is_controlled_and_tells_its_cpu() -> None:
    with sandbox_process("--version", "1.2", "--users", "20", "--seed", "3") as sandbox:
        form = {
            "grant_type": "client_credentials",
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "scope": scopes("1.2"),
        }
        path = urlsplit(sandbox.token_url).path
        token = plain(sandbox, "POST", path, urlencode(form)).json["access_token"]
        orgs = f"{BASES['1.2']}/orgs"
        assert plain(sandbox, "GET", orgs, token=token).status == 200
        assert plain(sandbox, "GET", f"{BASES['1.1']}/orgs", token=token).status == 404
        sandbox.control("POST", "faults", {"scenario": "unavailable"})
        assert plain(sandbox, "GET", orgs, token=token).status == 503
        sandbox.control("DELETE", "faults")
        statuses = [each["status"] for each in sandbox.control("GET", "log")["requests"]]
        assert statuses == [200, 200, 404, 503]
        assert sandbox.control("POST", "day", {"arrivals": 1}) == {"today": "2026-10-02"}
        assert sandbox.control("POST", "summer") == {"today": "2027-08-20"}
        told = sandbox.control("POST", "settings", {"access_ends": "2027-06-30", "refused_status": 403})
        assert (told["access_ends"], told["versions"]) == ("2027-06-30", ["1.2"])
        assert plain(sandbox, "GET", orgs, token=token).status == 403
        assert sandbox.cpu_seconds > 0
        for path, body in (
            ("settings", {"pets": 1}),
            ("day", {"pets": 1}),
            ("settings", {"leavers": "eaten"}),
        ):
            with pytest.raises(ValueError, match="not understood"):
                sandbox.control("POST", path, body)
    with pytest.raises(ConnectionRefusedError):
        plain(sandbox, "GET", orgs)


@pytest.mark.parametrize(
    ("options", "reason"),
    [(("--users", "many"), "invalid int value"), (("--version", "2"), "invalid choice")],
)
def test_a_child_that_does_not_start_is_told(
    options: tuple[str, ...], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NoServer), sandbox_process(*options):
        pass
    assert reason in capfd.readouterr().err


def test_the_log_holds_every_request_and_no_secret() -> None:
    with serving(users=20) as (sandbox, caller):
        caller.get("users", limit=1, filter="status='active'")
        caller.get("nothing")
        asked = sandbox.log.asked
        assert [(each.method, each.path, each.status) for each in asked] == [
            ("POST", "/token", 200),
            ("GET", f"{caller.base}/users", 200),
            ("GET", f"{caller.base}/nothing", 404),
        ]
        assert not any(sandbox.settings.client_secret in f"{each.path}?{each.query}" for each in asked)
        assert [each["path"] for each in caller.control("GET", "log").json["requests"]] == [
            each.path for each in asked
        ]
        caller.control("DELETE", "log")
        assert sandbox.log.asked == ()


def test_the_files_are_those_of_the_district_that_is_served(tmp_path: Path) -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.evolve(lambda district: after_a_day(district, Churn(arrivals=3)))
        lines = (sandbox.write(tmp_path) / "users.csv").read_text("utf-8").splitlines()
        served = caller.ids("users", filter="status='active'")
        assert [line.partition(",")[0] for line in lines[1:]] == served


def test_the_log_tells_how_many_requests_were_open_at_once() -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.faults.arm(Fault(Kind.SLOW, seconds=0.3))
        threads = [threading.Thread(target=caller.get, args=("users",)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sandbox.log.peak == 5


def test_a_port_that_is_taken_cannot_be_had() -> None:
    with Sandbox(users=10) as first, pytest.raises(NoServer), Sandbox(users=10, port=first.port):
        pass


def test_a_page_of_a_hundred_costs_at_most_two_milliseconds_of_cpu() -> None:
    with serving(users=3000) as (sandbox, caller):
        caller.get("users")
        costs = []
        for page in range(1, 21):
            before = sandbox.cpu_seconds
            assert len(caller.get("users", offset=100 * page).json["users"]) == 100
            costs.append(sandbox.cpu_seconds - before)
        assert sorted(costs)[10] < 0.002
