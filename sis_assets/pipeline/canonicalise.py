"""Type the newest complete extracts into the canonical tables, for all districts of the set in one transaction.

Every record is loaded or stands in `core.rejected_rows` with its reason; the ledger says how many. A table whose
inputs are the same as those it was made of is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from sis_assets.model import canonical as rules
from sis_assets.model.calendar import local_day
from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.model.reasons import REASONS
from sis_assets.model.schema import CORE, STUDENT_SCHOOLS, STUDENTS
from sis_assets.pipeline.stage import Outcome, Stage
from sis_assets.sis.kinds import ALL, KINDS, sis_of
from sis_assets.warehouse import ledger
from sis_assets.warehouse.lake import wide
from sis_assets.warehouse.ledger import Extract
from sis_assets.warehouse.rows import lay, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.sis.shape import Canonical, Records, Sis

_NO_END = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class _Work:
    """A district whose newest extract is to be typed."""

    district: District
    extract: Extract
    typed: Extract | None
    as_of: date

    @property
    def id(self) -> str:
        return self.district.district

    @property
    def typed_under(self) -> str:
        return typed_under(self.district)

    @property
    def is_typed_alike(self) -> bool:
        """Whether the tables that stand were made by the same rules under the same district file."""
        return self.typed is not None and self.typed.typed_under == self.typed_under

    def leaves(self, table: Canonical) -> bool:
        """Whether the table would be made of the same content by the same rules again."""
        return (
            self.typed is not None
            and self.is_typed_alike
            and not table.dated
            and self.typed.read_under == self.extract.read_under
            and all(
                self.typed.files.get(entity) == self.extract.files.get(entity) for entity in table.entities
            )
        )


@cache
def _rules(kind: str) -> str:
    """Fingerprint of a kind's rules, so that an extract typed by older rules is typed again."""
    sis = KINDS[kind]
    return fingerprint(
        [
            [asdict(records) for records in sis.records],
            [[table.table.qualified, table.query] for table in sis.canonical],
            rules.repeated("records", ("key",), ("content",)),
            rules.refusals("repeats", ("key",), ("same",)),
            rules.PRIMARY_FIRST,
            sorted(REASONS.items()),
        ]
    )


def typed_under(district: District) -> str:
    """Return the fingerprint of everything but the bytes that decides what the canonical tables hold."""
    return fingerprint([_rules(district.sis.kind), district.digest()])


