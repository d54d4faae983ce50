"""What the server tells of itself, and whether it gives the school year that was asked for (contract §2.1, §2.3, §2.5).

A wrong database year is no error of the server's: it silently gives another year's data. So the year is looked for in what
the server says it has, in the enrolments, and in the dates of the terms.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis.aeries.session import Session
from sis_assets.sis.documents import values

_FIRST_MONTH = 7


@dataclass(frozen=True, slots=True)
class System:
    """The server's version, its default year and those that it has (each the year in which it begins), and its clock."""

    version: str
    default_year: int | None
    years: tuple[int, ...]
    zone: str
    now: datetime | None

    def keeps(self, zone: ZoneInfo) -> bool:
        """Whether the server's clock goes by the time zone, as far as can be seen now."""
        return self.now is not None and self.now.utcoffset() == self.now.astimezone(zone).utcoffset()


def read_system(session: Session) -> System:
    """Read what the server tells of itself. Raises the session's faults."""
    return session.system(_system)


def check_year(system: System, wanted: int) -> None:
    """Raise NeedsPerson when the server does not say that it has the year."""
    if wanted in (*system.years, system.default_year):
        return
    has = ", ".join(map(written, system.years)) or "no year that it names"
    raise NeedsPerson(
        tried=f"Looking for the database of {written(wanted)}",
        seen=f"the server has {has}",
        todo="Correct sis.database_year, or ask the district when Aeries has that year's database",
        mover=Mover.ENGINEER,
    )


def check_terms(terms: Iterable[tuple[str, str]], wanted: int) -> None:
    """Raise NeedsPerson when terms (first and last day, ISO) speak of another year than the one that was asked for."""
    found = Counter(year for start, end in terms if (year := _year_around(start, end)) is not None)
    if found and found[wanted] < max(found.values()):
        raise of_another_year("Reading terms", wanted, max(found, key=lambda year: found[year]))


def of_another_year(what: str, wanted: int, found: int) -> NeedsPerson:
    """Return the fault of an answer that is of another year than the one that was asked for."""
    return NeedsPerson(
        tried=what,
        seen=f"the database of {written(wanted)} was asked for and data of {written(found)} came",
        todo="Correct sis.database_year, or ask the district whether Aeries has that year's database; nothing was taken over",
        mover=Mover.ENGINEER,
    )


def written(year: int) -> str:
    """Return a school year as Aeries writes it: 2025-2026 for the one that begins in 2025."""
    return f"{year}-{year + 1}"


def year_of(value: Any) -> int | None:
    """Return the year in which a school year begins, of 2025-2026, 2025-26 or 2025; None for anything else."""
    found = re.fullmatch(r"(\d{4})(?:[-/](?:\d{4}|\d{2}))?", values.text(value).strip(), re.ASCII)
    return int(found[1]) if found else None


def _system(document: Any) -> System:
    told = values.as_object(document)
    if not {"DatabaseYear", "AvailableDatabaseYears"} & told.keys():
        raise ValueError("no database year is told")
    years = (year_of(value) for value in values.as_list(told.get("AvailableDatabaseYears")))
    return System(
        version=values.text(told.get("AeriesVersion")),
        default_year=year_of(told.get("DatabaseYear")),
        years=tuple(year for year in years if year is not None),
        zone=values.text(told.get("LocalTimeZoneName")),
        now=_moment(values.text(told.get("CurrentDateTime"))),
    )


def _moment(text: str) -> datetime | None:
    """Return a moment; None when it has no offset, for then nobody knows when that was."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _year_around(start: str, end: str) -> int | None:
    """Return the school year in whose middle part the days lie."""
    try:
        first, last = date.fromisoformat(start[:10]), date.fromisoformat(end[:10])
    except ValueError:
        return None
    middle = first + (last - first) / 2
    return middle.year if middle.month >= _FIRST_MONTH else middle.year - 1
