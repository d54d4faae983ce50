"""PowerQueries, and the plugin that brings them (contract: PowerSchool §1.7, §1.9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from sis_assets.sandbox.powerschool.plugin import Plugin, PluginRejected
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets_tests.powerschool_caller import Caller, serving
from sis_assets_tests.powerschool_plugins import (
    ACTIVE,
    NESTED,
    QUERIES,
    UNGRANTED,
    plugin_xml,
    plugin_zip,
    query_xml,
)

QUERY = "/ws/schema/query"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Caller]]:
    plugin = plugin_zip(tmp_path_factory.mktemp("plugin") / "plugin.zip")
    with serving(students=260, seed=7, plugin=plugin) as served:
        yield served


def test_a_flattened_query_gives_text_and_leaves_null_columns_out(town: tuple[Sandbox, Caller]) -> None:
    sandbox, caller = town
    answer = caller.post(f"{QUERY}/{ACTIVE}", {"grade": 3}, pagesize=0).json
    assert answer["name"] == "students"
    assert answer["@extensions"] == ""
    expected = sandbox.truth().active.filter(pl.col("grade") >= 3).sort("dcid", descending=True)
    assert [row["dcid"] for row in answer["record"]] == [str(dcid) for dcid in expected["dcid"]]
    assert {row["_name"] for row in answer["record"]} == {"students"}
    assert {type(value) for row in answer["record"] for value in row.values()} == {str}
    told = [row.get("middle_name") for row in answer["record"]]
    assert told == expected["middle_name"].to_list()
    assert None in told
    assert "grade" in answer["record"][0]


def test_a_nested_query_names_its_tables_and_ids(town: tuple[Sandbox, Caller]) -> None:
    answer = town[1].post(f"{QUERY}/{NESTED}", pagesize=1, count="true").json
    assert answer["name"] == "Students"
    assert answer["count"] == town[0].truth().students.height
    assert answer["record"] == [
        {"id": 1001, "name": "Students", "tables": {"students": {"dcid": "1001", "student_number": "114001"}}}
    ]


def test_a_query_has_pages_of_a_hundred_unless_all_is_asked_for(town: tuple[Sandbox, Caller]) -> None:
    total = town[0].truth().students.height
    assert len(town[1].post(f"{QUERY}/{NESTED}").json["record"]) == 100
    assert town[1].post(f"{QUERY}/{NESTED}", page=2).json["record"][0]["id"] == 1101
    assert len(town[1].post(f"{QUERY}/{NESTED}", pagesize=0, page=2).json["record"]) == total
    assert town[1].post(f"{QUERY}/{NESTED}", page=99).json["record"] == []
    assert town[1].post(f"{QUERY}/{NESTED}/count").json == {"count": total}
    assert "count" not in town[1].post(f"{QUERY}/{NESTED}").json


def test_a_query_is_ordered_as_asked(town: tuple[Sandbox, Caller]) -> None:
    rows = (
        town[1]
        .post(f"{QUERY}/{ACTIVE}", {"grade": 0}, pagesize=0, order="grade;desc,students.dcid")
        .json["record"]
    )
    keys = [(-int(row["grade"]), int(row["dcid"])) for row in rows]
    assert keys == sorted(keys)
    assert town[1].post(f"{QUERY}/{ACTIVE}", {"grade": 0}, order="zzz").status == 400


def test_a_query_is_filtered_by_its_aliases(town: tuple[Sandbox, Caller]) -> None:
    body = {"grade": 0, "$q": "grade==5;student_number=gt=114100"}
    rows = town[1].post(f"{QUERY}/{ACTIVE}", body, pagesize=0).json["record"]
    assert {row["grade"] for row in rows} == {"5"}
    assert min(int(row["student_number"]) for row in rows) > 114_100
    assert town[1].post(f"{QUERY}/{ACTIVE}", {"grade": 0, "$q": "zzz==5"}).status == 400


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("org.example.sandbox.students.nothing", {}, 404),
        (ACTIVE, {}, 400),
        (ACTIVE, {"grade": 1, "zzz": 1}, 400),
        (ACTIVE, {"grade": "many"}, 400),
        (ACTIVE, [], 400),
        (UNGRANTED, {}, 403),
    ],
)
def test_a_wrong_query_is_refused(town: tuple[Sandbox, Caller], name: str, body: object, status: int) -> None:
    answer = town[1].post(f"{QUERY}/{name}", body)
    assert answer.status == status
    if status == 404:
        assert name in answer.json["message"]


def test_queries_are_posted_and_not_got(town: tuple[Sandbox, Caller]) -> None:
    assert town[1].get(f"{QUERY}/{ACTIVE}").status in (404, 405)


def test_the_catalogue_names_the_plugins_queries(town: tuple[Sandbox, Caller]) -> None:
    names = {record["name"] for record in town[1].get(f"{QUERY}/api").json["record"]}
    assert names == {ACTIVE, NESTED, UNGRANTED}


def test_the_plugins_grants_govern_tables_but_not_v1(town: tuple[Sandbox, Caller]) -> None:
    table = "/ws/schema/table/students"
    assert town[1].get(table, projection="dcid,student_number").status == 200
    assert town[1].get(table, projection="dcid,last_name").status == 403
    assert town[1].get("/ws/v1/student/1001").status == 200


def test_without_a_plugin_there_is_no_query_and_with_one_removed_there_is_none_either(
    tmp_path: Path, town: tuple[Sandbox, Caller]
) -> None:
    with serving(students=10) as (_, caller):
        assert caller.post(f"{QUERY}/{NESTED}").status == 404
    with serving(students=10, plugin=plugin_zip(tmp_path / "plugin.zip")) as (sandbox, caller):
        assert caller.post(f"{QUERY}/{NESTED}").status == 200
        sandbox.install(Plugin())
        assert caller.post(f"{QUERY}/{NESTED}").status == 404


def test_oracles_functions_that_rosters_use_are_known(tmp_path: Path) -> None:
    sql = (
        "select s.dcid, to_char(s.dob, 'YYYY-MM-DD'), nvl(s.track, 'none'), to_char(s.grade_level) "
        "from students s join schools c on c.school_number = s.schoolid order by s.dcid"
    )
    columns = {
        "dcid": "STUDENTS.DCID",
        "dob": "STUDENTS.DOB",
        "track": "STUDENTS.TRACK",
        "g": "STUDENTS.GRADE_LEVEL",
    }
    fields = "".join(
        f'<field table="STUDENTS" field="{column}" access="ViewOnly"/>'
        for column in ("DCID", "DOB", "TRACK", "GRADE_LEVEL")
    )
    query = "org.example.sandbox.students.oracle"
    plugin = plugin_zip(
        tmp_path / "plugin.zip", plugin=plugin_xml(fields=fields), queries=query_xml(query, sql, columns)
    )
    with serving(students=20, plugin=plugin) as (sandbox, caller):
        rows = caller.post(f"{QUERY}/{query}", pagesize=0).json["record"]
        assert [row["dob"] for row in rows] == [
            day.isoformat() for day in sandbox.truth().students["birth_date"]
        ]
        assert {row["track"] for row in rows} == {"A", "B", "none"}


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (plugin_xml(name="x" * 41), "name"),
        (plugin_xml(version="1.0-beta"), "version"),
        (plugin_xml(version="1." * 11), "version"),
        (plugin_xml(oauth=""), "oauth"),
        (plugin_xml(oauth='<oauth accessLevelV1Api="ALL"/>'), "accessLevelV1Api"),
        (plugin_xml(fields='<field table="STUDENTS" field="SHOE_SIZE" access="ViewOnly"/>'), "SHOE_SIZE"),
        (plugin_xml(fields='<field table="PETS" field="DCID" access="ViewOnly"/>'), "PETS"),
        (plugin_xml(fields='<field table="STUDENTS" field="DCID" access="Read"/>'), "access"),
        (plugin_xml(publisher=""), "publisher"),
        (plugin_xml(publisher=f'<publisher name="S"><contact email="{"x" * 41}"/></publisher>'), "email"),
        (plugin_xml(publisher='<publisher name="S"/>'), "contact"),
        (plugin_xml(namespace="http://example.org"), "namespace"),
        ("<plugin", "no XML"),
        ("<!DOCTYPE plugin [<!ENTITY x 'y'>]>" + plugin_xml(), "document type"),
    ],
)
def test_a_plugin_that_powerschool_would_reject_is_rejected(tmp_path: Path, plugin: str, reason: str) -> None:
    with pytest.raises(PluginRejected, match=reason):
        Sandbox(students=10, plugin=plugin_zip(tmp_path / "plugin.zip", plugin=plugin))


@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        (query_xml("org.example.active", "select 1", {"dcid": "STUDENTS.DCID"}), "five parts"),
        (query_xml(ACTIVE, "select 1", {}), "columns"),
        (query_xml(ACTIVE, "", {"dcid": "STUDENTS.DCID"}), "no sql"),
        (query_xml(ACTIVE, "select 1", {"dcid": "DCID"}), "table"),
        (query_xml(ACTIVE, "select 1, 2", {"a": "STUDENTS.DCID", "A": "STUDENTS.ID"}), "unique"),
        (QUERIES + QUERIES, "twice"),
    ],
)
def test_a_query_that_powerschool_would_reject_is_rejected(tmp_path: Path, queries: str, reason: str) -> None:
    with pytest.raises(PluginRejected, match=reason):
        Sandbox(students=10, plugin=plugin_zip(tmp_path / "plugin.zip", queries=queries))


def test_a_zip_with_a_folder_on_top_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(PluginRejected, match="root"):
        Sandbox(students=10, plugin=plugin_zip(tmp_path / "plugin.zip", name="sample/plugin.xml"))


def test_a_plugin_without_a_level_is_denied_v1(tmp_path: Path) -> None:
    plugin = plugin_zip(tmp_path / "plugin.zip", plugin=plugin_xml(oauth="<oauth/>"))
    with serving(students=10, plugin=plugin) as (_, caller):
        assert caller.get("/ws/v1/district").status == 401
        assert caller.post(f"{QUERY}/{NESTED}").status == 200
