"""How made-up Aeries districts change: an ordinary day or some hours of it, and the change of the school year.

Contract: Aeries §2.3: a move within the district is a second school record, the old one turns inactive; the year's
rollover is a new database, in which the left ones may have been put into a school for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict

from sis_assets.sandbox.aeries.data import (
    ACTIVE,
    AFTER_LAST_GRADE,
    COMPLETED,
    END_OF_YEAR,
    EVENING,
    GRADES,
    GRADUATED,
    INACTIVE_SCHOOL,
    KINDERGARTEN,
    LAST_GRADE,
    LEAVES_IN_SUMMER,
    LEFT,
    LEFT_DISTRICT,
    LOWEST_GRADE,
    MOVED,
    NO_SHOW,
    NOT_APPEARED,
    OTHER_DISTRICT,
    PRE_ENROLLED,
    RECORDS,
    SCHOOL_COMPLETED,
    WITHIN_DISTRICT,
    District,
    numbered,
)
from sis_assets.sandbox.aeries.enrolling import among, arrived, ended, enrolled, new_records, of_schools
from sis_assets.sandbox.aeries.rosters import FIRST_MARKED_GRADE, catalogue, sections
from sis_assets.sandbox.aeries.staff import staff

_REKEYED = 100_000_000
_STEPS_APART = 1_000_000
#: Of a hundred who end the last grade, those who stay for a year more.
_STAYS = 2


@dataclass(frozen=True, slots=True)
class Churn:
    """What happens in one step, in numbers of students, courses, sections or staff.

    erased  students of whom nothing is left: no list and no feed tells of them
    """

    arrivals: int = 0
    leavers: int = 0
    returners: int = 0
    transfers: int = 0
    concurrent: int = 0
    pre_enrollments: int = 0
    planned_leavers: int = 0
    completions: int = 0
    rekeys: int = 0
    renamed: int = 0
    readdressed: int = 0
    erased: int = 0
    class_changes: int = 0
    section_changes: int = 0
    course_changes: int = 0
    staff_changes: int = 0

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def after(district: District, churn: Churn, *, passed: timedelta = timedelta(days=1)) -> District:
    """Return the district a day, or whatever has passed, later; a count that is too great means all there are."""
    district = replace(district, now=district.now + passed, step=district.step + 1)
    main_active = pl.col("main") & (pl.col("tag") == ACTIVE)
    leavers = _picked(district, main_active, churn.leavers, "leave")
    completing = _picked(
        district,
        main_active & (pl.col("grade") >= LAST_GRADE) & ~among(leavers),
        churn.completions,
        "complete",
    )
    returning = pl.col("main") & (pl.col("tag") == LEFT) & (pl.col("school") != INACTIVE_SCHOOL)
    returners = _picked(district, returning, churn.returners, "return")
    remaining = main_active & ~among(leavers + completing)
    movers = _at_another_school(district, remaining, churn.transfers, "transfer")
    seconds = _at_another_school(
        district, remaining & ~among(movers["number"]), churn.concurrent, "concurrent"
    )
    planned = _picked(district, remaining, churn.planned_leavers, "plan")
    district = _left(district, leavers, completing)
    district = _returned(district, returners)
    district = _moved(district, movers)
    second = new_records(district, seconds, tag=ACTIVE, enter=district.today, main=False)
    district = enrolled(replace(district, records=pl.concat([district.records, second])), second)
    district = replace(
        district,
        records=district.records.with_columns(
            end_of_year_code=pl.when(among(planned) & main_active)
            .then(pl.lit(LEAVES_IN_SUMMER))
            .otherwise("end_of_year_code")
        ),
        people=_corrected(district, remaining, churn),
    )
    district = _erased(district, _picked(district, main_active, churn.erased, "erase"))
    district = _edited(district, churn)
    grade = district.chance("grade") % GRADES + LOWEST_GRADE
    district = arrived(district, churn.arrivals, tag=ACTIVE, grade=grade, enter=district.today)
    begins = district.year_start.replace(year=district.year + 1)
    return arrived(
        district, churn.pre_enrollments, tag=PRE_ENROLLED, grade=pl.lit(KINDERGARTEN, pl.Int64), enter=begins
    )


def after_the_summer(district: District, *, no_shows: int = 0) -> District:
    """Return the district on the first day of its next school year, with the ended year's database beside it.

    Everybody active is a grade higher, at the next school where the old one ends. Who has completed the last grade and
    who was planned to leave is inactive, as are `no_shows`; the pre-enrolled are active; as many have come to the lowest
    grade as are lacking. Half of those who had left are in the school for inactive students.
    """
    closed = _completed(district)
    year = replace(
        closed,
        before=closed,
        year=closed.year + 1,
        step=closed.step + 1,
        now=datetime.combine(closed.year_start.replace(year=closed.year + 1), EVENING),
    )
    main_active = pl.col("main") & (pl.col("tag") == ACTIVE)
    through = pl.col("completion_code") != ""
    planned = pl.col("end_of_year_code") != ""
    away = _picked(year, main_active & ~through & ~planned, no_shows, "no-show")
    records = of_schools(year, year.records).with_columns(
        becomes=pl.when(~(pl.col("tag").is_in([ACTIVE, PRE_ENROLLED])))
        .then(pl.lit("inactive"))
        .when(pl.col("tag") == PRE_ENROLLED)
        .then(pl.lit("new"))
        .when(~pl.col("main"))
        .then(pl.lit("second"))
        .when(through)
        .then(pl.lit("through"))
        .when(planned)
        .then(pl.lit("planned"))
        .when(among(away))
        .then(pl.lit("away"))
        .otherwise(pl.lit("stays"))
    )
    becomes = pl.col("becomes")
    codes = {
        "second": WITHIN_DISTRICT,
        "through": SCHOOL_COMPLETED,
        "planned": LEFT_DISTRICT,
        "away": END_OF_YEAR,
        "stays": END_OF_YEAR,
    }
    tags = {"second": MOVED, "through": COMPLETED, "planned": LEFT, "away": NO_SHOW, "new": ACTIVE}
    year = ended(
        year,
        records.with_columns(code=becomes.replace_strict(codes, default=None)).drop_nulls("code"),
        closed.year_end,
    )
    here, gone = becomes.is_in(["stays", "new"]), becomes.is_in(["second", "through", "planned"])
    higher = becomes.is_in(["stays", "away"])
    promoted = records.with_columns(
        tag=becomes.replace_strict(tags, default=pl.col("tag")),
        grade=pl.col("grade") + higher.cast(pl.Int64),
        enter=pl.when(here).then(pl.lit(year.today)).otherwise("enter"),
        leave=pl.when(gone).then(pl.lit(closed.year_end)).otherwise("leave"),
        summer_code=pl.when(becomes == "away").then(pl.lit(NOT_APPEARED)).otherwise("summer_code"),
        summer_leave=pl.when(becomes == "away")
        .then(pl.lit(year.today - timedelta(days=30)))
        .otherwise("summer_leave"),
        goes_to=pl.when(higher & (pl.col("grade") == pl.col("high")))
        .then("feeds")
        .when((becomes == "inactive") & pl.col("tag").is_in([LEFT, COMPLETED]) & (pl.col("number") % 2 == 0))
        .then(pl.lit(INACTIVE_SCHOOL)),
    )
    staying = promoted.filter(pl.col("goes_to").is_null()).select(*RECORDS)
    going = promoted.filter(pl.col("goes_to").is_not_null()).with_columns(school="goes_to")
    moved = numbered(staying, going.sort("number"))
    year = replace(year, records=pl.concat([staying, moved]))
    active = year.records.filter(main_active)
    year = enrolled(year, active)
    lacking = district.records.select(main_active.sum()).item() - active.height
    return arrived(year, max(0, lacking), tag=ACTIVE, grade=pl.lit(LOWEST_GRADE, pl.Int64), enter=year.today)


def _completed(district: District) -> District:
    """Return the district on its last day, with the completion of those who go."""
    stays = district.chance("one more", lasting=True) % 100 < _STAYS
    through = (
        pl.col("main")
        & (pl.col("tag") == ACTIVE)
        & (pl.col("grade") >= LAST_GRADE)
        & ~((pl.col("grade") < AFTER_LAST_GRADE) & stays)
    )
    return replace(
        district,
        now=datetime.combine(district.year_end, EVENING),
        records=district.records.with_columns(
            completion_code=pl.when(through).then(pl.lit(GRADUATED)).otherwise("completion_code"),
            completion_date=pl.when(through).then(pl.lit(district.year_end)).otherwise("completion_date"),
        ),
    )


def _picked(district: District, eligible: pl.Expr, count: int, purpose: str) -> list[int]:
    """Return the numbers of `count` of the people with such a record, by this step's chances."""
    people = district.records.filter(eligible).sort(district.chance(purpose), "number")
    return people["number"].head(count).to_list()


