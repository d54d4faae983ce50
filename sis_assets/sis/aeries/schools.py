"""Which of the schools that Aeries lists take part, and whose they are (contract §2.3, §2.5).

The list also holds the district itself, inactive schools and schools of other LEAs. One LEA that is gone must never look
like an LEA that is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sis_assets.model.faults import Mover, NeedsPerson, PermanentFault
from sis_assets.sis.aeries.contract import DISTRICT_ITSELF
from sis_assets.sis.documents.values import Object, text


@dataclass(frozen=True, slots=True)
class School:
    """A school that takes part: its code and, where the district file lists LEAs, its LEA."""

    code: str
    lea: str = ""

    @property
    def called(self) -> str:
        """How people are told of it."""
        return f"school {self.code} (LEA {self.lea})" if self.lea else f"school {self.code}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a district file says of schools: the codes that take part (none: all) and that do not, and the LEAs (none: all)."""

    include: frozenset[str]
    exclude: frozenset[str]
    leas: tuple[str, ...]
    lea_column: str

    def ours(self, school: Object) -> bool:
        """Whether a listed school is of one of the LEAs."""
        return not self.leas or self._lea(school) in self.leas

    def taking_part(self, schools: Iterable[Object]) -> tuple[School, ...]:
        """Return the schools whose students are read, in the order of the list.

        Raises PermanentFault when there are none, NeedsPerson, naming it, when an LEA has none.
        """
        found = tuple(
            School(text(school.get("SchoolCode")), self._lea(school) if self.leas else "")
            for school in schools
            if self.ours(school) and self._takes_part(school)
        )
        refuse_missing(self.leas, (school.lea for school in found), "Reading schools", "no school")
        if not found:
            raise PermanentFault(
                tried="Reading schools",
                seen="no school takes part: all are inactive, excluded or not included",
                todo="Correct schools.include and schools.exclude in the district file",
                mover=Mover.ENGINEER,
            )
        return found

    def _takes_part(self, school: Object) -> bool:
        code = text(school.get("SchoolCode"))
        return (
            code != DISTRICT_ITSELF
            and not text(school.get("InactiveStatusCode")).strip()
            and code not in self.exclude
            and (not self.include or code in self.include)
        )

    def _lea(self, school: Object) -> str:
        return text(school.get(self.lea_column)).strip()


def refuse_missing(leas: Sequence[str], present: Iterable[str], tried: str, nothing: str) -> None:
    """Raise NeedsPerson, naming the LEAs, when one of them is not present: nothing is taken over then, of no LEA."""
    seen: Collection[str] = set(present)
    if gone := [lea for lea in leas if lea not in seen]:
        raise NeedsPerson(
            tried=tried,
            seen=f"the server shows {nothing} of LEA {', '.join(gone)}",
            todo="See in Aeries whether our certificate still has Multiple LEA Student Data Sharing for it, else correct"
            " sis.leas or sis.lea_column in the district file; nothing was taken over",
            mover=Mover.DISTRICT,
        )
