"""What a read keeps of its answers when it is interrupted, and when that no longer counts."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover, TransientFault
from sis_assets.transport.http import Reply, Request, Server
from sis_assets.transport.visit import Answers, HoursOverError, Visit
from sis_assets_tests.transport.test_http import OK, speaking

EVENING = datetime(2026, 10, 15, 20, tzinfo=UTC)
ONE_NIGHT = timedelta(hours=30)


def answers(folder: Path, *, under: str = "these settings", now: datetime = EVENING) -> Answers:
    return Answers(folder, under=under, now=now, lasting=ONE_NIGHT)


def visit_of(folder: Path) -> Visit:
    return Visit(answers=answers(folder))


def test_an_answer_is_given_to_the_same_question_of_the_read_that_goes_on(tmp_path: Path) -> None:
    first = visit_of(tmp_path)
    question = first.question("GET", "/students", [("page", "1")], None)
    assert first.answer(question) is None
    first.keep(question, 200, {"link": "next"}, b'{"a": "\xc3\xa9"}')

    later = visit_of(tmp_path)
    same = later.question("GET", "/students", [("page", "1")], None)
    assert later.answer(same) == (200, {"link": "next"}, b'{"a": "\xc3\xa9"}')
    assert later.answer(later.question("GET", "/students", [("page", "2")], None)) is None
    assert later.answer(later.question("GET", "/students", [("page", "1")], b"{}")) is None


def test_the_same_question_asked_again_is_another_one(tmp_path: Path) -> None:
    first = visit_of(tmp_path)
    for body in (b"before", b"after"):
        first.keep(first.question("GET", "/count"), 200, {}, body)
    later = visit_of(tmp_path)
    found = [later.answer(later.question("GET", "/count")) for _ in range(3)]
    assert found == [(200, {}, b"before"), (200, {}, b"after"), None]


@pytest.mark.parametrize(
    ("under", "later", "kept"),
    [
        ("these settings", ONE_NIGHT, True),
        ("these settings", ONE_NIGHT + timedelta(seconds=1), False),
        ("these settings", timedelta(seconds=-1), False),
        ("other settings", timedelta(0), False),
    ],
)
def test_only_a_young_read_with_the_same_settings_is_gone_on_with(
    tmp_path: Path, under: str, later: timedelta, kept: bool
) -> None:
    first = answers(tmp_path)
    first.add(b"question", 200, {}, b"answer")
    first.close()
    found = answers(tmp_path, under=under, now=EVENING + later)
    assert (found.count, found.began) == ((1, EVENING) if kept else (0, EVENING + later))
    found.close()
    assert answers(tmp_path, under=under, now=EVENING + later).began == found.began


def test_answers_are_for_our_user_alone_and_nothing_is_left_of_those_forgotten(tmp_path: Path) -> None:
    kept = answers(tmp_path)
    kept.add(b"question", 200, {}, b"answer")
    files = list(tmp_path.iterdir())
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    kept.forget()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
def test_a_damaged_file_of_answers_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    kept = answers(tmp_path)
    kept.add(b"question", 200, {}, b"answer")
    kept.close()
    [path] = tmp_path.iterdir()
    path.write_bytes(damage)
    assert answers(tmp_path).count == 0


def test_a_folder_that_takes_no_file_is_the_engineers_move(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = tmp_path / "missing"
    else:
        folder = tmp_path
        folder.chmod(0o500)
    with pytest.raises(TransientFault) as caught:
        answers(folder)
    assert caught.value.mover is Mover.ENGINEER


def test_no_request_begins_after_the_end_and_what_was_answered_needs_none(tmp_path: Path) -> None:
    asked: list[int] = []

    def answer(line: object, number: int) -> None:
        asked.append(number)
        line.sendall(OK)  # type: ignore[attr-defined]

    def ask(server: Server, request: Request) -> bytes:
        return server.ask(request, lambda reply: reply.body)

    students, token = (
        Request("Reading", "GET", "/students"),
        Request("A token", "GET", "/token", passing=True),
    )
    with speaking(answer) as url:
        with Server(url, at_once=2, visit=visit_of(tmp_path)) as server:
            assert [ask(server, students), ask(server, token)] == [b"ok", b"ok"]
        over = Visit(seconds=0, answers=answers(tmp_path))
        with Server(url, at_once=2, visit=over) as server:
            assert ask(server, students) == b"ok"
            for request in (students, token, Request("Reading", "GET", "/schools")):
                with pytest.raises(HoursOverError):
                    ask(server, request)
    assert len(asked) == 2


def test_an_answer_that_is_not_understood_is_not_kept(tmp_path: Path) -> None:
    def misunderstand(reply: Reply) -> None:
        raise ValueError(reply.status)

    with speaking(lambda line, _: line.sendall(OK)) as url:
        visit = visit_of(tmp_path)
        with Server(url, at_once=1, visit=visit) as server, pytest.raises(ValueError, match="200"):
            server.ask(Request("Reading", "GET", "/students"), misunderstand)
    assert answers(tmp_path).count == 0
