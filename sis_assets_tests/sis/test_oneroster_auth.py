"""How a client proves who it is: signatures, tokens and scopes, a site login (contract OneRoster §4.3, eSchoolPLUS §1.4)."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import time_machine
from oauthlib import oauth1 as library

from sis_assets.model.faults import AccessRefused, Mover, NeedsPerson, PermanentFault
from sis_assets.sis.oneroster.api.auth import OAuth1, SiteLogin
from sis_assets.transport.http import Request
from sis_assets_tests import oneroster_signature as rfc
from sis_assets_tests.oneroster_district import Roster, Served, ids
from sis_assets_tests.oneroster_server import CLIENT_ID, CLIENT_SECRET
from sis_assets_tests.powerschool_server import Answer, Asked

PHOTOS = "http://photos.example.net/photos?file=vacation.jpg&size=original"
PHOTOS_SIGNATURE = "MdpQcU8iPSUjWoN/UDMsK2sui9I="
PHOTOS_HEADER = {
    "oauth_consumer_key": "dpf43f3p2l4k3l03",
    "oauth_token": "nnch734d00sl2jdk",
    "oauth_signature_method": "HMAC-SHA1",
    "oauth_timestamp": "137131202",
    "oauth_nonce": "chapoH",
}


def test_the_tests_own_signatures_are_those_of_rfc_5849():
    # §3.4.1.1
    protocol = {
        "realm": "Example",
        "oauth_consumer_key": "9djdj82h48djs9d2",
        "oauth_token": "kkk9d7dh3k39sjv7",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131201",
        "oauth_nonce": "7d8f3e4a",
        "oauth_signature": "bYT5CMsGcbgUdFHObYMEfcx6bsw=",
    }
    url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"
    assert rfc.base_string("POST", url, protocol.items(), "c2&a3=2+q") == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D"
        "%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
        "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )
    # §1.2
    base = rfc.base_string("GET", PHOTOS, PHOTOS_HEADER.items())
    assert rfc.signature(base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00") == PHOTOS_SIGNATURE


def test_the_library_signs_as_rfc_5849_does():
    client = library.Client(
        "dpf43f3p2l4k3l03",
        "kd94hf93k423kf44",
        resource_owner_key="nnch734d00sl2jdk",
        resource_owner_secret="pfkkdhi9sl3r4s00",
        nonce="chapoH",
        timestamp="137131202",
    )
    said = rfc.parameters(client.sign(PHOTOS)[1]["Authorization"])
    # It tells the version too, which the example of §1.2 leaves out.
    assert said.items() - PHOTOS_HEADER.items() == {
        ("oauth_version", "1.0"),
        ("oauth_signature", said["oauth_signature"]),
    }
    base = rfc.base_string("GET", PHOTOS, said.items())
    assert said["oauth_signature"] == rfc.signature(base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00")


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_a_signature_covers_the_address_and_every_character_of_the_query(method):
    url = "https://x.test/v1p1/users?filter=dateLastModified%3E%272026-01-01T00%3A00%3A00.000Z%27&limit=5&sort=a%20b"
    request = OAuth1("key&", "secret %", method).authorised(Request("", "GET", ""))
    said = rfc.parameters(request.sign("GET", url)["Authorization"])
    base = rfc.base_string("GET", url, said.items())
    assert said["oauth_signature_method"] == method
    assert said["oauth_signature"] == rfc.signature(base, "secret %", method=method)


def test_every_try_is_signed_with_a_nonce_and_a_time_of_its_own():
    request = OAuth1("key", "secret", "HMAC-SHA1").authorised(Request("", "GET", ""))
    with time_machine.travel(1000, tick=False) as clock:
        first = rfc.parameters(request.sign("GET", "https://x.test/")["Authorization"])
        clock.shift(30)
        second = rfc.parameters(request.sign("GET", "https://x.test/")["Authorization"])
    assert first["oauth_nonce"] != second["oauth_nonce"]
    assert int(second["oauth_timestamp"]) - int(first["oauth_timestamp"]) == 30


@pytest.mark.parametrize("signature", ["HMAC-SHA1", "HMAC-SHA256"])
def test_a_district_is_read_with_signatures_that_are_never_used_twice_even_when_tried_again(
    served: Served, signature: str
):
    roster = served(auth="oauth1", signature=signature)
    busy = [Answer(503), Answer(429, headers={"Retry-After": "0"})]
    # The nonce counts although the answer was no answer: a replayed one would be refused.
    roster.server.fault = lambda asked: busy.pop() if busy and roster.server._by_oauth1(asked) else None
    assert ids(roster.fetch(), "users") == ["s0001", "s0002", "s0003"]
    sent = [rfc.parameters(asked.headers["Authorization"]) for asked in roster.server.asked]
    assert len({said["oauth_nonce"] for said in sent}) == len(sent)


def test_a_refused_signature_says_what_to_compare_and_is_not_tried_again(served: Served):
    roster = served(auth="oauth1")
    roster.settings["auth"] = {
        "kind": "oauth1",
        "consumer_key": CLIENT_ID,
        "consumer_secret": {"env": "SAMPLE_ONEROSTER_SECRET"},
        "signature": "HMAC-SHA1",
    }
    fault = roster.fault()
    assert isinstance(fault, NeedsPerson)
    assert "signature method" in fault.reason
    assert "clocks" in fault.reason
    assert CLIENT_SECRET not in fault.reason
    assert len(roster.server.asked) == 1


@pytest.mark.parametrize(("version", "prefix"), [("1.1", "v1p1"), ("1.2", "v1p2")])
def test_the_scopes_are_those_of_the_version(served: Served, version: str, prefix: str):
    roster = served(version=version)
    roster.fetch()
    asked = parse_qs(roster.server.asked[0].body.decode())
    root = f"https://purl.imsglobal.org/spec/or/{prefix}/scope/"
    assert asked["scope"] == [
        f"{root}roster-core.readonly {root}roster.readonly {root}roster-demographics.readonly"
    ]
    assert asked["grant_type"] == ["client_credentials"]


def test_the_district_files_scopes_come_instead(served: Served):
    roster = served(scopes={"one", "two"})
    roster.settings["auth"] = dict(roster.district.sis.auth.model_dump(mode="json", exclude_none=True)) | {
        "scopes": ["one", "two"]
    }
    roster.fetch()
    assert parse_qs(roster.server.asked[0].body.decode())["scope"] == ["one two"]


def test_credentials_go_in_the_form_where_the_server_wants_them_there(served: Served):
    roster = served()
    roster.settings["auth"] = dict(roster.district.sis.auth.model_dump(mode="json", exclude_none=True)) | {
        "credentials": "body"
    }
    roster.fetch()
    token = roster.server.asked[0]
    assert "Authorization" not in token.headers
    assert parse_qs(token.body.decode())["client_secret"] == [CLIENT_SECRET]


def test_a_token_is_fetched_once_and_kept_for_the_next_read(served: Served):
    roster = served()
    roster.fetch()
    roster.fetch()
    assert roster.server.tokens_given == 1


def test_other_scopes_are_another_token(served: Served):
    roster = served(scopes={"one"})
    auth = roster.district.sis.auth.model_dump(mode="json", exclude_none=True)
    for scopes in (["one"], ["one", "two"]):
        roster.settings["auth"] = {**auth, "scopes": scopes}
        roster.fetch()
    assert roster.server.tokens_given == 2


def test_a_token_without_a_lifetime_is_one(served: Served):
    roster = served()
    roster.server.valid_tokens.add("endless")
    roster.server.token_answer = Answer(200, {"access_token": "endless", "token_type": "bearer"})
    assert ids(roster.fetch(), "orgs") == ["district-1", "school-1"]


def test_a_revoked_token_is_replaced_once(served: Served):
    roster = served()
    roster.fetch()
    roster.server.revoke()
    roster.fetch()
    assert roster.server.tokens_given == 2


def test_a_token_that_is_refused_anew_needs_a_person(served: Served):
    roster = served()
    roster.server.fault = lambda _: Answer(401, {})
    fault = roster.fault()
    assert isinstance(fault, NeedsPerson)
    assert fault.mover is Mover.DISTRICT
    assert "sis.version" in fault.reason
    assert roster.server.tokens_given == 2


@pytest.mark.parametrize(
    ("answer", "about"),
    [
        (
            Answer(401, {"error": "invalid_client"}),
            "the credentials (401, invalid_client)",
        ),
        (Answer(400, {"error": "invalid_scope"}), "the scopes (400, invalid_scope)"),
        (Answer(403, b"<html>canary</html>"), "the credentials (403)"),
        (Answer(400, {"error": "canary"}), "the credentials (400)"),
    ],
)
def test_a_refused_credential_or_scope_is_told_in_the_standards_words_alone(
    served: Served, answer: Answer, about: str
):
    roster = served()
    roster.server.token_answer = answer
    fault = roster.fault()
    assert isinstance(fault, NeedsPerson)
    assert about in fault.reason
    assert "canary" not in fault.reason


def test_a_token_address_that_has_no_tokens_is_named(served: Served):
    roster = served()
    roster.server.token_answer = Answer(404, {})
    fault = roster.fault()
    assert isinstance(fault, PermanentFault)
    assert "the token's address in sis.auth" in fault.reason


def test_a_site_login_goes_with_every_request(served: Served):
    roster = served(auth="site_login")
    assert ids(roster.fetch(), "users") == ["s0001", "s0002", "s0003"]


def by_form(roster: Roster, **names: str) -> None:
    """Have the district send its site login to a form, and the server take tokens."""
    said = roster.district.sis.auth.model_dump(mode="json", exclude_none=True)
    roster.settings["auth"] = {**said, "form": {"url": f"{roster.server.url}/login", **names}}

    def login(asked: Asked) -> Answer | None:
        if asked.path != "/login":
            return None
        fields = ["domain", names.get("site_code", "site_code"), "login", "password"]
        sent = parse_qs(asked.body.decode())
        if [sent.get(field) for field in fields] != [["sample.test"], ["42"], [CLIENT_ID], [CLIENT_SECRET]]:
            return Answer(401, {})
        roster.server.valid_tokens.add("of-the-form")
        return Answer(200, {"access_token": "of-the-form", "expires_in": 600})

    roster.server.fault = login
    roster.server.check = "oauth2"


@pytest.mark.parametrize("names", [{}, {"site_code": "siteCode"}])
def test_a_site_login_may_be_a_form_that_gives_a_token(served: Served, names: dict[str, str]):
    roster = served(auth="site_login")
    by_form(roster, **names)
    assert ids(roster.fetch(), "users") == ["s0001", "s0002", "s0003"]
    assert [asked.path for asked in roster.server.asked].count("/login") == 1


def test_a_form_that_refuses_a_site_login_is_told(served: Served):
    roster = served(auth="site_login")
    by_form(roster, site_code="another")
    roster.server.fault = lambda asked: Answer(401, {}) if asked.path == "/login" else None
    fault = roster.fault()
    assert isinstance(fault, AccessRefused)
    assert CLIENT_SECRET not in fault.reason


def test_the_headers_that_tell_the_site_are_the_district_files(served: Served):
    roster = served(auth="site_login")
    roster.settings["auth"] = dict(roster.district.sis.auth.model_dump(mode="json", exclude_none=True)) | {
        "domain_header": "Esp-Domain",
        "site_code_header": "Esp-Site",
    }
    fault = roster.fault()
    assert "site code" in fault.reason
    asked = roster.server.asked[-1]
    assert (asked.headers["Esp-Domain"], asked.headers["Esp-Site"]) == ("sample.test", "42")


def test_nothing_shows_a_secret_by_being_shown():
    shown = repr(OAuth1(CLIENT_ID, CLIENT_SECRET, "HMAC-SHA1")) + repr(
        SiteLogin(CLIENT_ID, CLIENT_SECRET, {})
    )
    assert CLIENT_SECRET not in shown
    assert CLIENT_ID not in shown
