"""The ledger: what was read of each district, what was compared, what is held. Read by every stage, written in its transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sis_assets.model.chain import Entry
from sis_assets.model.schema import AUDIT
from sis_assets.warehouse.rows import insert

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Extract:
    """A complete extract as the ledger knows it, of a kind of SIS. `records` is counted by entity, `rejected` over all of them, so far (None: not known)."""

    extract_id: str
    kind: str
    started_at: datetime
    content_sha256: str
    read_under: str
    typed_under: str | None
    rejected: int | None
    records: Mapping[str, int]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The last comparison of a district."""

    number: int
    extract_id: str
    content_sha256: str
    mode: str
    district_file_sha256: str
    waiting: int


@dataclass(frozen=True, slots=True)
class State:
    """Where a district stands.

    `newest` is its newest complete extract, `typed` the one of which the canonical tables were made, `last_failed` whether
    the newest read failed, `entities` what complete extracts held so far, with the kind of SIS. `read_at` is the time of the
    last read that did not fail, `refused` tells whether one failed since then for other than passing reasons. All that is
    `held` may be approved until `held_until`, without end when that is None.
    """

    reads: int = 0
    last_failed: bool = False
    newest: Extract | None = None
    typed: Extract | None = None
    entities: frozenset[tuple[str, str]] = frozenset()
    read_at: datetime | None = None
    refused: bool = False
    proposal: Proposal | None = None
    held: tuple[str, ...] = ()
    held_until: datetime | None = None

    def next_extract_id(self, district_id: str) -> str:
        """Return the id that the next read of the district gets: running numbers sort as text."""
        return f"{district_id}-{self.reads + 1:06d}"

    def is_proposed(self, mode: str, district_file_sha256: str) -> bool:
        """Whether the newest extract's bytes were compared last, under this mode and district file."""
        return (
            self.newest is not None
            and self.proposal is not None
            and self.proposal.content_sha256 == self.newest.content_sha256
            and self.proposal.mode == mode
            and self.proposal.district_file_sha256 == district_file_sha256
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_EXTRACT = """{'extract_id': e.extract_id, 'kind': e.sis, 'started_at': epoch_us(e.started_at), 'content_sha256': e.content_sha256,
  'read_under': e.read_under, 'typed_under': e.typed_under,
  'rejected': e.rows_rejected, 'files': list_transform(e.files, lambda f: {'entity': f.entity, 'records': f.records, 'sha256': f.sha256})}"""
# The ledger's tables are small: hiding the district's column from the planner spares a look into the statistics of
# every file of the lake, which costs more than reading them.
_OURS = "(district_id || '') IN (SELECT unnest(?))"
_NEWEST = f"""
SELECT e.district_id, count(*) AS reads, arg_max(e.status, e.extract_id) = 'failed' AS last_failed,
  arg_max({_EXTRACT}, e.extract_id) FILTER (e.status = 'complete') AS newest,
  arg_max({_EXTRACT}, e.extract_id) FILTER (e.status = 'complete' AND e.typed_under IS NOT NULL) AS typed,
  list_distinct(flatten(list(list_transform(e.files, lambda f: [e.sis, f.entity])) FILTER (e.status = 'complete'))) AS entities,
  epoch_us(max(e.started_at) FILTER (e.status <> 'failed')) AS read_at,
  coalesce(max(e.extract_id) FILTER (e.status = 'failed' AND NOT coalesce(e.passing, false))
    > coalesce(max(e.extract_id) FILTER (e.status <> 'failed'), ''), false) AS refused
FROM ops.extracts e WHERE {_OURS} GROUP BY e.district_id
"""
_NEVER: tuple[Any, ...] = (0, False, None, None, [], None, False)
_PROPOSALS = f"""
SELECT district_id, arg_max({{'number': number, 'extract_id': extract_id, 'content': content_sha256, 'mode': mode,
  'file': district_file_sha256, 'waiting': waiting}}, number)
FROM ops.proposals WHERE {_OURS} GROUP BY district_id
"""
_HELD = (
    "SELECT district_id, list(change_set_id ORDER BY change_set_id), epoch_us(min(held_until)) FROM lifecycle.change_sets"
    f" WHERE status || '' = 'held' AND {_OURS} GROUP BY district_id"
)


def states(connection: DuckDBPyConnection, districts: Sequence[str]) -> dict[str, State]:
    """Return every district's state, also of those never read."""
    names = list(districts)
    proposals = {
        row[0]: Proposal(*row[1].values()) for row in connection.execute(_PROPOSALS, [names]).fetchall()
    }
    held = {row[0]: row[1:] for row in connection.execute(_HELD, [names]).fetchall()}
    read = {row[0]: row[1:] for row in connection.execute(_NEWEST, [names]).fetchall()}
    result = {}
    for name in names:
        waiting, until = held.get(name, ((), None))
        reads, last_failed, newest, typed, entities, read_at, refused = read.get(name, _NEVER)
        result[name] = State(
            reads=reads,
            last_failed=bool(last_failed),
            newest=_extract(newest),
            typed=_extract(typed),
            entities=frozenset((kind, entity) for kind, entity in entities or ()),
            read_at=_moment(read_at),
            refused=refused,
            proposal=proposals.get(name),
            held=tuple(waiting),
            held_until=_moment(until),
        )
    return result


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _extract(row: dict[str, Any] | None) -> Extract | None:
    if row is None:
        return None
    files = row.pop("files")
    return Extract(
        **row | {"started_at": _EPOCH + timedelta(microseconds=row["started_at"])},
        records={file["entity"]: file["records"] for file in files},
        files={file["entity"]: file["sha256"] for file in files},
    )


def audit(
    connection: DuckDBPyConnection,
    *,
    district_id: str,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
) -> None:
    """Append one row to the district's audit chain."""
    # After somebody tampered with it the chain may have several ends; what is done must be recorded all the same.
    [previous] = connection.execute(
        "SELECT coalesce(max_by(sha256, happened_at), '') FROM ops.audit a WHERE district_id = $1 AND NOT EXISTS"
        " (SELECT 1 FROM ops.audit b WHERE b.district_id = $1 AND b.previous_sha256 = a.sha256)",
        [district_id],
    ).fetchall()
    entry = Entry(
        district_id=district_id,
        happened_at=at,
        actor=actor,
        action=action,
        subject=subject,
        detail=json.dumps(detail, sort_keys=True, ensure_ascii=False),
        previous_sha256=previous[0],
    )
    insert(connection, AUDIT, [asdict(replace(entry, sha256=entry.seal))])
