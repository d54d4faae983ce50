"""A small OneRoster server on loopback for the client's tests: one district in memory, and faults as functions."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sis_assets_tests import oneroster_signature as oauth1
from sis_assets_tests.powerschool_server import Answer, Asked, Fault, SchoolServer

CLIENT_ID, CLIENT_SECRET = "made-up-client", "made-up-secret-0123456789"
BASES = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
SCOPE = "https://purl.imsglobal.org/spec/or/{}/scope/roster-core.readonly"
LONG_AGO = "2026-08-01T00:00:00.000Z"
Row = dict[str, Any]


def envelope(minor: str, major: str = "failure") -> Row:
    """The standard's status object."""
    minors = [{"imsx_codeMinorFieldName": "sourcedId", "imsx_codeMinorFieldValue": minor}]
    return {
        "imsx_codeMajor": major,
        "imsx_severity": "error",
        "imsx_description": "About Canary Sample",
        "imsx_CodeMinor": {"imsx_codeMinorField": minors},
    }


def ref(sourced_id: str, kind: str = "org") -> Row:
    return {"href": f"https://made.up.test/{kind}s/{sourced_id}", "sourcedId": sourced_id, "type": kind}


def record(sourced_id: str, **values: Any) -> Row:
    return {"sourcedId": sourced_id, "status": "active", "dateLastModified": LONG_AGO} | values


def student_11(sourced_id: str, **values: Any) -> Row:
    """A made-up student of 1.1."""
    told = {
        "enabledUser": True,
        "username": sourced_id,
        "givenName": "Sample",
        "familyName": sourced_id.upper(),
        "identifier": f"9{sourced_id[1:]}",
        "email": f"{sourced_id}@x.test",
        "role": "student",
        "orgs": [ref("school-1")],
        "grades": ["09"],
        "agents": [ref("parent-1", "user")],
        "password": "canary-password",
    }
    return record(sourced_id, **told | values)


def student_12(sourced_id: str, **values: Any) -> Row:
    """A made-up student of 1.2."""
    row = student_11(sourced_id)
    del row["role"], row["orgs"]
    roles = [{"roleType": "primary", "role": "student", "org": ref("school-1")}]
    return row | {"roles": roles, "primaryOrg": ref("school-1"), "userProfiles": []} | values


def collections_of(version: str, students: int = 3) -> dict[str, list[Row]]:
    student = student_11 if version == "1.1" else student_12
    ids = [f"s{number:04}" for number in range(1, students + 1)]
    year = {"schoolYear": "2027", "startDate": "2026-08-20", "endDate": "2027-06-06"}
    return {
        "orgs": [
            record("district-1", name="Sample District", type="district", children=[ref("school-1")]),
            record("school-1", name="Sample High", type="school", parent=ref("district-1"), identifier="11"),
        ],
        "academicSessions": [record("year-1", title="2026-2027", type="schoolYear", **year)],
        "courses": [record("course-1", title="English 9", courseCode="ENG1", org=ref("school-1"))],
        "classes": [
            record(
                "class-1",
                title="English 9, first period",
                classType="scheduled",
                course=ref("course-1", "course"),
                school=ref("school-1"),
                terms=[ref("year-1", "academicSession")],
            )
        ],
        "enrollments": [
            record(
                f"e-{user}",
                role="student",
                user=ref(user, "user"),
                school=ref("school-1"),
                **{"class": ref("class-1", "class")},
            )
            for user in ids
        ],
        "users": [student(user) for user in ids],
        "demographics": [record(user, birthDate="2010-02-03", sex="female", white="true") for user in ids],
    }


