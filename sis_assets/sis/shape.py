"""The common shape of a SIS: what is read of it, and what its records mean in the canonical model.

Every package below `sis/` has a `contract` (its raw tables), a `client` (reads a district's source into a delivery) and a
`canonical` (these two, as data). The pipeline knows a SIS by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from sis_assets.model.schema import Column, Table

if TYPE_CHECKING:
    from sis_assets.districts import District, Problem
    from sis_assets.model.faults import Fault
    from sis_assets.sis.delimited import Readers
    from sis_assets.sis.reading import Delivery, EntityRead, Past
    from sis_assets.transport.dropzone import NotYet
    from sis_assets.transport.visit import Visit
    from sis_assets.warehouse import Home

#: Canonical column → the (raw entity, raw column) pairs it is made of.
Lineage = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Records:
    """How the records of one raw entity are judged; every record is accepted or refused with a reason.

    `query` gives, for each row of `raw_<entity>`: district_id, row_number, record_key, reason_code (NULL when
    accepted) and the fields that canonical tables take. It may read `chosen` (district_id, extract_id, as_of, year_end,
    date_format, student_ids, school_ids, state_ids, lea_column), `grade_codes`, `status_codes` and `exit_codes` (district_id,
    code, and grade, status or reason: the district's own), `school_rules` (district_id, school_id, takes_part: the schools
    that the district names in or out), `leas` (district_id, lea_id: the LEAs that it names), `raw_<entity>` of every entity,
    `unread` (district_id, entity, record_key: records that could not be split into fields), and what entities before it left:
    `<entity>_records`, of them `<entity>_good`, and `known_schools` and `schools_here` (district_id, school_id: all, and those
    that take part) after schools, `present` (district_id, student_id) and `rejected_students` (district_id, record_key) after
    students.

    Accepted records of one `key` that differ in `distinct` contradict each other and are all refused; of those that do
    not, the ones that differ in `same` all count and the other copies are refused. Without a `key` nothing repeats.

    Records that are the SIS's schools or students bear that name, or `gives` says how these are made of `{records}`: for
    schools a row each, for students a row each and school. They go on as `schools_good` and `students_good`.
    """

    entity: str
    query: str
    key: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    gives: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Canonical:
    """One canonical table as a SIS fills it.

    `query` gives the table's columns over the `<entity>_good` relations. There are also `schools_here` (district_id,
    school_id: the schools that take part), `students_kept` (core.students: every student at the primary one of them) and
    `student_schools_kept` (core.student_schools). `entities` are the raw entities that it is made of: while their content
    and the rules stay the same, so does the table, unless it is `dated`: made of the day of the read too.
    """

    table: Table
    entities: tuple[str, ...]
    query: str
    lineage: Lineage
    dated: bool = False


#: The identifier of a student that the canonical tables use.
STUDENT_ID = "student_id"
#: The SIS's own key of a student, where records name the student by that: `sis_key` of the accounts.
SIS_KEY = "sis_key"
#: What every raw table has beside the SIS's own columns.
_OURS = frozenset({"district_id", "extract_id", "row_number", "other_columns"})


class Client(Protocol):
    """What a SIS's module `client` has: how a district's source is read."""

    def problems(self, district: District) -> tuple[Problem, ...]:
        """Return what is wrong with the district's settings in the light of the SIS's contract."""

    def checks(self, district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
        """Give the checks of a doctor: a name, and a look that returns what was seen or raises a Fault with what to do."""

    def fetch(self, district: District, home: Home, past: Past, visit: Visit) -> Delivery | NotYet:
        """Land everything that the source says now below the home; raises a Fault.

        An API is asked within the `visit`: what that ends by HoursOverError is gone on with in a later one.
        """

    def read(
        self, deliveries: Mapping[str, tuple[District, Delivery]], readers: Readers, into: Path
    ) -> dict[str, tuple[EntityRead, ...] | Fault]:
        """Turn all deliveries into tables of text in the folder; a fault of one district touches no other."""


@dataclass(frozen=True, slots=True)
class Sis:
    """A SIS that this version reads: `name` is the prefix of its raw tables, `package` stands below `sis/`.

    `students` says which columns of which raw entities name a student, and by which of the student's identifiers: entity →
    column → kind of identifier, of which STUDENT_ID and SIS_KEY are those that the accounts have. Where it names several columns, they are the
    same student's; the first is the one that a record's key repeats.

    `records` come in the order in which they are judged, `raw` has a table for each of their entities. `source` names
    what the lineage begins with, `description` and `technology` say what that is.
    """

    name: str
    package: str
    source: str
    description: str
    technology: frozenset[str]
    raw: tuple[Table, ...]
    records: tuple[Records, ...]
    canonical: tuple[Canonical, ...]
    students: Mapping[str, Mapping[str, str]]

    @property
    def student_entity(self) -> str:
        """The raw entity whose records are the students."""
        given = (
            records.entity for records in self.records for name, _ in records.gives if name == "students"
        )
        return next(given, "students")

    @property
    def entities(self) -> tuple[str, ...]:
        """The raw entities, in the order of their judgement."""
        return tuple(records.entity for records in self.records)

    def fields(self, entity: str) -> tuple[Column, ...]:
        """Return the columns of an entity that the SIS itself has: without ours."""
        return tuple(column for column in self.raw_of(entity).columns if column.name not in _OURS)

    def raw_of(self, entity: str) -> Table:
        """Return the raw table of an entity."""
        return next(table for table in self.raw if table.name == f"{self.name}_{entity}")

    @property
    def client(self) -> Client:
        """The module that reads sources; loaded at first use, it brings what it needs to reach them."""
        return cast("Client", import_module(f"sis_assets.sis.{self.package}.client"))