def canonicalise(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Make the canonical tables of every district's newest complete extract; gives one outcome a district.

    Districts whose newest read failed, that have none, or whose tables are up to date cost nothing. Raises PermanentFault,
    and writes nothing, when records got lost on the way.
    """
    return stage.warehouse.write(lambda connection: _canonicalise(connection, districts))


def _canonicalise(connection: DuckDBPyConnection, districts: Sequence[District]) -> dict[str, Outcome]:
    states = ledger.states(connection, [district.district for district in districts])
    outcomes = {district.district: Outcome(district.district) for district in districts}
    works = [
        _Work(district, newest, states[district.district].typed, local_day(newest.started_at, district.zone))
        for district in districts
        if (newest := states[district.district].newest) is not None
        and not states[district.district].last_failed
        and newest.typed_under != typed_under(district)
    ]
    for sis in ALL:
        mine = [work for work in works if sis_of(work.district) is sis]
        if mine:
            outcomes |= _type(connection, sis, mine)
    return outcomes


def _type(connection: DuckDBPyConnection, sis: Sis, works: Sequence[_Work]) -> dict[str, Outcome]:
    """Type the extracts of one SIS."""
    _settings(connection, works)
    judging = _Judging(connection, sis, works)
    with wide(connection, sum(sum(work.extract.records.values()) for work in works)):
        for records in sis.records:
            judging.judge(records)
        rows = {table.table.name: _replace(connection, table, works) for table in sis.canonical}
    _clear_others(connection, sis, works)
    rejected = _finish_ledger(connection, works, judging)
    return {
        work.id: Outcome(
            work.id,
            extract_id=work.extract.extract_id,
            rows={f"core/{table}": counts[work.id] for table, counts in rows.items() if work.id in counts},
            rejected=rejected.get(work.id, {}),
        )
        for work in works
    }


def _settings(connection: DuckDBPyConnection, works: Sequence[_Work]) -> None:
    """Lay the district files' settings beside the data, so that one query serves all districts."""
    lay(
        connection,
        "chosen",
        {
            "district_id": "VARCHAR",
            "extract_id": "VARCHAR",
            "as_of": "DATE",
            "year_end": "DATE",
            "date_format": "VARCHAR",
            "student_ids": "VARCHAR",
            "school_ids": "VARCHAR",
            "state_ids": "VARCHAR",
            "lea_column": "VARCHAR",
            "only_included": "BOOLEAN",
        },
        (
            (
                work.id,
                work.extract.extract_id,
                work.as_of,
                work.district.calendar.year_end or _NO_END,
                work.district.sis.date_format,
                work.district.sis.identified_by.student,
                work.district.sis.identified_by.school,
                work.district.sis.identified_by.state_id,
                work.district.lea_column,
                bool(work.district.schools.include),
            )
            for work in works
        ),
    )
    for codes, meaning in (("grade", "grade"), ("status", "status"), ("exit", "reason")):
        lay(
            connection,
            f"{codes}_codes",
            {"district_id": "VARCHAR", "code": "VARCHAR", meaning: "VARCHAR"},
            (
                (work.id, code, ours)
                for work in works
                for code, ours in getattr(work.district.codes, codes).items()
            ),
        )
    lay(
        connection,
        "school_rules",
        {"district_id": "VARCHAR", "school_id": "VARCHAR", "takes_part": "BOOLEAN"},
        (
            (work.id, school, takes_part)
            for work in works
            for takes_part, schools in (
                (True, work.district.schools.include),
                (False, work.district.schools.exclude),
            )
            for school in schools
        ),
    )
    lay(
        connection,
        "leas",
        {"district_id": "VARCHAR", "lea_id": "VARCHAR"},
        ((work.id, lea) for work in works for lea in work.district.leas),
    )


class _Judging:
    """Judges the records of one SIS, entity by entity, and leaves the relations that `sis/shape.py` promises."""

    def __init__(self, connection: DuckDBPyConnection, sis: Sis, works: Sequence[_Work]) -> None:
        self._connection = connection
        self._works = works
        self.refused = 0
        self.unread = any(
            work.extract.typed_under is not None or work.extract.rejected != 0 for work in works
        )
        self.entities: list[str] = []
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE refused"
            " (district_id VARCHAR, entity VARCHAR, row_number BIGINT, record_key VARCHAR, reason_code VARCHAR)"
        )
        # Constants let the lake skip every file of another district or extract.
        ours = f"WHERE district_id IN ({_ids(works)})"
        for entity in sis.entities:
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW raw_{entity} AS SELECT * FROM lake.{sis.raw_of(entity).qualified}"
                f" {ours} AND extract_id IN ({_extracts(works)})"
            )
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW unread AS SELECT district_id, entity, record_key FROM"
            + (
                f" lake.core.rejected_rows {ours} AND (extract_id || '') IN ({_extracts(works)}) AND stage || '' = 'read'"
                if self.unread
                else " refused WHERE false"
            )
        )

    def judge(self, records: Records) -> None:
        """Lay down `<entity>_good`: the accepted records, repeated keys decided; the others go to `refused`."""
        entity = records.entity
        self.entities.append(entity)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {entity}_records AS {records.query}")
        wrong = self._refuse(entity, f"SELECT * FROM {entity}_records WHERE reason_code IS NOT NULL")
        repeats = copies = 0
        if records.key:
            repeats = self._count(
                f"CREATE OR REPLACE TEMP TABLE {entity}_repeats AS"
                f" {rules.repeated(f'{entity}_records', records.key, records.distinct)}"
            )
        if repeats:
            copies = self._refuse(entity, rules.refusals(f"{entity}_repeats", records.key, records.same))
        good = f"SELECT * FROM {entity}_records g"
        if wrong or copies:
            good += " WHERE reason_code IS NULL"
        if copies:
            good += (
                f" AND NOT EXISTS (SELECT 1 FROM refused f WHERE f.entity = '{entity}'"
                " AND f.district_id = g.district_id AND f.row_number = g.row_number)"
            )
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {entity}_good AS {good}")
        for name, query in records.gives:
            # The same kinds of relations as judging an entity makes: none can replace one of another kind.
            for made, kind in (("TABLE", "records"), ("VIEW", "good")):
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP {made} {name}_{kind} AS {query.format(records=f'{entity}_{kind}')}"
                )
        laid = {entity, *(name for name, _ in records.gives)}
        if "schools" in laid:
            self._schools()
        if "students" in laid:
            self._students(entity, several=bool(repeats) or entity != "students")

    def _schools(self) -> None:
        """Lay down the schools that the extract has, and those that take part."""
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE known_schools AS"
            " SELECT DISTINCT district_id, school_id FROM schools_records WHERE school_id IS NOT NULL"
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE schools_here AS SELECT s.* FROM known_schools s WHERE {_TAKES_PART}"
        )

    def _students(self, entity: str, *, several: bool) -> None:
        """Lay down the students that the extract has, those of whom a record was rejected, and where each is at school."""
        distinct = "DISTINCT" if several else ""
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW present AS SELECT {distinct} district_id, student_id FROM students_good"
        )
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE rejected_students AS SELECT DISTINCT district_id, record_key FROM refused"
            f" WHERE entity = '{entity}' AND record_key IS NOT NULL"
            f" UNION SELECT district_id, record_key FROM unread WHERE entity = '{entity}' AND record_key IS NOT NULL"
        )
        here = "students_good SEMI JOIN schools_here USING (district_id, school_id)"
        students, places = ", ".join(STUDENTS.column_names), ", ".join(STUDENT_SCHOOLS.column_names)
        if several:
            repeated = "(SELECT district_id, student_id FROM students_good GROUP BY ALL HAVING count(*) > 1) k USING (district_id, student_id)"
            self._connection.execute(
                "CREATE OR REPLACE TEMP TABLE several AS SELECT *, row_number() OVER (PARTITION BY district_id, student_id"
                f" ORDER BY status <> 'active', {rules.PRIMARY_FIRST}) = 1 AS is_primary FROM {here} SEMI JOIN {repeated}"
            )
            here = f"(SELECT *, true AS is_primary FROM {here} ANTI JOIN {repeated} UNION ALL BY NAME SELECT * FROM several)"
        else:
            here = f"(SELECT *, true AS is_primary FROM {here})"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW students_kept AS SELECT {students} FROM {here} WHERE is_primary"
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW student_schools_kept AS SELECT {places} FROM {here}"
        )

    def _refuse(self, entity: str, query: str) -> int:
        count = self._count(
            f"INSERT INTO refused SELECT district_id, '{entity}', row_number, record_key, reason_code FROM ({query})"
        )
        self.refused += count
        return count

    def _count(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchall()[0][0])


