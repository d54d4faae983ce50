"""Hand the valid requests to the SIS: as a file, as a script, or by its API. Everything that stands is repeated every time.

What was handed over is written down only after it is there: a crash in between repeats it, and a SIS that has a request
already keeps it once. A request is therefore in the file or the SIS, or is still listed as valid.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model import requests as rules
from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.model.schema import SIS_IMPORTS
from sis_assets.pipeline.requests.intake import Taken, counted, newest_import, verdicts
from sis_assets.pipeline.requests.judging import asked_year, judge, show
from sis_assets.sis.drops import on_server
from sis_assets.sis.request_api import Wish
from sis_assets.sis.requests import form_of, settings_of
from sis_assets.transport.landing import scratch_folder
from sis_assets.transport.manifest import MANIFEST
from sis_assets.transport.outgoing import Laid, lay
from sis_assets.warehouse.rows import insert
from sis_assets.warehouse.rows import lay as lay_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sis_assets.districts import District
    from sis_assets.pipeline.stage import Stage
    from sis_assets.sis.request_form import Form

REPORT = "report.csv"
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What was handed over: the files, how many requests, and what the newest import's rows are judged to be.

    `refused` counts the requests that the SIS's API did not take.
    """

    files: tuple[str, ...]
    records: int
    refused: int
    taken: Taken


def export(stage: Stage, district: District, out: Path, *, dry_run: bool = False) -> Exported:
    """Write the report of a district into the folder `out` and hand its requests over: files there, or calls of the API.

    Files are also delivered where the district's file says so. A dry run judges and counts, and writes nothing. Raises
    NeedsPerson, PermanentFault, TransientFault; what was handed over before is written down.
    """
    settings, form = settings_of(district), form_of(district)
    if dry_run:
        with stage.warehouse.read() as connection:
            judge(connection, [district])
            return Exported((), _standing(connection, district), 0, _newest(connection, district))
    stage.warehouse.write(lambda connection: judge(connection, [district]))
    with stage.warehouse.read() as connection:
        show(connection, [district])
        taken = _newest(connection, district)
        lay(out, REPORT, _report(connection, district, taken))
        if settings.mode == "api":
            wishes = _wishes(connection, form)
        else:
            hashes = [
                row[0]
                for row in connection.execute(f"SELECT row_sha256 FROM asked WHERE {_STANDS}").fetchall()
            ]
            files = [
                lay(out, name, rendering(form, _rows(connection, form)))
                for name, rendering in form.files[settings.mode].items()
            ]
    if settings.mode == "api":
        return _by_api(stage, district, form, wishes, taken)
    lay(out, MANIFEST, [_manifest(files, len(hashes))])
    _deliver(district, out, [*(file.name for file in files), MANIFEST])
    made = [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256, "refused": 0} for file in files]
    stage.warehouse.write(lambda connection: _note(connection, stage, district, made, hashes))
    return Exported(tuple(file.name for file in files), len(hashes), 0, taken)


def _by_api(stage: Stage, district: District, form: Form, wishes: Sequence[Wish], taken: Taken) -> Exported:
    if form.client is None:
        raise NeedsPerson(
            tried="Handing the requests over",
            seen="this version knows no API for requests of this SIS",
            todo="Set sis.requests.mode to file",
            mover=Mover.ENGINEER,
        )
    if closed := stage.closed(district):
        raise NeedsPerson(
            tried="Handing the requests over",
            seen="the SIS is not to be called now",
            todo=closed,
            mover=Mover.ENGINEER,
        )
    with scratch_folder(stage.home.scratch, "handing-") as folder:
        handed = form.client.hand_over(district, stage.home, form, asked_year(district), wishes, into=folder)
    made = [{"name": form.client.TABLE, "bytes": None, "sha256": None, "refused": len(handed.refused)}]
    stage.warehouse.write(
        lambda connection: _note(
            connection, stage, district, made, sorted(handed.done), refused=handed.refused
        )
    )
    if handed.fault is not None:
        raise handed.fault
    return Exported((), len(handed.done), len(handed.refused), taken)


_STANDS = f"status IN {rules.STANDING}"


def _newest(connection: DuckDBPyConnection, district: District) -> Taken:
    newest = newest_import(connection, district.district)
    if newest is None:
        raise NeedsPerson(
            tried=f"Exporting the requests of {district.district}",
            seen="none were imported yet",
            todo="Import them first: `sis-assets requests import FILE --district D`",
            mover=Mover.ENGINEER,
        )
    return counted(connection, district.district, newest[0], known=True)


