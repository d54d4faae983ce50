"""Type the newest complete extracts into the canonical tables, for all districts of the set in one transaction.

Every record is loaded or stands in `core.rejected_rows` with its reason; the ledger says how many. A table whose
inputs are the same as those it was made of is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sis_assets.model import canonical as rules
from sis_assets.model.calendar import local_day
from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.model.fingerprint import fingerprint
from sis_assets.model.reasons import REASONS
from sis_assets.model.schema import SCHOOLS, STUDENT_COURSES, STUDENTS, Table
from sis_assets.pipeline.apply import quoted
from sis_assets.pipeline.stage import Outcome, Stage
from sis_assets.sis.eschoolplus import canonical as sis
from sis_assets.sis.eschoolplus.client import settings_of
from sis_assets.sis.eschoolplus.contract import FILES
from sis_assets.sis.eschoolplus.lineage import MADE_OF
from sis_assets.warehouse import ledger
from sis_assets.warehouse.ledger import Extract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District

#: Changes exactly when the rules do, so that an extract typed by older rules is typed again.
RULES = fingerprint(
    [
        sis.schools(),
        sis.courses(),
        sis.students(),
        sis.student_courses(),
        rules.PERSON,
        rules.repeated("records", ("key",), ("content",)),
        rules.refusals("repeats", ("key",), ("same",)),
        rules.PRIMARY_FIRST,
        sorted(REASONS.items()),
    ]
)
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

    def is_made_of(self, entities: Sequence[str]) -> bool:
        """Whether the tables were made of the same files of these entities by the same rules."""
        return (
            self.typed is not None
            and self.typed.typed_under == self.typed_under
            and self.typed.read_under == self.extract.read_under
            and all(self.typed.files.get(entity) == self.extract.files.get(entity) for entity in entities)
        )


def typed_under(district: District) -> str:
    """Return the fingerprint of everything but the bytes that decides what the canonical tables hold."""
    return fingerprint([RULES, district.digest()])


def canonicalise(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Make the canonical tables of every district's newest complete extract; gives one outcome a district.

    Districts whose newest read failed, that have none, or whose tables are up to date cost nothing. One whose kind of SIS
    has no reader fails. Raises PermanentFault, and writes nothing, when records got lost on the way.
    """
    outcomes: dict[str, Outcome] = {}
    for district in districts:
        try:
            settings_of(district)
        except Fault as fault:
            outcomes[district.district] = Outcome.failed(district.district, fault)
    readable = [district for district in districts if district.district not in outcomes]
    if readable:
        outcomes |= stage.warehouse.write(lambda connection: _canonicalise(connection, readable))
    return outcomes


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
    if not works:
        return outcomes
    _settings(connection, works)
    for file in FILES:
        _view_of_raw(connection, file.entity, works)
    rows = _type_all(connection, works)
    rejected = _finish_ledger(connection, works)
    for work in works:
        name = work.id
        outcomes[name] = Outcome(
            name,
            extract_id=work.extract.extract_id,
            rows={f"core/{table}": counts[name] for table, counts in rows.items() if name in counts},
            rejected=rejected.get(name, {}),
        )
    return outcomes


