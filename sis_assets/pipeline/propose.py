"""Compare the newest extracts with the accounts, let the guard judge, apply what passes: one transaction for the set.

The change sets, the accounts, the outbox and the ledger are written together or not at all; a rerun finds the
comparison in the ledger and does nothing (DESIGN §5, §6, §7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sis_assets.model import guard, lifecycle
from sis_assets.model.calendar import Mode, near_year_start
from sis_assets.model.faults import Mover, PermanentFault, sentence
from sis_assets.model.schema import CHANGE_KINDS, CHANGE_SETS, CHANGES, PROPOSALS
from sis_assets.pipeline import reviews
from sis_assets.pipeline.apply import apply, fold
from sis_assets.pipeline.canonicalise import typed_under
from sis_assets.pipeline.compare import Case, Figures, compare
from sis_assets.pipeline.extract import paused
from sis_assets.pipeline.stage import ChangeSet, Outcome, Stage, Status, redacted
from sis_assets.warehouse import ledger
from sis_assets.warehouse.lake import wide
from sis_assets.warehouse.ledger import State
from sis_assets.warehouse.rows import insert, lay, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District


def propose(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Propose, guard and apply for every district of the set; gives one outcome a district.

    applied, held (anything of it waits for a person), unchanged, skipped (the calendar keeps it back), or failed.
    """
    outcomes = stage.warehouse.write(lambda connection: _propose(connection, stage, districts))
    held = [
        name
        for name, outcome in outcomes.items()
        if any(found.status == "held" for found in outcome.change_sets)
    ]
    try:
        reviews.keep(stage.warehouse, {*held, *reviews.districts_with_pages(stage.home)} & outcomes.keys())
    except Exception as error:  # noqa: BLE001 - what was proposed stands; the nightly job writes the pages, or fails
        seen = error.strerror if isinstance(error, OSError) else redacted(error).seen
        told = f"The pages for review were not all written or removed: {seen}"
        outcomes |= {name: replace(outcomes[name], notes=(*outcomes[name].notes, told)) for name in held}
    return outcomes


def _propose(
    connection: DuckDBPyConnection, stage: Stage, districts: Sequence[District]
) -> dict[str, Outcome]:
    states, now = ledger.states(connection, [district.district for district in districts]), stage.clock.now()
    outcomes: dict[str, Outcome] = {}
    cases: list[Case] = []
    for district in districts:
        state, (mode, last) = states[district.district], stage.mode(district)
        standing = _standing(district, state, mode, last, now)
        if standing is not None:
            outcomes[district.district] = standing
        elif state.newest is not None:
            number = state.proposal.number + 1 if state.proposal else 1
            # A clock that was set says nothing of how long a person has really waited.
            until = None if stage.clock.at else now + timedelta(days=district.guard.approve_within_days)
            cases.append(
                Case(district, state.newest, mode, last, stage.day(district), number, state.held, until)
            )
    if cases:
        outcomes |= _compare(connection, now, cases)
    _with_held_sets(connection, outcomes, states, {case.id for case in cases})
    return outcomes


def _standing(
    district: District, state: State, mode: Mode, last: date | None, now: datetime
) -> Outcome | None:
    """Outcome of a district that is not compared now; None when it is: what can be approved no more is proposed anew."""
    name = district.district
    if state.newest is None or state.last_failed:
        fault = PermanentFault(
            tried="Comparing with the accounts",
            seen="the newest read failed or there is none",
            todo="Repair the source and sync again",
            mover=Mover.ENGINEER,
        )
        return Outcome.failed(name, fault)
    if mode is Mode.PAUSE:
        return Outcome(name, Status.SKIPPED, paused(last))
    expired = state.held_until is not None and state.held_until < now
    if not expired and state.proposal is not None and state.is_proposed(mode, district.digest()):
        if state.proposal.waiting and not state.held:
            return Outcome(name, Status.SKIPPED, _kept_back(state.proposal.waiting, last))
        return Outcome(
            name,
            Status.UNCHANGED,
            sentence("The same bytes as last time; the next extract is awaited", Mover.DISTRICT),
        )
    if state.newest.typed_under != typed_under(district):
        fault = PermanentFault(
            tried="Comparing with the accounts",
            seen="the canonical tables were not made of the newest extract under this district file",
            todo="Materialize core for this district first",
            mover=Mover.ENGINEER,
        )
        return Outcome.failed(name, fault)
    return None


