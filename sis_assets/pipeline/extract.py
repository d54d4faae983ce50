"""Read the districts' sources and keep what they said, as text. One transaction holds the raw rows and the ledger.

A complete extract is all entities of one read (DESIGN §7). Anything less is recorded as a failed one and stops the
district; the others go on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sis_assets.model.calendar import Mode
from sis_assets.model.faults import Fault, Mover, TransientFault, sentence
from sis_assets.model.reasons import unreadable
from sis_assets.model.schema import EXTRACTS, REJECTED_ROWS
from sis_assets.pipeline.hours import read_in_hours
from sis_assets.pipeline.stage import Outcome, Stage, Status, redacted
from sis_assets.sis.kinds import ALL, sis_of
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.transport.dropzone import NotYet
from sis_assets.transport.landing import sweep, temporary_name
from sis_assets.warehouse import ledger
from sis_assets.warehouse.lake import wide
from sis_assets.warehouse.ledger import Extract, State
from sis_assets.warehouse.rows import insert, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.model.schema import Table
    from sis_assets.sis.delimited import ReadFile

CONCURRENT_DROPS = 8
#: So many districts are written in one transaction, and split into records ahead of it.
WAVE = 20
_READ = "read-"


@dataclass(frozen=True, slots=True)
class _Read:
    """A district's read, ready for the ledger. `entities` is None while the files are not split into records."""

    district: District
    started_at: datetime
    delivery: Delivery
    entities: tuple[EntityRead, ...] | None = None
    fault: Fault | None = None

    @property
    def id(self) -> str:
        """The district's key."""
        return self.district.district


@dataclass(frozen=True, slots=True)
class _Before:
    """What the ledger says of the newest extract, beyond what every stage needs."""

    rows_loaded: int | None = None
    rows_rejected: int | None = None
    unknown_columns: frozenset[str] = frozenset()


