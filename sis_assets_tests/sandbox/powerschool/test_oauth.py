"""Tokens and the two kinds of 401 (contract: PowerSchool §1.1)."""

from __future__ import annotations

import pytest

from sis_assets.sandbox.powerschool.oauth import Tokens
from sis_assets.sandbox.powerschool.reply import Refusal
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets_tests.powerschool_caller import Caller, serving

EXPIRED = 'Bearer error="invalid_token",realm="PowerSchool",error_description="The access token has expired"'


@pytest.mark.parametrize(("as_text", "kind"), [(True, str), (False, int)])
def test_expires_in_is_text_or_a_number_as_the_server_is_set(*, as_text: bool, kind: type) -> None:
    with serving(students=10, settings=Settings(expires_in_as_text=as_text)) as (_, caller):
        token = caller.authorize().json
        assert set(token) == {"access_token", "token_type", "expires_in"}
        assert (token["token_type"], type(token["expires_in"])) == ("Bearer", kind)


def test_a_trailing_slash_does_not_matter() -> None:
    with serving(students=10) as (_, caller):
        answer = caller.call(
            "POST", "/oauth/access_token/", body="grant_type=client_credentials", headers=caller.basic()
        )
        assert answer.status == 200


@pytest.mark.parametrize("header", ["Basic bm90OnJpZ2h0", "Basic !", "Basic /w==", "Bearer x", ""])
def test_wrong_credentials_are_an_invalid_client(header: str) -> None:
    with serving(students=10) as (_, caller):
        body = "grant_type=client_credentials"
        answer = caller.call("POST", "/oauth/access_token", body=body, headers={"Authorization": header})
        assert (answer.status, answer.json) == (401, {"error": "invalid_client"})


def test_another_grant_is_refused() -> None:
    with serving(students=10) as (_, caller):
        answer = caller.call(
            "POST", "/oauth/access_token", body="grant_type=password", headers=caller.basic()
        )
        assert answer.status == 400


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_bad_token_is_a_401_with_a_challenge(token: str) -> None:
    with serving(students=10) as (sandbox, _):
        for path in ("/ws/v1/district", "/ws/schema/table/students/count", "/ws/nothing"):
            answer = Caller(sandbox.port, "", "", token=token).get(path)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, EXPIRED)


def test_a_revoked_token_is_bad_and_a_new_one_good() -> None:
    with serving(students=10) as (sandbox, caller):
        assert caller.get("/ws/v1/district").status == 200
        sandbox.revoke_tokens()
        assert caller.get("/ws/v1/district").headers["www-authenticate"] == EXPIRED
        caller.authorize()
        assert caller.get("/ws/v1/district").status == 200


def test_a_token_ends_when_its_time_is_over() -> None:
    now = [100.0]
    settings = Settings(token_seconds=60)
    tokens = Tokens(settings, clock=lambda: now[0])
    with serving(students=10) as (_, caller):
        basic = caller.basic()["Authorization"]
    token = tokens.issued(basic, "grant_type=client_credentials").text.split('"')[3]
    now[0] += 59
    tokens.check(f"Bearer {token}")
    now[0] += 1
    with pytest.raises(Refusal):
        tokens.check(f"Bearer {token}")