_TAKES_PART = (
    "NOT EXISTS (SELECT 1 FROM school_rules x WHERE x.district_id = s.district_id AND x.school_id = s.school_id AND NOT x.takes_part)"
    " AND (NOT (SELECT c.only_included FROM chosen c WHERE c.district_id = s.district_id) OR EXISTS (SELECT 1 FROM school_rules x"
    " WHERE x.district_id = s.district_id AND x.school_id = s.school_id AND x.takes_part))"
)


def _replace(connection: DuckDBPyConnection, made: Canonical, works: Sequence[_Work]) -> dict[str, int]:
    """Put the query's rows in the place of the table's rows; gives the rows by district, of those that were written."""
    works = [work for work in works if not work.leaves(made)]
    if not works:
        return {}
    table = made.table.qualified
    before = [work for work in works if work.typed is not None]
    if before:
        connection.execute(f"DELETE FROM {table} WHERE district_id IN ({_ids(before)})")
    rows = connection.execute(
        f"INSERT INTO {table} BY NAME SELECT * FROM ({made.query}) WHERE district_id IN ({_ids(works)})"
    ).fetchall()[0][0]
    if len(works) == 1:
        return {works[0].id: rows}
    counted = connection.execute(
        f"SELECT district_id, count(*) FROM {table} WHERE district_id IN ({_ids(works)}) GROUP BY district_id"
    ).fetchall()
    return {work.id: 0 for work in works} | dict(counted)