def _compare(connection: DuckDBPyConnection, now: datetime, cases: Sequence[Case]) -> dict[str, Outcome]:
    with wide(connection, sum(case.extract.records.get("students", 0) for case in cases)):
        figures = compare(connection, cases)
    verdicts = {case.id: _judge(case, figures[case.id]) for case in cases}
    _split(connection, cases, verdicts, figures)
    superseded = [set_id for case in cases for set_id in case.held]
    if superseded:
        connection.execute(
            "UPDATE lifecycle.change_sets SET status = 'superseded', decided_at = ?, decided_by = 'a later sync'"
            f" WHERE (change_set_id || '') IN ({quoted(superseded)})",
            [now],
        )
    sets = _change_sets(connection, now, cases, verdicts, figures)
    if sets:
        connection.execute(
            f"INSERT INTO lifecycle.changes SELECT {', '.join(CHANGES.column_names)} FROM split"
        )
    moved = [name for name, mine in sets.items() if any(found.status == "applied" for found in mine)]
    if moved:
        connection.execute("CREATE OR REPLACE TEMP VIEW rows AS SELECT * FROM split WHERE NOT held")
        fold(connection, moved)
        apply(connection, moved)
    insert(
        connection,
        PROPOSALS,
        [
            {
                "district_id": case.id,
                "number": case.number,
                "extract_id": case.extract.extract_id,
                "content_sha256": case.extract.content_sha256,
                "mode": case.mode,
                "district_file_sha256": case.district.digest(),
                "proposed_at": now,
                "delivered": case.id in moved or not (case.id in sets or figures[case.id].kept),
                "waiting": figures[case.id].waiting,
            }
            for case in cases
        ],
    )
    return {
        case.id: _outcome(case, sets.get(case.id, []), verdicts[case.id], figures[case.id]) for case in cases
    }


def _judge(case: Case, figures: Figures) -> guard.Verdict:
    settings = case.district.guard
    thresholds = {
        kind: guard.Threshold(found.percent, found.at_least)
        for kind in guard.GUARDED
        if (found := getattr(settings, kind))
    }
    limits = guard.Limits(
        kinds=thresholds,
        rejected=guard.Threshold(settings.rejected.percent, settings.rejected.at_least),
        shrink=guard.Threshold(settings.shrink.percent, settings.shrink.at_least),
        hold_all=settings.on_hold == "all",
    )
    extent = guard.Extent(
        records=_records(case, figures),
        yardstick=figures.yardstick,
        rejected_students=figures.rejected,
        unreadable_keys=figures.unreadable,
        missing=figures.missing,
    )
    return guard.judge(
        limits,
        figures.counts,
        extent,
        first_sync=figures.accounts == 0 and figures.undone == 0,
        near_year_start=near_year_start(
            case.today, case.district.calendar.year_start, settings.transfer.year_start_days
        ),
    )


def _records(case: Case, figures: Figures) -> Mapping[str, int]:
    """Return the extract's records by entity; where students stand among other people, those that are, or were rejected."""
    records = case.extract.records
    return records if "students" in records else {**records, "students": figures.students + figures.rejected}


def _split(
    connection: DuckDBPyConnection,
    cases: Sequence[Case],
    verdicts: Mapping[str, guard.Verdict],
    figures: Mapping[str, Figures],
) -> None:
    """Lay down `split`: `proposed` with the change set that each row belongs to, and whether that one is held.

    What depends on a held change of id is held with it.
    """
    trips: list[list[object]] = []
    for name, verdict in verdicts.items():
        kinds = CHANGE_KINDS if verdict.everything else sorted(verdict.kinds)
        trips += [[name, kind, None, False] for kind in kinds]
        trips += [[name, kind, school, False] for kind, school in sorted(verdict.schools)]
        trips += [[name, "deactivate", None, True]] * verdict.missing
    lay(
        connection,
        "trips",
        {"district_id": "VARCHAR", "kind": "VARCHAR", "school_id": "VARCHAR", "only_missing": "BOOLEAN"},
        trips,
    )
    lay(
        connection,
        "numbers",
        {"district_id": "VARCHAR", "extract_id": "VARCHAR", "sets": "BIGINT"},
        [[c.id, c.extract.extract_id, figures[c.id].sets] for c in cases],
    )
    numbered = "n.extract_id || '.' || (n.sets + {place}) AS change_set_id FROM proposed p JOIN numbers n USING (district_id)"
    if not trips:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW split AS SELECT p.*, false AS held, {numbered.format(place=1)}"
        )
        return
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE tripped AS SELECT district_id, student_id, kind, EXISTS (SELECT 1 FROM trips t"
        " WHERE t.district_id = p.district_id AND t.kind = p.kind"
        " AND (t.school_id IS NULL OR t.school_id = CASE WHEN p.kind = 'create' THEN p.school_to ELSE p.school_from END)"
        " AND (NOT t.only_missing OR p.reason = 'missing')) AS trips FROM proposed p"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE marked AS SELECT * EXCLUDE (trips), trips OR coalesce(bool_or(trips AND kind = 'rekey')"
        " OVER (PARTITION BY district_id, student_id), false) AS held FROM tripped"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE parts AS SELECT district_id, bool_or(NOT held) AS applies FROM marked GROUP BY district_id"
    )
    place = numbered.format(place="CASE WHEN m.held AND parts.applies THEN 2 ELSE 1 END")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE split AS SELECT p.*, m.held, {place}"
        " JOIN marked m USING (district_id, student_id, kind) JOIN parts USING (district_id)"
    )


