"""The requests as a counsellor and an asset check see them: by school and course, and what stays unconfirmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sis_assets.model import requests as rules
from sis_assets.warehouse.rows import lay, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: The asset check on what `unconfirmed` counts.
CHECK = "requests_confirmed"

STATES = ("valid", "sent", "confirmed", "missing", "changed", "invalid", "withdrawn")
COLUMNS = ("school_year", "school_id", "course_code", *STATES)


def overview(connection: DuckDBPyConnection, district_id: str) -> list[tuple[Any, ...]]:
    """Return one row a school year, school and course: how many requests are in which state. No student is named."""
    counts = ", ".join(f"count(*) FILTER (status = '{state}')" for state in STATES)
    return connection.execute(
        f"SELECT school_year, school_id, course_code, {counts} FROM requests.course_requests WHERE district_id = ?"
        f" AND status IN {STATES} GROUP BY ALL ORDER BY ALL",
        [district_id],
    ).fetchall()


def unconfirmed(connection: DuckDBPyConnection, now: Mapping[str, tuple[datetime, str]]) -> dict[str, int]:
    """Count, for each district, the requests that the SIS should hold by now and was not seen to.

    `now` gives each district's business time and time zone: nights are those between its days.
    """
    if not now:
        return {}
    lay(
        connection,
        "clocks",
        {"district_id": "VARCHAR", "moment": "TIMESTAMPTZ", "zone": "VARCHAR"},
        [(name, *told) for name, told in now.items()],
    )
    found = connection.execute(
        "SELECT district_id, count(*) FROM requests.course_requests r JOIN clocks USING (district_id)"
        f" WHERE r.district_id IN ({quoted(list(now))}) AND r.status IN ('sent', 'missing', 'changed')"
        " AND date_diff('day', timezone(zone, r.sent_at)::DATE, timezone(zone, moment)::DATE)"
        f" >= {rules.UNCONFIRMED_NIGHTS} GROUP BY ALL"
    ).fetchall()
    return dict.fromkeys(now, 0) | dict(found)
