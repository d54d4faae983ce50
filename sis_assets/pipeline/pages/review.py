"""The page of one change set: why it is held, what would happen at each school and to whom, and what to run.

It holds students' names and belongs to those who decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from sis_assets.model.schema import CHANGE_KINDS
from sis_assets.pipeline.pages import rendered
from sis_assets.pipeline.review import schools_of, students_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.review import Proposal, Student

#: So many students of each school and kind are listed; the others are counted.
MOST_LISTED: Final = 500

_EFFECTS: Final[Mapping[str, str]] = {
    "create": "get an account",
    "update": "have fields changed",
    "transfer": "change school",
    "promote": "go up a grade",
    "deactivate": "lose their access",
    "reactivate": "get their access back",
    "rekey": "get another id",
}


def review_page(connection: DuckDBPyConnection, proposal: Proposal) -> str:
    """Return the page of a change set."""
    schools = schools_of(connection, proposal)
    listed = students_of(connection, proposal, most=MOST_LISTED)
    rows: dict[str, dict[str, list[Student]]] = {}
    for (school, kind), group in groupby(listed, key=lambda row: (row.school_id, row.kind)):
        rows.setdefault(school, {})[kind] = list(group)
    return rendered(
        "review.html",
        proposal=proposal,
        schools=schools,
        kinds=[kind for kind in CHANGE_KINDS if proposal.counts[kind]],
        rows=rows,
        effects=_EFFECTS,
        commands=_commands(proposal),
    )


def _commands(proposal: Proposal) -> Sequence[tuple[str, str]]:
    """Return what may be run, and what it does."""
    named = f'--hash {proposal.content_sha256} --by "YOUR NAME" --note "WHY"'
    return [
        ("It is right: apply it", f"sis-assets changes approve {proposal.change_set_id} {named}"),
        ("It is wrong: drop it", f"sis-assets changes discard {proposal.change_set_id} {named}"),
    ]
