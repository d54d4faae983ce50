"""The shape of a way back into a SIS: which columns its file of course requests has, and what fills them.

Every SIS that takes requests has a module `requests` with a `Form`; the pipeline knows it by nothing else. What a contract
leaves open is the district's setting (`sis.requests`), never a constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, cast

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.model.requests import Limits, unsafe
from sis_assets.warehouse.migration import literal

if TYPE_CHECKING:
    from sis_assets.districts import Requests
    from sis_assets.sis.request_api import RequestApi

_FILLS: Mapping[str, str] = {
    "school_year": "CAST(a.school_year AS VARCHAR)",
    "student_id": "a.student_id",
    "school_id": "a.school_id",
    "course_code": "a.course_code",
    "kind": "a.kind",
    "alternate_for": "coalesce(a.alternate_for, '')",
    "priority": "coalesce(CAST(a.priority AS VARCHAR), '')",
    "requested_at": "strftime(timezone('UTC', a.requested_at), '%Y-%m-%dT%H:%M:%SZ')",
    "alternate_priority": "CASE WHEN a.kind = 'alternate' THEN coalesce(CAST(a.priority AS VARCHAR), '') ELSE '' END",
    "is_alternate": "CASE WHEN a.kind = 'alternate' THEN '1' ELSE '0' END",
    "student_number": "coalesce(n.number, '')",
}
#: PowerSchool's YearID of the school year that ends in 1991 is 0 (contract §1.11).
_YEAR_ZERO = 1991


@dataclass(frozen=True, slots=True)
class Always:
    """A column that holds the same text in every row."""

    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """How one SIS takes course requests.

    `files` says, for each mode that makes files, their names in the order of their making and how rows become one.
    `columns` are the file's, in their order: each is filled by a field of the request, by something derived of it (`type`,
    `year_id`, `alternate_priority`, `is_alternate`, `student_number`), or is `Always` the same. `types` are the SIS's codes
    of the kinds; `years_in_hundreds`: year ids are written as term ids. `next_grades` and `numbers` are queries of what the
    canonical model lacks, over the SIS's raw tables and `chosen` (district_id, extract_id): district_id, student_id,
    next_grade; and district_id, school_id (NULL: of any school), student_id, number. `api` names the module, below `sis/`, of its API for requests.
    """

    files: Mapping[str, Mapping[str, Rendering]]
    limits: Limits
    columns: Mapping[str, str | Always]
    types: Mapping[str, str] = field(default_factory=dict)
    years_in_hundreds: bool = False
    next_grades: str | None = None
    numbers: str | None = None
    api: str | None = None

    @property
    def client(self) -> RequestApi | None:
        """The module that speaks with the SIS's API, loaded at first use; None where there is none."""
        return cast("RequestApi", import_module(f"sis_assets.sis.{self.api}")) if self.api else None

    def under(self, settings: Requests) -> Form:
        """Return the form as a district's file changes it.

        Raises NeedsPerson for a header or a text that the file could not hold as it is.
        """
        columns: dict[str, str | Always | None] = {**self.columns, **settings.columns}
        columns |= {name: Always(text) for name, text in settings.literals.items()}
        form = replace(
            self,
            columns={name: fill for name, fill in columns.items() if fill is not None},
            types={**self.types, **{str(kind): code for kind, code in settings.types.items()}},
            years_in_hundreds=settings.year_id == "term",
            limits=replace(
                self.limits,
                alternates=self.limits.alternates or settings.mode == "api",
                numbered=self.limits.numbered and settings.mode != "api",
            ),
        )
        texts = [*form.columns, *form.types.values()]
        texts += [fill.text for fill in form.columns.values() if isinstance(fill, Always)]
        if any(self.unsafe.search(text) for text in texts):
            raise NeedsPerson(
                tried="Reading sis.requests",
                seen="a column's name, a literal or a type holds the delimiter, a quote, a control character or a letter"
                f" outside {self.limits.encoding}, or begins like a formula",
                todo="Correct it in the district file",
                mover=Mover.ENGINEER,
            )
        return form

    @property
    def selected(self) -> str:
        """What a row of the file holds, as SQL over a request `a` and its student's number `n`."""
        year = f"CAST((a.school_year - {_YEAR_ZERO}){' * 100' if self.years_in_hundreds else ''} AS VARCHAR)"
        kinds = " ".join(f"WHEN {literal(kind)} THEN {literal(code)}" for kind, code in self.types.items())
        derived = {"year_id": year, "type": f"CASE a.kind {kinds} END" if kinds else "a.kind"}
        return ", ".join(
            literal(fill.text) if isinstance(fill, Always) else derived.get(fill) or _FILLS[fill]
            for fill in self.columns.values()
        )

    @property
    def headers(self) -> dict[str, tuple[str, ...]]:
        """Under which header each thing stands that fills a column: how a file of the same columns is read back."""
        found: dict[str, tuple[str, ...]] = {}
        for header, fill in self.columns.items():
            if isinstance(fill, str):
                found[fill] = (*found.get(fill, ()), header)
        return {fill: (headers[0],) for fill, headers in found.items()}

    def said(self, present: Collection[str]) -> dict[str, str]:
        """Return SQL of a request's fields over a file that was read back with the columns `present`, `h`; year `y`.

        What the file does not say is NULL; a school year that it lacks is the one that is asked for.
        """
        scale = 100 if self.years_in_hundreds else 1
        kinds = " ".join(f"WHEN {literal(code)} THEN {literal(kind)}" for kind, code in self.types.items())
        reading = {
            "school_year": [
                ("school_year", "try_cast(h.school_year AS INTEGER)"),
                ("year_id", f"CAST(try_cast(h.year_id AS INTEGER) // {scale} + {_YEAR_ZERO} AS INTEGER)"),
            ],
            "student_id": [("student_id", "h.student_id"), ("student_number", "n.student_id")],
            "school_id": [("school_id", "h.school_id")],
            "course_code": [("course_code", "h.course_code")],
            "kind": [
                ("kind", "h.kind"),
                ("type", f"CASE h.type {kinds} ELSE h.type END" if kinds else "h.type"),
                ("is_alternate", "CASE h.is_alternate WHEN '1' THEN 'alternate' ELSE 'primary' END"),
            ],
            "alternate_for": [("alternate_for", "h.alternate_for")],
        }
        nothing = {"school_year": "y.school_year"}
        return {
            name: next((sql for fill, sql in ways if fill in present), nothing.get(name, "NULL::VARCHAR"))
            for name, ways in reading.items()
        }

    @property
    def unsafe(self) -> re.Pattern[str]:
        """What no value of the file may hold."""
        return _compiled(self.limits.delimiter, self.limits.encoding)


