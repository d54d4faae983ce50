"""Requests that are answered with an error, in OneRoster's envelope and in those that real servers have in its place.

Contract: OneRoster §4.3, errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets.sandbox.reply import Reply

_MINOR: Mapping[int, str] = {
    400: "invaliddata",
    401: "unauthorisedrequest",
    403: "forbidden",
    404: "unknownobject",
    422: "invaliddata",
    429: "server_busy",
}


class Problem(Exception):
    """A request that is refused: its status, what is wrong, and the code of that (by the status where it is left aside)."""

    def __init__(
        self,
        status: int,
        description: str,
        *,
        minor: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status, self.description, self.headers = status, description, headers or {}
        self.minor = minor or _MINOR.get(status, "internal_server_error")


class OAuthProblem(Exception):
    """A request for a token that is refused: OAuth 2's own error, not OneRoster's."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


def refused(problem: Problem | OAuthProblem, settings: Settings) -> Reply:
    """Return what a refused request is answered."""
    if isinstance(problem, OAuthProblem):
        return Reply(json.dumps({"error": problem.error}), problem.status)
    body = _enveloped(problem, settings)
    return Reply(json.dumps(body), problem.status, headers=problem.headers)


def warning(minor: str, description: str) -> dict[str, object]:
    """Return what stands beside an answer that was given all the same."""
    return _status(major="success", severity="warning", minor=minor, description=description)


def _enveloped(problem: Problem, settings: Settings) -> object:
    told = {
        "major": "failure",
        "severity": "error",
        "minor": problem.minor,
        "description": problem.description,
    }
    if settings.envelope == "flat":
        return {
            "imsx_codeMajor": "failure",
            "imsx_severity": "error",
            "imsx_description": problem.description,
            "imsx_codeMinor": problem.minor.replace("invaliddata", "invalid_data"),
        }
    status = _status(**told)
    if settings.envelope == "list":
        return [status]
    return {"imsx_statusInfo": status} if settings.envelope == "wrapped" else status


def _status(*, major: str, severity: str, minor: str, description: str) -> dict[str, object]:
    field = {"imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": minor}
    return {
        "imsx_codeMajor": major,
        "imsx_severity": severity,
        "imsx_description": description,
        "imsx_CodeMinor": {"imsx_codeMinorField": [field]},
    }