def _settings(connection: DuckDBPyConnection, works: Sequence[_Work]) -> None:
    """Lay the district files' settings beside the data, so that one query serves all districts."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE chosen (district_id VARCHAR, extract_id VARCHAR, as_of DATE, year_end DATE,"
        " date_format VARCHAR, only_included BOOLEAN)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE grade_codes (district_id VARCHAR, code VARCHAR, grade VARCHAR)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE school_rules (district_id VARCHAR, school_id VARCHAR, takes_part BOOLEAN)"
    )
    _fill(
        connection,
        "chosen",
        (
            (
                work.id,
                work.extract.extract_id,
                work.as_of,
                work.district.calendar.year_end or _NO_END,
                settings_of(work.district).files.date_format,
                bool(work.district.schools.include),
            )
            for work in works
        ),
    )
    _fill(
        connection,
        "grade_codes",
        ((work.id, code, grade) for work in works for code, grade in work.district.codes.grade.items()),
    )
    _fill(
        connection,
        "school_rules",
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


def _fill(connection: DuckDBPyConnection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    listed = list(rows)
    if listed:
        width = f"({', '.join('?' for _ in listed[0])})"
        connection.execute(
            f"INSERT INTO {table} VALUES {', '.join([width] * len(listed))}",
            [value for row in listed for value in row],
        )


def _view_of_raw(connection: DuckDBPyConnection, entity: str, works: Sequence[_Work]) -> None:
    """Show the chosen extracts only; constants let the lake skip every other file."""
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW raw_{entity} AS SELECT * FROM lake.raw.eschoolplus_{entity}"
        f" WHERE district_id IN ({_ids(works)}) AND extract_id IN ({_extracts(works)})"
    )


def _type_all(connection: DuckDBPyConnection, works: Sequence[_Work]) -> dict[str, dict[str, int]]:
    """Type every entity; gives the rows that were written, by table and district."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE refused (district_id VARCHAR, entity VARCHAR, row_number BIGINT, record_key VARCHAR, reason_code VARCHAR)"
    )
    written: dict[str, dict[str, int]] = {}
    changing = [work for work in works if not work.is_made_of(("schools", "courses"))]

    _records(connection, "schools", sis.schools(), ("school_id",), ("name", "school_type"))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE known_schools AS SELECT DISTINCT district_id, school_id FROM schools_records WHERE school_id IS NOT NULL"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE schools_here AS SELECT s.* FROM known_schools s WHERE {_TAKES_PART}"
    )
    here = "SEMI JOIN schools_here USING (district_id, school_id)"
    written["schools"] = _replace(
        connection, "schools", changing, f"SELECT {_list(SCHOOLS)} FROM schools_good {here}"
    )

    described = ("name", "credits", "low_grade", "high_grade", "department")
    _records(connection, "courses", sis.courses(), ("school_id", "course_code"), described)
    written["courses"] = _replace(
        connection,
        "courses",
        changing,
        f"SELECT district_id, course_code, {', '.join(described)}, true AS is_active, NULL::BOOLEAN AS is_active_next_year FROM courses_good {here}"
        " QUALIFY row_number() OVER (PARTITION BY district_id, course_code ORDER BY school_id) = 1",
    )
    written["school_courses"] = _replace(
        connection,
        "school_courses",
        changing,
        f"SELECT district_id, school_id, course_code FROM courses_good {here}",
    )

    _records(connection, "students", sis.students(), ("student_id",), rules.PERSON, same=("school_id",))
    _students(connection, works, written)

    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rejected_students AS SELECT district_id, record_key FROM refused"
        " WHERE entity = 'students' AND record_key IS NOT NULL"
        f" UNION SELECT district_id, record_key FROM lake.core.rejected_rows WHERE district_id IN ({_ids(works)})"
        f" AND (extract_id || '') IN ({_extracts(works)}) AND (entity || stage) = 'studentsread' AND record_key || '' IS NOT NULL"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE present AS SELECT DISTINCT district_id, student_id FROM students_good"
    )
    _records(connection, "student_courses", sis.student_courses(), ("stated",), ("stated",))
    written["student_courses"] = _replace(
        connection,
        "student_courses",
        works,
        f"SELECT {_list(STUDENT_COURSES)} FROM student_courses_good SEMI JOIN students_kept USING (district_id, student_id)",
    )
    return written


_TAKES_PART = (
    "NOT EXISTS (SELECT 1 FROM school_rules x WHERE x.district_id = s.district_id AND x.school_id = s.school_id AND NOT x.takes_part)"
    " AND (NOT (SELECT c.only_included FROM chosen c WHERE c.district_id = s.district_id) OR EXISTS (SELECT 1 FROM school_rules x"
    " WHERE x.district_id = s.district_id AND x.school_id = s.school_id AND x.takes_part))"
)


