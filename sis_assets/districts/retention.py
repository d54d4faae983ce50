"""How long things are kept: `retention.yaml` in the home, of which every key has a default."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from sis_assets.districts.problems import from_validation
from sis_assets.districts.section import Section
from sis_assets.districts.tree import Problem, parse
from sis_assets.model.faults import Mover, NeedsPerson

FILE = "retention.yaml"
_LONGEST = 36_500


class Retention(Section):
    """For how many days what is kept. What a later sync, a decision or an undo needs is kept in any case."""

    landing_days: int = Field(
        30,
        ge=1,
        le=_LONGEST,
        description="Files as they landed, and kept answers of APIs, since they last came.",
    )
    raw_days: int = Field(
        90, ge=1, le=_LONGEST, description="Raw rows of an extract and its rejected rows, since it was read."
    )
    outbox_days: int = Field(
        90, ge=1, le=_LONGEST, description="Payloads of the outbox, since the reader acknowledged them."
    )
    snapshots_days: int = Field(
        7, ge=1, le=_LONGEST, description="Older states of every table: how far back `query --as-of` sees."
    )
    events_days: int = Field(
        90, ge=1, le=_LONGEST, description="What Dagster noted of a run, but for the history of the assets."
    )


def load_retention(home: Path) -> Retention:
    """Return what the home's `retention.yaml` says; the defaults where there is no such file.

    Raises NeedsPerson with everything that is wrong with it: nothing is removed by a file that was misread.
    """
    path = home / FILE
    try:
        tree = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Retention()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it cannot be read ({type(error).__name__})") from None
    problems: list[Problem] = list(tree.problems)
    found = None
    if tree.data is not None and not isinstance(tree.data, dict):
        problems.append(Problem((), None, "must be a mapping of keys to days"))
    else:
        try:
            found = Retention.model_validate(tree.data or {})
        except ValidationError as error:
            problems += from_validation(error, tree, Retention)
    if problems or found is None:
        raise _wrong(path, "; ".join(str(problem.spoken()) for problem in problems)) from None
    return found


def _wrong(path: Path, seen: str) -> NeedsPerson:
    return NeedsPerson(
        tried=f"Reading {path}",
        seen=seen,
        todo="Correct the file; docs/retention.md lists its keys",
        mover=Mover.ENGINEER,
    )
