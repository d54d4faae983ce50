"""The demo's home: made new every time, and only ever deleted when the demo itself made it."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sandbox.aeries.server import Sandbox as Aeries
from sis_assets.sandbox.oneroster.server import Sandbox as Roster
from sis_assets.sandbox.players import end_of_access
from sis_assets.sandbox.powerschool.server import Sandbox as PowerSchool
from sis_assets.sandbox.sftp_server import SftpServer
from sis_assets.sandbox.story import (
    CAST,
    DROPPING,
    FIRST_NIGHT,
    INVENTON,
    PRETENDALE,
    TESTBURY,
    Cast,
    FileCast,
)
from sis_assets.sis.powerschool import plugin
from sis_assets.warehouse.home import Home

MARK = "made-by-the-demo"
_MADE = ("districts", "secrets", "drops", "sftp", "plugin", "landing", "outbox", "warehouse", "dagster")


def drops(home: Home) -> Path:
    """Return the folder with one drop a district; the SFTP server serves it."""
    return home.root / "drops"


@contextmanager
def fresh(home: Home) -> Iterator[None]:
    """Make the home anew and keep other demos out of it.

    Raises NeedsPerson when the folder holds anything that the demo did not make, when its catalog or its files lie
    elsewhere, or when another demo runs in it.
    """
    own = Home.at(home.root)
    if (home.catalog, home.files) != (own.catalog, own.files):
        raise _refused(
            "SIS_ASSETS_CATALOG or SIS_ASSETS_FILES names a place outside the home",
            "Unset both for the demo: it keeps everything in one folder",
        )
    mark = home.root / MARK
    foreign = _foreign(home)
    if foreign:
        raise _refused(
            f"{home.root} holds {foreign}, which the demo did not make",
            "Set SIS_ASSETS_HOME to another folder",
        )
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with mark.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refused(f"another demo runs in {home.root}", "Stop that one first, with Ctrl-C") from None
        if held.tell() == 0:
            held.write("`sis-assets demo` made this folder and makes it anew at its next start.\n")
        for name in _MADE:
            shutil.rmtree(home.root / name, ignore_errors=True)
        home.districts.mkdir(parents=True)
        yield


def _foreign(home: Home) -> str:
    """Name what the demo did not make, or nothing: empty folders are nobody's."""
    mine = {f"{cast.district}.yaml" for cast in CAST}
    if (home.root / MARK).exists():
        others = [path.name for path in home.districts.glob("*") if path.name not in mine]
        return f"districts/{min(others)}" if others else ""
    found = [path for path in home.root.rglob("*") if not path.is_dir()]
    return str(min(found).relative_to(home.root)) if found else ""


def write_plugin(home: Home) -> Path:
    """Write the plugin that a district installs, as `sis-assets plugin powerschool` does; gives its path."""
    path = home.root / "plugin" / "sis-assets-plugin.zip"
    path.parent.mkdir()
    path.write_bytes(plugin.built("helpdesk@example.org"))
    return path


def write_district_files(
    home: Home, sftp: SftpServer | None, powerschool: PowerSchool, aeries: Aeries, roster: Roster
) -> None:
    """Write the six district files, and the servers' credentials. Without SFTP the files go into local folders."""
    (home.root / "secrets").mkdir(mode=0o700)
    texts = {
        cast.district: district_file(cast, drops(home) / cast.district, sftp if cast.by_sftp else None)
        for cast in DROPPING
    }
    texts[TESTBURY.district] = _powerschool_file(home, powerschool)
    for district, text in texts.items():
        (home.districts / f"{district}.yaml").write_text(text)
    write_aeries_file(home, aeries)
    write_roster_file(home, roster, end_of_access(FIRST_NIGHT.date()))


def district_file(cast: FileCast, drop: Path, server: SftpServer | None) -> str:
    """Return the text of a district file for files, as an engineer would write it."""
    place: Mapping[str, object] = {"folder": f"../drops/{cast.district}"}
    if server is not None:
        place = {
            "sftp": {
                "host": server.host,
                "port": server.port,
                "username": server.username,
                "key_file": str(server.client_key_path),
                "host_key": server.host_key,
                "path": str(drop),
            }
        }
    return _text(
        cast,
        "  kind: eschoolplus_files",
        "  dropzone:",
        *_lines(place, "    "),
        "    # The demo syncs when its files are there. A real drop is left alone until it is quiet: 300 seconds.",
        "    quiet_seconds: 0",
        "  files:",
        *_lines({"delimiter": cast.form.delimiter, "encoding": cast.form.encoding}, "    "),
    )


def write_aeries_file(home: Home, server: Aeries) -> None:
    """Write the district file of the Aeries district, and its certificate; anew for every year's database."""
    text = _text(
        PRETENDALE,
        "  kind: aeries",
        f"  url: {server.url}",
        *_secrets(home, PRETENDALE, {"certificate": server.certificate}),
        f"  database_year: {server.database_year}",
        "  # Everything is read every second night; in the other one what the change feed names. By default all is read every night.",
        "  feed: {full_read_hours: 40}",
        "# No schools: where students are put who have left, and the summer's.",
        'schools: {exclude: ["99", "998"]}',
        'pull: {days: [mon, tue], from: "20:00", to: "02:00"}',
    )
    (home.districts / f"{PRETENDALE.district}.yaml").write_text(text)


def write_roster_file(home: Home, server: Roster, access_ends: date) -> None:
    """Write the district file of the eSchoolPLUS district, and its credential; anew when the access is granted anew."""
    values = {
        "consumer_key": server.settings.consumer_key,
        "consumer_secret": server.settings.consumer_secret,
    }
    text = _text(
        INVENTON,
        "  kind: eschoolplus_api",
        f"  url: {server.url}",
        '  version: "1.1"',
        "  auth:",
        "    kind: oauth1",
        *(f"  {line}" for line in _secrets(home, INVENTON, values)),
        "# In Arkansas the state ends all access on 30 June; a renewal takes ten working days.",
        f"access: {{expires: {access_ends}, renewal_working_days: 10}}",
    )
    (home.districts / f"{INVENTON.district}.yaml").write_text(text)


def _powerschool_file(home: Home, server: PowerSchool) -> str:
    values = {"client_id": server.client_id, "client_secret": server.client_secret}
    return _text(TESTBURY, "  kind: powerschool", f"  url: {server.url}", *_secrets(home, TESTBURY, values))


def _secrets(home: Home, cast: Cast, values: Mapping[str, str]) -> Iterator[str]:
    """Put secrets where only this account reads them; gives the lines of the district file that point there."""
    for name, value in values.items():
        place = f"secrets/{cast.district}-{name.replace('_', '-')}"
        path = home.root / place
        path.touch(mode=0o600)
        path.write_text(f"{value}\n")
        yield f"  {name}: {{file: ../{place}}}"


def _text(cast: Cast, *sis: str) -> str:
    return "\n".join(
        [
            "# Made by `sis-assets demo`. Nobody in this district exists.",
            f"district: {cast.district}",
            f"name: {cast.name}",
            f"timezone: {cast.timezone}",
            f"state: {cast.state}",
            "sis:",
            *sis,
            "calendar:",
            "  year_start: 2026-08-12",
            "  year_end: 2027-06-04",
            "",
        ]
    )


def _lines(mapping: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}"


def _refused(seen: str, todo: str) -> NeedsPerson:
    return NeedsPerson(tried="Making the demo's home", seen=seen, todo=todo, mover=Mover.ENGINEER)
