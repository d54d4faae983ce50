"""Who may read what: tokens, scopes, profiles, and access that ends (contract: OneRoster §4.3; eSchoolPLUS §1.4, §1.6)."""

from __future__ import annotations

import base64
import json
from datetime import date
from urllib.parse import urlencode, urlsplit

import pytest

from sis_assets.sandbox.oneroster.day import Churn, after_a_day
from sis_assets.sandbox.oneroster.district import founded
from sis_assets.sandbox.oneroster.guises import PLUS_360, TRIAND
from sis_assets.sandbox.oneroster.problems import OAuthProblem, Problem
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets.sandbox.oneroster.tokens import Tokens, scope
from sis_assets_tests.oneroster_caller import SCOPE, Caller, scopes, serving

WRONG = {"client_secret": "not-right"}


@pytest.mark.conformance("provider", "auth.oauth2")
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_token_of_a_versions_scopes_reads_that_version(version: str) -> None:
    with serving(version, users=20) as (_, caller):
        token = caller.authorize().json
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
        assert set(token["scope"].split()) == set(scopes(version).split())
        assert caller.get("orgs").status == 200


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "not-right"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": SCOPE.format("1p2", "pets.readonly")}, 400, "invalid_scope"),
    ],
)
def test_a_request_for_a_token_is_refused_in_oauths_own_words(
    changed: dict[str, str], status: int, error: str
) -> None:
    with serving(users=20) as (_, caller):
        answer = caller.authorize(**changed)
        assert (answer.status, answer.json) == (status, {"error": error})


@pytest.mark.parametrize(
    ("where", "header", "body"), [("either", 200, 200), ("basic", 200, 401), ("body", 401, 200)]
)
def test_credentials_are_read_in_the_header_or_the_body_by_switch(where: str, header: int, body: int) -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.change(client_auth=where)
        pair = f"{sandbox.settings.client_id}:{sandbox.settings.client_secret}"
        basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        form = urlencode({"grant_type": "client_credentials", "scope": scopes("1.2")})
        path = urlsplit(sandbox.token_url).path
        assert caller.call("POST", path, body=form, headers=basic).status == header
        assert caller.authorize().status == body


@pytest.mark.parametrize("header", ["Basic !", "Basic /w==", "Basic bm90OnJpZ2h0", "Digest x"])
def test_a_header_that_proves_nothing_is_an_invalid_client(header: str) -> None:
    with serving(users=20, settings=Settings(client_auth="either")) as (sandbox, caller):
        form = urlencode({"grant_type": "client_credentials", "scope": scopes("1.2")})
        path = urlsplit(sandbox.token_url).path
        assert caller.call("POST", path, body=form, headers={"Authorization": header}).status == 401


@pytest.mark.conformance("provider", "auth.scopes")
def test_a_collection_without_its_scope_is_forbidden() -> None:
    with serving(users=20) as (_, caller):
        caller.authorize(scopes("1.2", "roster-core.readonly"))
        answer = caller.get("demographics")
        assert (answer.status, answer.minor) == (403, "forbidden")
        assert caller.get("users").status == 200
        caller.authorize(scopes("1.2", "roster-demographics.readonly"))
        assert [caller.get(name).status for name in ("demographics", "users")] == [200, 403]
        caller.authorize(scopes("1.2", "roster.readonly"))
        assert [caller.get(name).status for name in ("demographics", "users")] == [403, 200]


@pytest.mark.conformance("provider", "auth.scope_version")
@pytest.mark.parametrize("status", [400, 403])
def test_a_token_of_the_other_version_is_refused(status: int) -> None:
    with serving("1.1", users=20, settings=Settings(scope_version=status)) as (sandbox, caller):
        assert Caller(sandbox, "1.2", caller.token).get("orgs").status == status
        caller.authorize(f"{scopes('1.1')} {scopes('1.2')}")
        assert Caller(sandbox, "1.2", caller.token).get("orgs").status == 200


def test_scopes_that_are_not_granted_are_refused() -> None:
    settings = Settings(scopes=(SCOPE.format("1p2", "roster-core.readonly"),))
    with serving(users=20) as (sandbox, caller):
        sandbox.change(scopes=settings.scopes)
        assert caller.authorize().json == {"error": "invalid_scope"}
        assert caller.authorize(scopes("1.2", "roster-core.readonly")).status == 200


@pytest.mark.conformance("provider", "auth.bad_token")
@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_bad_token_is_a_401_with_a_challenge(token: str) -> None:
    with serving(users=20) as (sandbox, _):
        answer = Caller(sandbox, "1.2", token).get("orgs")
        assert (answer.status, answer.minor) == (401, "unauthorisedrequest")
        assert "invalid_token" in answer.headers["www-authenticate"]


def test_a_revoked_token_is_bad_and_a_new_one_good() -> None:
    with serving(users=20) as (sandbox, caller):
        sandbox.revoke_tokens()
        assert caller.get("orgs").status == 401
        caller.authorize()
        assert caller.get("orgs").status == 200


