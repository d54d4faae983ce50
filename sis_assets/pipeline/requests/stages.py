"""Course requests as stages over a set of districts: take in what was dropped, hand over what stands, look for it.

One bad district never stops another. Districts without requests are skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sis_assets.model.faults import Fault, Mover, sentence
from sis_assets.model.requests import STANDING, VERDICTS
from sis_assets.pipeline.quality import Finding
from sis_assets.pipeline.requests.confirm import confirm
from sis_assets.pipeline.requests.export import export
from sis_assets.pipeline.requests.intake import SUFFIXES, newest_import, take_in
from sis_assets.pipeline.requests.overview import CHECK, unconfirmed
from sis_assets.pipeline.stage import Outcome, Stage, Status, redacted
from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from sis_assets.districts import District
    from sis_assets.warehouse import Home, Warehouse


def dropped(home: Home, district_id: str) -> list[Path]:
    """Return the files of requests that lie in the district's folder, the oldest first. Hidden ones are not ready."""
    folder = home.requests / district_id
    if not folder.is_dir():
        return []
    files = [
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    return sorted((path for path in files if path.is_file() and not path.is_symlink()), key=_age)


def _age(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


def receive(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Take in every file of the districts' folders that was not taken in before; none is moved or removed."""
    return _each(districts, lambda district: _receive(stage, district))


def _receive(stage: Stage, district: District) -> Outcome:
    name, notes = district.district, []
    known = _imported(stage.warehouse, name)
    for file in dropped(stage.home, name):
        if _sha256(file) not in known:
            taken = take_in(stage, district, file)
            counts = ", ".join(f"{taken.counts[verdict]} {verdict}" for verdict in VERDICTS)
            notes.append(f"{taken.import_id}: {taken.total} rows, {counts}")
            known |= _imported(stage.warehouse, name)
    if not known:
        reason = f"No requests were imported or dropped into requests/{name}"
        return Outcome(name, Status.SKIPPED, sentence(reason, Mover.VENDOR))
    return Outcome(name, rows={"requests/course_requests": _rows(stage.warehouse, name)}, notes=tuple(notes))


def _imported(warehouse: Warehouse, district_id: str) -> frozenset[str]:
    with warehouse.read() as connection:
        found = connection.execute(
            "SELECT content_sha256 FROM requests.imports WHERE district_id = ?", [district_id]
        ).fetchall()
    return frozenset(sha256 for (sha256,) in found)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _rows(warehouse: Warehouse, district_id: str) -> int:
    with warehouse.read() as connection:
        query = "SELECT count(*) FROM requests.course_requests WHERE district_id = ?"
        return int(connection.execute(query, [district_id]).fetchall()[0][0])


def send(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Hand everything that stands to the districts' SIS; the files lie in `outbox/requests/<district>`."""
    return _each(districts, lambda district: _send(stage, district))


def _send(stage: Stage, district: District) -> Outcome:
    name = district.district
    with stage.warehouse.read() as connection:
        if newest_import(connection, name) is None:
            return Outcome(name, Status.SKIPPED, sentence("No requests were imported yet", Mover.VENDOR))
    done = export(stage, district, stage.home.outbox / "requests" / name)
    notes = (f"{done.refused} requests were refused by the SIS",) if done.refused else ()
    return Outcome(name, rows={"requests/sis_imports": done.records}, notes=notes)


def look(stage: Stage, districts: Sequence[District]) -> dict[str, Outcome]:
    """Look for the requests in the districts' SIS; where nothing came back yet, what is known stays."""
    return _each(districts, lambda district: _look(stage, district))


def _look(stage: Stage, district: District) -> Outcome:
    found = confirm(stage, district)
    notes = (found.waiting,) if found.waiting else ()
    return Outcome(
        district.district, rows={"requests/confirmations": sum(found.counts.values())}, notes=notes
    )


def _each(districts: Sequence[District], work: Callable[[District], Outcome]) -> dict[str, Outcome]:
    outcomes = {}
    for district in districts:
        try:
            outcomes[district.district] = work(district)
        except Fault as fault:
            outcomes[district.district] = Outcome.failed(district.district, fault)
        except Exception as error:  # noqa: BLE001 - whatever it is, its words may quote a student's row
            outcomes[district.district] = Outcome.failed(district.district, redacted(error))
    return outcomes


def examine(warehouse: Warehouse, now: Mapping[str, tuple[datetime, str]]) -> list[Finding]:
    """Say for each district whether requests stay unconfirmed; `now` gives its business time and time zone."""
    with warehouse.read() as connection:
        counts = unconfirmed(connection, now)
    return [Finding(name, CHECK, count == 0, {"unconfirmed": count}) for name, count in counts.items()]


def open_districts(warehouse: Warehouse, districts: Sequence[str]) -> frozenset[str]:
    """Return those of the districts with requests that are to be handed over or looked for."""
    with warehouse.read() as connection:
        found = connection.execute(
            f"SELECT DISTINCT district_id FROM requests.course_requests WHERE district_id IN ({quoted(districts)})"
            f" AND status IN {STANDING} AND status <> 'confirmed'"
        ).fetchall()
    return frozenset(name for (name,) in found)
