"""Lay the accounts beside the newest extracts, and count what differs: the relations and figures of a proposal.

Reads the lake, writes nothing but temporary tables of the caller's session. What the rows mean is the model's affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sis_assets.model import guard, lifecycle
from sis_assets.model.calendar import Mode
from sis_assets.pipeline.apply import show_accounts
from sis_assets.sis.kinds import STUDENT_ENTITIES
from sis_assets.warehouse.rows import lay, quoted

if TYPE_CHECKING:
    from datetime import date, datetime

    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.warehouse.ledger import Extract


@dataclass(frozen=True, slots=True)
class Case:
    """A district whose extract is to be compared: under which mode, until when that holds, on which local day.

    `number` is the comparison's, `held` are the change sets that it supersedes; what it holds may be approved until
    `approve_until`, without end when that is None.
    """

    district: District
    extract: Extract
    mode: Mode
    until: date | None
    today: date
    number: int
    held: tuple[str, ...]
    approve_until: datetime | None = None

    @property
    def id(self) -> str:
        """The district's key."""
        return self.district.district


@dataclass(slots=True)
class Figures:
    """What was counted for a district's proposal.

    `counts` by guarded kind and place; `active` and `accounts` before the sync; `waiting` rows that the calendar keeps
    back; `decided` change sets of these very bytes that a person discarded or undid; `undone` all sets ever taken back;
    `sets` made of this extract before; `students` that the extract has.
    """

    counts: list[guard.Count] = field(default_factory=list)
    active: int = 0
    accounts: int = 0
    unchanged: int = 0
    rejected: int = 0
    unreadable: int = 0
    protected: int = 0
    missing: int = 0
    waiting: int = 0
    decided: int = 0
    undone: int = 0
    yardstick: dict[str, int] = field(default_factory=dict)
    sets: int = 0
    students: int = 0

    @property
    def kept(self) -> bool:
        """Whether differences exist that are neither applied nor held."""
        return bool(self.waiting or self.decided)


def compare(connection: DuckDBPyConnection, cases: Sequence[Case]) -> dict[str, Figures]:
    """Make the temporary table `proposed` (the model's changes of all cases) and return every district's figures.

    Rows that a person decided on these bytes, and those that the calendar keeps back, are counted but not in it.
    """
    figures = {case.id: Figures() for case in cases}
    _relations(connection, cases)
    _leave_decided(connection, cases, figures)
    _leave_waiting(connection, cases, figures)
    _count_rows(connection, figures)
    _count_extracts(connection, cases, figures)
    for table in ("differing", "rekeys", "cases"):  # of a large first sync each is as large as the accounts
        connection.execute(f"DROP TABLE {table}")
    return figures


def _relations(connection: DuckDBPyConnection, cases: Sequence[Case]) -> None:
    """Lay down `before`, `after`, `rejected`, `scope`, `known_sets`, and from them the model's relations up to `proposed`."""
    names = quoted([case.id for case in cases])
    extracts = quoted([case.extract.extract_id for case in cases])
    show_accounts(connection, [case.id for case in cases])
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW after AS SELECT * FROM lake.core.students WHERE district_id IN ({names})"
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE rejected (district_id VARCHAR, record_key VARCHAR)")
    if any(case.extract.rejected != 0 for case in cases):
        connection.execute(
            "INSERT INTO rejected SELECT district_id, record_key FROM lake.core.rejected_rows"
            f" WHERE district_id IN ({names}) AND (extract_id || '') IN ({extracts}) AND (entity || '') IN ({quoted(sorted(STUDENT_ENTITIES))})"
        )
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW unread AS SELECT district_id, record_key AS student_id FROM rejected WHERE record_key IS NOT NULL"
    )
    lay(
        connection,
        "scope",
        {"district_id": "VARCHAR", "extract_id": "VARCHAR", "content_sha256": "VARCHAR", "mode": "VARCHAR"},
        [[case.id, case.extract.extract_id, case.extract.content_sha256, case.mode] for case in cases],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE known_sets AS SELECT district_id, extract_id, change_set_id, status"
        f" FROM lake.lifecycle.change_sets WHERE (district_id || '') IN ({names})"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE differing AS {lifecycle.differences()}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE rekeys AS {lifecycle.rekeys()}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE cases AS {lifecycle.cases()}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE proposed AS {lifecycle.changes()}")


def _leave_decided(
    connection: DuckDBPyConnection, cases: Sequence[Case], figures: dict[str, Figures]
) -> None:
    """Take from `proposed` what a person discarded or undid on the very bytes of the extract (DESIGN §7)."""
    decided = "FROM known_sets k WHERE status IN ('discarded', 'undone')"
    if not connection.execute(f"SELECT 1 {decided} LIMIT 1").fetchall():
        return
    same_bytes = connection.execute(
        f"SELECT district_id, change_set_id {decided} AND EXISTS (SELECT 1 FROM lake.ops.extracts e JOIN scope s ON s.district_id = e.district_id"
        " AND s.content_sha256 = e.content_sha256 WHERE e.extract_id = k.extract_id)"
    ).fetchall()
    if not same_bytes:
        return
    for name, _ in same_bytes:
        figures[name].decided += 1
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE decided AS SELECT district_id, student_id, kind, reason, changed FROM lake.lifecycle.changes"
        f" WHERE district_id IN ({quoted([case.id for case in cases])}) AND change_set_id IN ({quoted([row[1] for row in same_bytes])})"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE proposed AS SELECT * FROM proposed p WHERE NOT ({lifecycle.decided()})"
    )


