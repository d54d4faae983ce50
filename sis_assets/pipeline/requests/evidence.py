"""What a SIS says of the requests that it holds: its API, a download, or the log of the upload. Brought into one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.districts import EschoolplusFiles
from sis_assets.model.faults import Fault, Mover, NeedsPerson, sentence
from sis_assets.pipeline.requests.judging import asked_year
from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadJob
from sis_assets.sis.drops import opened
from sis_assets.sis.requests import form_of, settings_of
from sis_assets.transport.dropzone import Expected, NotYet, land
from sis_assets.transport.landing import scratch_folder
from sis_assets.warehouse.rows import lay

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District, Dropzone
    from sis_assets.pipeline.stage import Stage

_RESULT = "result"


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that the SIS says, as text in a Parquet file; `columns` says what stands for which fill of the form.

    `is_log`: it tells what became of an upload. `unreadable` lines could not be split into their fields.
    """

    parquet: Path
    columns: Mapping[str, str]
    is_log: bool = False
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a SIS says. `whole`: what is not in it is not in the SIS, too."""

    answers: tuple[Answer, ...]

    @property
    def whole(self) -> bool:
        """Whether it has all requests of the SIS, not only those of an upload."""
        return any(not answer.is_log for answer in self.answers)

    @property
    def unreadable(self) -> int:
        """How many lines could not be split into their fields."""
        return sum(answer.unreadable for answer in self.answers)


@contextmanager
def gathered(
    stage: Stage, district: District, files: Mapping[str, Path] | None = None
) -> Iterator[Evidence | NotYet]:
    """Give what the SIS says now, for the time of the block; NotYet when nothing came back so far.

    `files` names the files by `held` and `log`; without them the district's drop is looked into, or its API is asked.
    Raises a Fault for what cannot be read.
    """
    with scratch_folder(stage.home.scratch, "answers-") as folder:
        if files is not None:
            yield _of_files(stage, district, files, folder)
        elif isinstance(district.sis, EschoolplusFiles):
            yield _of_drop(stage, district, district.sis.dropzone, folder)
        else:
            yield _of_api(stage, district, folder)


def _of_files(stage: Stage, district: District, files: Mapping[str, Path], folder: Path) -> Evidence:
    return Evidence(tuple(_read(stage, district, name, path, folder) for name, path in sorted(files.items())))


def _of_drop(stage: Stage, district: District, dropzone: Dropzone, folder: Path) -> Evidence | NotYet:
    answers = settings_of(district).answers
    with opened(dropzone) as drop:
        landed = land(
            drop,
            Expected({"held": (answers.held,), "log": (answers.log,)}),
            quiet_seconds=dropzone.quiet_seconds,
            # Apart from what the SIS's own files of the same drop left: each look remembers when it was last quiet.
            landing=stage.home.landing / district.district / "requests",
        )
    if isinstance(landed, NotYet):
        return landed
    return _of_files(stage, district, {file.entity: file.path for file in landed}, folder)


def _of_api(stage: Stage, district: District, folder: Path) -> Evidence | NotYet:
    form = form_of(district)
    if form.client is None:
        seen = "Nothing that the SIS holds can be read from here; name its download with --held, or the import's log with --log"
        return NotYet(sentence(seen, Mover.ENGINEER))
    if closed := stage.closed(district):
        return NotYet(closed)
    held = form.client.held(district, stage.home, form, asked_year(district), into=folder)
    return Evidence((Answer(held.parquet, held.columns),))


def _read(stage: Stage, district: District, name: str, path: Path, folder: Path) -> Answer:
    form, answers = form_of(district), settings_of(district).answers
    is_log = name == "log"
    headers = form.headers | ({_RESULT: (answers.result,)} if is_log else {})
    who = next((fill for fill in ("student_id", "student_number") if fill in headers), "")
    if not who or "course_code" not in headers:
        raise NeedsPerson(
            tried="Reading what the SIS says of the requests",
            seen="sis.requests.columns leaves out the student or the course",
            todo="Let the file have both",
            mover=Mover.ENGINEER,
        )
    layout = Layout(headers, frozenset({who, "course_code"} | ({_RESULT} if is_log else set())), key=who)
    dialect = Dialect(form.limits.delimiter, form.limits.encoding, final_newline=False)
    (answer,) = stage.readers.read([ReadJob(path, layout, dialect, Limits(), folder / f"{name}.parquet")])
    if isinstance(answer, Fault):
        raise type(answer)(
            tried="Reading what the SIS says of the requests",
            seen=answer.seen,
            todo=answer.todo,
            mover=answer.mover,
        )
    return Answer(answer.parquet, {name: name for name in answer.columns}, is_log, len(answer.rejected))


_TOLD = {
    "district_id": "VARCHAR",
    "school_year": "INTEGER",
    **dict.fromkeys(("student_id", "school_id", "course_code", "kind", "alternate_for"), "VARCHAR"),
    "is_log": "BOOLEAN",
    "taken": "BOOLEAN",
}


def lay_evidence(connection: DuckDBPyConnection, district: District, evidence: Evidence) -> None:
    """Make the relations `held` and `refused` of what the SIS says; `numbers` and `years` are there."""
    form = form_of(district)
    accepted = [word.casefold() for word in settings_of(district).answers.accepted]
    lay(connection, "told", _TOLD, [])
    for answer in evidence.answers:
        named = ", ".join(f'"{column}" AS {fill}' for fill, column in answer.columns.items())
        taken = (
            f"list_contains($3::VARCHAR[], lower(h.{_RESULT}))"
            if answer.is_log
            else "$3::VARCHAR[] IS NOT NULL"
        )
        by_number = "student_id" not in answer.columns
        join = (
            "JOIN numbers n ON n.school_id = h.school_id AND n.number = h.student_number" if by_number else ""
        )
        connection.execute(
            f"INSERT INTO told SELECT $1, {', '.join(form.said(answer.columns).values())}, $4::BOOLEAN, {taken}"
            f" FROM (SELECT {named} FROM read_parquet($2)) h"
            f" CROSS JOIN (SELECT school_year FROM years WHERE district_id = $1) y {join}",
            [district.district, str(answer.parquet), accepted, answer.is_log],
        )
    there = "NOT is_log" if evidence.whole else "taken"
    for relation, condition in (("held", there), ("refused", "NOT taken")):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT * EXCLUDE (is_log, taken) FROM told WHERE {condition}"
        )
