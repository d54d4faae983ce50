"""Look for the requests in the SIS: each that was sent is confirmed, missing or changed, and what nobody sent is extra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model import requests as rules
from sis_assets.model.schema import CONFIRMATIONS
from sis_assets.pipeline.requests.evidence import Evidence, gathered, lay_evidence
from sis_assets.pipeline.requests.judging import judge, show
from sis_assets.transport.dropzone import NotYet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.pipeline.stage import Stage

RESULTS = ("confirmed", "missing", "changed", "extra")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How many requests are what; `waiting` says why nothing could be looked at, `unreadable` lines are not counted."""

    counts: Mapping[str, int]
    waiting: str = ""
    unreadable: int = 0


def confirm(
    stage: Stage, district: District, files: Mapping[str, Path] | None = None, *, dry_run: bool = False
) -> Confirmed:
    """Compare what was sent with what the SIS says; a dry run keeps nothing. `files` as in `evidence.gathered`.

    The log of an upload speaks of that upload's requests alone: what it does not name stays as it was. Raises a Fault.
    """
    with gathered(stage, district, files) as evidence:
        if isinstance(evidence, NotYet):
            return Confirmed({}, evidence.reason)
        found = evidence

        def work(connection: DuckDBPyConnection) -> Confirmed:
            return _compared(connection, stage, district, found)

        if dry_run:
            with stage.warehouse.read() as connection:
                return work(connection)
        return stage.warehouse.write(work)


def _compared(
    connection: DuckDBPyConnection, stage: Stage, district: District, evidence: Evidence
) -> Confirmed:
    judge(connection, [district])
    show(connection, [district])
    lay_evidence(connection, district, evidence)
    named = "" if evidence.whole else " WHERE result IN ('confirmed', 'changed') OR reason = 'refused_by_sis'"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE found AS SELECT * FROM ({rules.reconciled()}){named}")
    counts = dict.fromkeys(RESULTS, 0)
    counts |= dict(connection.execute("SELECT result, count(*) FROM found GROUP BY result").fetchall())
    name, now = district.district, stage.clock.now()
    same = "f.school_year = {0}.school_year AND f.student_id = {0}.student_id AND f.course_code = {0}.course_code"
    renewed = "true" if evidence.whole else f"EXISTS (SELECT 1 FROM found f WHERE {same.format('c')})"
    connection.execute(f"DELETE FROM requests.confirmations c WHERE district_id = $1 AND {renewed}", [name])
    columns = ", ".join(column for column in CONFIRMATIONS.column_names if column != "checked_at")
    connection.execute(
        f"INSERT INTO requests.confirmations BY NAME SELECT {columns}, $1::TIMESTAMPTZ AS checked_at FROM found",
        [now],
    )
    connection.execute(
        "UPDATE requests.course_requests r SET status = f.result, reason = f.reason,"
        " confirmed_at = CASE WHEN f.result = 'confirmed' THEN coalesce(r.confirmed_at, $1) END FROM found f"
        f" WHERE r.district_id = $2 AND f.result <> 'extra' AND r.status IN {rules.SENT} AND {same.format('r')}",
        [now, name],
    )
    return Confirmed(counts, unreadable=evidence.unreadable)
