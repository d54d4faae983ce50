"""Reading in child processes: the order of results, what dies with a worker, and what a worker is allowed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sis_assets.model.faults import Fault, Mover, PermanentFault
from sis_assets.sis.delimited import Dialect, Limits, Readers, ReadFile, ReadJob, Rejected
from sis_assets.sis.delimited.shapes import scratch_files
from sis_assets.sis.delimited.wire import pack_job, pack_result, unpack_job, unpack_result
from sis_assets_tests.delimited_files import LAYOUT, PIPE, SMALL, rows, student, students

CANARY = "Zanzibar-Quux"


def job(folder: Path, name: str, data: bytes, limits: Limits = SMALL) -> ReadJob:
    path = folder / name
    path.write_bytes(data)
    return ReadJob(path, LAYOUT, PIPE, limits, folder / f"{name}.parquet")


def slow_job(folder: Path) -> ReadJob:
    """Return a job that takes a worker some seconds: dirty records, by the precise path."""
    return job(folder, "slow", students(5000) + b"1|a|b\n2|a|b|1|x\n" * 1_000_000, Limits())


def children() -> set[int]:
    """Return this process's child processes, zombies too."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


@pytest.fixture
def readers() -> Iterator[Readers]:
    before = children()
    with Readers(2) as pool:
        yield pool
    assert children() == before


def new_children(before: set[int], count: int) -> list[int]:
    deadline = time.monotonic() + 20
    while len(children() - before) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return sorted(children() - before)


def test_one_result_per_job_in_their_order(tmp_path: Path, readers: Readers) -> None:
    jobs = [job(tmp_path, f"file{n}", students(n)) for n in range(6)]
    results = readers.read(jobs)
    assert isinstance(results[0], PermanentFault)
    assert results[0].mover is Mover.DISTRICT
    for n, result in enumerate(results[1:], 1):
        assert isinstance(result, ReadFile)
        assert list(rows(result).values()) == [student(i) for i in range(n)]


def test_workers_stay_warm_across_calls(tmp_path: Path) -> None:
    before = children()
    with Readers(1) as readers:
        assert children() == before
        readers.warm()
        warm = children()
        for n in range(3):
            readers.read([job(tmp_path, f"file{n}", students(3))])
        assert children() == warm
        assert len(warm - before) == 1


def test_a_killed_worker_fails_only_the_job_that_it_held(tmp_path: Path) -> None:
    before = children()
    with Readers(1) as readers:
        readers.warm()
        (worker,) = new_children(before, 1)
        slow = slow_job(tmp_path)
        decoded, clean = scratch_files(slow.into)

        def kill() -> None:
            while not clean.exists():
                time.sleep(0.005)
            os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        died, read = readers.read([slow, job(tmp_path, "good", students(3))])
        killer.join()
        assert isinstance(died, PermanentFault)
        assert "the reader process died" in died.reason
        assert died.mover is Mover.ENGINEER
        assert isinstance(read, ReadFile)
        assert not any(path.exists() for path in (decoded, clean, slow.into))
    assert children() == before


def test_a_worker_that_died_between_jobs_is_replaced(tmp_path: Path) -> None:
    before = children()
    with Readers(1) as readers:
        readers.warm()
        (worker,) = new_children(before, 1)
        os.kill(worker, signal.SIGKILL)
        while Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
            time.sleep(0.01)
        assert isinstance(readers.read([job(tmp_path, "good", students(3))])[0], ReadFile)


def test_a_job_that_hangs_is_ended(tmp_path: Path) -> None:
    with Readers(1, seconds=0.5) as readers:
        readers.warm()
        (fault,) = readers.read([slow_job(tmp_path)])
        assert isinstance(fault, PermanentFault)
        assert "took too long" in fault.reason
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["slow"]


def test_a_job_that_wants_too_much_memory_fails_alone(tmp_path: Path) -> None:
    limits = Limits(record_bytes=1 << 30, field_chars=1 << 30)
    huge = job(tmp_path, "huge", students(1) + b'1|"' + b"x" * (300 << 20) + b'"|Fam|1|x\n', limits)
    with Readers(1, memory_bytes=900 << 20) as readers:
        fault, read = readers.read([huge, job(tmp_path, "good", students(3))])
    assert isinstance(fault, PermanentFault)
    assert fault.mover is Mover.ENGINEER
    assert "memory" in fault.reason
    assert isinstance(read, ReadFile)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["good", "good.parquet", "huge"]


def test_a_worker_cannot_fill_the_disk(tmp_path: Path) -> None:
    with Readers(1, file_bytes=10_000) as readers:
        fault, read = readers.read([job(tmp_path, "big", students(9000)), job(tmp_path, "good", students(3))])
    assert isinstance(fault, Fault)
    assert isinstance(read, ReadFile)


