"""The counsellor's page names every reason as the program does."""

from __future__ import annotations

from pathlib import Path

from sis_assets.model.requests import REASONS

PAGE = Path(__file__).parents[1] / "docs" / "course-requests.md"


def test_the_page_has_every_reason_with_its_words_and_whose_move_it_is() -> None:
    listed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = [line for line in listed if line.split("`")[1] in REASONS and line.count("|") == 4]
    assert told == [
        f"| `{code}` | {words} | {move.rstrip('.')} |"
        for code, (words, _, move) in (
            (code, text.rpartition(" Next move: ")) for code, text in REASONS.items()
        )
    ]
