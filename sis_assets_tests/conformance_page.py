"""`python -m sis_assets_tests.conformance_page` runs the tests that stand for checks of OneRoster and writes docs/conformance.md.

Exits with 1, and writes nothing, when one of them fails. With `--collect` it runs none of them and prints the page that the
tests' names and marks make, for a look whether the committed one is still that.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from sis_assets.sis.oneroster.conformance.findings import CODES

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
HEAD = """# OneRoster conformance

This page is made by `python -m sis_assets_tests.conformance_page` from the tests that stand for a check, after all of them
have passed. `make test` runs them too, and fails when this page no longer names what they check.

**Reading** is what our reader finds in a package of files. In the profile `strict` it refuses the package, and the report in
`outbox/oneroster/` names file, record and column; in the profile `lenient` it loads what is sound and rejects the other
records with reasons. `sis-assets doctor` prints the counts in both. **Providing** is what the made-up provider does that the
demo and the tests read from: a peer that keeps the rules, so that what we read there means something.

"""


class Marks:
    """The checks that the collected tests stand for: side → code → names of tests."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("conformance"):
                side, code = mark.args
                self.found[side][code].add(item.name.partition("[")[0])

    def page(self) -> str:
        reading = [
            f"| `{code}` | {CODES.get(code) or _said(names)} |" for code, names in self._sorted("reader")
        ]
        providing = [f"| `{code}` | {_said(names)} |" for code, names in self._sorted("provider")]
        table = ["", "| check | what passes |", "|---|---|"]
        lines = [f"## Reading: {len(reading)} checks", *table, *reading, ""]
        lines += [f"## Providing: {len(providing)} checks", *table, *providing]
        return HEAD + "\n".join(lines) + "\n"

    def _sorted(self, side: str) -> list[tuple[str, set[str]]]:
        order = {code: place for place, code in enumerate(CODES)}
        return sorted(self.found[side].items(), key=lambda each: (order.get(each[0], len(order)), each[0]))


def _said(names: set[str]) -> str:
    """Return what tests say by their names."""
    return "; ".join(name.removeprefix("test_").replace("_", " ") for name in sorted(names))


def main(*, collect: bool) -> int:
    marked = ["-p", "no:cacheprovider", "-m", "conformance", "sis_assets_tests"]
    if (
        not collect
        and subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "auto", *marked], check=False
        ).returncode
    ):
        return 1
    marks = Marks()
    if pytest.main(["--collect-only", "-qq", "-n", "0", *marked], plugins=[marks]):
        return 1
    if collect:
        sys.stdout.write(f"\n{marks.page()}")
    else:
        PAGE.write_text(marks.page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(collect="--collect" in sys.argv))