def _clear_others(connection: DuckDBPyConnection, sis: Sis, works: Sequence[_Work]) -> None:
    """Remove what another kind of SIS left of these districts in tables that this one does not fill."""
    moved = [work for work in works if work.typed is not None and not work.is_typed_alike]
    filled = {made.table.qualified for made in sis.canonical}
    for table in CORE if moved else ():
        if table.qualified not in filled:
            connection.execute(f"DELETE FROM {table.qualified} WHERE district_id IN ({_ids(moved)})")


def _ids(works: Sequence[_Work]) -> str:
    return quoted([work.id for work in works])


def _extracts(works: Sequence[_Work]) -> str:
    return quoted([work.extract.extract_id for work in works])


def _finish_ledger(
    connection: DuckDBPyConnection, works: Sequence[_Work], judging: _Judging
) -> Mapping[str, dict[str, int]]:
    """Write the rejected rows and complete the extracts' ledger rows; gives the rejected rows by district and entity."""
    again = [work for work in works if work.extract.typed_under is not None]
    if again:
        connection.execute(
            f"DELETE FROM core.rejected_rows WHERE district_id IN ({_ids(again)}) AND extract_id IN ({_extracts(again)}) AND stage = 'typed'"
        )
    if judging.refused:
        lay(connection, "messages", {"reason_code": "VARCHAR", "message": "VARCHAR"}, REASONS.items())
        connection.execute(
            "INSERT INTO core.rejected_rows BY NAME SELECT f.district_id, c.extract_id, f.entity, file.name AS source_file, f.row_number,"
            " f.record_key, f.reason_code, m.message, 'typed' AS stage FROM refused f JOIN chosen c USING (district_id)"
            " JOIN messages m USING (reason_code) JOIN (SELECT extract_id, unnest(files) AS file FROM ops.extracts"
            f" WHERE (extract_id || '') IN ({_extracts(works)})) e ON e.extract_id = c.extract_id AND e.file.entity = f.entity"
        )
    rejected: dict[str, dict[str, int]] = {work.id: {} for work in works}
    if judging.refused or judging.unread:
        for district_id, entity, count in connection.execute(
            f"SELECT district_id, entity, count(*) FROM core.rejected_rows WHERE district_id IN ({_ids(works)})"
            f" AND (extract_id || '') IN ({_extracts(works)}) GROUP BY ALL"
        ).fetchall():
            rejected[district_id][entity] = count
    records = " UNION ALL ".join(
        f"SELECT district_id, 1 AS n FROM {name}_records" for name in judging.entities
    )
    loaded = dict(
        connection.execute(
            f"SELECT district_id, sum(n)::BIGINT FROM ({records} UNION ALL SELECT district_id, -1 FROM refused) GROUP BY district_id"
        ).fetchall()
    )
    lay(
        connection,
        "typed",
        {"extract_id": "VARCHAR", "typed_under": "VARCHAR", "loaded": "BIGINT", "rejected": "BIGINT"},
        [_counted(w, loaded.get(w.id, 0), sum(rejected[w.id].values())) for w in works],
    )
    connection.execute(
        "UPDATE ops.extracts e SET typed_under = t.typed_under, rows_loaded = t.loaded, rows_rejected = t.rejected"
        " FROM typed t WHERE e.extract_id = t.extract_id"
    )
    return rejected


def _counted(work: _Work, loaded: int, rejected: int) -> tuple[str, str, int, int]:
    """Return the extract's id, what it was typed under, and its counts, which must add up to the records of its files."""
    counted = sum(work.extract.records.values())
    if loaded + rejected != counted:
        raise PermanentFault(
            tried=f"Typing {work.extract.extract_id}",
            seen=f"{loaded} records loaded and {rejected} rejected, but {counted} counted",
            todo="Report this; nothing was written",
            mover=Mover.ENGINEER,
        )
    return work.extract.extract_id, work.typed_under, loaded, rejected