def _records(
    connection: DuckDBPyConnection,
    entity: str,
    query: str,
    key: Sequence[str],
    distinct: Sequence[str],
    *,
    same: Sequence[str] = (),
) -> None:
    """Lay down `<entity>_good`: the accepted records, repeated keys decided; the others go to `refused`.

    Records of one `key` that differ in `distinct` contradict each other; those that do not, but in `same`, all count.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {entity}_records AS {query}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {entity}_repeats AS {rules.repeated(f'{entity}_records', key, distinct)}"
    )
    connection.execute(
        f"INSERT INTO refused SELECT district_id, '{entity}', row_number, record_key, reason_code FROM {entity}_records"
        f" WHERE reason_code IS NOT NULL UNION ALL SELECT district_id, '{entity}', row_number, record_key, reason_code FROM"
        f" ({rules.refusals(f'{entity}_repeats', key, same)})"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {entity}_good AS SELECT * FROM {entity}_records g WHERE reason_code IS NULL AND NOT EXISTS"
        f" (SELECT 1 FROM refused f WHERE f.entity = '{entity}' AND f.district_id = g.district_id AND f.row_number = g.row_number)"
    )


def _students(
    connection: DuckDBPyConnection, works: Sequence[_Work], written: dict[str, dict[str, int]]
) -> None:
    """Write students at their primary school, and every school of theirs."""
    here = "students_good SEMI JOIN schools_here USING (district_id, school_id)"
    repeated = (
        "(SELECT DISTINCT district_id, student_id FROM students_repeats) k USING (district_id, student_id)"
    )
    columns = _list(STUDENTS)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE several AS SELECT *, row_number() OVER (PARTITION BY district_id, student_id ORDER BY"
        f" status <> 'active', {rules.PRIMARY_FIRST}) = 1 AS is_primary FROM {here} SEMI JOIN {repeated}"
    )
    single = f"{here} ANTI JOIN {repeated}"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW students_kept AS SELECT {columns} FROM {single} UNION ALL SELECT {columns} FROM several WHERE is_primary"
    )
    written["students"] = _replace(connection, "students", works, "FROM students_kept")
    written["student_schools"] = _replace(
        connection,
        "student_schools",
        works,
        "SELECT district_id, student_id, school_id, true AS is_primary, entry_date, exit_date"
        f" FROM {single} UNION ALL SELECT district_id, student_id, school_id, is_primary, entry_date, exit_date FROM several",
    )


def _replace(connection: DuckDBPyConnection, name: str, works: Sequence[_Work], query: str) -> dict[str, int]:
    """Put the query's rows in the place of the table's rows of these districts; gives the rows by district."""
    if not works:
        return {}
    table, _ = MADE_OF[name]
    before = [work for work in works if work.typed is not None]
    if before:
        connection.execute(f"DELETE FROM {table.qualified} WHERE district_id IN ({_ids(before)})")
    rows = connection.execute(
        f"INSERT INTO {table.qualified} BY NAME SELECT * FROM ({query}) WHERE district_id IN ({_ids(works)})"
    ).fetchall()[0][0]
    if len(works) == 1:
        return {works[0].id: rows}
    counted = connection.execute(
        f"SELECT district_id, count(*) FROM {table.qualified} WHERE district_id IN ({_ids(works)}) GROUP BY district_id"
    ).fetchall()
    return {work.id: 0 for work in works} | dict(counted)


def _ids(works: Sequence[_Work]) -> str:
    return quoted([work.id for work in works])


def _extracts(works: Sequence[_Work]) -> str:
    return quoted([work.extract.extract_id for work in works])


def _list(table: Table) -> str:
    return ", ".join(table.column_names)


def _finish_ledger(connection: DuckDBPyConnection, works: Sequence[_Work]) -> dict[str, dict[str, int]]:
    """Write the rejected rows and complete the extracts' ledger rows; gives the rejected rows by district and entity."""
    again = [work for work in works if work.extract.typed_under is not None]
    if again:
        connection.execute(
            f"DELETE FROM core.rejected_rows WHERE district_id IN ({_ids(again)}) AND extract_id IN ({_extracts(again)}) AND stage = 'typed'"
        )
    if connection.execute("SELECT 1 FROM refused LIMIT 1").fetchall():
        connection.execute("CREATE OR REPLACE TEMP TABLE messages (reason_code VARCHAR, message VARCHAR)")
        _fill(connection, "messages", REASONS.items())
        connection.execute(
            "INSERT INTO core.rejected_rows BY NAME SELECT f.district_id, c.extract_id, f.entity, file.name AS source_file, f.row_number,"
            " f.record_key, f.reason_code, m.message, 'typed' AS stage FROM refused f JOIN chosen c USING (district_id)"
            " JOIN messages m USING (reason_code) JOIN (SELECT extract_id, unnest(files) AS file FROM ops.extracts"
            f" WHERE (extract_id || '') IN ({_extracts(works)})) e ON e.extract_id = c.extract_id AND e.file.entity = f.entity"
        )
    rejected: dict[str, dict[str, int]] = {work.id: {} for work in works}
    for district_id, entity, count in connection.execute(
        f"SELECT district_id, entity, count(*) FROM core.rejected_rows WHERE district_id IN ({_ids(works)})"
        f" AND (extract_id || '') IN ({_extracts(works)}) GROUP BY ALL"
    ).fetchall():
        rejected[district_id][entity] = count
    records = " UNION ALL ".join(f"SELECT district_id, 1 AS n FROM {file.entity}_records" for file in FILES)
    loaded = dict(
        connection.execute(
            f"SELECT district_id, sum(n)::BIGINT FROM ({records} UNION ALL SELECT district_id, -1 FROM refused) GROUP BY district_id"
        ).fetchall()
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE typed (extract_id VARCHAR, typed_under VARCHAR, loaded BIGINT, rejected BIGINT)"
    )
    _fill(
        connection, "typed", [_counted(w, loaded.get(w.id, 0), sum(rejected[w.id].values())) for w in works]
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
