"""Which districts' APIs are to be read now, by the ledger, the hours of `pull`, the calendar and the end of access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sis_assets.model.calendar import local_day
from sis_assets.model.due import NIGHT, Reads, due_at
from sis_assets.sis.kinds import problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District

_GRACE = timedelta(hours=24)
_READS = """
WITH good AS (
  SELECT district_id, max(started_at) AS at, max(extract_id) AS extract_id
  FROM ops.extracts WHERE status <> 'failed' GROUP BY district_id
), bad AS (
  SELECT e.district_id, count(*) AS failures, max(e.finished_at) AS at, arg_max(e.passing, e.extract_id) AS passing
  FROM ops.extracts e LEFT JOIN good g USING (district_id)
  WHERE e.status = 'failed' AND (g.extract_id IS NULL OR e.extract_id > g.extract_id) GROUP BY e.district_id
)
SELECT district_id, epoch(g.at), coalesce(b.failures, 0), epoch(b.at), coalesce(b.passing, false)
FROM good g FULL JOIN bad b USING (district_id)
"""


def due(connection: DuckDBPyConnection, districts: Iterable[District], now: datetime) -> list[str]:
    """Return the districts that are read by API and due at `now` (aware), those that wait longest first."""
    reads = {
        name: Reads(_time(good), failures, _time(failed), passing)
        for name, good, failures, failed, passing in connection.execute(_READS).fetchall()
    }
    return [name for _, name in sorted(_due(districts, reads, now))]


def _due(
    districts: Iterable[District], reads: Mapping[str, Reads], now: datetime
) -> Iterator[tuple[datetime, str]]:
    for district in districts:
        if not district.sis.by_api or district.access.ended(local_day(now, district.zone)):
            continue
        if problems(district):
            continue
        pull = district.pull
        begins = due_at(
            reads.get(district.district, Reads()),
            now,
            window=pull.window if pull else NIGHT,
            zone=district.zone,
            grace=timedelta(hours=pull.grace_hours) if pull else _GRACE,
        )
        if begins <= now:
            yield begins, district.district


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