def test_a_missing_file_is_a_fault(tmp_path: Path, readers: Readers) -> None:
    (fault,) = readers.read([ReadJob(tmp_path / "gone", LAYOUT, PIPE, SMALL, tmp_path / "out")])
    assert isinstance(fault, PermanentFault)
    assert "ENOENT" in fault.reason


def test_a_worker_inherits_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTRICT_SECRET", CANARY)
    before = children()
    with Readers(1) as readers:
        readers.warm()
        (worker,) = new_children(before, 1)
        readers.read([job(tmp_path, "good", students(3))])
        environment = Path(f"/proc/{worker}/environ").read_bytes()
        limits = Path(f"/proc/{worker}/limits").read_text()
    assert b"PYTHONPATH" in environment
    assert CANARY.encode() not in environment
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [
        ["0", "0"]
    ] or ("Max core file size        0                    0" in limits)


def test_no_message_of_a_worker_holds_a_value(
    tmp_path: Path, readers: Readers, capfd: pytest.CaptureFixture[str]
) -> None:
    name = CANARY.encode()
    clean, header = students(2), b"StudentID|FirstName|LastName|CurrentGrade|Email\n"
    broken = [
        clean + name + b"|" + name + b"\n",
        clean + b"1|" + name + b"|b|c|d|e\n",
        clean + b'1|"' + name + b'"x|b|c|d\n',
        clean + b'1|"' + name,
        clean + b'1|"' + name + b"\n",
        clean + b"1|" + name + b"\x00|b|c|d\n",
        clean + b"1|" + name + b"\x02|b|c|d\n",
        clean + b"1|" + name + b"\x81|b|c|d\n",
        clean + b"1|" + name * 200 + b"|b|c|d\n",
        clean + b"1|" + name * 2000 + b"|b|c|d\n",
        name + b"|" + name + b"\n" + clean,
        name + b"|" + name + b"|StudentID|FirstName|LastName|CurrentGrade\n" + clean,
        b"|".join([name] * 9) + b"\n" + header,
    ]
    results = readers.read([job(tmp_path, f"broken{n}", data) for n, data in enumerate(broken)])
    for result in results:
        told = result.reason if isinstance(result, Fault) else repr(result)
        assert CANARY not in told
    assert capfd.readouterr() == ("", "")


def test_a_plain_script_without_a_main_guard_reads_files(tmp_path: Path) -> None:
    (tmp_path / "Student.txt").write_bytes(students(3))
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from sis_assets.sis.delimited import Dialect, Layout, Limits, ReadJob, Readers\n"
        "layout = Layout({'student_id': ('StudentID',)}, frozenset({'student_id'}), 'student_id')\n"
        "with Readers() as readers:\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    job = ReadJob(folder / 'Student.txt', layout, Dialect(), Limits(), folder / 'out')\n"
        "    print(readers.read([job])[0].records)\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": root},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("3\n", "", 0)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import time\nfrom sis_assets.sis.delimited import Readers\n"
        "readers = Readers(2)\nreaders.warm()\nprint('warm', flush=True)\ntime.sleep(60)\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={"PYTHONPATH": root}
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"warm\n"
        workers = [
            int(pid)
            for task in Path(f"/proc/{parent.pid}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        assert len(workers) == 2
        parent.kill()
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, workers))


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_leaving_the_pool_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Readers(2) as readers:
        readers.read([job(tmp_path, f"file{n}", students(3)) for n in range(4)])
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_jobs_and_results_survive_the_wire(tmp_path: Path) -> None:
    sent = replace(job(tmp_path, "file", b""), dialect=Dialect("\t", "cp1252", final_newline=False))
    assert unpack_job(pack_job(sent)) == sent
    rejected = (Rejected(2, "17é", "too_few_fields", "…"), Rejected(3, None, "line_break", "…"))
    read = ReadFile(tmp_path, ("a",), ("b",), ("c",), 9, rejected, "utf-8")
    assert unpack_result(pack_result(read)) == read
    fault = PermanentFault(tried="a", seen="b", todo="c", mover=Mover.VENDOR)
    back = unpack_result(pack_result(fault))
    assert isinstance(back, PermanentFault)
    assert back.reason == fault.reason


def test_leaving_the_pool_by_an_error_does_not_wait_for_the_jobs(tmp_path: Path) -> None:
    before = children()
    slow = slow_job(tmp_path)
    _, clean = scratch_files(slow.into)
    readers = Readers(1)
    waiting = threading.Thread(target=readers.read, args=([slow],))

    def leave() -> None:
        with readers:
            waiting.start()
            while not clean.exists():
                time.sleep(0.005)
            raise ZeroDivisionError

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        leave()
    waiting.join()
    assert time.monotonic() - started < 10
    assert children() == before
