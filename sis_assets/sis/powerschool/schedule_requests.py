"""Course requests straight into PowerSchool's table ScheduleRequests (contract: PowerSchool §1.11, §1.6).

Nothing is assumed of the table: what the plugin may do is asked of its metadata first, and every insert is preceded by a
read. An insert is sent once: where the answer is lost, the table is read again, so a request never stands there twice.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sis_assets.model.faults import Mover, NeedsPerson, TransientFault
from sis_assets.sis.documents import values
from sis_assets.sis.documents.flatten import flatten, flattening
from sis_assets.sis.documents.layout import Field
from sis_assets.sis.documents.pages import Spool, read_whole
from sis_assets.sis.powerschool.client import session_with
from sis_assets.sis.powerschool.layout import Entity, TableRows
from sis_assets.sis.powerschool.plugin import Grant
from sis_assets.sis.powerschool.resources import Resources, read_metadata
from sis_assets.sis.powerschool.session import NotAllowed, Session
from sis_assets.sis.reading import SourceFile
from sis_assets.sis.request_api import Handed, Held, Wish
from sis_assets.transport.http import Patience

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.sis.request_form import Form
    from sis_assets.warehouse.home import Home

TABLE: Final = "schedulerequests"
ROUNDS: Final = 3
_PATH: Final = f"/ws/schema/table/{TABLE}"
_STUDENT: Final = "studentid"
_FULL, _SEEN = "FullAccess", frozenset({"FullAccess", "ViewOnly"})

REQUESTS = Entity(
    "schedule_requests",
    "Course requests for the next school year.",
    TableRows(TABLE),
    (
        Field("dcid", "The request's DCID.", required=True),
        Field("student_number", "The student's number.", pii=True),
        Field("coursenumber", "The course."),
        Field("schoolid", "The number of the school that schedules."),
        Field("yearid", "The year's id, undivided or in hundreds."),
        Field("globalalternatecourse", "1: this row is itself an alternate."),
    ),
    may_be_empty=True,
)
_FILLS: Final = {
    "student_id": "student_number",
    "course_code": "coursenumber",
    "school_id": "schoolid",
    "year_id": "yearid",
    "is_alternate": "globalalternatecourse",
}
READ_FIELDS: Final = REQUESTS.column_names


def grants(form: Form, *, written: bool) -> tuple[Grant, ...]:
    """Return what the plugin must be granted of the table: to see requests, or also to write the form's columns."""
    seen = dict.fromkeys((name.upper() for name in READ_FIELDS), "ViewOnly")
    full = {name.upper(): _FULL for name in (_STUDENT, *form.columns)} if written else {}
    return tuple(Grant(TABLE.upper(), name, access) for name, access in sorted((seen | full).items()))


def year_id(form: Form, school_year: int) -> str:
    """Return PowerSchool's id of the school year that ends in `school_year`, as the district's file says it is written."""
    return str((school_year - 1991) * (100 if form.years_in_hundreds else 1))


def held(district: District, home: Home, form: Form, school_year: int, *, into: Path) -> Held:
    """Read all requests of a school year into the folder. Raises NeedsPerson for a missing right, and other Faults."""
    with session_with(district, home) as session:
        _check_rights(session, READ_FIELDS, ())
        return Held(_read(session, form, school_year, into), _FILLS)


def hand_over(
    district: District, home: Home, form: Form, school_year: int, wishes: Sequence[Wish], *, into: Path
) -> Handed:
    """Insert what the table lacks of the wishes.

    Raises NeedsPerson when the plugin may not write, and other Faults, before the first insert; later ones stand in what is
    returned, beside what was done until then.
    """
    done: set[str] = set()
    # What was withdrawn is the school's to delete: the table's rows cannot be deleted from here (contract §1.6).
    wishes = [wish for wish in wishes if wish.kind != "withdrawn"]
    refused = {wish.sha256 for wish in wishes if not wish.student_key}
    # An insert whose answer is lost may have been made, so it must not be sent again by itself.
    once = replace(Patience(), attempts=1)
    with session_with(district, home) as reading, session_with(district, home, patience=once) as writing:
        _check_rights(reading, READ_FIELDS, _columns(wishes))
        for number in range(1, ROUNDS + 1):
            try:
                there = _keys(_read(reading, form, school_year, into))
                for wish in wishes:
                    if wish.sha256 in done | refused:
                        continue
                    if _key(wish) in there or _inserted(writing, wish):
                        done.add(wish.sha256)
                    else:
                        refused.add(wish.sha256)
            except TransientFault as fault:
                if number == ROUNDS:
                    return Handed(frozenset(done), frozenset(refused), fault)
            except NotAllowed as fault:
                return Handed(frozenset(done), frozenset(refused), _by_file(fault))
            else:
                break
    return Handed(frozenset(done), frozenset(refused))


