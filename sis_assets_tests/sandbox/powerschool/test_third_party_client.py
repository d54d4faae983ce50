"""A client that others wrote runs against the server: credentials, metadata, tables, pages, queries, errors.

It speaks https to the host it is given; its base address is pointed at the loopback server, and its OAuth library told
that plain HTTP is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from oauthlib.oauth2 import InvalidClientError
from powerschool import PowerSchool
from requests import HTTPError

from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sandbox.powerschool.settings import Settings
from sis_assets_tests.powerschool_plugins import ACTIVE, GRANTS, NESTED, plugin_zip


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    settings = Settings(page_sizes={"schema_table_query": 40})
    with Sandbox(students=150, plugin=plugin_zip(tmp_path / "plugin.zip"), settings=settings) as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[PowerSchool]:
    made = PowerSchool("127.0.0.1")
    made.base_url = sandbox.url
    made.authorize((sandbox.client_id, sandbox.client_secret))
    with made.session:
        yield made


def test_it_authenticates_and_reads_the_plugins_metadata(client: PowerSchool) -> None:
    assert client.access_token["token_type"] == "Bearer"
    assert client.metadata.schema_table_query_max_page_size == 40


def test_it_is_told_of_wrong_credentials(sandbox: Sandbox) -> None:
    made = PowerSchool("127.0.0.1")
    made.base_url = sandbox.url
    with made.session, pytest.raises(InvalidClientError):
        made.authorize((sandbox.client_id, "wrong"))


def test_it_reads_a_table_page_by_page_with_the_columns_it_is_granted(
    client: PowerSchool, sandbox: Sandbox
) -> None:
    rows = client.get_schema_table("students").query()
    truth = sandbox.truth().students
    assert {row["student_number"] for row in rows} == {str(number) for number in truth["student_number"]}
    assert len(rows) == truth.height > 3 * 40
    assert set(rows[0]) == {column.lower() for _, column in GRANTS}
    pages = [each for each in sandbox.log.asked if each.path == "/ws/schema/table/students"]
    assert len(pages) == -(-truth.height // 40)


def test_it_filters_counts_and_reads_one_row(client: PowerSchool, sandbox: Sandbox) -> None:
    table = client.get_schema_table("students")
    expected = sandbox.truth().students.filter(pl.col("grade") >= 9).height
    assert table.count(q="grade_level=ge=9") == expected
    assert len(table.query(q="grade_level=ge=9", projection="dcid,grade_level")) == expected
    assert table.query(pk=1005, projection="student_number") == [{"student_number": "114005"}]


def test_it_runs_queries_of_both_kinds(client: PowerSchool, sandbox: Sandbox) -> None:
    truth = sandbox.truth()
    query = client.get_named_query(ACTIVE)
    assert query.count(body={"grade": 9}) == truth.active.filter(pl.col("grade") >= 9).height
    rows = query.query(body={"grade": 9}, pagesize=0)
    assert {row["_name"] for row in rows} == {"students"}
    nested = client.get_named_query(NESTED).query(pagesize=30)
    assert [row["id"] for row in nested] == truth.students["dcid"].to_list()
    assert ACTIVE in {record["name"] for record in client.list_named_queries()["record"]}


def test_it_is_told_of_a_column_without_a_grant(client: PowerSchool) -> None:
    with pytest.raises(HTTPError, match="At least one column lacks sufficient permission"):
        client.get_schema_table("students").query(projection="dob")
