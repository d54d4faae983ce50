"""What happens in the demo: three made-up districts, night by night, and how every night must end.

Pure data and functions over values; `demo.py` plays it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from sis_assets.sandbox.districts import (
    Churn,
    Form,
    SampleDistrict,
    after_a_day,
    after_the_summer,
    without_school,
)

Change = Callable[[SampleDistrict], SampleDistrict]

SCHOOL_YEAR = 2026
_ELEMENTARY = "01001"


@dataclass(frozen=True, slots=True)
class Cast:
    """One of the demo's districts: its district file's particulars, its size, and how it writes its files."""

    district: str
    name: str
    timezone: str
    state: str
    students: int
    by_sftp: bool
    form: Form


@dataclass(frozen=True, slots=True)
class Turn:
    """What a district does before a night's sync, and the status with which its sync must end.

    becomes  what happened in the district since the last night
    shows    what its files show of that, where an accident makes a difference
    cut_at   the share of Student.txt that arrives, where the upload breaks off
    sends    whether it sends files at all
    """

    ends: str
    becomes: Change | None = None
    shows: Change | None = None
    cut_at: float | None = None
    sends: bool = True


@dataclass(frozen=True, slots=True)
class Night:
    """One night. `approves` names the districts whose held change set a person approves before the sync.

    A district without a turn sends nothing new, and its sync must say `unchanged`.
    """

    at: datetime
    title: str
    story: str
    turns: Mapping[str, Turn] = field(default_factory=lambda: MappingProxyType({}))
    approves: tuple[str, ...] = ()

    def turn(self, district: str) -> Turn:
        """Return what the district does."""
        return self.turns.get(district, _SILENT)


_SILENT = Turn("unchanged", sends=False)

SAMPLETON = Cast(
    district="sampleton",
    name="Sampleton Charter School",
    timezone="America/Los_Angeles",
    state="CA",
    students=240,
    by_sftp=False,
    form=Form(),
)
EXAMPLEVILLE = Cast(
    district="exampleville",
    name="Exampleville Public Schools",
    timezone="America/Chicago",
    state="AR",
    students=2400,
    by_sftp=True,
    form=Form(delimiter=",", encoding="cp1252", courses="CourseCodes.txt"),
)
MOCKFORD = Cast(
    district="mockford",
    name="Mockford County Schools",
    timezone="America/New_York",
    state="DE",
    students=5200,
    by_sftp=True,
    form=Form(student_courses="StudentCourse.txt"),
)
CAST = (SAMPLETON, EXAMPLEVILLE, MOCKFORD)


def _ordinary(arrivals: int, leavers: int, transfers: int, corrections: int) -> Change:
    churn = Churn(arrivals, leavers, transfers, renamed=corrections, readdressed=corrections)
    return lambda district: after_a_day(district, churn)


def _evening(month: int, day: int) -> datetime:
    return datetime(SCHOOL_YEAR, month, day, 20, tzinfo=UTC)


def _lost_school(district: SampleDistrict) -> SampleDistrict:
    return without_school(district, _ELEMENTARY)


NIGHTS = (
    Night(
        _evening(5, 18),
        "The first sync",
        "Three districts send their files for the first time. Everybody gets an account.",
        {cast.district: Turn("applied") for cast in CAST},
    ),
    Night(
        _evening(5, 19),
        "An ordinary night",
        "A few students arrive, leave, change school, or have a name or an e-mail address corrected.",
        {
            "sampleton": Turn("applied", _ordinary(1, 1, 0, 1)),
            "exampleville": Turn("applied", _ordinary(4, 3, 5, 2)),
            "mockford": Turn("applied", _ordinary(9, 6, 11, 4)),
        },
    ),
    Night(
        _evening(5, 20),
        "An upload breaks off",
        "Exampleville's Student.txt ends in the middle of a record. Its sync fails and changes nothing; the others go on.",
        {
            "exampleville": Turn("failed", _ordinary(2, 2, 3, 1), cut_at=0.6),
            "mockford": Turn("applied", _ordinary(3, 4, 6, 3)),
        },
    ),
    Night(
        _evening(5, 21),
        "The upload is repeated",
        "Exampleville sends the whole file. What the broken one held back is applied now.",
        {"exampleville": Turn("applied")},
    ),
    Night(
        _evening(8, 17),
        "A new school year",
        "Everybody is promoted, many to their next school; kindergarteners arrive. The graduates are simply gone from the"
        " files, which in a high school is too many at once to believe: their deactivation waits for a person.",
        {
            "sampleton": Turn("applied", after_the_summer),
            "exampleville": Turn("held", after_the_summer),
            "mockford": Turn("held", after_the_summer),
        },
    ),
    Night(
        _evening(8, 18),
        "The graduates are confirmed",
        "The districts say that these were their graduates, and a person approves. In Mockford many families have moved"
        " over the summer, so hundreds of students change school.",
        {"mockford": Turn("applied", _ordinary(12, 8, 310, 6))},
        approves=("exampleville", "mockford"),
    ),
    Night(
        _evening(9, 15),
        "A school disappears",
        "Exampleville's export forgets a whole school. The guard holds the deactivation of its students.",
        {"exampleville": Turn("held", _ordinary(2, 1, 4, 2), shows=_lost_school)},
    ),
    Night(
        _evening(9, 16),
        "The next good file",
        "Exampleville's export is whole again and supersedes what was held. Now Mockford's forgets a school.",
        {
            "exampleville": Turn("applied", _ordinary(3, 2, 2, 1)),
            "mockford": Turn("held", _ordinary(5, 4, 7, 2), shows=_lost_school),
        },
    ),
    Night(
        _evening(9, 17),
        "Nothing new",
        "Nobody sends anything. What is held in Mockford stays held until somebody decides.",
        {"mockford": Turn("held", sends=False)},
    ),
)
