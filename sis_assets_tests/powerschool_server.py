"""A small PowerSchool on loopback for the client's tests: one district in memory, and faults as functions."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CLIENT_ID, CLIENT_SECRET = "made-up-client", "made-up-secret-0123456789"
Row = dict[str, Any]
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def page(self) -> int:
        return int(self.query.get("page", "1"))

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}"


@dataclass(frozen=True)
class Answer:
    """What goes back. `send` bytes of the body only, then the connection breaks off."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    send: int | None = None

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


Fault = Callable[[Asked], Answer | None]

INVALID_TOKEN = Answer(
    401,
    {"error": "invalid_token"},
    {
        "WWW-Authenticate": 'Bearer error="invalid_token",realm="PowerSchool",error_description="The access token has expired"'
    },
)
NO_V1_RIGHT = Answer(
    401, {"errorMessage": {"message": "Plugin is missing required accessLevelV1Api READ permission"}}
)


def student(dcid: int, **enrollment: Any) -> Row:
    """A made-up student as `/ws/v1` gives one with all expansions; values typed as the server would."""
    return {
        "id": dcid,
        "local_id": 100000 + dcid,
        "state_province_id": 7000000000 + dcid,
        "student_username": f"sample{dcid}",
        "name": {"first_name": f"Sample{dcid}", "last_name": "Student"},
        "demographics": {"gender": "F", "birth_date": "2009-03-04", "projected_graduation_year": 2027},
        "school_enrollment": {
            "enroll_status": "A",
            "enroll_status_description": "Active",
            "enroll_status_code": 0,
            "grade_level": 10,
            "entry_date": "2025-08-20",
            "exit_date": "2026-06-09",
            "school_number": 3001,
            "school_id": 3,
            "entry_code": "E1",
            "entry_comment": "Promote Same School",
        }
        | enrollment,
        "contact_info": {"email": f"sample{dcid}@x.test"},
        "schedule_setup": {"next_school": 3001, "sched_next_year_grade": 11},
    }


