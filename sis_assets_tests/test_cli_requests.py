"""The commands of course requests, from a file to the SIS and back, on a real lake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sis_assets_tests.commands import Run
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.openssh import needs_sshd, running_sshd
from sis_assets_tests.requests_line import as_csv, request

CALENDAR = "calendar: {year_start: 2026-08-12, year_end: 2027-06-04}\n"
AT = ("--at", "2027-02-01T20:00:00-08:00")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> TestHome:
    made = TestHome(tmp_path / "home", tmp_path / "drops")
    monkeypatch.setenv("SIS_ASSETS_HOME", str(made.root))
    made.add("mockton", more=CALENDAR)
    made.drop("mockton", [student(1001), student(1002)])
    (made.drops / "mockton" / "CourseMaster.txt").write_text(
        "SchoolCode|CourseCode|CourseName|CreditValue\n16|E101|English|1.0\n"
    )
    assert run("sync", "mockton", *AT).code == 0
    return made


def test_requests_go_from_a_file_to_the_sis_and_are_confirmed(
    home: TestHome, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "requests.csv"
    file.write_text(as_csv([request(1), request(2), request(2), request(1, "NONE")]))
    district = ("--district", "mockton")
    tried = run("requests", "import", str(file), *district, "--dry-run", "--json")
    assert (tried.code, tried.lines[0]["valid"]) == (0, 2)
    done = run("requests", "import", str(file), *district, "--json")
    assert done.lines == [
        {
            "import_id": "mockton-000001",
            "known": False,
            "valid": 2,
            "duplicate": 1,
            "invalid": 1,
            "superseded": 0,
            "withdrawn": 0,
            "total": 4,
            "reasons": {"duplicate_row": 1, "unknown_course": 1},
        }
    ]
    assert "was taken in before" in run("requests", "import", str(file), *district).out
    out = tmp_path / "out"
    said = run("requests", "export", *district, "--out", str(out))
    assert said.code == 0
    assert "unknown_course" in said.out
    assert (out / "report.csv").read_text() == (
        "row,status,reason_code\n1,valid,\n2,valid,\n3,duplicate,duplicate_row\n4,invalid,unknown_course\n"
    )
    assert len((out / "course_requests.csv").read_text().splitlines()) == 3
    assert run("requests", "export", *district, "--out", str(out), "--json").lines[0]["records"] == 2
    held = tmp_path / "held.csv"
    held.write_text("STUDENT_ID,COURSE\n1001,E101\n")
    assert "Next move: district" in run("requests", "reconcile", *district).out
    found = run("requests", "reconcile", *district, "--held", str(held), "--json").lines[0]
    assert (found["confirmed"], found["missing"]) == (1, 1)
    status = run("requests", "status", *district, "--json").lines
    assert [(row["course_code"], row["confirmed"], row["missing"]) for row in status] == [
        ("E101", 1, 1),
        ("NONE", 0, 0),
    ]
    asked = run(
        "query",
        "SELECT status, count(*) AS n FROM requests.course_requests GROUP BY ALL ORDER BY ALL",
        "--format",
        "json",
    )
    assert json.loads(asked.out) == [
        {"status": status, "n": 1} for status in ("confirmed", "duplicate", "invalid", "missing")
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("requests", "import", "none.csv", "--district", "mockton"),
        ("requests", "import", "none.csv", "--district", "nobody"),
        ("requests", "export", "--district", "mockton", "--out", "out"),
        ("requests", "export", "--district", "mockton"),
        ("requests", "reconcile"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_wrong_use_ends_with_two(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).code == 2


def test_no_students_id_appears_in_what_commands_print(home: TestHome, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text(
        as_csv([request(1), request(student_id="CANARY77"), request(student_id="=CANARY78")]) + "CANARY79,x\n"
    )
    district = ("--district", "mockton")
    said = [
        run("requests", "import", str(file), *district),
        run("requests", "export", *district, "--out", str(tmp_path / "out")),
        run("requests", "status", *district),
    ]
    assert all("CANARY" not in each.out + each.err and "1001" not in each.out for each in said)
    assert "CANARY" not in (tmp_path / "out" / "report.csv").read_text()


@needs_sshd
def test_files_go_to_the_districts_sftp_folder(home: TestHome, run: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with running_sshd(tmp_path / "ssh", folder=tmp_path) as server:
        file = home.root / "districts" / "mockton.yaml"
        sftp = (
            f"{{host: {server.host}, port: {server.port}, username: {server.username}, key_file: {server.client_key_path},"
            f' host_key: "{server.host_key}", path: {theirs}}}'
        )
        file.write_text(
            file.read_text().replace(
                "  kind: eschoolplus_files\n",
                f"  kind: eschoolplus_files\n  requests: {{deliver: {{sftp: {sftp}}}}}\n",
            )
        )
        requests = tmp_path / "requests.csv"
        requests.write_text(as_csv([request(1)]))
        district = ("--district", "mockton")
        assert run("requests", "import", str(requests), *district).code == 0
        said = run("requests", "export", *district, "--out", str(tmp_path / "out"))
        assert said.code == 0, said.err
    sent = {path.name: path.read_bytes() for path in theirs.iterdir()}
    assert set(sent) == {"course_requests.csv", "course_requests.verify.csv", "manifest.json"}
    assert all((tmp_path / "out" / name).read_bytes() == content for name, content in sent.items())
