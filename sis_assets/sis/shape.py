"""The common shape of a SIS: what is read of it, and what its records mean in the canonical model.

Every package below `sis/` has a `contract` (its raw tables), a `client` (reads a district's source into a delivery) and a
`canonical` (these two, as data). The pipeline knows a SIS by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sis_assets.model.schema import Table

#: Canonical column → the (raw entity, raw column) pairs it is made of.
Lineage = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Records:
    """How the records of one raw entity are judged; every record is accepted or refused with a reason.

    `query` gives, for each row of `raw_<entity>`: district_id, row_number, record_key, reason_code (NULL when
    accepted) and the fields that canonical tables take. It may read `chosen` (district_id, extract_id, as_of, year_end,
    date_format), `grade_codes`, `status_codes` and `exit_codes` (district_id, code, and grade, status or reason: the
    district's own), and what entities before it left: `<entity>_good`, and `known_schools` (district_id, school_id)
    after schools, `present` (district_id, student_id) and `rejected_students` (district_id, record_key) after students.

    Accepted records of one `key` that differ in `distinct` contradict each other and are all refused; of those that do
    not, the ones that differ in `same` all count and the other copies are refused. Without a `key` nothing repeats.
    """

    entity: str
    query: str
    key: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Canonical:
    """One canonical table as a SIS fills it.

    `query` gives the table's columns over the `<entity>_good` relations; `students_kept` (the students at their primary
    school, at schools that take part) and `schools_here` (district_id, school_id of schools that take part) exist too.
    `entities` are the raw entities that it depends on: when their content and the rules did not change, neither does the table.
    """

    table: Table
    entities: tuple[str, ...]
    query: str
    lineage: Lineage
