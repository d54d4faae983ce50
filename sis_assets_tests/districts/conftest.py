"""One way to write a district file for a test, and to ask what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sis_assets.districts import District, DistrictFileError, load_district

HEAD = "district: eagle-ridge\nname: Eagle Ridge\ntimezone: America/Los_Angeles\n"
FILES = "sis:\n  kind: eschoolplus_files\n  dropzone: {folder: /srv/drop/eagle-ridge}\n"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], District]:
    def write_and_load(text: str) -> District:
        path = tmp_path / "eagle-ridge.yaml"
        path.write_text(text, encoding="utf-8")
        return load_district(path)

    return write_and_load


@pytest.fixture
def extra(load: Callable[[str], District]) -> Callable[[str], District]:
    """Load the minimal district with more keys at its end."""
    return lambda text: load(HEAD + FILES + text)


@pytest.fixture
def sis(load: Callable[[str], District]) -> Callable[[str], District]:
    """Load a district whose `sis` is this flow mapping."""
    return lambda flow: load(f"{HEAD}sis: {flow}\n")


@pytest.fixture
def faults() -> Callable[..., list[str]]:
    """Return what is wrong, as it is printed."""

    def told(loader: Callable[[str], District], text: str) -> list[str]:
        with pytest.raises(DistrictFileError) as caught:
            loader(text)
        error = caught.value
        assert error.__cause__ is None
        assert error.__context__ is None
        return [str(problem) for problem in error.problems]

    return told