@dataclass
class SchoolServer:
    """The district and what happened. `students` and the other lists may change between requests."""

    students: list[Row] = field(default_factory=lambda: [student(dcid) for dcid in (51, 52, 53)])
    schools: list[Row] = field(
        default_factory=lambda: [
            {
                "id": 3,
                "name": "Sample High",
                "school_number": 3001,
                "low_grade": 9,
                "high_grade": 12,
                "addresses": "",
            }
        ]
    )
    terms: list[Row] = field(
        default_factory=lambda: [
            {
                "id": 2,
                "school_id": 3,
                "start_year": 2025,
                "portion": 1,
                "start_date": "2025-08-20",
                "end_date": "2026-06-08",
                "name": "2025-2026",
            }
        ]
    )
    sections: list[Row] = field(
        default_factory=lambda: [
            {"id": 901, "school_id": 3, "course_id": 74, "term_id": 2, "section_number": 904, "staff_id": 51}
        ]
    )
    section_enrollments: list[Row] = field(
        default_factory=lambda: [
            {
                "id": 8001,
                "section_id": 901,
                "student_id": 51,
                "entry_date": "2025-08-20",
                "exit_date": "2026-06-09",
                "dropped": False,
            }
        ]
    )
    staff: list[Row] = field(
        default_factory=lambda: [
            {
                "id": 51,
                "local_id": "T123A",
                "name": {"first_name": "Made", "last_name": "Up"},
                "emails": {"work_email": "made.up@x.test"},
                "addresses": {"home": {"street": "1 Nowhere"}},
                "school_affiliations": {"school_affiliation": {"school_id": 3, "type": 1, "status": 1}},
            }
        ]
    )
    entry_codes: list[Row] = field(default_factory=list)
    exit_codes: list[Row] = field(
        default_factory=lambda: [{"id": 5, "code": "01", "description": "Moved", "sort_order": 1}]
    )
    tables: dict[str, list[Row]] = field(default_factory=dict)
    queries: dict[str, list[Row]] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    size: int = 2
    fault: Fault = lambda _: None
    valid_tokens: set[str] = field(default_factory=set)
    tokens_given: int = 0
    token_answer: Answer | None = None
    asked: list[Asked] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.tables = {
            "students": [{"dcid": 51, "id": 151}, {"dcid": 52, "id": 152}, {"dcid": 53, "id": 153}],
            "courses": [
                {
                    "dcid": 74,
                    "id": 174,
                    "course_number": "ENG1",
                    "course_name": "English 9",
                    "credit_hours": "1.0",
                    "credittype": "ENG",
                    "schoolid": 0,
                    "sched_department": "English",
                    "reggradelevels": "9,10",
                }
            ],
            "school_course": [{"dcid": 1, "courseid": 174, "schoolid": 3001, "yearid": 35}],
            "reenrollments": [],
            "storedgrades": [],
            "gradreqsets": [],
            "gradreq": [],
        } | self.tables

    def revoke(self) -> None:
        """Make every token that was given invalid."""
        self.valid_tokens.clear()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/oauth/access_token":
            return self._token(asked)
        faulty = self.fault(asked)
        if faulty is not None:
            return faulty
        if asked.path == "/ws/v1/metadata":
            return Answer(200, {"metadata": self._metadata()})
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid_tokens:
            return INVALID_TOKEN
        return self._authorised(asked)

    def _authorised(self, asked: Asked) -> Answer:
        if asked.headers.get("Accept") != "application/json":
            return Answer(200, b"<xml/>")
        resource = asked.path.removesuffix("/count")
        if (rows := self._lists().get(resource)) is not None:
            if resource != asked.path:
                return Answer(200, {"resource": {"count": self._counted(rows)}})
            return Answer(200, self._v1(resource, self._page(rows, asked)))
        for place, answer in (("/ws/schema/table/", self._table), ("/ws/schema/query/", self._query)):
            if asked.path.startswith(place):
                return answer(asked)
        if asked.path == "/ws/v1/district":
            return Answer(200, {"district": {"name": "Sample", "uuid": "0-0", **self._codes(asked)}})
        return Answer(404, {"message": "Resource not found"})

    def _token(self, asked: Asked) -> Answer:
        if self.token_answer is not None:
            return self.token_answer
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if (
            asked.headers.get("Authorization") != f"Basic {expected}"
            or asked.body != b"grant_type=client_credentials"
        ):
            return Answer(401, {"error": "invalid_client"})
        with self.lock:
            self.tokens_given += 1
            token = f"made-up-token-{self.tokens_given}"
            self.valid_tokens.add(token)
        return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": "2504956"})

    def _metadata(self) -> Row:
        names = ("course", "school", "section", "section_enrollment", "staff", "student", "term")
        sizes = {f"{name}_max_page_size": self.size for name in (*names, "schema_table_query")}
        return {
            "powerschool_version": "25.9.0.1",
            "district_timezone": "America/Los_Angeles",
            "plugin_id": 12,
        } | (sizes | self.sizes)

    def _lists(self) -> dict[str, list[Row]]:
        lists = {
            "/ws/v1/district/school": self.schools,
            "/ws/v1/district/student": self.students,
        }
        for school in self.schools:
            base, dcid = f"/ws/v1/school/{school['id']}", school["id"]
            lists[f"{base}/term"] = [row for row in self.terms if row["school_id"] == dcid]
            lists[f"{base}/section"] = [row for row in self.sections if row["school_id"] == dcid]
            lists[f"{base}/staff"] = self.staff
        for section in self.sections:
            lists[f"/ws/v1/section/{section['id']}/section_enrollment"] = [
                row for row in self.section_enrollments if row["section_id"] == section["id"]
            ]
        return lists

    def _counted(self, rows: list[Row]) -> int:
        return len([row for row in rows if row.get("school_number") != 999999])

    def _page(self, rows: list[Row], asked: Asked) -> list[Row]:
        size = int(asked.query.get("pagesize", self.size))
        return rows[size * (asked.page - 1) : size * asked.page]

    def _v1(self, resource: str, rows: list[Row]) -> Row:
        singular = resource.rpartition("/")[2]
        inner: Row = {"@expansions": "demographics, school_enrollment", "@extensions": ""}
        if rows:
            inner[singular] = rows[0] if len(rows) == 1 else rows
        return {f"{singular}s": inner}

    def _codes(self, asked: Asked) -> Row:
        found = {}
        for kind, rows in (("entry_code", self.entry_codes), ("exit_code", self.exit_codes)):
            if f"{kind}s" in asked.query.get("expansions", ""):
                found[f"{kind}s"] = "" if not rows else {kind: rows[0] if len(rows) == 1 else rows}
        return found

    def _table(self, asked: Asked) -> Answer:
        name, _, count = asked.path.removeprefix("/ws/schema/table/").partition("/")
        if name not in self.tables:
            return Answer(404, {"message": "Resource not found"})
        rows = [row for row in self.tables[name] if _matches(row, asked.query.get("q"))]
        if count:
            return Answer(200, {"count": len(rows)})
        wanted = asked.query["projection"].split(",")
        return Answer(
            200,
            {
                "name": name,
                "record": [
                    {"id": row["dcid"], "tables": {name: {key: str(row[key]) for key in wanted}}}
                    for row in self._page(rows, asked)
                ],
            },
        )

    def _query(self, asked: Asked) -> Answer:
        name, _, count = asked.path.removeprefix("/ws/schema/query/").partition("/")
        if asked.method != "POST" or name not in self.queries:
            return Answer(404, {"message": f"Query {name} not found"})
        if count:
            return Answer(200, {"count": len(self.queries[name])})
        rows = [{"_name": "cc", **row} for row in self._page(self.queries[name], asked)]
        return Answer(200, {"name": "cc", "record": rows, "@extensions": ""})


def _matches(row: Row, q: str | None) -> bool:
    if q is None:
        return True
    if "=ge=" in q:
        name, _, bound = q.partition("=ge=")
        return int(row[name]) >= int(bound)
    name, _, value = q.partition("==")
    return str(row[name]) == value


@contextmanager
def serve(server: SchoolServer) -> Iterator[SchoolServer]:
    """Serve on a free loopback port until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _reply(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            headers = {name.title(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            with server.lock:
                server.asked.append(asked)
                server.under_way += 1
                server.most_under_way = max(server.most_under_way, server.under_way)
            try:
                answer = server.answer(asked)
                content = answer.content
                self.send_response_only(answer.status)
                usual = {**JSON, "Content-Length": str(len(content)), "Date": self.date_time_string()}
                for name, value in {**usual, **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: answer.send])
                if answer.send is not None:
                    self.close_connection = True
            finally:
                with server.lock:
                    server.under_way -= 1

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
