"""The kinds of SIS that this version reads, by the district file's `sis.kind`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis import aeries, eschoolplus, powerschool
from sis_assets.sis.oneroster import api as oneroster_api
from sis_assets.sis.oneroster import files as oneroster_files

if TYPE_CHECKING:
    from sis_assets.districts import District, Problem
    from sis_assets.sis.shape import Sis

KINDS: Mapping[str, Sis] = {
    "eschoolplus_api": eschoolplus.API,
    "eschoolplus_files": eschoolplus.FILES,
    "oneroster_api": oneroster_api.API,
    "oneroster_files": oneroster_files.FILES,
    "powerschool": powerschool.POWERSCHOOL,
    "aeries": aeries.AERIES,
}
ALL = tuple({sis.source: sis for sis in KINDS.values()}.values())
#: What the students' records are called among the raw entities.
STUDENT_ENTITIES = frozenset(sis.student_entity for sis in ALL)
RAW_TABLES = tuple({table.qualified: table for sis in ALL for table in sis.raw}.values())


def sis_of(district: District) -> Sis:
    """Return the SIS of a district: every kind that a district file may have is one."""
    return KINDS[district.sis.kind]


def problems(district: District) -> tuple[Problem, ...]:
    """Return what is wrong with a district file in the light of its SIS's contract, which the file's own rules do not know."""
    return sis_of(district).client.problems(district)


def refuse_problems(district: District) -> None:
    """Raise NeedsPerson with all `problems` of the district."""
    if found := problems(district):
        raise NeedsPerson(
            tried=f"Reading the district file of {district.district}",
            seen="; ".join(str(problem) for problem in found),
            todo="Correct the file and run `sis-assets districts check`",
            mover=Mover.ENGINEER,
        )