Row = Sequence[str]
Rendering = Callable[[Form, Iterable[Row]], Iterable[bytes]]


def delimited(form: Form, rows: Iterable[Row]) -> Iterable[bytes]:
    """Give the lines of a delimited file, header first; nothing is quoted or altered, and there is no byte order mark.

    Raises PermanentFault as `refuse_unsafe` does.
    """
    for row in chain([tuple(form.columns)], rows):
        refuse_unsafe(form, row)
        yield f"{form.limits.delimiter.join(row)}\n".encode(form.limits.encoding)


def refuse_unsafe(form: Form, row: Row) -> None:
    """Raise PermanentFault when a value cannot stand in a file as it is: the rules must have refused it before."""
    if any(form.unsafe.search(value) for value in row):
        raise PermanentFault(
            tried="Writing course requests",
            seen="a value that cannot be written as it is passed the rules",
            todo="Report this: the rules of requests have a defect",
            mover=Mover.ENGINEER,
        )


@cache
def _compiled(delimiter: str, encoding: str) -> re.Pattern[str]:
    """Return the pattern, made once: every row of a file is held against it."""
    return re.compile(_in_python(unsafe(delimiter, encoding)))


def _in_python(pattern: str) -> str:
    """Return RE2's pattern as Python spells it."""
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: f"\\U{int(found[1], 16):08x}", pattern)
