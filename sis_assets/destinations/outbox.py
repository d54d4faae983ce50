"""The outbox as its readers see it: what is new, in order, and what they have taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection


def pending(connection: DuckDBPyConnection, district_id: str, limit: int) -> list[dict[str, Any]]:
    """Return the first `limit` rows of the district that nobody acknowledged, as sequence, idempotency_key and payload (JSON text)."""
    rows = connection.execute(
        "SELECT sequence, idempotency_key, payload FROM delivery.outbox WHERE district_id = ? AND delivered_at IS NULL"
        " ORDER BY sequence LIMIT ?",
        [district_id, limit],
    ).fetchall()
    return [dict(zip(("sequence", "idempotency_key", "payload"), row, strict=True)) for row in rows]


def acknowledge(connection: DuckDBPyConnection, district_id: str, through: int, at: datetime) -> int:
    """Mark everything up to the sequence `through` as delivered; gives how many rows were still pending."""
    rows = connection.execute(
        "UPDATE delivery.outbox SET delivered_at = ? WHERE district_id = ? AND sequence <= ? AND delivered_at IS NULL",
        [at, district_id, through],
    ).fetchall()
    return int(rows[0][0])
