"""Signed requests: RFC 5849's own examples, and what a provider accepts (contract: OneRoster §4.3; eSchoolPLUS §1.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from sis_assets.sandbox.oneroster.faults import SCENARIOS
from sis_assets.sandbox.oneroster.guises import PLUS_360
from sis_assets.sandbox.oneroster.oauth1 import (
    authorization_parameters,
    base_string,
    signature,
)
from sis_assets.sandbox.oneroster.server import Sandbox
from sis_assets.sandbox.oneroster.settings import Settings
from sis_assets_tests.oneroster_caller import BASES, Answer, Caller

_NONCES = itertools.count()

# RFC 5849 §3.4.1: a request with a form, doubled names, and names and values that need encoding.
REQUEST = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"
HEADER = (
    'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", '
    'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", '
    'oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"'
)
FORM = [("c2", ""), ("a3", "2 q")]
BASE = (
    "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D"
    "%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
    "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
)


def test_the_base_string_is_that_of_the_rfc() -> None:
    assert base_string("post", REQUEST, [*authorization_parameters(HEADER), *FORM]) == BASE


@pytest.mark.parametrize(
    ("method", "url", "header", "token_secret", "expected"),
    [
        (
            "POST",
            "https://photos.example.net/initiate",
            (
                'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_signature_method="HMAC-SHA1", '
                'oauth_timestamp="137131200", oauth_nonce="wIjqoS", '
                'oauth_callback="http%3A%2F%2Fprinter.example.com%2Fready"'
            ),
            "",
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            "POST",
            "https://photos.example.net:443/token",
            (
                'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", '
                'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", '
                'oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D"'
            ),
            "hdhd0244k9j7ao03",
            "gKgrFCywp7rO0OXSjdot/IHF7IU=",
        ),
        (
            "GET",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            (
                'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", '
                'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH"'
            ),
            "pfkkdhi9sl3r4s00",
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
    ],
)
def test_signatures_are_those_of_the_rfc(
    method: str, url: str, header: str, token_secret: str, expected: str
) -> None:
    text = base_string(method, url, authorization_parameters(header))
    assert signature(text, "HMAC-SHA1", "kd94hf93k423kf44", token_secret) == expected


def encoded(text: str) -> str:
    return quote(text, safe="~")


def signed(
    address: str,
    settings: Settings,
    *,
    method: str = "HMAC-SHA1",
    secret: str | None = None,
    without: str = "",
    **changed: str,
) -> str:
    """The header that signs a GET, by a plain reading of the RFC that shares nothing with the provider's."""
    place, _, query = address.partition("?")
    given = {
        "oauth_consumer_key": settings.consumer_key,
        "oauth_nonce": f"nonce-{next(_NONCES)}",
        "oauth_signature_method": method,
        "oauth_timestamp": str(int(time.time())),
        "oauth_version": "1.0",
        **changed,
    }
    given.pop(without, None)
    pairs = sorted(
        (encoded(name), encoded(value))
        for name, value in [*given.items(), *parse_qsl(query, keep_blank_values=True)]
    )
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    text = f"GET&{encoded(place)}&{encoded(joined)}"
    key = f"{encoded(settings.consumer_secret if secret is None else secret)}&"
    kind = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}.get(method, hashlib.md5)
    digest = hmac.new(key.encode(), text.encode(), kind).digest()
    given["oauth_signature"] = base64.b64encode(digest).decode()
    return "OAuth " + ", ".join(f'{name}="{encoded(value)}"' for name, value in given.items())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users=20, settings=PLUS_360) as sandbox:
        yield sandbox


def asked(sandbox: Sandbox, header: str, query: str = "", version: str = "1.1") -> Answer:
    path = f"{urlsplit(sandbox.url).path}{BASES[version]}/orgs{query}"
    return Caller(sandbox, version).call("GET", path, headers={"Authorization": header})


def address(sandbox: Sandbox, query: str = "", version: str = "1.1") -> str:
    return f"{sandbox.url}{BASES[version]}/orgs{query}"


@pytest.mark.conformance("provider", "auth.oauth1")
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
@pytest.mark.parametrize(
    "query", ["", "?limit=2&offset=0", "?filter=name%3D%27a%20b%26c%3D%C3%A9%27&fields=name,type", "?fields="]
)
def test_a_signed_request_is_answered(sandbox: Sandbox, method: str, query: str) -> None:
    answer = asked(sandbox, signed(address(sandbox, query), sandbox.settings, method=method), query)
    assert answer.status == 200
    assert answer.json.keys() == {"orgs"}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"secret": "another"}, 401),
        ({"oauth_consumer_key": "OneRoster_XYZ_999"}, 401),
        ({"oauth_timestamp": str(int(time.time()) - 1000)}, 401),
        ({"oauth_timestamp": str(int(time.time()) + 1000)}, 401),
        ({"oauth_timestamp": "now"}, 401),
        ({"oauth_timestamp": "9" * 5000}, 401),
        ({"method": "PLAINTEXT"}, 400),
        ({"oauth_version": "2.0"}, 400),
        ({"without": "oauth_nonce"}, 400),
        ({"without": "oauth_timestamp"}, 400),
        ({"oauth_nonce": ""}, 400),
    ],
)
def test_a_request_that_is_signed_badly_is_refused(
    sandbox: Sandbox, changed: dict[str, str], status: int
) -> None:
    answer = asked(sandbox, signed(address(sandbox), sandbox.settings, **changed))  # type: ignore[arg-type]
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_a_parameter_that_is_there_twice_is_refused(sandbox: Sandbox) -> None:
    header = signed(address(sandbox), sandbox.settings)
    assert asked(sandbox, f'{header}, oauth_version="1.0"').status == 400


@pytest.mark.conformance("provider", "auth.oauth1_replay")
def test_a_signature_is_taken_once_and_for_one_address(sandbox: Sandbox) -> None:
    header = signed(address(sandbox), sandbox.settings)
    assert asked(sandbox, header, "?limit=1").status == 401
    assert [asked(sandbox, header).status for _ in range(2)] == [200, 401]


def test_signature_methods_are_accepted_by_switch() -> None:
    with Sandbox(users=20, settings=Settings(signature_methods=("HMAC-SHA256",))) as sandbox:
        seen = [
            asked(sandbox, signed(address(sandbox), sandbox.settings, method=method)).status
            for method in ("HMAC-SHA1", "HMAC-SHA256")
        ]
        assert seen == [400, 200]


def test_a_signed_request_reaches_1_2_by_switch_only(sandbox: Sandbox) -> None:
    header = signed(address(sandbox, version="1.2"), sandbox.settings)
    assert asked(sandbox, header, version="1.2").status == 401
    settings = Settings(oauth1_versions=("1.1", "1.2"))
    with Sandbox(users=20, settings=settings) as other:
        assert asked(other, signed(address(other, version="1.2"), settings), version="1.2").status == 200


def test_a_provider_whose_clock_is_ahead_takes_a_signature_for_an_old_one() -> None:
    with Sandbox(users=20) as sandbox:
        sandbox.faults.arm(*SCENARIOS["clock_ahead"])
        assert asked(sandbox, signed(address(sandbox), sandbox.settings)).status == 401
        sandbox.faults.clear()
        assert asked(sandbox, signed(address(sandbox), sandbox.settings)).status == 200
