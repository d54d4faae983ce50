"""The plugin asks for what the client reads, no more and no less, within PowerSchool's limits (contract §1.7, §1.9)."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from sis_assets.cli import app
from sis_assets.model.faults import NeedsPerson
from sis_assets.sis.powerschool import contract, plugin

CONTACT = "office@x.test"
SPACE = "{http://plugin.powerschool.pearson.com}"

#: The content of every edition that was handed out. A changed contract needs the next edition, and its line here.
EDITIONS = {1: "569093034449"}


def opened(content: bytes | None = None) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content or plugin.built(CONTACT)))


def root() -> ET.Element:
    return ET.fromstring(opened().read("plugin.xml"))


def named_queries() -> list[ET.Element]:
    return list(ET.fromstring(opened().read("queries_root/sis_assets.named_queries.xml")))


def test_the_zip_has_the_documented_files_and_no_top_folder() -> None:
    assert opened().namelist() == [
        "permissions_root/sis_assets.permission_mappings.xml",
        "plugin.xml",
        "queries_root/sis_assets.named_queries.xml",
    ]


def test_the_same_contract_gives_the_same_bytes() -> None:
    assert plugin.built(CONTACT) == plugin.built(CONTACT)
    for entry in opened().infolist():
        assert (entry.date_time, entry.compress_type) == ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED)


def test_the_plugin_stays_within_the_documented_limits() -> None:
    found = root()
    assert found.tag == f"{SPACE}plugin"
    assert 0 < len(found.attrib["name"]) <= 40
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)*", found.attrib["version"])
    assert len(found.attrib["version"]) <= 20
    assert 0 < len(found.attrib["description"]) <= 256
    fields = found.findall(f"{SPACE}access_request/{SPACE}field")
    for field in fields:
        assert len(field.attrib["table"]) <= 30
        assert len(field.attrib["field"]) <= 30
    publisher = found.find(f"{SPACE}publisher")
    assert publisher is not None
    assert len(publisher.attrib["name"]) <= 100
    contact = publisher.find(f"{SPACE}contact")
    assert contact is not None
    assert contact.attrib["email"] == CONTACT


def test_it_reads_v1_and_its_children_stand_in_the_documented_order() -> None:
    assert [child.tag.removeprefix(SPACE) for child in root()] == ["oauth", "access_request", "publisher"]
    oauth = root().find(f"{SPACE}oauth")
    assert oauth is not None
    assert oauth.attrib == {"accessLevelV1Api": "READ"}


def test_every_right_is_to_view_only_and_asked_for_once() -> None:
    fields = root().findall(f"{SPACE}access_request/{SPACE}field")
    assert {field.attrib["access"] for field in fields} == {"ViewOnly"}
    asked = [(field.attrib["table"], field.attrib["field"]) for field in fields]
    assert sorted(set(asked)) == asked


def test_queries_have_five_part_names_an_order_and_unique_aliases_in_the_order_of_the_select() -> None:
    assert named_queries()
    for query in named_queries():
        assert len(query.attrib["name"].split(".")) == 5
        assert query.attrib["flattened"] == "true"
        sql = query.findtext("sql") or ""
        assert re.search(r" ORDER BY cc\.dcid$", sql)
        aliases = [column.text for column in query.findall("columns/column")]
        assert len(set(aliases)) == len(aliases)
        selected = sql.partition(" FROM ")[0]
        assert re.findall(r" AS (\w+)", selected) == aliases
        assert all(f":{arg.attrib['name']}" in sql for arg in query.findall("args/arg"))


def test_queries_give_the_fields_of_their_entity() -> None:
    for entity in contract.ENTITIES:
        if entity.query is not None:
            assert {alias for _, alias in entity.query.columns} == set(entity.column_names)


def test_every_query_is_mapped_to_a_page_of_administrators() -> None:
    mappings = ET.fromstring(opened().read("permissions_root/sis_assets.permission_mappings.xml"))
    allowed = [(implies.attrib["allow"], implies.text) for implies in mappings.iter("implies")]
    assert allowed == [("post", f"/ws/schema/query/{query.attrib['name']}") for query in named_queries()]


def test_the_version_changes_exactly_when_the_content_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plugin.version(CONTACT)
    assert plugin.version(CONTACT) == before
    assert plugin.version("other@x.test") != before
    courses = contract.COURSES
    fewer = tuple(
        replace(courses, fields=courses.fields[:-1]) if entity is courses else entity
        for entity in contract.ENTITIES
    )
    monkeypatch.setattr(plugin, "ENTITIES", fewer)
    assert plugin.version(CONTACT) != before


def test_another_content_has_another_edition() -> None:
    newest = f"{plugin.EDITION}.{EDITIONS[plugin.EDITION]}"
    assert plugin.version(CONTACT) == newest, "raise EDITION and add its line to EDITIONS"
    assert max(EDITIONS) == plugin.EDITION


@pytest.mark.parametrize(
    "contact", ["", "nobody", "a@b@c", "a b@x.test", f"{'a' * 40}@x.test", '"<a>"@x.test']
)
def test_a_contact_that_powerschool_would_refuse_is_refused(contact: str) -> None:
    with pytest.raises(NeedsPerson, match="contact"):
        plugin.built(contact)


def test_the_command_writes_the_zip_and_says_what_comes_next(tmp_path: Path) -> None:
    target = tmp_path / "plugin.zip"
    done = CliRunner().invoke(
        app, ["plugin", "powerschool", "--out", str(target), "--contact", CONTACT], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert target.read_bytes() == plugin.built(CONTACT)
    for value in ("URL", "client id", "client secret", "PowerSchool version", plugin.version(CONTACT)):
        assert value in done.output


def test_the_page_for_administrators_lists_what_the_plugin_asks_for() -> None:
    page = (Path(__file__).parents[2] / "docs" / "powerschool.md").read_text(encoding="utf-8")
    section = page.partition("granted one by one")[2].partition("One query comes")[0]
    for table, field in plugin.granted_fields():
        (row,) = [
            line
            for line in section.splitlines()
            if re.search(rf"\b{table}\b", line.split("|")[1:2][0] if "|" in line else "")
        ]
        assert re.search(rf"\b{field}\b", row), f"{table}.{field}"
