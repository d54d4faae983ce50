"""A person's decisions on change sets: approve or discard what is held, undo what was applied.

A decision names the change set, the hash of its content and the person; it is audited in the transaction that carries
it out, so a rerun finds it done.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.pipeline import reviews
from sis_assets.pipeline.apply import apply, contradictions, fold
from sis_assets.pipeline.review import Proposal, find
from sis_assets.warehouse import ledger
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.stage import Clock
    from sis_assets.warehouse import Warehouse


class Decision(StrEnum):
    """What a person may decide."""

    APPROVE = "approve"
    DISCARD = "discard"
    UNDO = "undo"


_FROM = {Decision.APPROVE: "held", Decision.DISCARD: "held", Decision.UNDO: "applied"}
_TO = {Decision.APPROVE: "applied", Decision.DISCARD: "discarded", Decision.UNDO: "undone"}


def decide(
    warehouse: Warehouse,
    clock: Clock,
    decision: Decision,
    change_set_id: str,
    *,
    content_sha256: str,
    by: str,
    note: str = "",
) -> Proposal:
    """Carry out a decision and return the change set as it now stands. Repeating a decision that is done changes nothing.

    Its page for review goes with the decision.

    Raises NeedsPerson when there is no such set, its content has another hash, it is not in the state that the decision
    needs, or was held too long ago to be approved; PermanentFault when the accounts have moved on since.
    """
    if not by.strip():
        raise _refused(decision, change_set_id, "nobody is named", "Say who decides, with --by NAME")
    done = warehouse.write(
        lambda connection: _decide(
            connection,
            decision,
            change_set_id,
            now=clock.now(),
            content_sha256=content_sha256,
            by=by.strip(),
            note=note.strip(),
        )
    )
    with suppress(Exception):  # the decision stands; the nightly job removes the page, or fails
        reviews.keep(warehouse, {done.district_id})
    return done


def _decide(
    connection: DuckDBPyConnection,
    decision: Decision,
    change_set_id: str,
    *,
    now: datetime,
    content_sha256: str,
    by: str,
    note: str,
) -> Proposal:
    found = find(connection, "change_set_id = ?", (change_set_id,))
    if not found:
        raise _refused(
            decision, change_set_id, "there is no such change set", "Look at `sis-assets changes list`"
        )
    [proposal] = found
    if proposal.content_sha256 != content_sha256:
        raise _refused(
            decision,
            change_set_id,
            "its content has another hash",
            "Look at it again with `sis-assets changes show`",
        )
    if proposal.status == _TO[decision] and proposal.decided_by == by:
        return proposal
    if proposal.status != _FROM[decision]:
        raise _refused(
            decision,
            change_set_id,
            f"it is {proposal.status}, not {_FROM[decision]}",
            "Look at `sis-assets changes list` for what can be decided",
        )
    if decision is Decision.APPROVE and proposal.held_until and proposal.held_until < now:
        raise _refused(
            decision,
            change_set_id,
            f"it could be approved until {proposal.held_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and what it says is old",
            "Sync the district, which proposes anew what still differs, and look at that",
        )
    if decision is not Decision.DISCARD:
        _carry_out(connection, decision, proposal)
    connection.execute(
        "UPDATE lifecycle.change_sets SET status = ?, decided_at = ?, decided_by = ? WHERE change_set_id = ?",
        [_TO[decision], now, by, change_set_id],
    )
    ledger.audit(
        connection,
        district_id=proposal.district_id,
        at=now,
        actor=by,
        action=decision,
        subject=change_set_id,
        detail={"content_sha256": content_sha256, "counts": proposal.counts, "note": note},
    )
    return find(connection, "change_set_id = ?", (change_set_id,))[0]


def _carry_out(connection: DuckDBPyConnection, decision: Decision, proposal: Proposal) -> None:
    district, set_id = quoted([proposal.district_id]), quoted([proposal.change_set_id])
    back = decision is Decision.UNDO
    mine = f"FROM lake.lifecycle.changes WHERE district_id = {district} AND change_set_id = {set_id}"
    if back:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE rows AS SELECT * {mine}")
    else:
        # Another set of the same extract may have written the account since this one was proposed.
        old_id = "CASE WHEN kind = 'rekey' THEN json_extract_string(changed, '$.student_id.from') END"
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE rows AS SELECT m.* EXCLUDE (at_id)"
            " REPLACE (a.sis_key AS sis_key_from, a.applied_change_set_id AS previous_change_set_id)"
            f" FROM (SELECT *, coalesce(max({old_id}) OVER (PARTITION BY student_id), student_id) AS at_id {mine}) m"
            f" LEFT JOIN (SELECT * FROM lake.lifecycle.accounts WHERE district_id = {district}) a ON a.student_id = m.at_id"
        )
        connection.execute(
            f"DELETE FROM lifecycle.changes WHERE district_id = {district} AND change_set_id = {set_id}"
        )
        connection.execute("INSERT INTO lifecycle.changes BY NAME SELECT * FROM rows")
    fold(connection, [proposal.district_id], back=back)
    wrong = contradictions(connection, back=back)
    if wrong:
        raise PermanentFault(
            tried=f"{decision.capitalize()} of {proposal.change_set_id}",
            seen=f"{wrong} of its accounts were changed by a later change set",
            todo="Undo the later ones first, newest first"
            if back
            else "Discard it and decide on what the next files propose",
            mover=Mover.ENGINEER,
        )
    apply(connection, [proposal.district_id], back=back)


def _refused(decision: Decision, change_set_id: str, seen: str, todo: str) -> NeedsPerson:
    return NeedsPerson(
        tried=f"{decision.capitalize()} of {change_set_id}", seen=seen, todo=todo, mover=Mover.ENGINEER
    )
