"""Dagster's SQLite event log with its connections kept open, and the events of a batch in few transactions.

The shipped storage opens a new engine for every single event, whose SQL it then compiles anew: ten times the work that
is needed. A night writes hundreds of thousands of events, so this is the difference that a batch of districts feels. It is
configured in `dagster.yaml`; tables and files are the shipped ones, and a home can go back by removing the entry.
Verified against the pinned Dagster; see docs/decisions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as db
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

MOST_OPEN_SHARDS = 16
MOST_WAITING = 1000
_WRITTEN_TOGETHER = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION}
BUSY_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The shipped storage, but each run's database stays open while it is among the last that were used."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._known_tables: set[str] = set()
        self._waiting: list[EventLogEntry] | None = None
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        """Build the storage from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write the materializations and check evaluations of the block in few transactions, the last at its end."""
        self._waiting = []
        try:
            yield
        finally:
            waiting, self._waiting = self._waiting, None
            self._store_together(waiting)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or keep it for the end of the block whose events are written together."""
        if self._waiting is None or event.dagster_event_type not in _WRITTEN_TOGETHER:
            super().store_event(event)
            return
        self._waiting.append(event)
        if len(self._waiting) == MOST_WAITING:
            waiting, self._waiting = self._waiting, []
            self._store_together(waiting)

    def _store_together(self, events: Sequence[EventLogEntry]) -> None:
        """Do for all events, which are of one run, what the shipped `store_event` does for one."""
        if not events:
            return
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_transaction() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            # A transaction that writes has the database to itself, so its rows are the last and without a gap.
            last = connection.execute(db.select(db.func.max(SqlEventLogStorageTable.c.id))).scalar_one()
            numbered = list(zip(range(last - len(rows) + 1, last + 1), events, strict=True))
            made = [
                (n, e) for n, e in numbered if e.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION
            ]
            self._store_asset_event_tags(
                connection, [event for _, event in made], [number for number, _ in made]
            )
            newest = {event.get_dagster_event().asset_key: (number, event) for number, event in made}
            for number, event in newest.values():
                self._store_asset_event(connection, event, number)
        for number, event in numbered:
            if event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
                self.store_asset_check_event(event, number)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection:
                # Write-ahead logging keeps every event through a killed process without a sync each.
                connection.execute(db.text("PRAGMA synchronous = NORMAL"))
            self._engines[shard] = engine
            while len(self._engines) > MOST_OPEN_SHARDS:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(shard)
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index database has a table; one that was there once is not asked for again."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def has_asset_key_index_cols(self) -> bool:
        """Return True: the pinned version's tables have them."""
        return True

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:  # noqa: ARG002 - the base's signature
        return True

    def dispose(self) -> None:
        """Close every database."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()
