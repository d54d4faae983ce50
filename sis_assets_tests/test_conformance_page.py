"""docs/conformance.md names what the tests check, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sis_assets.sis.oneroster.conformance.findings import CODES
from sis_assets_tests.conformance_page import PAGE


def test_the_page_is_the_one_that_the_tests_make() -> None:
    command = [sys.executable, "-m", "sis_assets_tests.conformance_page", "--collect"]
    said = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    page = PAGE.read_text(encoding="utf-8")
    assert said.stdout.endswith(page), "run `python -m sis_assets_tests.conformance_page`"
    assert all(f"| `{code}` | {meaning} |" in page for code, meaning in CODES.items())
