"""What lies on the disk tells nothing, and nothing lies outside the home."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from sis_assets.warehouse import Home
from sis_assets_tests import postgres
from sis_assets_tests.lakes import add, files, finished, held, notes, process

CANARY = "Canarine-{:06}"


def catalog_bytes(home: Home, server: postgres.Server | None) -> bytes:
    if server:
        return server.run("pg_dump", home.catalog.rpartition("dbname=")[2]).encode()
    path = Path(home.catalog.removeprefix("ducklake:sqlite:"))
    return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))


def test_no_name_is_in_a_file_and_the_catalog_has_only_the_least_and_the_greatest_of_a_file(
    home: Home, request: pytest.FixtureRequest
) -> None:
    with notes(home) as warehouse:
        add(warehouse, *(("d1", number, CANARY.format(number)) for number in range(100)))
        add(warehouse, *(("d1", number, CANARY.format(number)) for number in range(100, 105)))
        warehouse.write(lambda c: c.execute("DELETE FROM core.notes WHERE number = 50"))
        assert len(held(warehouse)) == 104
    server = request.getfixturevalue("server") if "postgres" in home.catalog else None
    found = files(home)
    assert len(found) >= 4
    for path in found:
        assert b"Canarine" not in path.read_bytes()
        assert b"PARE" in path.read_bytes()[:4], "an encrypted Parquet file says so"
        assert "anarine" not in str(path)
    shown = set(re.findall(rb"Canarine-\d+", catalog_bytes(home, server)))
    assert shown == {CANARY.format(number).encode() for number in (0, 99, 100, 104)}


def test_the_catalog_is_for_its_owner_only(sqlite_home: Home) -> None:
    with notes(sqlite_home) as warehouse:
        add(warehouse, ("d1", 1, "x"))
        folder = sqlite_home.root / "warehouse"
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes["catalog.sqlite"] == modes["catalog.sqlite.lock"] == 0o600
    assert modes["files"] == modes["scratch"] == 0o700
    assert all(mode == 0o600 for name, mode in modes.items() if name.startswith("catalog"))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_fetched_and_nothing_is_written_to_the_users_home(home: Home, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o500)
    code = """
add(lake, ("d1", 1, "x"))
with lake.read() as connection:
    settings = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    try:
        connection.execute("SELECT st_point(1, 2)")
    except Exception as error:
        print(type(error).__name__, "spatial" in str(error))
print(*(settings[f"{name}_extensions"] for name in ("autoinstall_known", "autoload_known", "allow_unsigned")), held(lake))
"""
    printed = finished(process(code, home, more={"HOME": str(empty), "TMPDIR": str(empty)}))
    assert printed == "CatalogException True\nfalse false false [('d1', 1, 'x')]\n"
    assert list(empty.iterdir()) == []


def test_what_spills_to_the_disk_is_encrypted_and_inside_the_home(home: Home) -> None:
    big = "CREATE TEMP TABLE big AS SELECT 'Canarine-' || x || repeat(md5(x::VARCHAR), 20) AS text FROM range(60_000) r(x)"

    def spilled(connection: duckdb.DuckDBPyConnection) -> list[bytes]:
        connection.execute("SET memory_limit = '24MB'")
        connection.execute(big)
        return [path.read_bytes() for path in home.scratch.glob("spill-*/*")]

    with notes(home) as warehouse:
        parts = warehouse.write(spilled)
    assert sum(map(len, parts)) > 1_000_000
    assert not any(b"Canarine" in part for part in parts)
    assert list(home.scratch.glob("spill-*/*")) == []

    clear = home.root / "clear"
    with duckdb.connect(":memory:", config={"temp_directory": str(clear), "memory_limit": "24MB"}) as plain:
        plain.execute(big)
        assert any(b"Canarine" in path.read_bytes() for path in clear.iterdir()), "the test would see it"
