"""Write rows of change sets into the accounts and the outbox, forward or back. The transaction is the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sis_assets.model import accounts
from sis_assets.model.schema import ACCOUNTS
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def show_accounts(connection: DuckDBPyConnection, districts: Sequence[str]) -> None:
    """Make the relation `before`: the accounts of these districts."""
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW before AS SELECT * FROM lake.lifecycle.accounts WHERE district_id IN ({quoted(districts)})"
    )


def fold(connection: DuckDBPyConnection, districts: Sequence[str], *, back: bool = False) -> None:
    """Make `before` and, of the temporary relation `rows`, `folded`: one row a student, saying what the account becomes."""
    show_accounts(connection, districts)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE folded AS {accounts.folded(back=back)}")


def contradictions(connection: DuckDBPyConnection, *, back: bool = False) -> int:
    """Count students of `folded` whose account is not in the state that the rows were made for."""
    return int(connection.execute(accounts.contradictions(back=back)).fetchall()[0][0])


def apply(connection: DuckDBPyConnection, districts: Sequence[str], *, back: bool = False) -> None:
    """Write `folded` into the accounts of the districts, and tell the outbox of its `rows`."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE states AS {accounts.new_states(back=back)}")
    if back or connection.execute("SELECT 1 FROM folded WHERE NOT creates LIMIT 1").fetchall():
        connection.execute(
            f"DELETE FROM lifecycle.accounts a WHERE district_id IN ({quoted(districts)}) AND EXISTS"
            " (SELECT 1 FROM folded f WHERE f.district_id = a.district_id AND f.at_id = a.student_id)"
        )
    connection.execute(
        f"INSERT INTO lifecycle.accounts SELECT {', '.join(ACCOUNTS.column_names)} FROM states"
    )
    connection.execute(
        "INSERT INTO delivery.outbox BY NAME SELECT o.district_id, coalesce(m.last, 0) + o.place AS sequence, o.change_set_id,"
        f" o.idempotency_key, o.payload, NULL::TIMESTAMPTZ AS delivered_at FROM ({accounts.outbox(back=back)}) o LEFT JOIN"
        f" (SELECT district_id, max(sequence) AS last FROM delivery.outbox WHERE district_id IN ({quoted(districts)}) GROUP BY district_id) m"
        " ON m.district_id = o.district_id"
    )
