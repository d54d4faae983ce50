"""A read of a district's API in the hours of `pull`: it stops at their end, and the next hours go on with it (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sis_assets.model.calendar import closing, next_opening
from sis_assets.model.faults import Mover, sentence
from sis_assets.transport import landing
from sis_assets.transport.dropzone import NotYet
from sis_assets.transport.visit import Answers, HoursOverError, Visit

if TYPE_CHECKING:
    from sis_assets.districts import District, Pull
    from sis_assets.pipeline.stage import Stage
    from sis_assets.sis.reading import Delivery


def read_in_hours(
    stage: Stage, district: District, read: Callable[[Visit], Delivery | NotYet]
) -> Delivery | NotYet:
    """Return what `read` gives, or `NotYet` when the hours of `pull` end before it is whole.

    What the server answered until then, or until a kill, is kept for `pull.resume_hours`, and the next read goes on with it.
    After a read that is whole, or that a fault ends, nothing is. Raises the read's faults.
    """
    pull = district.pull
    if pull is None or not district.sis.by_api:
        return read(Visit())
    place = stage.home.landing / district.district
    landing.prepare(place)
    now = stage.clock.now()
    answers = Answers(place, under=district.digest(), now=now, lasting=timedelta(hours=pull.resume_hours))
    try:
        found = read(Visit(seconds=_seconds_left(stage, district, pull, now), answers=answers))
    except HoursOverError:
        return NotYet(_interrupted(district, pull, now, answers))
    except Exception:
        answers.forget()
        raise
    else:
        answers.forget()
        return found
    finally:
        answers.close()


def _seconds_left(stage: Stage, district: District, pull: Pull, now: datetime) -> float | None:
    if stage.outside_window:
        return None
    ends = closing(now, pull.window, district.zone)
    return (ends - now).total_seconds() if ends else 0.0


def _interrupted(district: District, pull: Pull, now: datetime, answers: Answers) -> str:
    opens = next_opening(now, pull.window, district.zone)
    goes_on = opens - answers.began <= timedelta(hours=pull.resume_hours)
    count = answers.count
    kept = f"{count} answer{' is' if count == 1 else 's are'} kept and the read goes on"
    anew = "the read starts anew, since pull.resume_hours will have passed,"
    return sentence(
        f"The hours in which the SIS may be read ended before it was read whole; {kept if goes_on else anew} at"
        f" {opens.astimezone(district.zone):%Y-%m-%d %H:%M} ({district.timezone}), or now with --outside-window",
        Mover.ENGINEER,
    )
