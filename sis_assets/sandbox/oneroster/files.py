"""The district as OneRoster's CSV files: bulk or delta, 1.1 or 1.2, a loose folder or one zip, clean or as real files are.

Contract: OneRoster §4.1 (package and manifest), §4.2 (columns and their order).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import polars as pl

from sis_assets.sandbox.oneroster.columns import COLUMNS, FILES
from sis_assets.sandbox.oneroster.database import TABLES, Database
from sis_assets.sandbox.oneroster.dirt import Dirt, Drop, soiled
from sis_assets.sandbox.oneroster.records import LIVE, MILLISECONDS
from sis_assets.sandbox.oneroster.settings import Version

Mode = Literal["bulk", "delta"]
_BOM = b"\xef\xbb\xbf"
_NESTED_FOLDER = "oneroster-export"
#: What a zip tells as the time of its files; the same bytes come of the same district.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files are written.

    version  whose columns
    since    the day from which on changes are told, as delta; None: everything, as bulk
    bulk     files that are whole all the same, where the others are deltas
    absent   files that are left out, as the manifest says
    empty    files that have a header only
    zipped   one zip, rather than a folder of loose files
    nested   in the zip, everything stands in a folder
    bom      every file begins with a byte order mark
    metadata a trailing `metadata.*` column in users
    dirt     what is wrong with them
    """

    version: Version = "1.2"
    since: date | None = None
    bulk: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    zipped: bool = False
    nested: bool = False
    bom: bool = False
    metadata: bool = False
    dirt: frozenset[Dirt] = frozenset()


def written(database: Database, target: Path, layout: Layout) -> Path:
    """Write the files and return `target`: a new folder, or one that is there, or a zip that takes the place of one."""
    contents = {f"{name}.csv": content for name, content in _contents(database, layout).items()}
    if layout.zipped:
        folder = f"{_NESTED_FOLDER}/" if layout.nested else ""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in contents.items():
                member = zipfile.ZipInfo(folder + name, _EPOCH)
                member.compress_type = zipfile.ZIP_DEFLATED
                package.writestr(member, content)
        return target
    target.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (target / name).write_bytes(content)
    return target


def _contents(database: Database, layout: Layout) -> dict[str, bytes]:
    """Return the bytes of every file by its name, the manifest among them."""
    told = [name for name in FILES[layout.version] if name in TABLES and name not in layout.absent]
    tables = {name: _text(database, name, layout) for name in told}
    modes: dict[str, str] = {
        name: _mode(name, layout) if name in told else "absent" for name in FILES[layout.version]
    }
    drop = soiled(Drop(tables, _manifest(modes, layout.version)), layout.dirt)
    mark = _BOM if layout.bom else b""
    files = {"manifest": drop.manifest, **drop.tables}
    return {name: mark + _csv(frame, short=name in drop.short) for name, frame in files.items()}


def _mode(name: str, layout: Layout) -> Mode:
    return "bulk" if layout.since is None or name in layout.bulk else "delta"


def _text(database: Database, name: str, layout: Layout) -> pl.DataFrame:
    """Return a table as text: in bulk what is active, without status and date; in delta what changed, with both."""
    frame = database.table(name)
    if _mode(name, layout) == "bulk":
        blank = (pl.lit(None, pl.String).alias("status"), pl.lit(None, pl.String).alias("dateLastModified"))
        frame = frame.filter(pl.col("status") == LIVE).with_columns(*blank)
    else:
        since = datetime.combine(layout.since or database.district.today, time(), tzinfo=UTC)
        frame = frame.filter(pl.col("dateLastModified") >= since)
    if name in layout.empty:
        frame = frame.clear()
    if name == "users":
        frame = frame.with_columns(userIds=pl.col("userIds").list.eval(pl.format("{{{}}}", pl.element())))
    if name == "demographics" and layout.version == "1.1":
        frame = frame.with_columns(sex=pl.when(pl.col("sex").is_in(["male", "female"])).then("sex"))
    columns = [_as_text(column, frame.schema[column]) for column in COLUMNS[layout.version][name]]
    if name == "users" and layout.metadata:
        columns.append(pl.lit("sample").alias("metadata.sample.source"))
    return frame.select(columns)


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.List):
        joined = column.list.join(",")
        return pl.when(joined != "").then(joined).alias(name)
    if isinstance(kind, pl.Datetime):
        return column.dt.strftime(MILLISECONDS)
    return column.cast(pl.String)


def _manifest(modes: Mapping[str, str], version: Version) -> pl.DataFrame:
    rows = [
        ("manifest.version", "1.0"),
        ("oneroster.version", version),
        *((f"file.{name}", mode) for name, mode in modes.items()),
        ("source.systemName", "Sample SIS"),
        ("source.systemCode", "sandbox"),
    ]
    return pl.DataFrame(rows, schema=["propertyName", "value"], orient="row")


def _csv(frame: pl.DataFrame, *, short: bool) -> bytes:
    text = frame.write_csv(line_terminator="\r\n")
    return (text.rpartition(",")[0] + "\r\n" if short else text).encode()
