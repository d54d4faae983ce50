"""Removes a district, or one student of it, on request: from every table, every file and every snapshot.

What remains is a certificate (`outbox/purges/…json`: counts and hashes, no data) and rows of the audit. A purge begins with
a draft of its certificate; while the draft lies there the purge is unfinished, and the same command finishes it, whenever
it was killed. Rows go first, in one transaction with the audit's row; then files; then what the lake still has on disk.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault
from sis_assets.pipeline.holdings import CERTIFICATES, TOKENS, Holding, holdings, unlink
from sis_assets.pipeline.student import remove_student
from sis_assets.warehouse import ledger
from sis_assets.warehouse.maintenance import forget
from sis_assets.warehouse.removal import remove_district
from sis_assets.warehouse.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from sis_assets.pipeline.stage import Clock
    from sis_assets.warehouse import Home, Warehouse

_DRAFT = ".draft"
#: Ids are short; a slow hash makes it costly to try them all.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants purged: a district, or one student of it; who, and why."""

    district_id: str
    student_id: str | None
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Extent:
    """What there is of an order's subject: rows by table, and files."""

    tables: dict[str, int]
    files: list[Holding]


@dataclass(slots=True)
class Draft:
    """An unfinished purge. `files` is what was to be removed, by place, as [bytes, sha256]; names are not kept."""

    purge_id: str
    district_id: str
    student: dict[str, str] | None
    by: str
    note: str
    began: str
    files: dict[str, list[list[Any]]] = field(default_factory=dict)

    def is_of(self, order: Order) -> bool:
        """Whether this is the unfinished purge of the order's subject."""
        if self.district_id != order.district_id or (self.student is None) != (order.student_id is None):
            return False
        return self.student is None or self.student == _pseudonym(
            order.student_id or "", self.student["salt"]
        )

    def add(self, found: list[Holding]) -> None:
        """Note files that are about to be removed."""
        for holding in found:
            entry = [holding.bytes, holding.sha256]
            if entry not in (listed := self.files.setdefault(holding.place, [])):
                listed.append(entry)

    def dump(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}


def extent(warehouse: Warehouse, order: Order, others: set[str]) -> Extent:
    """Return what there is of the order's subject now; nothing is removed.

    Raises NeedsPerson when there is nothing, and no purge of it to finish.
    """
    home = warehouse.home
    with warehouse.read() as connection:
        tables = _remove(connection, order, dry=True)
    files = _held(warehouse, order, others)
    if not tables and not _concern(order, files) and _unfinished(home, order) is None:
        whose = "a student of " if order.student_id is not None else ""
        raise NeedsPerson(
            tried=f"Purging {whose}{order.district_id}",
            seen="nothing is kept of it",
            todo="Correct the name or the id, or do nothing: it may have been purged already",
            mover=Mover.ENGINEER,
        )
    return Extent(tables, files)


def purge(
    warehouse: Warehouse, clock: Clock, order: Order, others: set[str], forget_partition: Callable[[], bool]
) -> Path:
    """Carry out the order and return the path of its certificate; an unfinished purge of the same subject is gone on with.

    `others` are the keys of the districts that have files. `forget_partition` removes the district from Dagster's partitions and says
    whether it was there; it is not called for a student. Raises TransientFault when the disk is full, when others hold
    the catalog, or when a sync brought data of the district in the meantime; the same order then finishes the work.
    """
    home = warehouse.home
    draft = _unfinished(home, order) or _new(clock, order)
    for _ in range(
        2
    ):  # what a sync under way brought between the rows' and the files' turn goes in the second
        found = _held(warehouse, order, others)
        draft.add(found)
        write_whole(_place(home, draft, _DRAFT), json.dumps(draft.dump()))
        warehouse.write(lambda connection: _remove_rows(connection, clock, order, draft))
        unlink(home, order.district_id, found)
    forget(warehouse)
    had_partition = order.student_id is None and forget_partition()
    with warehouse.read() as connection:
        left = _remove(connection, order, dry=True)
    if left or [holding for holding in _held(warehouse, order, others) if holding.place != TOKENS]:
        raise TransientFault(
            tried=f"Purging {order.district_id}",
            seen="a sync brought data of it in the meantime",
            todo="Wait for the sync to end, take away the district's file, and run the same command again",
            mover=Mover.ENGINEER,
        )
    return _certify(warehouse, clock, draft, had_partition=had_partition)


