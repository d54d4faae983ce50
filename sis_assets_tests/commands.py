"""The command line run in this process by its entry point, and what it said."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sis_assets import cli


@dataclass
class Said:
    """What a command said: its exit code and its two outputs."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def wrong(self) -> dict[str, str]:
        """The checks of a doctor that are not right, and what was seen."""
        return {line["check"]: line["seen"] for line in self.lines if not line["ok"]}


Run = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["sis-assets", *arguments])
        capfd.readouterr()
        try:
            cli.main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        printed = capfd.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Said(code, printed.out, printed.err)

    return command
