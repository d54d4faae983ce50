"""Verifies the audit: every district's chain, its known head, that what people decided stands in it, and what purges left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sis_assets.model.chain import Entry, examine
from sis_assets.pipeline.holdings import CERTIFICATES
from sis_assets.warehouse import heads

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.warehouse import Home, Warehouse

#: Who decides on change sets without being a person: such decisions are the rules' and stand in no audit.
_RULES: Final = ("guard", "a later sync")
_ACTIONS: Final = {"applied": "approve", "discarded": "discard", "undone": "undo"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a district's audit: `rows` that fit, the last hash of these, and what is wrong."""

    district_id: str
    rows: int
    head: str
    problems: tuple[str, ...] = ()


def heads_file(home: Home) -> Path:
    """Return where the heads are kept by default: beside the catalog's default place."""
    return home.root / "warehouse" / "audit-heads.json"


def verify(warehouse: Warehouse, known: Path, district_id: str | None = None) -> list[Verdict]:
    """Verify the audit of every district, or of one, and keep in `known` the heads of those in which all is well.

    Raises NeedsPerson when `known` is damaged or cannot be written, and as `Warehouse.read`.
    """
    before = heads.load(known)
    with warehouse.read() as connection:
        rows = _rows(connection)
        unaudited = _unaudited(connection, rows)
    names = sorted({*rows, *unaudited, *before}) if district_id is None else [district_id]
    verdicts = []
    for name in names:
        mine = rows.get(name, [])
        chain = examine(mine, before.get(name, ""))
        problems = [chain.problem] if chain.problem else []
        problems += [*unaudited.get(name, []), *_certificates(warehouse.home, mine)]
        verdicts.append(Verdict(name, chain.rows, chain.head, tuple(problems)))
    now = before | {found.district_id: found.head for found in verdicts if found.head and not found.problems}
    if now != before:
        heads.keep(known, now)
    return verdicts


def _rows(connection: DuckDBPyConnection) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for row in connection.execute(
        "SELECT district_id, happened_at, actor, action, subject, detail, previous_sha256, sha256 FROM ops.audit"
    ).fetchall():
        found.setdefault(row[0], []).append(Entry(*row))
    return found


def _unaudited(connection: DuckDBPyConnection, rows: dict[str, list[Entry]]) -> dict[str, list[str]]:
    """Return, by district, the change sets on which a person decided without a row that says so."""
    audited = {(row.action, row.subject, row.actor) for chain in rows.values() for row in chain}
    missing: dict[str, list[str]] = {}
    for district_id, set_id, status, by in connection.execute(
        "SELECT district_id, change_set_id, status, decided_by FROM lifecycle.change_sets"
        " WHERE decided_by IS NOT NULL AND NOT list_contains($1, decided_by) AND list_contains($2, status)"
        " ORDER BY change_set_id",
        [list(_RULES), list(_ACTIONS)],
    ).fetchall():
        if (_ACTIONS[status], set_id, by) not in audited:
            missing.setdefault(district_id, []).append(
                f"{set_id} is {status} by {by}, and no row of the audit says so: it was removed, or never written"
            )
    return missing


def _certificates(home: Home, rows: Sequence[Entry]) -> Iterator[str]:
    """Give the certificates of purges that are gone from their place, or not what they were when they were issued."""
    issued = {
        row.subject: json.loads(row.detail).get("certificate_sha256")
        for row in sorted(rows, key=lambda row: row.happened_at)
        if row.action == "purge"
    }
    for purge_id, sha256 in sorted(issued.items()):
        path = home.outbox / CERTIFICATES / f"{purge_id}.json"
        if sha256 is None:
            yield f"{purge_id}: this purge was begun and never finished; give the same order again"
        elif not path.exists():
            yield f"{purge_id}: the purge's certificate is gone from outbox/{CERTIFICATES}"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"{purge_id}: the purge's certificate was changed"
