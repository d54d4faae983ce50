"""Hand the valid requests to the SIS: as a file, as a script, or by its API. Everything that stands is repeated every time.

What was handed over is written down only after it is there: a crash in between repeats it, and a SIS that has a request
already keeps it once. A request is therefore in the file or the SIS, or is still listed as valid.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model import requests as rules
from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.model.schema import SIS_IMPORTS
from sis_assets.pipeline.requests.intake import Taken, counted, newest_import, verdicts
from sis_assets.pipeline.requests.judging import judge, show
from sis_assets.sis.drops import on_server
from sis_assets.sis.requests import form_of, settings_of
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
    """What was handed over: the files, how many requests they hold, and what the newest import's rows are judged to be."""

    files: tuple[str, ...]
    records: int
    taken: Taken


def export(stage: Stage, district: District, out: Path, *, dry_run: bool = False) -> Exported:
    """Write the report and the SIS's files of a district into the folder `out`, and deliver these where its file says.

    A dry run judges and counts, and writes nothing. Raises NeedsPerson, PermanentFault, TransientFault.
    """
    settings, form = settings_of(district), form_of(district)
    if dry_run:
        with stage.warehouse.read() as connection:
            judge(connection, [district])
            return Exported((), _standing(connection, district), _newest(connection, district))
    stage.warehouse.write(lambda connection: judge(connection, [district]))
    with stage.warehouse.read() as connection:
        show(connection, [district])
        taken = _newest(connection, district)
        lay(out, REPORT, _report(connection, district, taken))
        hashes = [
            row[0] for row in connection.execute(f"SELECT row_sha256 FROM asked WHERE {_STANDS}").fetchall()
        ]
        files = [
            lay(out, name, rendering(form, _rows(connection, form)))
            for name, rendering in form.files[settings.mode].items()
        ]
    lay(out, MANIFEST, [_manifest(files, len(hashes))])
    _deliver(district, out, [*(file.name for file in files), MANIFEST])
    stage.warehouse.write(lambda connection: _note(connection, stage, district, files, hashes))
    return Exported(tuple(file.name for file in files), len(hashes), taken)


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


def _rows(connection: DuckDBPyConnection, form: Form) -> Iterator[Sequence[str]]:
    """Give the rows of the file: school by school, each student's requests before what stands in for them."""
    cursor = connection.execute(
        f"SELECT {form.selected} FROM asked a LEFT JOIN numbers n USING (district_id, school_id, student_id)"
        f" WHERE {_STANDS} ORDER BY a.school_id, a.student_id, a.kind = 'alternate', a.alternate_for, a.priority, a.course_code"
    )
    while rows := cursor.fetchmany(_BATCH):
        yield from rows


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
    files: Sequence[Laid],
    hashes: Sequence[str],
) -> None:
    """Write down that these requests were handed over; the first time stays."""
    name, now = district.district, stage.clock.now()
    lay_rows(connection, "handed", {"row_sha256": "VARCHAR"}, [(row,) for row in hashes])
    connection.execute(
        "UPDATE requests.course_requests SET status = CASE WHEN status = 'valid' THEN 'sent' ELSE status END,"
        f" sent_at = coalesce(sent_at, $1) WHERE district_id = $2 AND {_STANDS} AND row_sha256 IN (FROM handed)",
        [now, name],
    )
    made = connection.execute(
        "SELECT count(DISTINCT export_id) FROM requests.sis_imports WHERE district_id = ?", [name]
    )
    export_id = f"{name}-{made.fetchall()[0][0] + 1:06d}"
    rows: list[Mapping[str, object]] = [
        {
            "district_id": name,
            "export_id": export_id,
            "made_at": now,
            "name": file.name,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "records": len(hashes),
            "refused": 0,
        }
        for file in files
    ]
    insert(connection, SIS_IMPORTS, rows)