def _remove(connection: DuckDBPyConnection, order: Order, *, dry: bool = False) -> dict[str, int]:
    if order.student_id is None:
        return remove_district(connection, order.district_id, dry=dry)
    return remove_student(connection, order.district_id, order.student_id, dry=dry)


def _remove_rows(connection: DuckDBPyConnection, clock: Clock, order: Order, draft: Draft) -> None:
    counts = _remove(connection, order)
    if counts or not _audited(connection, draft):
        _audit(connection, clock, draft, {"rows": counts})


def _audited(connection: DuckDBPyConnection, draft: Draft) -> list[tuple[str, str]]:
    """Return detail and hash of the audit's rows of this purge."""
    return connection.execute(
        "SELECT detail, sha256 FROM ops.audit WHERE district_id = ? AND action = 'purge' AND subject = ?"
        " ORDER BY happened_at",
        [draft.district_id, draft.purge_id],
    ).fetchall()


def _audit(connection: DuckDBPyConnection, clock: Clock, draft: Draft, more: dict[str, Any]) -> None:
    ledger.audit(
        connection,
        district_id=draft.district_id,
        at=clock.now(),
        actor=draft.by,
        action="purge",
        subject=draft.purge_id,
        detail={"of": "district" if draft.student is None else "student", "note": draft.note} | more,
    )


def _held(warehouse: Warehouse, order: Order, others: set[str]) -> list[Holding]:
    """Return the files to remove. A student's too: each may name the student, and what is needed is made or read again."""
    with warehouse.read() as connection:
        read = {
            name for (name,) in connection.execute("SELECT DISTINCT district_id FROM ops.extracts").fetchall()
        }
    return holdings(warehouse.home, order.district_id, {*others, *read, order.district_id})


def _concern(order: Order, files: list[Holding]) -> bool:
    """Whether a file is the district's, or names the student: of a failed read nothing else is there."""
    mine = [holding for holding in files if holding.place != TOKENS]
    student_id = order.student_id
    return bool(mine) if student_id is None else any(holding.mentions(student_id) for holding in mine)


def _new(clock: Clock, order: Order) -> Draft:
    now = clock.now()
    student = None if order.student_id is None else _pseudonym(order.student_id, secrets.token_hex(16))
    return Draft(
        purge_id=f"{order.district_id}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        district_id=order.district_id,
        student=student,
        by=order.by,
        note=order.note,
        began=now.isoformat(),
    )


def _pseudonym(student_id: str, salt: str) -> dict[str, str]:
    """Return what proves, to somebody who knows the id, whose certificate it is."""
    made = hashlib.scrypt(student_id.encode(), salt=bytes.fromhex(salt), **_SCRYPT)
    return {"salt": salt, "scrypt": made.hex()}


def _unfinished(home: Home, order: Order) -> Draft | None:
    drafts = (
        Draft(**json.loads(path.read_bytes()))
        for path in sorted((home.outbox / CERTIFICATES).glob(f"*{_DRAFT}"))
    )
    return next((draft for draft in drafts if draft.is_of(order)), None)


def _place(home: Home, draft: Draft, suffix: str) -> Path:
    return home.outbox / CERTIFICATES / f"{draft.purge_id}{suffix}"


def _certify(warehouse: Warehouse, clock: Clock, draft: Draft, *, had_partition: bool) -> Path:
    """Write the certificate, record its hash in the audit, and remove the draft, in this order."""
    with warehouse.read() as connection:
        audited = _audited(connection, draft)
    rows: dict[str, int] = {}
    for detail, _ in audited:
        for table, count in json.loads(detail).get("rows", {}).items():
            rows[table] = rows.get(table, 0) + count
    told = {
        "purge": draft.purge_id,
        "district": draft.district_id,
        "of": "district" if draft.student is None else "student",
        "student": draft.student,
        "by": draft.by,
        "note": draft.note,
        "began": draft.began,
        "ended": clock.now().isoformat(),
        "rows": dict(sorted(rows.items())),
        "files": {
            place: {
                "count": len(listed),
                "bytes": sum(size for size, _ in listed),
                "sha256": sorted(sha256 for _, sha256 in listed),
            }
            for place, listed in sorted(draft.files.items())
        },
        "dagster_partition_removed": had_partition,
        "audit": [sha256 for _, sha256 in audited],
    }
    certificate = _place(warehouse.home, draft, ".json")
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    write_whole(certificate, text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    warehouse.write(lambda connection: _audit(connection, clock, draft, {"certificate_sha256": sha256}))
    _place(warehouse.home, draft, _DRAFT).unlink(missing_ok=True)
    return certificate
