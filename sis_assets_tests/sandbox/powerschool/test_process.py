"""The server in a child process, controlled over HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from sis_assets.sandbox.loopback import NoServer
from sis_assets.sandbox.powerschool.process import sandbox_process
from sis_assets_tests.powerschool_caller import Caller


def test_a_child_process_serves_is_controlled_and_tells_its_cpu() -> None:
    with sandbox_process("--students", "20", "--seed", "3") as sandbox:
        port = urlsplit(sandbox.url).port
        assert port is not None
        caller = Caller(port, sandbox.client_id, sandbox.client_secret)
        assert caller.authorize().status == 200
        sandbox.control("POST", "faults", {"scenario": "unavailable"})
        assert caller.get("/ws/v1/district").status == 503
        sandbox.control("DELETE", "faults")
        assert caller.get("/ws/v1/district").status == 200
        assert [each["status"] for each in sandbox.control("GET", "log")["requests"]] == [200, 503, 200]
        assert sandbox.control("POST", "day", {"arrivals": 1}) == {"today": "2026-10-02"}
        assert sandbox.cpu_seconds > 0
        with pytest.raises(ValueError, match="not understood"):
            sandbox.control("POST", "faults", {"scenario": "zzz"})
    with pytest.raises(ConnectionRefusedError):
        caller.get("/ws/v1/district")


@pytest.mark.parametrize(
    ("options", "reason"),
    [(("--students", "many"), "invalid int value"), (("--plugin", "nowhere.zip"), "nowhere.zip")],
)
def test_a_child_that_does_not_start_is_told(
    options: tuple[str, ...], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NoServer), sandbox_process(*options):
        pass
    told = capfd.readouterr().err
    assert reason in told
    assert "Traceback" not in told
