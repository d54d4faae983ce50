"""What happens in the demo: six made-up districts, night by night, and how every night must end.

Pure data; `players.py` lets it happen, `demo.py` plays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sis_assets.sandbox.districts import Form

SCHOOL_YEAR = 2026
_ELEMENTARY = "01001"


@dataclass(frozen=True, slots=True)
class Cast:
    """One of the demo's districts: its district file's particulars, and its size."""

    district: str
    name: str
    timezone: str
    state: str
    students: int


@dataclass(frozen=True, slots=True)
class FileCast(Cast):
    """A district that sends files, and how it writes them."""

    by_sftp: bool
    form: Form


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which so many students arrive, leave, change school, and have a name or an address corrected.

    planned_leavers  of an Aeries besides: so many say that they will not come back after the summer
    """

    arrivals: int
    leavers: int
    transfers: int
    corrections: int
    planned_leavers: int = 0


@dataclass(frozen=True, slots=True)
class Summer:
    """The change of the school year.

    no_shows, rekeys  of an Aeries besides: so many students do not appear, and so many have another id
    """

    no_shows: int = 0
    rekeys: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a district does before a night's sync, and the status with which its sync must end.

    becomes   what happened in the district since the last night
    forgets   the school without whose students its files are written, by accident
    cut_at    the share of Student.txt that arrives, where the upload breaks off
    sends     whether it sends files at all
    scenario  what goes wrong with its server during the sync, by the name that `sandbox serve` knows it by
    renews    whether its access to the SIS has been granted anew
    """

    ends: str
    becomes: Day | Summer | None = None
    forgets: str | None = None
    cut_at: float | None = None
    sends: bool = True
    scenario: str | None = None
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Night:
    """One night. `approves` names the districts whose held change set a person approves before the sync.

    A district without a turn has nothing new, and its sync must say `unchanged`.
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
_NOT_TONIGHT = Turn("skipped", sends=False)

SAMPLETON = FileCast(
    district="sampleton",
    name="Sampleton Charter School",
    timezone="America/Los_Angeles",
    state="CA",
    students=240,
    by_sftp=False,
    form=Form(),
)
EXAMPLEVILLE = FileCast(
    district="exampleville",
    name="Exampleville Public Schools",
    timezone="America/Chicago",
    state="AR",
    students=2400,
    by_sftp=True,
    form=Form(delimiter=",", encoding="cp1252", courses="CourseCodes.txt"),
)
MOCKFORD = FileCast(
    district="mockford",
    name="Mockford County Schools",
    timezone="America/New_York",
    state="DE",
    students=5200,
    by_sftp=True,
    form=Form(student_courses="StudentCourse.txt"),
)
TESTBURY = Cast(
    district="testbury",
    name="Testbury Unified School District",
    timezone="America/Denver",
    state="CO",
    students=900,
)
PRETENDALE = Cast(
    district="pretendale",
    name="Pretendale Unified School District",
    timezone="America/Los_Angeles",
    state="CA",
    students=600,
)
INVENTON = Cast(
    district="inventon",
    name="Inventon Public Schools",
    timezone="America/Chicago",
    state="AR",
    students=700,
)
DROPPING = (SAMPLETON, EXAMPLEVILLE, MOCKFORD)
CAST: tuple[Cast, ...] = (*DROPPING, TESTBURY, PRETENDALE, INVENTON)

_CALIFORNIA = ZoneInfo("America/Los_Angeles")


def _evening(month: int, day: int) -> datetime:
    """Return when a night's sync begins: in Pretendale's hours, and on the same day in every district."""
    return datetime(SCHOOL_YEAR, month, day, 20, 30, tzinfo=_CALIFORNIA)


