"""Requests into a PowerSchool that may take them, may refuse them, and may break off (contract: PowerSchool §1.11)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sis_assets.model.faults import NeedsPerson, TransientFault
from sis_assets.pipeline.requests.confirm import confirm
from sis_assets.pipeline.requests.export import export
from sis_assets.pipeline.requests.intake import take_in
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.sandbox.powerschool.faults import Fault, Kind
from sis_assets.sandbox.powerschool.plugin import Plugin, Rights
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets.sis.powerschool import plugin, schedule_requests
from sis_assets.sis.requests import form_of
from sis_assets.transport.http import Request, Server
from sis_assets_tests.powerschool_line import CLIENT_ID, CLIENT_SECRET, NAME, Line, Opened
from sis_assets_tests.requests_line import as_csv

Row = dict[str, Any]
HERE = "/ws/schema/table/schedulerequests"


class Town:
    """A PowerSchool with the plugin of its district file, synced, and requests that its own data make valid."""

    def __init__(self, line: Line, root: Path, *, mode: str = "api", **requests: Any) -> None:
        self.line, self.root = line, root
        sis = {
            "kind": "powerschool",
            "url": line.sandbox.url,
            "client_id": {"env": "POWERTOWN_ID"},
            "client_secret": {"env": "POWERTOWN_SECRET"},
            "requests": {"mode": mode, **requests},
        }
        line.set(sis=sis)
        assert line.sync().status == "applied"

    @property
    def stage(self) -> Stage:
        spine = self.line.spine
        return Stage(spine.home, spine.warehouse, spine.readers, Clock())

    @property
    def district(self) -> Any:
        return self.line.spine.districts[NAME]

    def wishes(self, number: int) -> list[dict[str, str]]:
        """Requests that the server does not hold yet, for students who go on at a school that offers the course."""
        there = self.server()
        rows = self.line.spine.rows(
            "SELECT s.student_id, o.school_id, o.course_code FROM core.students s JOIN core.school_courses o"
            " ON o.district_id = s.district_id AND o.school_id = coalesce(s.next_school_id, s.school_id)"
            " WHERE s.status = 'active' ORDER BY s.student_id, o.course_code"
        )
        wanted = [
            {"school_year": "2028", "kind": "primary", "alternate_for": "", "priority": "", **row}
            | {"requested_at": "2027-01-15T10:00:00Z"}
            for row in rows
            if (row["student_id"], row["course_code"]) not in there
        ]
        self.take_in(*wanted)
        good = self.line.spine.rows(
            "SELECT student_id, course_code FROM requests.course_requests WHERE status = 'valid' ORDER BY ALL"
        )
        keys = {(row["student_id"], row["course_code"]) for row in good[:number]}
        assert len(keys) == number
        self.line.spine.warehouse.write(
            lambda connection: connection.execute("DELETE FROM requests.course_requests")
        )
        self.line.spine.warehouse.write(lambda connection: connection.execute("DELETE FROM requests.imports"))
        return [row for row in wanted if (row["student_id"], row["course_code"]) in keys]

    def take_in(self, *rows: dict[str, str]) -> Any:
        path = self.root / "requests.csv"
        path.write_text(as_csv(rows))
        return take_in(self.stage, self.district, path)

    def export(self) -> Any:
        return export(self.stage, self.district, self.root / "out")

    def server(self) -> list[tuple[str, str]]:
        """What the server holds: student's number and course, one pair a row."""
        frame = self.line.sandbox._service.database.table("schedulerequests")
        return [(str(row["student_number"]), row["coursenumber"]) for row in frame.to_dicts()]

    def statuses(self) -> list[str]:
        rows = self.line.spine.rows("FROM requests.course_requests ORDER BY row_number")
        return [row["status"] for row in rows]


def keys(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["student_id"], row["course_code"]) for row in rows]


@pytest.fixture
def works(opened: Opened, tmp_path: Path) -> Callable[..., Town]:
    def make(mode: str = "works", rights: Rights | None = None, **requests: Any) -> Town:
        settings = Settings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, schedule_requests=mode)  # type: ignore[arg-type]
        line = opened(students=60, settings=settings)
        if rights is not None:
            line.sandbox.install(Plugin(rights))
        return Town(line, tmp_path, **requests)

    return make


def test_requests_are_inserted_once_and_found_again(works: Callable[..., Town]) -> None:
    town = works()
    wishes = town.wishes(3)
    before = town.server()
    town.take_in(*wishes)
    done = town.export()
    assert (done.records, done.refused, done.files) == (3, 0, ())
    assert sorted(town.server()) == sorted(before + keys(wishes))
    assert town.statuses() == ["sent"] * 3
    town.export()
    assert len(town.server()) == len(before) + 3
    found = confirm(town.stage, town.district)
    assert (found.counts["confirmed"], found.counts["missing"]) == (3, 0)
    assert found.counts["extra"] == len(before)
    assert town.statuses() == ["confirmed"] * 3