def _leave_waiting(
    connection: DuckDBPyConnection, cases: Sequence[Case], figures: dict[str, Figures]
) -> None:
    """Take from `proposed` what the calendar's mode keeps back."""
    if all(case.mode is Mode.NORMAL for case in cases):
        return
    kept = lifecycle.kept_in_mode()
    for name, count in connection.execute(
        f"SELECT district_id, count(*) FROM proposed p WHERE NOT ({kept}) GROUP BY district_id"
    ).fetchall():
        figures[name].waiting = count
    connection.execute(f"CREATE OR REPLACE TEMP TABLE proposed AS SELECT * FROM proposed p WHERE {kept}")


def _count_rows(connection: DuckDBPyConnection, figures: dict[str, Figures]) -> None:
    """Count accounts, and the proposed rows of the guarded kinds in every district and school."""
    active_at: dict[tuple[str, str], int] = {}
    for name, school, active, known in connection.execute(
        "SELECT district_id, school_id, count(*) FILTER (is_active), count(*) FROM before GROUP BY ALL"
    ).fetchall():
        active_at[name, school] = active
        figures[name].active += active
        figures[name].accounts += known
    for name, kind, school, rows, missing in connection.execute(
        "SELECT district_id, kind, CASE WHEN kind = 'create' THEN school_to ELSE school_from END AS school_id, count(*),"
        f" count(*) FILTER (reason = 'missing') FROM proposed WHERE kind IN ({quoted(guard.GUARDED)})"
        " GROUP BY GROUPING SETS ((district_id, kind), (district_id, kind, school_id)) HAVING GROUPING(school_id) = 1 OR school_id IS NOT NULL"
    ).fetchall():
        active = figures[name].active if school is None else active_at.get((name, school), 0)
        figures[name].counts.append(guard.Count(kind, school, rows, active))
        if school is None:
            figures[name].missing += missing
    for name, differing, protected in connection.execute(
        "SELECT s.district_id, count(*) FILTER (d.had AND d.old.is_active), count(*) FILTER (d.had AND d.old.is_active AND d.unread)"
        " FROM scope s LEFT JOIN differing d USING (district_id) GROUP BY ALL"
    ).fetchall():
        figures[name].unchanged = figures[name].active - differing
        figures[name].protected = protected
    for name, students in connection.execute(
        "SELECT district_id, count(*) FROM after GROUP BY district_id"
    ).fetchall():
        figures[name].students = students


def _count_extracts(
    connection: DuckDBPyConnection, cases: Sequence[Case], figures: dict[str, Figures]
) -> None:
    """Count rejected student records, the yardstick's records, and the change sets made of the extract before.

    The yardstick is the newest extract of which something was applied and not undone, or which was found to differ in nothing.
    """
    names = quoted([case.id for case in cases])
    for name, rejected, unreadable in connection.execute(
        "SELECT district_id, count(*), count(*) FILTER (record_key IS NULL) FROM rejected GROUP BY ALL"
    ).fetchall():
        figures[name].rejected, figures[name].unreadable = rejected, unreadable
    for name, sets, undone in connection.execute(
        "SELECT k.district_id, count(*) FILTER (k.extract_id = s.extract_id), count(*) FILTER (k.status = 'undone')"
        " FROM known_sets k JOIN scope s USING (district_id) GROUP BY ALL"
    ).fetchall():
        figures[name].sets, figures[name].undone = sets, undone
    for name, entity, records in connection.execute(
        "WITH accepted AS (SELECT district_id, extract_id FROM known_sets WHERE status = 'applied' UNION SELECT district_id, extract_id"
        f" FROM lake.ops.proposals p WHERE (district_id || '') IN ({names}) AND delivered AND NOT EXISTS"
        " (SELECT 1 FROM known_sets k WHERE k.extract_id = p.extract_id AND k.status = 'undone')),"
        " last AS (SELECT max(extract_id) AS extract_id FROM accepted GROUP BY district_id),"
        " files AS (SELECT e.district_id, unnest(e.files) AS file FROM lake.ops.extracts e SEMI JOIN last USING (extract_id))"
        " SELECT district_id, file.entity, file.records FROM files"
    ).fetchall():
        figures[name].yardstick[entity] = records