def _change_sets(
    connection: DuckDBPyConnection,
    now: datetime,
    cases: Sequence[Case],
    verdicts: Mapping[str, guard.Verdict],
    figures: Mapping[str, Figures],
) -> dict[str, list[ChangeSet]]:
    """Write the change sets of `split`, and return them by district.

    A hold of everything is a set of its own even when it has no rows: somebody must accept the extract, unless somebody
    has refused these bytes already.
    """
    hashes = dict(
        connection.execute(
            f"SELECT change_set_id, content_sha256 FROM ({lifecycle.content_sha256('split')})"
        ).fetchall()
    )
    found = connection.execute(
        f"SELECT c.district_id, c.change_set_id, h.held, {', '.join(f'c.{kind}s' for kind in CHANGE_KINDS)}"
        f" FROM ({lifecycle.counts('split')}) c JOIN (SELECT DISTINCT change_set_id, held FROM split) h USING (change_set_id)"
        " ORDER BY c.change_set_id"
    ).fetchall()
    by_district: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        by_district.setdefault(row[0], []).append(row)
    rows: list[dict[str, Any]] = []
    result: dict[str, list[ChangeSet]] = {}
    for case in cases:
        mine = by_district.get(case.id, [])
        verdict, figure = verdicts[case.id], figures[case.id]
        if verdict.everything and not mine and not figure.decided:
            mine = [
                (case.id, f"{case.extract.extract_id}.{figure.sets + 1}", True, *(0 for _ in CHANGE_KINDS))
            ]
        for _, set_id, held, *numbers in mine:
            counts = dict(zip(CHANGE_KINDS, numbers, strict=True))
            result.setdefault(case.id, []).append(ChangeSet(set_id, "held" if held else "applied", counts))
            rows.append(
                {
                    "district_id": case.id,
                    "change_set_id": set_id,
                    "extract_id": case.extract.extract_id,
                    "status": "held" if held else "applied",
                    "reasons": list(verdict.reasons) if held else [],
                    "created_at": now,
                    "held_until": case.approve_until if held else None,
                    "decided_at": None if held else now,
                    "decided_by": None if held else "guard",
                    "content_sha256": hashes.get(set_id, _EMPTY),
                    **{f"{kind}s": number for kind, number in counts.items()},
                    "unchanged": figure.unchanged,
                    "rejected": figure.rejected,
                    "protected": figure.protected,
                }
            )
    insert(connection, CHANGE_SETS, rows)
    return result


_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _kept_back(waiting: int, last: date | None) -> str:
    return sentence(
        f"The calendar lets only new and returning students through until {last}; {waiting} other changes wait",
        Mover.ENGINEER,
    )


def _outcome(case: Case, sets: Sequence[ChangeSet], verdict: guard.Verdict, figures: Figures) -> Outcome:
    if any(change_set.status == "held" for change_set in sets):
        status, reason = Status.HELD, " ".join(verdict.reasons)
    elif sets:
        status, reason = Status.APPLIED, sentence("Applied; the next extract is awaited", Mover.DISTRICT)
        if figures.waiting:
            reason = _kept_back(figures.waiting, case.until)
    elif figures.waiting:
        status, reason = Status.SKIPPED, _kept_back(figures.waiting, case.until)
    elif figures.decided:
        told = "Nothing differs but what a person discarded or undid; that comes back only with other files"
        status, reason = Status.UNCHANGED, sentence(told, Mover.DISTRICT)
    else:
        status, reason = (
            Status.UNCHANGED,
            sentence("Nothing tracked differs; the next extract is awaited", Mover.DISTRICT),
        )
    created = sum(change_set.counts["create"] for change_set in sets if change_set.status == "applied")
    return Outcome(
        case.id,
        status,
        reason,
        extract_id=case.extract.extract_id,
        change_sets=tuple(sets),
        rows={"lifecycle/accounts": figures.accounts + created},
    )


def _with_held_sets(
    connection: DuckDBPyConnection,
    outcomes: dict[str, Outcome],
    states: Mapping[str, State],
    compared: set[str],
) -> None:
    """Say `held` for districts that were not compared now and have held sets: what is held stays held."""
    wanted = {
        set_id: name
        for name, outcome in outcomes.items()
        if name not in compared and outcome.status is Status.UNCHANGED
        for set_id in states[name].held
    }
    if not wanted:
        return
    kinds = ", ".join(f"{kind}s" for kind in CHANGE_KINDS)
    for name, set_id, reasons, *numbers in connection.execute(
        f"SELECT district_id, change_set_id, reasons, {kinds} FROM lifecycle.change_sets WHERE change_set_id IN ({quoted(list(wanted))})"
        " ORDER BY change_set_id"
    ).fetchall():
        before = outcomes[name]
        held = ChangeSet(set_id, "held", dict(zip(CHANGE_KINDS, numbers, strict=True)))
        outcomes[name] = Outcome(
            name,
            Status.HELD,
            " ".join(reasons),
            extract_id=before.extract_id,
            change_sets=(*before.change_sets, held),
        )