@dataclass
class RosterServer(SchoolServer):
    """A server whose lists may change between requests.

    `cap` is the most rows of a page, `total` and `link` whether those headers come, `auth` how clients prove themselves,
    `check` by what a request is checked, where that is another way.
    """

    version: str = "1.1"
    collections: dict[str, list[Row]] = field(default_factory=dict)
    cap: int = 100
    total: bool = True
    link: bool = True
    auth: str = "oauth2"
    check: str = ""
    scopes: set[str] = field(default_factory=set)
    signature: str = "HMAC-SHA256"
    filters: bool = True
    fault: Fault = lambda _: None
    seen_nonces: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.collections = self.collections or collections_of(self.version)
        self.scopes = self.scopes or {SCOPE.format("v1p1" if self.version == "1.1" else "v1p2")}

    def reads(self, collection: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == f"{BASES[self.version]}/{collection}"]

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return self._grant(asked)
        if (faulty := self.fault(asked)) is not None:
            return faulty
        if not getattr(self, f"_by_{self.check or self.auth}")(asked):
            return Answer(401, envelope("unauthorisedrequest"))
        base, _, name = asked.path.rpartition("/")
        if base != BASES[self.version] or name not in self.collections:
            return Answer(404, envelope("unknownobject"))
        return self._listed(name, asked)

    def _grant(self, asked: Asked) -> Answer:
        if self.token_answer is not None:
            return self.token_answer
        form = dict(parse_qsl(asked.body.decode()))
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        in_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if asked.headers.get("Authorization") != f"Basic {pair}" and not in_form:
            return Answer(401, {"error": "invalid_client"})
        if not self.scopes <= set(form.get("scope", "").split()):
            return Answer(400, {"error": "invalid_scope"})
        with self.lock:
            self.tokens_given += 1
            token = f"made-up-token-{self.tokens_given}"
            self.valid_tokens.add(token)
        return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _by_oauth2(self, asked: Asked) -> bool:
        return asked.headers.get("Authorization", "").removeprefix("Bearer ") in self.valid_tokens

    def _by_oauth1(self, asked: Asked) -> bool:
        said = oauth1.parameters(asked.headers.get("Authorization", ""))
        url = f"{self.url}{asked.path}?{urlencode(asked.query)}"
        base = oauth1.base_string(asked.method, url, said.items())
        expected = oauth1.signature(base, CLIENT_SECRET, method=self.signature)
        with self.lock:
            fresh = said.get("oauth_nonce") not in self.seen_nonces
            self.seen_nonces.add(said.get("oauth_nonce", ""))
        return (
            fresh
            and said.get("oauth_consumer_key") == CLIENT_ID
            and said.get("oauth_signature_method") == self.signature
            and said.get("oauth_signature") == expected
            and abs(time.time() - int(said.get("oauth_timestamp", "0"))) < 60
        )

    def _by_site_login(self, asked: Asked) -> bool:
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        told = {"Authorization": f"Basic {pair}", "X-Domain": "sample.test", "X-Site-Code": "42"}
        return all(asked.headers.get(name) == value for name, value in told.items())

    def _listed(self, name: str, asked: Asked) -> Answer:
        rows = self.collections[name]
        if "filter" in asked.query:
            if not self.filters:
                return Answer(400, envelope("invalid_filter_field"))
            rows = [row for row in rows if _admits(asked.query["filter"], row)]
        if asked.query.get("sort"):
            rows = sorted(rows, key=lambda row: row.get(asked.query["sort"], ""))
        limit = min(int(asked.query.get("limit", "100")), self.cap)
        offset = int(asked.query.get("offset", "0"))
        headers: dict[str, str] = {}
        if self.total:
            headers["X-Total-Count"] = str(len(rows))
        if self.link and offset + limit < len(rows):
            headers["Link"] = f'<{self.url}{asked.path}?limit={limit}&offset={offset + limit}>; rel="next"'
        return Answer(200, {name: rows[offset : offset + limit]}, headers)


def _admits(expression: str, row: Row) -> bool:
    (moment,) = re.fullmatch(r"dateLastModified>'([^']+)'", expression).groups()  # type: ignore[union-attr]
    return datetime.fromisoformat(row["dateLastModified"]) > datetime.fromisoformat(moment)


def settings_of(server: RosterServer, secret_name: str) -> Mapping[str, Any]:
    """The `sis` section of a district that reads from the server."""
    secret = {"env": secret_name}
    auths: dict[str, Row] = {
        "oauth2": {"token_url": f"{server.url}/token", "client_id": CLIENT_ID, "client_secret": secret},
        "oauth1": {"consumer_key": CLIENT_ID, "consumer_secret": secret, "signature": server.signature},
        "site_login": {
            "domain": "sample.test",
            "site_code": "42",
            "login": CLIENT_ID,
            "password": secret,
        },
    }
    return {
        "kind": "oneroster_api",
        "url": server.url,
        "version": server.version,
        "auth": {"kind": server.auth} | auths[server.auth],
    }
