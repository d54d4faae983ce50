"""The resources: the platform that a run works on, and a reader's way into the lake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
from dagster_duckdb import DuckDBResource

from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.model.schema import TABLES
from sis_assets.pipeline.stage import Clock, Outcome, Stage, Status, redacted
from sis_assets.pipeline.sync import goes_on, merge
from sis_assets.sis.kinds import RAW_TABLES
from sis_assets.warehouse import Home, Warehouse
from sis_assets.warehouse.lake import wide

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District, Registry
    from sis_assets.sis.delimited import Readers

StageFunction = Callable[[Stage, Sequence["District"]], dict[str, Outcome]]

ALL_TABLES = (*RAW_TABLES, *TABLES)


class Platform:
    """One run's surroundings and what is known of each district so far. Opened at first use, closed with the run.

    `at` sets the business clock, `outside_window` names who has APIs read whatever the hours of pull say. Readers and
    warehouse given from outside stay open: a command that syncs many times keeps them warm. `only` names the districts
    whose files are read: a run of few districts does not pay for all the others.
    """

    def __init__(
        self,
        home: Home | None = None,
        *,
        at: datetime | None = None,
        outside_window: str | None = None,
        warehouse: Warehouse | None = None,
        readers: Readers | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        self.home = home or Home.from_environment()
        self.clock = Clock(at)
        self.outside_window = outside_window
        self.outcomes: dict[str, Outcome] = {}
        self._warehouse, self._readers = warehouse, readers
        self._only = None if only is None else frozenset(only)
        self._registry: Registry | None = None
        self._mine = ExitStack()

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self._mine.close()
        self._warehouse = self._readers = None

    @property
    def warehouse(self) -> Warehouse:
        """The lake, for writing."""
        if self._warehouse is None:
            self._warehouse = self._mine.enter_context(Warehouse(self.home, ALL_TABLES))
        return self._warehouse

    @property
    def readers(self) -> Readers:
        """The processes that parse files."""
        if self._readers is None:
            from sis_assets.sis.delimited import Readers  # noqa: PLC0415 - only runs that read need it

            self._readers = self._mine.enter_context(Readers())
        return self._readers

    @property
    def registry(self) -> Registry:
        """The district files, all or those of the districts in question, as they were at first use."""
        if self._registry is None:
            from sis_assets.districts import load_districts  # noqa: PLC0415 - no file is read at import

            self._registry = load_districts(self.home.districts, self._only)
        return self._registry

    @property
    def stage(self) -> Stage:
        """The surroundings of the stages."""
        return Stage(self.home, self.warehouse, self.readers, self.clock, self.outside_window)

    def run(self, stage: StageFunction, names: Sequence[str]) -> dict[str, Outcome]:
        """Run a stage for those of the districts that nothing stopped so far; gives the outcomes of this stage.

        A fault that concerns no single district (a locked catalog, a full disk) fails each of them by name.
        """
        going = [name for name in names if goes_on(self.outcomes.get(name))]
        results = {
            name: _unreadable(name, error) for name in going if (error := self.registry.broken.get(name))
        }
        results |= {
            name: _unknown(name)
            for name in going
            if name not in self.registry.broken and name not in self.registry.districts
        }
        ready = [self.registry.districts[name] for name in going if name not in results]
        if ready:
            try:
                results |= stage(self.stage, ready)
            except Exception as error:  # noqa: BLE001 - whatever it is, its words may quote a student's row
                fault = error if isinstance(error, Fault) else redacted(error)
                results |= {district.district: Outcome.failed(district.district, fault) for district in ready}
        for name, outcome in results.items():
            self.outcomes[name] = merge(self.outcomes[name], outcome) if name in self.outcomes else outcome
        return results


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn whatever is raised in an asset's or an op's body into a failure whose words quote no data."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - its words and its causes may quote a student's row
        reason = (error if isinstance(error, Fault) else redacted(error)).reason
    else:
        return
    raise dg.Failure(description=reason, allow_retries=False)


def _unreadable(name: str, error: Fault) -> Outcome:
    return Outcome.failed(name, error)


def _unknown(name: str) -> Outcome:
    return Outcome(
        name,
        Status.FAILED,
        PermanentFault(
            tried=f"Looking for the district {name}",
            seen="there is no file of that name in districts/",
            todo="Add the district's file or correct the name",
            mover=Mover.ENGINEER,
        ).reason,
    )


@dg.resource(
    description="The run's home, warehouse, readers and business clock. The run's tag sis_assets/at sets the clock."
)
def platform(context: dg.InitResourceContext) -> Iterator[Platform]:
    """Give every run its own platform."""
    tags = context.run.tags if context.run else {}
    at = tags.get(AT_TAG)
    with Platform(at=datetime.fromisoformat(at) if at else None, only=districts_of(tags)) as opened:
        yield opened


AT_TAG = "sis_assets/at"
DISTRICTS_TAG = "sis_assets/districts"


def districts_of(tags: Mapping[str, str]) -> list[str] | None:
    """Return the districts that a run's tags name, one by one or as its partition; None of a run of a range, or of none."""
    named = tags.get(DISTRICTS_TAG) or tags.get("dagster/partition")
    return named.split(",") if named else None


def batch_tags(districts: Sequence[str]) -> dict[str, str]:
    """Return the tags of one run for any subset of the districts, which are given in the order of Dagster's partitions.

    A range of Dagster is contiguous and takes no failures, so the run carries the list and defers its asset events.
    """
    return {
        "dagster/asset_partition_range_start": districts[0],
        "dagster/asset_partition_range_end": districts[-1],
        "dagster/defer_asset_events": "true",
        DISTRICTS_TAG: ",".join(districts),
    }


class Lake(DuckDBResource):
    """A reader's connection to the lake for assets of your own: read only, one snapshot, closed whatever happens."""

    database: str = ":memory:"

    @contextmanager
    def get_connection(self) -> Iterator[DuckDBPyConnection]:
        """Give a read-only connection; raises NeedsPerson when there is no warehouse yet."""
        with (
            Warehouse(Home.from_environment(), ALL_TABLES, read_only=True) as warehouse,
            warehouse.read() as connection,
            wide(connection),
        ):
            yield connection
