"""Tokens, rights and secrets: two kinds of 401, what a person must do, and nothing that leaks (contract §1.1, §1.2, §1.6)."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault
from sis_assets.sis import tokens
from sis_assets.sis.tokens import Credential, Token, Tokens, granted
from sis_assets_tests.powerschool_district import SECRET_NAME, Reading, rows
from sis_assets_tests.powerschool_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    INVALID_TOKEN,
    NO_V1_RIGHT,
    Answer,
    Asked,
    student,
)

STUDENTS = "/ws/v1/district/student"
GRADES = "/ws/schema/table/storedgrades"


def at(path: str, answer: Answer) -> Callable[[Asked], Answer | None]:
    return lambda asked: answer if asked.path == path else None


def asked(reading: Reading, path: str) -> int:
    return reading.server.paths().count(path)


def token_files(reading: Reading) -> list[Path]:
    return sorted((reading.home.scratch / "tokens").iterdir())


def test_a_token_is_asked_for_once_and_serves_later_runs(reading: Reading) -> None:
    reading.fetch()
    reading.fetch()
    assert reading.server.tokens_given == 1


def test_a_kept_token_is_ours_alone_and_not_readable(reading: Reading) -> None:
    reading.fetch()
    (kept,) = token_files(reading)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    content = kept.read_bytes()
    for secret in ("made-up-token", CLIENT_SECRET, CLIENT_ID):
        assert secret.encode() not in content
        assert secret not in kept.name


def test_a_regenerated_secret_does_not_find_the_old_token(tmp_path: Path) -> None:
    def ask(value: str) -> Callable[[], Token]:
        return lambda: Token(value, time.time() + 1000)

    old = Credential("https://x.test", "id", "old")
    assert Tokens(old, tmp_path, ask("first")).current() == "first"
    assert Tokens(old, tmp_path, ask("second")).current() == "first"
    assert Tokens(Credential("https://x.test", "id", "new"), tmp_path, ask("third")).current() == "third"
    assert Tokens(Credential("https://y.test", "id", "old"), tmp_path, ask("fourth")).current() == "fourth"


def test_a_token_file_opens_only_to_its_own_credential(tmp_path: Path) -> None:
    old, new = (Credential("https://x.test", "id", secret) for secret in ("old", "new"))
    Tokens(old, tmp_path, lambda: Token("first", time.time() + 1000)).current()
    (tmp_path / old.derived("name").hex()).rename(tmp_path / new.derived("name").hex())
    assert Tokens(new, tmp_path, lambda: Token("second", time.time() + 1000)).current() == "second"


@pytest.mark.parametrize("content", [b"", b"no token", b"\x00" * 100])
def test_a_damaged_token_file_costs_one_request(tmp_path: Path, content: bytes) -> None:
    credential = Credential("https://x.test", "id", "secret")
    (tmp_path / credential.derived("name").hex()).write_bytes(content)
    assert Tokens(credential, tmp_path, lambda: Token("new", time.time() + 1000)).current() == "new"


def test_a_token_is_used_until_shortly_before_its_end(tmp_path: Path) -> None:
    assert granted("t", 2_504_956, 1000).use_until == 1000 + 2_504_956 - 300
    assert granted("t", 60, 1000).use_until == 1054
    ended = iter([Token("ended", time.time() - 1), Token("new", time.time() + 1000)])
    tokens = Tokens(Credential("https://x.test", "id", "secret"), tmp_path, lambda: next(ended))
    tokens.current()
    assert tokens.current() == "new"


def test_a_folder_that_takes_no_token_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    tokens = Tokens(
        Credential("https://x.test", "id", "s"), blocked / "tokens", lambda: Token("new", time.time() + 9)
    )
    assert tokens.current() == "new"


@pytest.mark.parametrize("lifetime", ["2504956", 3600])
def test_the_lifetime_is_read_as_text_and_as_a_number(reading: Reading, lifetime: object) -> None:
    token = {"access_token": "made-up-token-1", "token_type": "Bearer", "expires_in": lifetime}
    reading.server.valid_tokens = {"made-up-token-1"}
    reading.server.token_answer = Answer(200, token)
    reading.fetch()


@pytest.mark.parametrize(
    "body", [{}, {"access_token": "t"}, {"access_token": "t", "expires_in": "soon"}, {"expires_in": 5}]
)
def test_an_answer_without_a_token_or_its_lifetime_is_refused(reading: Reading, body: object) -> None:
    reading.server.token_answer = Answer(200, body)
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert fault.tried == "Fetching an access token"
    assert "soon" not in fault.reason


def test_a_token_that_is_revoked_in_mid_paging_is_replaced_once(reading: Reading) -> None:
    server = reading.server
    server.students = [student(dcid) for dcid in range(1, 30)]
    left = [True]

    def revoke(request: Asked) -> None:
        if request.path == STUDENTS and request.page == 5 and left:
            left.pop()
            server.revoke()

    server.fault = revoke
    assert len(rows(reading.tables()["students"], "id")) == 29
    assert server.tokens_given == 2


def test_a_token_that_another_process_renewed_is_taken_from_it(tmp_path: Path) -> None:
    credential = Credential("https://x.test", "id", "secret")
    values = iter(["first", "second"])

    def ask() -> Token:
        return Token(next(values), time.time() + 1000)

    mine, other = Tokens(credential, tmp_path, ask), Tokens(credential, tmp_path, ask)
    assert mine.current() == other.current() == "first"
    assert other.instead_of("first") == "second"
    assert mine.instead_of("first") == "second"


def test_a_server_that_refuses_every_token_is_asked_twice_and_not_for_ever(reading: Reading) -> None:
    reading.server.fault = at(STUDENTS, INVALID_TOKEN)
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert "refuses a token that it has just issued" in fault.seen
    assert (asked(reading, STUDENTS), reading.server.tokens_given) == (2, 2)


def test_a_missing_right_is_no_reason_for_a_new_token(reading: Reading) -> None:
    reading.server.fault = at(STUDENTS, NO_V1_RIGHT)
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.tried == "Reading students, page 1"
    assert 'accessLevelV1Api="READ"' in fault.seen
    assert fault.mover is Mover.DISTRICT
    assert "sis-assets plugin powerschool" in fault.todo
    assert (asked(reading, STUDENTS), reading.server.tokens_given) == (1, 1)


def test_a_missing_right_is_told_even_by_a_server_that_adds_the_header(reading: Reading) -> None:
    answer = Answer(401, NO_V1_RIGHT.body, {"WWW-Authenticate": "Bearer"})
    reading.server.fault = at(STUDENTS, answer)
    assert "accessLevelV1Api" in reading.fault().seen
    assert reading.server.tokens_given == 1


@pytest.mark.parametrize("status", [401, 403])
def test_one_table_without_a_right_fails_the_read_and_names_table_and_field(
    reading: Reading, status: int
) -> None:
    body = {
        "message": "At least one column lacks sufficient permission",
        "errors": [
            {"code": "NoAccess", "field": "Grade", "resource": "StoredGrades"},
            {"code": "NoAccess", "field": "'; drop", "resource": "x y"},
        ],
    }
    reading.server.fault = at(GRADES, Answer(status, body))
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.tried == "Reading stored_grades, page 1"
    assert fault.seen == f"the plugin lacks StoredGrades.Grade ({status})"
    assert fault.mover is Mover.DISTRICT
    assert (asked(reading, GRADES), reading.server.tokens_given) == (1, 1)


def test_a_refusal_without_a_reason_is_still_a_missing_right(reading: Reading) -> None:
    reading.server.fault = at(STUDENTS, Answer(403, b"<html>"))
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert "a right that the server does not name" in fault.seen


def test_an_unknown_column_is_named(reading: Reading) -> None:
    body = {"message": "Invalid field specified: grade is not valid column for table: StoredGrades"}
    reading.server.fault = at(GRADES, Answer(400, body))
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert "StoredGrades.grade" in fault.seen
    assert asked(reading, GRADES) == 1


@pytest.mark.parametrize("status", [400, 404, 405])
def test_what_a_repetition_does_not_change_is_asked_once(reading: Reading, status: int) -> None:
    reading.server.fault = at(GRADES, Answer(status, {"message": "a value: Sample"}))
    fault = reading.fault()
    assert isinstance(fault, PermanentFault)
    assert str(status) in fault.seen
    assert "Sample" not in fault.reason
    assert asked(reading, GRADES) == 1


@pytest.mark.parametrize("status", [400, 401])
def test_refused_credentials_are_the_districts_move(reading: Reading, status: int) -> None:
    reading.server.token_answer = Answer(status, {"error": "invalid_client"})
    fault = reading.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert "Data Configuration" in fault.todo
    assert reading.server.paths() == ["/oauth/access_token"]


def test_a_secret_that_is_not_in_its_place_is_named_before_anything_is_asked(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_NAME)
    assert SECRET_NAME in reading.fault().reason
    assert reading.server.asked == []


TROUBLE = {
    "a refused credential": ("/oauth/access_token", Answer(401, {"error": "invalid_client"})),
    "a refused token": (STUDENTS, INVALID_TOKEN),
    "a missing right": (STUDENTS, NO_V1_RIGHT),
    "a busy server": (STUDENTS, Answer(503)),
    "a broken body": (STUDENTS, Answer(200, b"{}{}{}{}", send=2)),
    "a redirect": (STUDENTS, Answer(302, None, {"Location": "https://elsewhere.test/"})),
    "no trouble": ("/nowhere", Answer(200)),
}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "stamina"):
            caplog.set_level(logging.DEBUG, logger=name)
        yield caplog


@pytest.mark.parametrize("trouble", TROUBLE)
def test_no_secret_stands_in_a_url_a_log_or_a_fault(
    reading: Reading, everything_logged: pytest.LogCaptureFixture, trouble: str
) -> None:
    path, answer = TROUBLE[trouble]
    if path.startswith("/oauth"):
        reading.server.token_answer = answer
    else:
        reading.server.fault = at(path, answer)
    told = []
    try:
        reading.fetch()
    except Fault as fault:
        seen: BaseException | None = fault
        while seen is not None:
            told += [str(seen), repr(seen), repr(seen.args)]
            seen = seen.__cause__ or seen.__context__
    told += [record.getMessage() for record in everything_logged.records]
    told += [request.url for request in reading.server.asked]
    told += [repr(reading.district), str(reading.district)]
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    for secret in (CLIENT_SECRET, basic, "made-up-token"):
        assert not [text for text in told if secret in text]


def test_what_holds_a_secret_does_not_show_it() -> None:
    held = [Credential("https://x.test", "the-id", "the-secret"), Token("the-token", 1.0)]
    for secret in ("the-id", "the-secret", "the-token"):
        assert secret not in repr(held)


def test_a_token_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokens.Path, "replace", full)
    kept = Tokens(Credential("https://x.test", "id", "s"), tmp_path, lambda: Token("new", time.time() + 9))
    assert kept.current() == "new"
    assert list(tmp_path.iterdir()) == []