def extract(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Read every district of the set and commit the complete extracts, many districts in one transaction.

    Gives one outcome a district: failed (recorded in the ledger), skipped (nothing to read yet, no access; the calendar pauses),
    unchanged (the same bytes as the last proposed extract), or without a status when the next stages go on.
    """
    outcomes = {
        district.district: Outcome(district.district, Status.SKIPPED, reason)
        for district in districts
        if (reason := stage.closed(district))
    }
    names = [district.district for district in districts]
    open_now = [district for district in districts if district.district not in outcomes]
    if not open_now:
        return outcomes
    with stage.warehouse.read() as connection:
        states = ledger.states(connection, names)
    started = stage.clock.now()
    reads: list[_Read] = []
    for district, found in zip(open_now, _fetch_all(stage, open_now, states), strict=True):
        if isinstance(found, NotYet):
            outcomes[district.district] = Outcome(district.district, Status.SKIPPED, found.reason)
        elif isinstance(found, Fault):
            reads.append(_Read(district, started, Delivery((), ""), fault=found))
        else:
            reads.append(_Read(district, started, found))
    while left := [read for read in reads if read.id not in outcomes]:
        outcomes |= _take_in(stage, left, states)
        if len(outcomes) < len(names):
            with stage.warehouse.read() as connection:
                states = ledger.states(connection, names)
    return {name: outcomes[name] for name in names}


def _fetch_all(
    stage: Stage, districts: Sequence[District], states: Mapping[str, State]
) -> list[Delivery | NotYet | Fault]:
    def fetch(district: District) -> Delivery | NotYet | Fault:
        try:
            past = past_of(states[district.district], district, stage.clock.now())
            client = sis_of(district).client
            return read_in_hours(
                stage, district, lambda visit: client.fetch(district, stage.home, past, visit)
            )
        except Exception as error:  # noqa: BLE001 - one district's trouble, whatever it is, stops no other
            return error if isinstance(error, Fault) else redacted(error)

    stage.home.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor(max_workers=CONCURRENT_DROPS) as pool:
        return list(pool.map(fetch, districts))


def past_of(state: State, district: District, now: datetime) -> Past:
    """Return what a client may know of the district's extracts before it reads."""
    newest, kind = state.newest, district.sis.kind
    entities = frozenset(entity for of, entity in state.entities if of == kind)
    if newest is None or newest.kind != kind:
        return Past(now, entities)
    return Past(now, entities, newest.files, state.read_at, newest.read_under, refused=state.refused)


def _take_in(stage: Stage, reads: Sequence[_Read], states: Mapping[str, State]) -> dict[str, Outcome]:
    """Split what is new into records and commit all reads; while one wave of districts is written, the next is split.

    Gives no outcome for a district whose bytes were known until another process took in others: it is to be read again.
    """
    new = [read for read in reads if read.fault is None and not _same_bytes(states[read.id], read.delivery)]
    known = [read for read in reads if read not in new]
    waves = [new[at : at + WAVE] for at in range(0, len(new), WAVE)] or [[]]
    stage.home.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(stage.home.scratch, _READ)
    folder = stage.home.scratch / temporary_name(_READ)
    folder.mkdir(mode=0o700)
    outcomes: dict[str, Outcome] = {}
    try:
        with ThreadPoolExecutor(max_workers=1) as ahead:
            coming = ahead.submit(_split, stage, waves[0], folder)
            for following in (*waves[1:], None):
                ready, known = [*known, *coming.result()], []
                if following is not None:
                    coming = ahead.submit(_split, stage, following, folder)
                outcomes |= stage.warehouse.write(partial(_record, stage=stage, reads=ready))
                for entity in (entity for read in ready for entity in read.entities or ()):
                    entity.read.parquet.unlink(missing_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _split(stage: Stage, reads: Sequence[_Read], folder: Path) -> list[_Read]:
    answers: dict[str, tuple[EntityRead, ...] | Fault] = {}
    for sis in ALL:
        mine = {read.id: (read.district, read.delivery) for read in reads if sis_of(read.district) is sis}
        if mine:
            answers |= sis.client.read(mine, stage.readers, folder)
    return [_with(read, answers[read.id]) for read in reads]


def _with(read: _Read, answer: tuple[EntityRead, ...] | Fault) -> _Read:
    return replace(read, fault=answer) if isinstance(answer, Fault) else replace(read, entities=answer)


def _same_bytes(state: State, delivery: Delivery) -> bool:
    """Whether reading the delivery would give the newest extract again, and no manifest says otherwise."""
    newest = state.newest
    return (
        newest is not None
        and not state.last_failed
        and newest.content_sha256 == delivery.content_sha256
        and newest.read_under == delivery.read_under
        and all(file.declared_records in {None, newest.records[file.entity]} for file in delivery.files)
    )


def _record(connection: DuckDBPyConnection, *, stage: Stage, reads: Sequence[_Read]) -> dict[str, Outcome]:
    """Write raw rows, reader's rejections and ledger rows of all reads; the transaction is the caller's."""
    states = ledger.states(connection, [read.id for read in reads])
    before = _before(connection, states)
    rows: list[dict[str, Any]] = []
    outcomes: dict[str, Outcome] = {}
    complete: list[tuple[str, _Read]] = []
    for read in reads:
        name, state = read.id, states[read.id]
        extract_id = state.next_extract_id(name)
        mode, last = stage.mode(read.district)
        if read.fault is not None:
            ended = stage.access_has_ended(read.district, read.fault)
            rows.append(
                _ledger_row(read, extract_id, "failed", stage.clock.now())
                | {"reason": ended or read.fault.reason}
            )
            outcome = Outcome(name, Status.SKIPPED, ended) if ended else Outcome.failed(name, read.fault)
            outcomes[name] = replace(outcome, extract_id=extract_id)
            continue
        if state.newest is not None and _same_bytes(state, read.delivery):
            settled = mode is Mode.PAUSE or state.is_proposed(mode, read.district.digest())
            if settled:
                rows.append(
                    _ledger_row(read, extract_id, "unchanged", stage.clock.now())
                    | _repeated(state.newest, read, before[name])
                )
            outcomes[name] = _seen_before(name, state.newest, settled=settled)
        elif read.entities is None:
            continue
        else:
            rows.append(_ledger_row(read, extract_id, "complete", stage.clock.now()))
            complete.append((extract_id, read))
            outcomes[name] = _taken_in(name, extract_id, read, before[name])
        if mode is Mode.PAUSE:
            outcomes[name] = replace(outcomes[name], status=Status.SKIPPED, reason=paused(last))
    with wide(connection, sum(entity.read.records for _, read in complete for entity in read.entities or ())):
        _insert_raw(connection, complete)
    _insert_rejected(connection, complete, stage.home.scratch)
    insert(connection, EXTRACTS, rows)
    _audit_hours(connection, stage, [(read, outcomes[read.id]) for read in reads if read.id in outcomes])
    return outcomes


def _audit_hours(
    connection: DuckDBPyConnection, stage: Stage, reads: Sequence[tuple[_Read, Outcome]]
) -> None:
    """Keep in the audit who had which SIS read outside its hours."""
    for read, outcome in reads:
        if stage.outside_window and (opens := stage.opens(read.district)):
            ledger.audit(
                connection,
                district_id=read.id,
                at=stage.clock.now(),
                actor=stage.outside_window,
                action="read_outside_window",
                subject=outcome.extract_id or read.id,
                detail={"opens": opens.isoformat()},
            )


def _before(connection: DuckDBPyConnection, states: Mapping[str, State]) -> dict[str, _Before]:
    newest = {state.newest.extract_id: name for name, state in states.items() if state.newest}
    found = {name: _Before() for name in states}
    if newest:
        for extract_id, loaded, rejected, unknown in connection.execute(
            "SELECT extract_id, rows_loaded, rows_rejected, unknown_columns FROM ops.extracts"
            f" WHERE (extract_id || '') IN ({quoted(list(newest))})"
        ).fetchall():
            found[newest[extract_id]] = _Before(loaded, rejected, frozenset(unknown or ()))
    return found


def paused(last: date | None) -> str:
    """Reason of a sync that the calendar pauses; the extract is kept for the day after."""
    return sentence(
        f"The calendar pauses this district until {last}; what was read is kept and compared then",
        Mover.ENGINEER,
    )


def _seen_before(district_id: str, newest: Extract, *, settled: bool) -> Outcome:
    if not settled:
        return Outcome(district_id, extract_id=newest.extract_id)
    reason = sentence("The same bytes as last time; the next extract is awaited", Mover.DISTRICT)
    return Outcome(district_id, Status.UNCHANGED, reason, extract_id=newest.extract_id)


def _taken_in(district_id: str, extract_id: str, read: _Read, before: _Before) -> Outcome:
    entities = read.entities or ()
    stated = (f"{name}: {value}" for name, value in read.delivery.stated.items())
    return Outcome(
        district_id,
        extract_id=extract_id,
        rows={
            f"raw/{entity.source.entity}": entity.read.records - len(entity.read.rejected)
            for entity in entities
        },
        rejected={entity.source.entity: len(entity.read.rejected) for entity in entities},
        notes=(*stated, *_notes(set(_unknown_columns(entities)) - before.unknown_columns)),
    )


def _notes(unknown: Collection[str]) -> tuple[str, ...]:
    """Tell of columns that were never seen before. Their names are the sender's words and stay in the ledger."""
    if not unknown:
        return ()
    count = f"{len(unknown)} column{'s' if len(unknown) > 1 else ''}"
    return (
        f"{count} that the contract does not know, kept in other_columns; named in ops.extracts.unknown_columns",
    )


def _unknown_columns(entities: Sequence[EntityRead]) -> list[str]:
    return [
        f"{entity.source.entity}.{column}" for entity in entities for column in entity.read.unknown_columns
    ]


def _ledger_row(read: _Read, extract_id: str, status: str, now: datetime) -> dict[str, Any]:
    """Return the ledger's row of a read. Of a complete one, what the reader rejected; the rest comes when it was typed."""
    entities = read.entities or ()
    return {
        "district_id": read.id,
        "extract_id": extract_id,
        "sis": read.district.sis.kind,
        "started_at": read.started_at,
        "finished_at": now,
        "status": status,
        "files": _files(read.delivery, {entity.source.entity: entity.read.records for entity in entities}),
        "rows_loaded": None,
        "rows_rejected": sum(len(entity.read.rejected) for entity in entities) if read.entities else None,
        "content_sha256": read.delivery.content_sha256 if read.delivery.files else None,
        "read_under": read.delivery.read_under or None,
        "unknown_columns": _unknown_columns(entities),
        "reason": read.fault.reason if read.fault else None,
        "stated": json.dumps(read.delivery.stated, sort_keys=True) if read.delivery.stated else None,
        "passing": isinstance(read.fault, TransientFault) if read.fault else None,
    }


def _repeated(newest: Extract, read: _Read, before: _Before) -> dict[str, Any]:
    """Return the columns of an unchanged read's row that repeat its extract's."""
    return {
        "files": _files(read.delivery, newest.records),
        "rows_loaded": before.rows_loaded,
        "rows_rejected": before.rows_rejected,
        "unknown_columns": sorted(before.unknown_columns),
    }


def _files(delivery: Delivery, records: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "name": file.name,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "records": records.get(file.entity),
            "entity": file.entity,
        }
        for file in delivery.files
    ]


def _insert_raw(connection: DuckDBPyConnection, complete: Sequence[tuple[str, _Read]]) -> None:
    by_table: dict[str, tuple[Table, list[tuple[str, str, ReadFile]]]] = {}
    for extract_id, read in complete:
        for entity in read.entities or ():
            table = sis_of(read.district).raw_of(entity.source.entity)
            by_table.setdefault(table.qualified, (table, []))[1].append((read.id, extract_id, entity.read))
    for table, parts in by_table.values():
        present = {
            column for _, _, found in parts for column in (*found.columns, "row_number", "other_columns")
        }
        columns = ", ".join(
            f'p."{name}"' if name in present else f'NULL::VARCHAR AS "{name}"'
            for name in table.column_names[2:]
        )
        files = [str(found.parquet) for _, _, found in parts]
        owners = ", ".join(
            f"({quoted([file, district_id, extract_id])})"
            for file, (district_id, extract_id, _) in zip(files, parts, strict=True)
        )
        connection.execute(
            f"INSERT INTO {table.qualified} SELECT s.district_id, s.extract_id, {columns}"
            " FROM read_parquet($files, union_by_name = true, filename = true) p"
            f" JOIN (VALUES {owners}) s(filename, district_id, extract_id) USING (filename)",
            {"files": files},
        )


def _insert_rejected(
    connection: DuckDBPyConnection, complete: Sequence[tuple[str, _Read]], scratch: Path
) -> None:
    rows = [
        (
            read.id,
            extract_id,
            entity.source.entity,
            entity.source.name,
            row.row_number,
            row.record_key,
            row.reason_code,
            unreadable(row.message),
            "read",
        )
        for extract_id, read in complete
        for entity in read.entities or ()
        for row in entity.read.rejected
    ]
    if not rows:
        return
    import polars as pl  # noqa: PLC0415 - heavy, only when records were rejected

    with tempfile.NamedTemporaryFile(prefix="rejected-", dir=scratch) as file:
        pl.DataFrame(rows, schema=_REJECTED, orient="row").write_parquet(file.name)
        connection.execute(
            "INSERT INTO core.rejected_rows BY NAME SELECT * FROM read_parquet(?)", [file.name]
        )


_REJECTED = dict.fromkeys(REJECTED_ROWS.column_names, str) | {"row_number": int}