def _at_another_school(district: District, eligible: pl.Expr, count: int, purpose: str) -> pl.DataFrame:
    """Return number, grade and a school of the same level and LEA where they have no record yet."""
    places = district.schools.select("lea", "level", "rank", to="code")
    return (
        of_schools(district, district.records.filter(eligible))
        .filter(pl.col("peers") > 1)
        .sort(district.chance(purpose), "number")
        .with_columns(
            rank=(pl.col("rank") + 1 + district.chance("to") % (pl.col("peers") - 1)) % pl.col("peers")
        )
        .join(places, on=["lea", "level", "rank"], maintain_order="left")
        .select("number", "grade", school="to")
        .join(district.records, on=["number", "school"], how="anti", maintain_order="left")
        .head(count)
    )


def _left(district: District, leavers: list[int], completing: list[int]) -> District:
    goes = among(leavers + completing) & (pl.col("tag") == ACTIVE)
    through = among(completing)
    code = (
        pl.when(through)
        .then(pl.lit(SCHOOL_COMPLETED))
        .when(pl.col("number") % 2 == 0)
        .then(pl.lit(OTHER_DISTRICT))
        .otherwise(pl.lit(LEFT_DISTRICT))
    )
    district = ended(district, district.records.filter(goes).with_columns(code=code), district.today)
    completed = goes & through
    return replace(
        district,
        records=district.records.with_columns(
            tag=pl.when(completed).then(pl.lit(COMPLETED)).when(goes).then(pl.lit(LEFT)).otherwise("tag"),
            leave=pl.when(goes).then(pl.lit(district.today)).otherwise("leave"),
            completion_code=pl.when(completed).then(pl.lit(GRADUATED)).otherwise("completion_code"),
            completion_date=pl.when(completed).then(pl.lit(district.today)).otherwise("completion_date"),
        ),
    )


