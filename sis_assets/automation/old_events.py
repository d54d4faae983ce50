"""Removes what Dagster noted of runs that ended long ago, but for the history of the assets.

Dagster itself forgets ticks, never events. Asset and check events stay: the status of every partition is made of them. A
run that was done is marked by a tag, so that the next round leaves it alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Final

import dagster as dg
import sqlalchemy as db
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

DONE_TAG: Final = "sis_assets/events_removed"
_KEPT: Final = sorted(event.value for event in ASSET_EVENTS | ASSET_CHECK_EVENTS)
_AT_ONCE: Final = 500


def remove_old_events(instance: dg.DagsterInstance, before: datetime, *, dry: bool = False) -> int:
    """Remove the events of runs that ended before the moment, and return how many there were; `dry` only counts.

    Nothing is done in an event log of another kind than SQL.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    removed = 0
    for run_id in _ended(instance, before):
        removed += _of_run(storage, run_id, dry=dry)
        if not dry:
            instance.add_run_tags(run_id, {DONE_TAG: "true"})
    return removed


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    wanted = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before)
    cursor = None
    while records := instance.get_run_records(wanted, limit=_AT_ONCE, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        for record in records:
            if record.dagster_run.tags.get(DONE_TAG) != "true":
                yield record.dagster_run.run_id


def _of_run(storage: SqlEventLogStorage, run_id: str, *, dry: bool) -> int:
    table = SqlEventLogStorageTable
    other = db.and_(
        table.c.run_id == run_id,
        db.or_(table.c.dagster_event_type.is_(None), table.c.dagster_event_type.not_in(_KEPT)),
    )
    with storage.run_connection(run_id) as connection:
        count = connection.execute(db.select(db.func.count()).where(other)).scalar_one()
        if count and not dry:
            connection.execute(table.delete().where(other))
    if count and not dry and isinstance(storage, SqliteEventLogStorage):
        with closing(sqlite3.connect(storage.path_for_shard(run_id), timeout=60)) as shard:
            shard.execute("VACUUM")  # each run has a file of its own, which does not shrink by itself
    return int(count)
