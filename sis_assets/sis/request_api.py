"""The shape of a SIS's API for course requests: read what it holds, and hand it what it lacks.

Whoever has one has a module below its package that `Form.api` names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.model.faults import Fault
    from sis_assets.sis.request_form import Form
    from sis_assets.warehouse.home import Home


@dataclass(frozen=True, slots=True)
class Held:
    """What a SIS holds, as text in a Parquet file; `columns` says which of them stands for which fill of a `Form`."""

    parquet: Path
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """One request to hand over: its hash, itself, and its row of the form by column.

    `kind` is also `withdrawn`: then the SIS is to forget what was sent. `student_key` is the SIS's own key of the student,
    '' where unknown or not needed.
    """

    sha256: str
    student_key: str = field(repr=False)
    student_id: str = field(repr=False)
    school_id: str
    course_code: str
    kind: str
    alternate_for: str
    priority: str
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of the wishes, by hash: what the SIS has now, and what it refused. `fault` ended it before its end."""

    done: frozenset[str]
    refused: frozenset[str]
    fault: Fault | None = None


class RequestApi(Protocol):
    """What such a module has."""

    TABLE: str

    def held(self, district: District, home: Home, form: Form, school_year: int, *, into: Path) -> Held:
        """Read all requests of a school year into the folder. Raises a Fault."""

    def hand_over(
        self,
        district: District,
        home: Home,
        form: Form,
        school_year: int,
        wishes: Sequence[Wish],
        *,
        into: Path,
    ) -> Handed:
        """Give the SIS what it lacks of the wishes; what it has already is done. Raises a Fault before the first write."""
