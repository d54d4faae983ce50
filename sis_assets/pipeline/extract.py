"""Read the districts' sources and keep what they said, as text. One transaction holds the raw rows and the ledger.

A complete extract is all entities of one read (DESIGN §7). Anything less is recorded as a failed one and stops the
district; the others go on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sis_assets.model.calendar import Mode
from sis_assets.model.faults import Fault, Mover, sentence
from sis_assets.model.schema import REJECTED_ROWS
from sis_assets.pipeline.stage import Outcome, Stage, Status
from sis_assets.sis.eschoolplus import client
from sis_assets.sis.eschoolplus.contract import FILES
from sis_assets.sis.reading import Delivery, EntityRead
from sis_assets.transport.dropzone import NotYet
from sis_assets.warehouse import ledger
from sis_assets.warehouse.ledger import State

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District

CONCURRENT_DROPS = 8


@dataclass(frozen=True, slots=True)
class _Read:
    """A district's read, ready for the ledger."""

    district: District
    started_at: datetime
    finished_at: datetime
    delivery: Delivery
    entities: tuple[EntityRead, ...] = ()
    fault: Fault | None = None
    unchanged: bool = False


def extract(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Read every district of the set and commit the complete extracts of all of them in one transaction.

    Gives one outcome a district: failed (recorded in the ledger), skipped (nothing to read yet; the calendar pauses),
    unchanged (the same bytes as the last proposed extract), or without a status when the next stages go on.
    """
    with stage.warehouse.read() as connection:
        states = ledger.states(connection, [district.district for district in districts])
    started = stage.clock.now()
    fetched = _fetch_all(stage, districts, states)
    outcomes = {
        district_id: Outcome(district_id, Status.SKIPPED, answer.reason)
        for district_id, answer in fetched.items()
        if isinstance(answer, NotYet)
    }
    by_name = {district.district: district for district in districts}
    deliveries = {
        district_id: (by_name[district_id], answer)
        for district_id, answer in fetched.items()
        if isinstance(answer, Delivery)
    }
    same = {
        district_id
        for district_id, (_, delivery) in deliveries.items()
        if _same_bytes(states[district_id], delivery)
    }
    stage.home.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix="read-", dir=stage.home.scratch))
    try:
        fresh = {district_id: pair for district_id, pair in deliveries.items() if district_id not in same}
        answers = client.read(fresh, stage.readers, folder)
        reads = [
            _Read(
                district=by_name[district_id],
                started_at=started,
                finished_at=stage.clock.now(),
                delivery=answer if isinstance(answer, Delivery) else Delivery((), ""),
                entities=() if isinstance(found := answers.get(district_id, ()), Fault) else found,
                fault=answer if isinstance(answer, Fault) else found if isinstance(found, Fault) else None,
                unchanged=district_id in same,
            )
            for district_id, answer in fetched.items()
            if not isinstance(answer, NotYet)
        ]
        if reads:
            outcomes |= stage.warehouse.write(lambda connection: _record(connection, stage, reads))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {district.district: outcomes[district.district] for district in districts}


def _fetch_all(
    stage: Stage, districts: Sequence[District], states: Mapping[str, State]
) -> dict[str, Delivery | NotYet | Fault]:
    def fetch(district: District) -> Delivery | NotYet | Fault:
        try:
            return client.fetch(
                district, stage.home.landing / district.district, states[district.district].entities
            )
        except Fault as fault:
            return fault

    stage.home.landing.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor(max_workers=CONCURRENT_DROPS) as pool:
        return dict(zip([d.district for d in districts], pool.map(fetch, districts), strict=True))


def _same_bytes(state: State, delivery: Delivery) -> bool:
    return (
        state.newest is not None
        and not state.last_failed
        and state.newest.content_sha256 == delivery.content_sha256
        and state.newest.read_under == delivery.read_under
    )


def _record(connection: DuckDBPyConnection, stage: Stage, reads: Sequence[_Read]) -> dict[str, Outcome]:
    """Write raw rows, reader's rejections and ledger rows of all reads; the transaction is the caller's."""
    states = ledger.states(connection, [read.district.district for read in reads])
    rows: list[dict[str, Any]] = []
    outcomes: dict[str, Outcome] = {}
    complete: list[tuple[str, _Read]] = []
    for read in reads:
        district_id = read.district.district
        state = states[district_id]
        extract_id = state.next_extract_id(district_id)
        mode, last = stage.mode(read.district)
        if read.fault is not None:
            rows.append(_ledger_row(read, extract_id, "failed"))
            outcomes[district_id] = replace(Outcome.failed(district_id, read.fault), extract_id=extract_id)
            continue
        if read.unchanged and state.newest is not None:
            settled = state.is_proposed(mode, read.district.digest()) or mode is Mode.PAUSE
            if settled:
                rows.append(_ledger_row(read, extract_id, "unchanged"))
            outcomes[district_id] = _seen_before(district_id, state, settled=settled)
        else:
            rows.append(_ledger_row(read, extract_id, "complete"))
            complete.append((extract_id, read))
            outcomes[district_id] = _taken_in(district_id, extract_id, read)
        if mode is Mode.PAUSE:
            outcomes[district_id] = replace(outcomes[district_id], status=Status.SKIPPED, reason=paused(last))
    _insert_raw(connection, complete)
    _insert_rejected(connection, complete, stage.home.scratch)
    ledger.insert(connection, "ops.extracts", rows)
    return outcomes


def paused(last: date | None) -> str:
    """Reason of a sync that the calendar pauses; the extract is kept for the day after."""
    return sentence(
        f"The calendar pauses this district until {last}; what was read is kept and compared then",
        Mover.ENGINEER,
    )


def _seen_before(district_id: str, state: State, *, settled: bool) -> Outcome:
    extract_id = state.newest.extract_id if state.newest else None
    if not settled:
        return Outcome(district_id, extract_id=extract_id)
    reason = sentence("The same bytes as last time; nothing to do", Mover.DISTRICT)
    return Outcome(district_id, Status.UNCHANGED, reason, extract_id=extract_id)


def _taken_in(district_id: str, extract_id: str, read: _Read) -> Outcome:
    return Outcome(
        district_id,
        extract_id=extract_id,
        rows={
            f"raw/{entity.source.entity}": entity.read.records - len(entity.read.rejected)
            for entity in read.entities
        },
        rejected={entity.source.entity: len(entity.read.rejected) for entity in read.entities},
        notes=tuple(
            f"{entity.source.entity}: unknown column {column!r} kept in raw"
            for entity in read.entities
            for column in entity.read.unknown_columns
        ),
    )


def _ledger_row(read: _Read, extract_id: str, status: str) -> dict[str, Any]:
    records = {entity.source.entity: entity.read.records for entity in read.entities}
    return {
        "district_id": read.district.district,
        "extract_id": extract_id,
        "sis": read.district.sis.kind,
        "started_at": read.started_at,
        "finished_at": read.finished_at,
        "status": status,
        "files": [
            {
                "name": file.name,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "records": records.get(file.entity),
                "entity": file.entity,
            }
            for file in read.delivery.files
        ],
        "content_sha256": read.delivery.content_sha256 if read.delivery.files else None,
        "read_under": read.delivery.read_under or None,
        "unknown_columns": [
            f"{entity.source.entity}.{column}"
            for entity in read.entities
            for column in entity.read.unknown_columns
        ],
        "reason": read.fault.reason if read.fault else None,
    }


def _insert_raw(connection: DuckDBPyConnection, complete: Sequence[tuple[str, _Read]]) -> None:
    for file in FILES:
        parts = [
            (read.district.district, extract_id, entity.read)
            for extract_id, read in complete
            for entity in read.entities
            if entity.source.entity == file.entity
        ]
        if not parts:
            continue
        present = {column for _, _, found in parts for column in found.columns}
        columns = ", ".join(
            f'p."{field.name}"' if field.name in present else f"NULL::VARCHAR AS {field.name}"
            for field in file.fields
        )
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE source (filename VARCHAR, district_id VARCHAR, extract_id VARCHAR)"
        )
        connection.executemany(
            "INSERT INTO source VALUES (?, ?, ?)",
            [[str(found.parquet), district, extract] for district, extract, found in parts],
        )
        connection.execute(
            f"INSERT INTO {file.raw.qualified} SELECT s.district_id, s.extract_id, p.row_number, {columns}, p.other_columns"
            " FROM read_parquet($files, union_by_name = true, filename = true) p JOIN source s USING (filename)",
            {"files": [str(found.parquet) for _, _, found in parts]},
        )


def _insert_rejected(
    connection: DuckDBPyConnection, complete: Sequence[tuple[str, _Read]], scratch: Path
) -> None:
    rows = [
        (read.district.district, extract_id, entity.source.entity, entity.source.name, *astuple(row), "read")
        for extract_id, read in complete
        for entity in read.entities
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


_REJECTED = {name: str for name in REJECTED_ROWS.column_names} | {"row_number": int}