def _by_file(fault: NotAllowed) -> NeedsPerson:
    return NeedsPerson(
        tried=fault.tried,
        seen="this PowerSchool does not let the table be written (405)",
        todo="Set sis.requests.mode to file in the district file, and let the administrator import the file",
        mover=Mover.ENGINEER,
    )


def _check_rights(session: Session, seen: Iterable[str], written: Iterable[str]) -> None:
    """Raise NeedsPerson when the table's metadata does not grant what is needed (contract §1.6)."""
    access = session.get(
        "Asking for the rights to requests", f"{_PATH}/metadata", {"expansions": "access"}, _granted
    )
    lacking = sorted(
        {name for name in seen if access.get(name) not in _SEEN}
        | {name for name in written if access.get(name) != _FULL}
    )
    if lacking:
        raise NeedsPerson(
            tried="Asking for the rights to requests",
            seen=f"the plugin lacks {', '.join(f'{TABLE}.{name}' for name in lacking)}",
            todo="Build the plugin for this district (`sis-assets plugin powerschool --district D`), install and enable it",
            mover=Mover.DISTRICT,
        )


def _granted(document: Any) -> Mapping[str, str]:
    columns = values.objects(values.as_object(document).get("columns"))
    if not columns:
        raise ValueError("no columns")
    return {values.text(column.get("name")).lower(): values.text(column.get("access")) for column in columns}


def _read(session: Session, form: Form, school_year: int, into: Path) -> Path:
    """Read the year's rows, all of them or none, and return them as text in a Parquet file.

    Raises NeedsPerson when the table has the year only in the other form of its id: then ours finds nothing, ever.
    """
    mine, other = (
        year_id(replace(form, years_in_hundreds=hundreds), school_year)
        for hundreds in (form.years_in_hundreds, not form.years_in_hundreds)
    )
    resources = Resources(session, read_metadata(session))
    source = TableRows(TABLE)
    collection = resources.table(REQUESTS, source, {"q": f"yearid=={mine}"})
    strange = resources.table(REQUESTS, source, {"q": f"yearid=={other}"})
    landing = into / "pages"
    landing.mkdir(mode=0o700)
    try:
        with Spool(landing) as spool, ThreadPoolExecutor(2) as pool:
            path, sha256, size = read_whole(
                "Reading requests", [collection], spool, landing=landing, pool=pool, at_once=2
            )
        if size == 0 and strange.count is not None and strange.count() > 0:
            raise NeedsPerson(
                tried="Reading requests",
                seen="the table writes years otherwise than sis.requests.year_id says",
                todo=f"Set it to {'year' if form.years_in_hundreds else 'term'} in the district file",
                mover=Mover.ENGINEER,
            )
        with flattening(landing) as connection:
            found = flatten(
                connection, REQUESTS, SourceFile(TABLE, TABLE, size, sha256, path), into / "held.parquet"
            )
        return found.parquet
    finally:
        shutil.rmtree(landing)


def _keys(parquet: Path) -> frozenset[tuple[str, ...]]:
    with flattening(parquet.parent) as connection:
        rows = connection.execute(
            "SELECT student_number, coursenumber FROM read_parquet(?)", [str(parquet)]
        ).fetchall()
    return frozenset((_whole(number), course) for number, course in rows)


def _whole(number: str | None) -> str:
    """Return a student's number as the API of students writes it: the table's column is a float."""
    return re.sub(r"\.0+$", "", number or "")


def _columns(wishes: Sequence[Wish]) -> set[str]:
    return {_STUDENT} | {name.lower() for wish in wishes for name, value in wish.values.items() if value}


def _key(wish: Wish) -> tuple[str, ...]:
    named = {name.lower(): value for name, value in wish.values.items()}
    return (named.get("student_number", ""), named.get("coursenumber", ""))


def _inserted(session: Session, wish: Wish) -> bool:
    """Insert one row; False when the server refuses it, which it says inside an answer of 200 (contract §1.12, 7)."""
    columns = {name.lower(): value for name, value in wish.values.items() if value} | {
        _STUDENT: wish.student_key
    }
    return session.post("Inserting a request", _PATH, {}, {"tables": {TABLE: columns}}, _succeeded)


def _succeeded(document: Any) -> bool:
    answer = values.as_object(document)
    results = values.objects(answer.get("result"))
    if not results:
        raise ValueError("no result")
    return all(values.text(result.get("status")) == "SUCCESS" for result in results)
