"""Hand on what was applied. The rows of the outbox were written with the accounts; here they are counted and proved complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.pipeline.stage import Outcome, Stage
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from sis_assets.districts import District


def deliver(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Count every district's outbox; fails a district whose sequence has a gap or a doubled number."""
    names = quoted([district.district for district in districts])
    with stage.warehouse.read() as connection:
        found = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT district_id, count(*), min(sequence), max(sequence), count(DISTINCT sequence), count(*) FILTER (delivered_at IS NULL)"
                f" FROM delivery.outbox WHERE district_id IN ({names}) GROUP BY district_id"
            ).fetchall()
        }
    outcomes = {}
    for district in districts:
        rows, first, last, distinct, pending = found.get(district.district, (0, 1, 0, 0, 0))
        if first == 1 and rows == last == distinct:
            outcomes[district.district] = Outcome(
                district.district, rows={"delivery/outbox": rows, "delivery/outbox pending": pending}
            )
        else:
            fault = PermanentFault(
                tried="Counting the outbox",
                seen=f"{rows} rows with {distinct} different numbers from {first} to {last}",
                todo="Restore the warehouse's snapshot before the fault and report it",
                mover=Mover.ENGINEER,
            )
            outcomes[district.district] = Outcome.failed(district.district, fault)
    return outcomes