def _standing(connection: DuckDBPyConnection, district: District) -> int:
    found = connection.execute(
        f"SELECT count(*) FROM requests.course_requests WHERE district_id = ? AND {_STANDS}",
        [district.district],
    ).fetchall()
    return int(found[0][0])


_ORDER = "a.school_id, a.student_id, a.kind = 'alternate', a.alternate_for, a.priority, a.course_code"


def _rows(connection: DuckDBPyConnection, form: Form) -> Iterator[Sequence[str]]:
    """Give the rows of the file: school by school, each student's requests before what stands in for them."""
    cursor = connection.execute(
        f"SELECT {form.selected} FROM asked a LEFT JOIN numbers n ON {rules.NUMBERED} WHERE {_STANDS} ORDER BY {_ORDER}"
    )
    while rows := cursor.fetchmany(_BATCH):
        yield from rows


def _wishes(connection: DuckDBPyConnection, form: Form) -> list[Wish]:
    """Return what the SIS is to have, which is all that stands, and to forget: what was withdrawn after it was sent."""
    fields = ("student_id", "school_id", "course_code", "kind", "alternate_for", "priority")
    request = ", ".join(f"coalesce(CAST(a.{name} AS VARCHAR), '')" for name in fields)
    rows = connection.execute(
        f"SELECT a.row_sha256, coalesce(n.number, ''), {request}, {form.selected} FROM asked a LEFT JOIN numbers n"
        f" ON {rules.NUMBERED} WHERE {_STANDS} OR reason = 'withdrawn_after_sending' ORDER BY {_ORDER}"
    ).fetchall()
    return [
        Wish(
            sha256,
            key,
            student,
            school,
            course,
            kind,
            main,
            priority,
            dict(zip(form.columns, values, strict=True)),
        )
        for sha256, key, student, school, course, kind, main, priority, *values in rows
    ]


def _report(connection: DuckDBPyConnection, district: District, taken: Taken) -> list[bytes]:
    """Return the report: one line a row of the newest import. It holds no value of a request, so nothing in it is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("row", "status", "reason_code"))
    writer.writerows(verdicts(connection, district.district, taken.import_id))
    return [text.getvalue().encode()]


def _manifest(files: Sequence[Laid], records: int) -> bytes:
    listed = [
        {"name": file.name, "bytes": file.bytes, "sha256": file.sha256, "records": records} for file in files
    ]
    return (json.dumps({"files": listed}, indent=1) + "\n").encode()


def _deliver(district: District, out: Path, names: Sequence[str]) -> None:
    """Lay the files into the district's folder too, the manifest last, where its file names one."""
    target = settings_of(district).deliver
    if target is None:
        return
    if target.folder is not None:
        for name in names:
            lay(target.folder, name, _chunks(out / name), mode=0o666)
    elif target.sftp is not None:
        with on_server(target.sftp) as folder:
            for name in names:
                folder.put(name, _chunks(out / name), (out / name).stat().st_size)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _note(
    connection: DuckDBPyConnection,
    stage: Stage,
    district: District,
    made: Sequence[Mapping[str, object]],
    hashes: Sequence[str],
    *,
    refused: Iterable[str] = (),
) -> None:
    """Write down that these requests were handed over, and which were refused; the first time stays.

    `made` holds name, bytes, sha256 and refused of each file, or of the API's table.
    """
    name, now = district.district, stage.clock.now()
    lay_rows(connection, "handed", {"row_sha256": "VARCHAR"}, [(row,) for row in hashes])
    lay_rows(connection, "turned_away", {"row_sha256": "VARCHAR"}, [(row,) for row in refused])
    connection.execute(
        "UPDATE requests.course_requests SET status = CASE WHEN status = 'valid' THEN 'sent' ELSE status END,"
        f" sent_at = coalesce(sent_at, $1) WHERE district_id = $2 AND {_STANDS} AND row_sha256 IN (FROM handed)",
        [now, name],
    )
    connection.execute(
        f"UPDATE requests.course_requests SET reason = 'refused_by_sis' WHERE district_id = $1 AND {_STANDS}"
        " AND row_sha256 IN (FROM turned_away)",
        [name],
    )
    exports = connection.execute(
        "SELECT count(DISTINCT export_id) FROM requests.sis_imports WHERE district_id = ?", [name]
    )
    ours = {
        "district_id": name,
        "export_id": f"{name}-{exports.fetchall()[0][0] + 1:06d}",
        "made_at": now,
        "records": len(hashes),
    }
    insert(connection, SIS_IMPORTS, [ours | dict(row) for row in made])
