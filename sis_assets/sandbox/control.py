"""The control API of a server. It stands beside the served paths, asks for nothing and is not logged."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sis_assets.sandbox.request_log import RequestLog
from sis_assets.sandbox.switches import Armable, Switches, fault_told

_Fault = TypeVar("_Fault", bound=Armable)


@dataclass(frozen=True, slots=True)
class Control(Generic[_Fault]):
    """What is controlled: the faults of one kind, the scenarios made of them, and the log."""

    kind: type[_Fault]
    faults: Switches[_Fault]
    scenarios: Mapping[str, tuple[_Fault, ...]]
    log: RequestLog

    def routes(self) -> list[Route]:
        """Return faults, log and usage, below `/_sandbox/`."""
        return [
            Route("/_sandbox/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/log", self._log, methods=["GET", "DELETE"]),
            Route("/_sandbox/usage", self._usage),
        ]

    async def _faults(self, request: Request) -> Response:
        """POST {"faults": [fault, …]} or {"scenario": name} switches on, DELETE switches all off."""
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            try:
                self.faults.arm(*self._wanted(await request.json()))
            except (ValueError, KeyError, TypeError) as error:
                return misunderstood(error)
        return answered({"faults": self.faults.told(), "scenarios": sorted(self.scenarios)})

    def _wanted(self, told: Mapping[str, object]) -> tuple[_Fault, ...]:
        if "scenario" in told:
            return self.scenarios[str(told["scenario"])]
        faults = told["faults"]
        if not isinstance(faults, list):
            raise TypeError("faults is no list")
        return tuple(fault_told(self.kind, each) for each in faults)

    async def _log(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.log.clear()
        asked = [dataclasses.asdict(each) for each in self.log.asked]
        return answered({"peak": self.log.peak, "requests": asked})

    async def _usage(self, request: Request) -> Response:  # noqa: ARG002
        usage = {"process_cpu_seconds": time.process_time(), "server_cpu_seconds": time.thread_time()}
        return answered(usage)


def answered(content: object, status: int = 200) -> Response:
    """Return an answer of the control API."""
    return Response(json.dumps(content), status, media_type="application/json")


def misunderstood(error: Exception) -> Response:
    """Return the answer to what makes no sense."""
    return answered({"message": f"not understood: {error}"}, 400)
