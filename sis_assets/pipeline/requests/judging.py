"""Judge the requests of districts by what their SIS says now. The transaction is the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sis_assets.model import requests as rules
from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.model.schema import COURSE_REQUESTS
from sis_assets.sis.requests import FORMS, form_of, settings_of
from sis_assets.warehouse import ledger
from sis_assets.warehouse.rows import lay, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District

_NO_GRADES = (
    "SELECT NULL::VARCHAR AS district_id, NULL::VARCHAR AS student_id, NULL::VARCHAR AS next_grade LIMIT 0"
)
_NO_NUMBERS = "SELECT NULL::VARCHAR AS district_id, NULL::VARCHAR AS school_id, NULL::VARCHAR AS student_id, NULL::VARCHAR AS number LIMIT 0"


def asked_year(district: District) -> int:
    """Return the school year that may be asked for. Raises NeedsPerson where the district's file does not tell."""
    if district.calendar.year_end is None:
        raise NeedsPerson(
            tried="Choosing the school year of the requests",
            seen="calendar.year_end is missing",
            todo="Write the last day of this school year into the district file",
            mover=Mover.ENGINEER,
        )
    return rules.next_school_year(district.calendar.year_end)


def show(connection: DuckDBPyConnection, districts: Sequence[District]) -> None:
    """Make the relations that the rules read, of districts of one kind of SIS. Raises NeedsPerson as `asked_year`."""
    form = FORMS[districts[0].sis.kind]
    names = quoted([district.district for district in districts])
    years = [(district.district, asked_year(district)) for district in districts]
    lay(connection, "years", {"district_id": "VARCHAR", "school_year": "INTEGER"}, years)
    planning = [
        (district.district, school, planned)
        for district in districts
        for school, planned in district.schools.planning.items()
    ]
    columns = ("district_id", "school_id", "planned_at")
    lay(connection, "planning", dict.fromkeys(columns, "VARCHAR"), planning)
    states = ledger.states(connection, [district.district for district in districts])
    chosen = [(name, state.typed.extract_id) for name, state in states.items() if state.typed is not None]
    lay(connection, "chosen", dict.fromkeys(("district_id", "extract_id"), "VARCHAR"), chosen)
    for relation, table in (
        ("asked", "requests.course_requests"),
        ("students_now", "core.students"),
        ("courses_now", "core.courses"),
        ("offers", "core.school_courses"),
    ):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {relation} AS FROM lake.{table} WHERE district_id IN ({names})"
        )
    for relation, query in (
        ("next_grades", form.next_grades or _NO_GRADES),
        ("numbers", form.numbers or _NO_NUMBERS),
    ):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {relation} AS {query}")


def judge(connection: DuckDBPyConnection, districts: Sequence[District]) -> None:
    """Judge every request of the districts anew and keep what came of it.

    Raises NeedsPerson as `show` does.
    """
    for mine in _alike(districts):
        show(connection, mine)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {rules.judged(form_of(mine[0]).limits)}")
        columns = ", ".join(COURSE_REQUESTS.column_names)
        differing = f"SELECT {columns} FROM judged EXCEPT ALL SELECT {columns} FROM asked"
        if connection.execute(f"SELECT 1 FROM ({differing}) LIMIT 1").fetchall():
            names = quoted([district.district for district in mine])
            connection.execute(f"DELETE FROM requests.course_requests WHERE district_id IN ({names})")
            connection.execute(f"INSERT INTO requests.course_requests SELECT {columns} FROM judged")


def _alike(districts: Iterable[District]) -> list[list[District]]:
    """Return the districts in groups that one SIS and one way into it have in common."""
    groups: dict[tuple[str, str], list[District]] = {}
    for district in districts:
        groups.setdefault((district.sis.kind, settings_of(district).mode), []).append(district)
    return list(groups.values())