def test_a_token_ends_when_its_time_is_over() -> None:
    now = [100.0]
    tokens, settings = Tokens(clock=lambda: now[0]), Settings(token_seconds=60, expires_in_as_text=True)
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": scope("1.2", "roster.readonly"),
    }
    told = json.loads(tokens.for_client("", urlencode(form), settings).text)
    assert told["expires_in"] == "60"
    token = f"Bearer {told['access_token']}"
    now[0] += 59
    assert tokens.scopes(token) == {scope("1.2", "roster.readonly")}
    now[0] += 1
    with pytest.raises(Problem):
        tokens.scopes(token)
    with pytest.raises(OAuthProblem):
        tokens.for_client("", urlencode(form | WRONG), settings)


def test_plus_360_has_its_place_in_the_address_and_withholds_the_birth_date_until_it_is_ticked() -> None:
    with serving("1.1", users=30, settings=PLUS_360) as (sandbox, caller):
        assert sandbox.url.endswith("/plus360api/v1/ABC")
        assert sandbox.settings.consumer_key.split("_")[1] == "ABC"
        rows = caller.rows("demographics")
        assert not any("birthDate" in row for row in rows)
        sandbox.change(nulls="null")
        assert {row["birthDate"] for row in caller.rows("demographics")} == {None}
        sandbox.change(withheld=())
        assert all(row["birthDate"] for row in caller.rows("demographics"))
        assert caller.call("GET", "/ims/oneroster/v1p1/orgs").status == 404


def test_plus_360_reads_what_it_subscribes_to_with_what_is_nested_in_it() -> None:
    with serving("1.1", users=30, settings=PLUS_360) as (sandbox, caller):
        sandbox.change(subscriptions=("orgs", "schools"))
        seen = {name: caller.get(name).status for name in ("orgs", "schools/S-1001/students", "students")}
        assert seen == {"orgs": 200, "schools/S-1001/students": 200, "students": 403}
        sandbox.change(active=False)
        assert caller.get("orgs").status == 401
        assert caller.authorize().status == 401


def test_a_site_login_gives_a_token() -> None:
    with serving("1.1", users=30, settings=PLUS_360) as (sandbox, caller):
        settings = sandbox.settings
        right = {
            "domain": settings.domain,
            "site_code": settings.site_code,
            "login": settings.login,
            "password": settings.password,
        }
        path = urlsplit(sandbox.url).path + settings.site_login_path
        for name in right:
            wrong = urlencode(right | {name: "not-right"})
            assert caller.call("POST", path, body=wrong, headers={}).status == 401
        caller.token = caller.call("POST", path, body=urlencode(right), headers={}).json["access_token"]
        assert caller.get("students").status == 200
        sandbox.change(site_login_fields=("Domain", "SiteCode", "LoginName", "Password"))
        assert caller.call("POST", path, body=urlencode(right), headers={}).status == 401
        sandbox.change(schemes=("oauth1",))
        assert caller.call("POST", path, body=urlencode(right), headers={}).status == 404


@pytest.mark.parametrize("status", [401, 403])
def test_every_call_is_refused_once_access_has_ended(status: int) -> None:
    district = founded(users=30, seed=1, today=date(2027, 6, 30))
    settings = Settings(access_ends=date(2027, 6, 30), refused_status=status)
    with serving(district=district, settings=settings) as (sandbox, caller):
        assert caller.get("orgs").status == 200
        sandbox.evolve(lambda before: after_a_day(before, Churn()))
        assert caller.get("orgs").status == status
        assert caller.authorize().status == 401
        assert {each.status for each in sandbox.log.asked[2:]} == {status, 401}
        sandbox.change(access_ends=date(2028, 6, 30))
        caller.authorize()
        assert caller.get("orgs").status == 200


@pytest.mark.conformance("provider", "rest.strictness")
def test_triand_refuses_what_it_does_not_know_and_warns_of_sort_and_fields() -> None:
    with serving(users=30, settings=TRIAND) as (_, caller):
        assert caller.get("users", pets=1).status == 400
        assert caller.get("users", filter="pets='1'").status == 400
        assert caller.call("POST", f"{caller.base}/users").status == 400
        for asked, code in (
            ({"sort": "pets"}, "invalid_sort_field"),
            ({"fields": "pets"}, "invalid_selection_field"),
        ):
            answer = caller.get("users", **asked)
            assert (answer.status, len(answer.json["users"])) == (200, len(caller.rows("users")))
            (told,) = answer.json["statusInfoSet"]
            assert told["imsx_severity"] == "warning"
            assert told["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"] == code


def test_an_unknown_parameter_is_ignored_and_another_method_not_allowed_unless_told() -> None:
    with serving(users=30) as (_, caller):
        assert caller.get("users", pets=1).status == 200
        assert caller.call("DELETE", f"{caller.base}/users/U-500001").status == 405