FIRST_NIGHT = _evening(5, 18)
NIGHTS = (
    Night(
        FIRST_NIGHT,
        "The first sync",
        "Three districts send their files for the first time; Testbury's PowerSchool, Pretendale's Aeries and"
        " Inventon's eSchoolPLUS are asked for the first time. Everybody gets an account.",
        {cast.district: Turn("applied") for cast in CAST},
    ),
    Night(
        _evening(5, 19),
        "An ordinary night",
        "A few students arrive, leave, change school, or have a name or an e-mail address corrected. Pretendale's Aeries is"
        " asked for what has changed only. Two students there will leave after the summer; until then they stay active.",
        {
            "sampleton": Turn("applied", Day(1, 1, 0, 1)),
            "exampleville": Turn("applied", Day(4, 3, 5, 2)),
            "mockford": Turn("applied", Day(9, 6, 11, 4)),
            "testbury": Turn("applied", Day(3, 2, 0, 2)),
            "pretendale": Turn("applied", Day(2, 2, 1, 2, planned_leavers=2)),
            "inventon": Turn("applied", Day(3, 2, 1, 2)),
        },
    ),
    Night(
        _evening(5, 20),
        "A bad night",
        "Exampleville's Student.txt ends in the middle of a record, and Testbury's PowerSchool fails at the seventh page of"
        " students. Both syncs fail and change nothing; the others go on. Pretendale lets us read on Mondays and Tuesdays"
        " only.",
        {
            "exampleville": Turn("failed", Day(2, 2, 3, 1), cut_at=0.6),
            "mockford": Turn("applied", Day(3, 4, 6, 3)),
            "testbury": Turn("failed", Day(2, 3, 0, 1), scenario="page_seven_fails"),
            "pretendale": _NOT_TONIGHT,
        },
    ),
    Night(
        _evening(5, 21),
        "Both are whole again",
        "Exampleville sends the whole file, and Testbury's PowerSchool answers. What the bad night held back is applied now.",
        {
            "exampleville": Turn("applied"),
            "testbury": Turn("applied"),
            "pretendale": _NOT_TONIGHT,
        },
    ),
    Night(
        _evening(8, 18),
        "A new school year",
        "Everybody is promoted, many to their next school; the youngest arrive. The graduates are gone from the files, and"
        " PowerSchool and Aeries say that they have graduated. In a high school that is too many at once to believe: their"
        " deactivation waits for a person. Pretendale's Aeries has a database for the new year: three students have not"
        " appeared, those who were to leave have left, and two have new ids and keep their accounts. Inventon's access ended"
        " on 30 June, as every year in Arkansas: nothing is asked there and nobody changes.",
        {
            "sampleton": Turn("applied", Summer()),
            "exampleville": Turn("held", Summer()),
            "mockford": Turn("held", Summer()),
            "testbury": Turn("held", Summer()),
            "pretendale": Turn("held", Summer(no_shows=3, rekeys=2)),
            "inventon": _NOT_TONIGHT,
        },
    ),
    Night(
        _evening(8, 19),
        "The graduates are confirmed",
        "The districts say that these were their graduates, and a person approves. In Mockford many families have moved"
        " over the summer, so hundreds of students change school.",
        {
            "mockford": Turn("applied", Day(12, 8, 310, 6)),
            "pretendale": _NOT_TONIGHT,
            "inventon": _NOT_TONIGHT,
        },
        approves=("exampleville", "mockford", "testbury", "pretendale"),
    ),
    Night(
        _evening(9, 15),
        "A school disappears",
        "Exampleville's export forgets a whole school. The guard holds the deactivation of its students. In Testbury"
        " somebody takes the plugin's right to read away, in Pretendale the certificate's permission for Graduation Status;"
        " both syncs fail and say what must be given back, and by whom. Inventon's access is granted anew: everything is read,"
        " and the graduates of the summer wait for a person there too.",
        {
            "exampleville": Turn("held", Day(2, 1, 4, 2), forgets=_ELEMENTARY),
            "testbury": Turn("failed", Day(2, 1, 0, 1), scenario="no_v1_right"),
            "pretendale": Turn("failed", Day(1, 2, 1, 1), scenario="no_graduation_status"),
            "inventon": Turn("held", Summer(), renews=True),
        },
    ),
    Night(
        _evening(9, 16),
        "The next good file",
        "Exampleville's export is whole again and supersedes what was held. Testbury and Pretendale have given back"
        " what they took, but Pretendale's hours come on Monday only. Now Mockford's export forgets a school.",
        {
            "exampleville": Turn("applied", Day(3, 2, 2, 1)),
            "mockford": Turn("held", Day(5, 4, 7, 2), forgets=_ELEMENTARY),
            "testbury": Turn("applied"),
            "pretendale": _NOT_TONIGHT,
        },
        approves=("inventon",),
    ),
    Night(
        _evening(9, 17),
        "Nothing new",
        "Nobody sends anything, and nothing changes in Testbury. What is held in Mockford stays held until somebody decides.",
        {"mockford": Turn("held", sends=False), "pretendale": _NOT_TONIGHT},
    ),
)