def test_an_answer_that_is_lost_doubles_nothing(works: Callable[..., Town]) -> None:
    town = works()
    wishes = town.wishes(3)
    before = town.server()
    town.take_in(*wishes)
    # The first request to the table reads it, the second inserts.
    town.line.sandbox.faults.arm(Fault(Kind.TRUNCATED, path="schedulerequests$", after=1, times=1))
    assert town.export().records == 3
    assert sorted(town.server()) == sorted(before + keys(wishes))


def test_what_breaks_off_for_good_notes_what_was_done_and_the_next_export_does_the_rest(
    works: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = works()
    wishes = town.wishes(3)
    before = town.server()
    town.take_in(*wishes)
    whole, sent = Server.ask, []

    def breaking(server: Server, request: Request, understand: Callable[[Any], Any]) -> Any:
        if request.method == "POST" and request.path == HERE:
            sent.append(request)
            if len(sent) > 1:
                raise TransientFault(tried="x", seen="down", todo="x", mover="vendor")  # type: ignore[arg-type]
        return whole(server, request, understand)

    monkeypatch.setattr(Server, "ask", breaking)
    with pytest.raises(TransientFault, match="down"):
        town.export()
    assert sorted(town.statuses()) == ["sent", "valid", "valid"]
    assert len(town.server()) == len(before) + 1
    monkeypatch.setattr(Server, "ask", whole)
    town.export()
    assert town.statuses() == ["sent"] * 3
    assert sorted(town.server()) == sorted(before + keys(wishes))


def test_a_row_that_is_refused_inside_an_answer_of_200_is_no_success(
    works: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = works()
    wishes = town.wishes(2)
    before = town.server()
    town.take_in(*wishes)
    plain = schedule_requests._inserted
    refused = keys(wishes)[0]

    def other_course(session: Any, wish: Any) -> bool:
        if schedule_requests._key(wish) == refused:
            wish = replace(wish, values=wish.values | {"CourseNumber": "NONE"})
        return plain(session, wish)

    monkeypatch.setattr(schedule_requests, "_inserted", other_course)
    done = town.export()
    assert (done.records, done.refused) == (1, 1)
    assert len(town.server()) == len(before) + 1
    rows = town.line.spine.rows("SELECT status, reason FROM requests.course_requests ORDER BY ALL")
    assert [tuple(row.values()) for row in rows] == [("sent", None), ("valid", "refused_by_sis")]


def test_a_plugin_that_may_not_write_is_found_out_before_the_first_insert(works: Callable[..., Town]) -> None:
    town = works()
    town.take_in(*town.wishes(1))
    granted = dict.fromkeys(schedule_requests.READ_FIELDS, "ViewOnly")
    town.line.sandbox.install(Plugin(Rights(fields={"schedulerequests": granted})))
    with pytest.raises(NeedsPerson, match=r"schedulerequests\.coursenumber") as told:
        town.export()
    assert "plugin powerschool --district" in told.value.todo
    assert town.statuses() == ["valid"]
    assert confirm(town.stage, town.district).counts["confirmed"] == 0


@pytest.mark.parametrize(("mode", "seen"), [("405", "does not let the table be written"), ("403", "lacks")])
def test_a_server_that_refuses_in_spite_of_the_rights_says_whose_move_it_is(
    works: Callable[..., Town], mode: str, seen: str
) -> None:
    town = works(mode)
    town.take_in(*town.wishes(1))
    with pytest.raises(NeedsPerson, match=seen):
        town.export()
    assert town.statuses() == ["valid"]


def test_a_year_that_the_server_writes_otherwise_is_told(works: Callable[..., Town]) -> None:
    town = works(year_id="term")
    town.take_in(*town.wishes(1))
    with pytest.raises(NeedsPerson, match="year_id") as told:
        town.export()
    assert "Set it to year" in told.value.todo


def test_the_plugin_grants_requests_only_where_the_district_file_says_so(works: Callable[..., Town]) -> None:
    def granted(content: bytes) -> str:
        return zipfile.ZipFile(io.BytesIO(content)).read("plugin.xml").decode()

    form = form_of(works().district)
    assert "SCHEDULEREQUESTS" not in granted(plugin.built("it@x.test"))
    seen = granted(plugin.built("it@x.test", schedule_requests.grants(form, written=False)))
    assert 'table="SCHEDULEREQUESTS" field="COURSENUMBER" access="ViewOnly"' in seen
    assert "FullAccess" not in seen
    assert "changes nothing" in seen
    full = granted(plugin.built("it@x.test", schedule_requests.grants(form, written=True)))
    assert 'table="SCHEDULEREQUESTS" field="COURSENUMBER" access="FullAccess"' in full
    assert 'table="SCHEDULEREQUESTS" field="STUDENTID" access="FullAccess"' in full
    assert "changes nothing" not in full