def _returned(district: District, returners: list[int]) -> District:
    back = among(returners) & pl.col("main")
    records = district.records.with_columns(
        tag=pl.when(back).then(pl.lit(ACTIVE)).otherwise("tag"),
        enter=pl.when(back).then(pl.lit(district.today)).otherwise("enter"),
        leave=pl.when(~back).then("leave"),
    )
    return enrolled(replace(district, records=records), records.filter(back))


def _moved(district: District, movers: pl.DataFrame) -> District:
    goes = among(movers["number"]) & pl.col("main")
    leaving = district.records.filter(goes).with_columns(code=pl.lit(WITHIN_DISTRICT))
    district = ended(district, leaving, district.today)
    there = new_records(district, movers, tag=ACTIVE, enter=district.today, main=True)
    records = district.records.with_columns(
        tag=pl.when(goes).then(pl.lit(MOVED)).otherwise("tag"),
        leave=pl.when(goes).then(pl.lit(district.today)).otherwise("leave"),
        main=pl.col("main") & ~goes,
    )
    return enrolled(replace(district, records=pl.concat([records, there])), there)


def _corrected(district: District, eligible: pl.Expr, churn: Churn) -> pl.DataFrame:
    """Return the people with new ids, names, addresses and classes."""
    rekeyed = among(_picked(district, eligible, churn.rekeys, "rekey"))
    renamed = among(_picked(district, eligible, churn.renamed, "rename"))
    readdressed = among(_picked(district, eligible, churn.readdressed, "address"))
    with_classes = eligible & pl.col("grade").is_between(FIRST_MARKED_GRADE, LAST_GRADE)
    shifted = among(_picked(district, with_classes, churn.class_changes, "class"))
    return district.people.with_columns(
        student_id=pl.when(rekeyed)
        .then(pl.lit(_REKEYED) + district.step * _STEPS_APART + pl.col("number"))
        .otherwise("student_id"),
        old_student_id=pl.when(rekeyed).then("student_id").otherwise("old_student_id"),
        family=pl.col("family") + renamed.cast(pl.Int64),
        mailbox=pl.col("mailbox") + readdressed.cast(pl.Int64),
        shift=pl.col("shift") + shifted.cast(pl.Int64),
        shifted_on=pl.when(shifted).then(pl.lit(district.today)).otherwise("shifted_on"),
    )


def _erased(district: District, numbers: list[int]) -> District:
    gone = among(numbers)
    return replace(
        district,
        people=district.people.filter(~gone),
        records=district.records.filter(~gone),
        enrollments=district.enrollments.filter(~gone),
    )


def _edited(district: District, churn: Churn) -> District:
    """Return the district with other words in so many courses, sections and entries of the staff."""
    step = district.step

    def edited(edits: pl.DataFrame, all_: pl.DataFrame, keys: Iterable[str], count: int) -> pl.DataFrame:
        if not count:
            return edits
        first = all_.height * (step * 7_919 % 97) // 97
        chosen = pl.concat([all_.slice(first), all_.head(first)]).head(count).with_columns(edits=pl.lit(1))
        return (
            pl.concat([edits, chosen.select(pl.col(name).cast(edits.schema[name]) for name in edits.columns)])
            .group_by(*keys, maintain_order=True)
            .agg(pl.col("edits").sum())
        )

    return replace(
        district,
        course_edits=edited(
            district.course_edits,
            catalogue(district).select(course="ID"),
            ["course"],
            churn.course_changes,
        ),
        section_edits=edited(
            district.section_edits,
            sections(district).select(school="SchoolCode", section="SectionNumber"),
            ["school", "section"],
            churn.section_changes,
        ),
        staff_edits=edited(
            district.staff_edits, staff(district).select(staff="ID"), ["staff"], churn.staff_changes
        ),
    )
