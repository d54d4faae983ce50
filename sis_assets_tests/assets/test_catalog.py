"""What analysts browse: every asset described, every column described, lineage that is true."""

from __future__ import annotations

import re

import dagster as dg
import pytest

from sis_assets.assets import catalog
from sis_assets.definitions import defs
from sis_assets.model.schema import CORE
from sis_assets.sis.kinds import ALL
from sis_assets.sis.shape import Canonical, Sis

SPECS = [*catalog.raw(), *catalog.core(), *catalog.lifecycle(), *catalog.delivery(), *catalog.requests()]


def test_the_assets_are_those_of_the_design() -> None:
    entities = {entity for sis in ALL for entity in sis.entities}
    assert {"schools", "courses", "students", "student_courses", "stored_grades"} <= entities
    assert {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()} == {
        "source/eschoolplus_api",
        "source/eschoolplus_files",
        "source/oneroster_api",
        "source/oneroster_files",
        "source/powerschool_api",
        "source/aeries_api",
        *(f"raw/{entity}" for entity in entities),
        *(f"core/{table.name}" for table in CORE),
        "lifecycle/change_sets",
        "lifecycle/accounts",
        "delivery/outbox",
        "requests/course_requests",
        "requests/sis_imports",
        "requests/confirmations",
    }
    assert {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")} >= {
        "sync_district",
        "decide_change_set",
        "send_requests",
    }
    assert {"drops", "requests"} <= {sensor.name for sensor in defs.sensors or ()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_says_what_it_is_and_what_each_column_means(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.owners
    assert spec.kinds
    assert spec.group_name == spec.key.path[0]
    assert spec.partitions_def == dg.DynamicPartitionsDefinition(name="districts")
    schema = spec.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert schema.columns
    assert all(column.description for column in schema.columns)
    assert len({column.name for column in schema.columns}) == len(schema.columns)


def columns(spec: dg.AssetSpec) -> set[str]:
    return {column.name for column in spec.metadata["dagster/column_schema"].columns}


def test_lineage_names_only_columns_that_exist_on_both_sides() -> None:
    known = {spec.key: columns(spec) for spec in [*catalog.sources(), *SPECS]}
    for spec in SPECS:
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column
        assert lineage
        for column, sources in lineage.items():
            assert column in columns(spec), (spec.key, column)
            for source in sources:
                assert source.column_name in known[source.asset_key], (spec.key, column, source)


def test_a_column_of_the_sis_can_be_followed_to_the_outbox() -> None:
    by_key = {spec.key: spec.metadata["dagster/column_lineage"].deps_by_column for spec in SPECS}

    def roots(key: dg.AssetKey, column: str) -> set[str]:
        if key.path[0] == "source":
            return {column}
        return {root for dep in by_key[key].get(column, []) for root in roots(dep.asset_key, dep.column_name)}

    found = roots(catalog.key("delivery", "outbox"), "payload")
    assert {"students.StudentID", "students.LastName", "students.CurrentSchoolCode"} <= found
    assert {"students.local_id", "students.last_name", "students.school_number"} <= found


@pytest.mark.parametrize(
    ("sis", "made"),
    [(sis, made) for sis in ALL for made in sis.canonical],
    ids=lambda value: value.source if isinstance(value, Sis) else value.table.name,
)
def test_lineage_says_what_the_queries_read(sis: Sis, made: Canonical) -> None:
    text = " ".join([made.query, *(records.query for records in sis.records)])
    for sources in made.lineage.values():
        for entity, field in sources:
            assert entity in made.entities
            assert field in {column.name for column in sis.fields(entity)}
            assert re.search(rf"\b{field}\b", text), field


def test_every_field_that_a_query_of_the_files_reads_stands_in_the_lineage() -> None:
    sis = next(sis for sis in ALL if sis.source == "eschoolplus_files")
    told = {origin for made in sis.canonical for sources in made.lineage.values() for origin in sources}
    for records in sis.records:
        # What only tells two records apart makes no column.
        query = re.sub(r"\(hash\(.*? AS stated", "", records.query)
        for column in sis.fields(records.entity):
            if re.search(rf"\b{column.name}\b", query):
                assert (records.entity, column.name) in told, (records.entity, column.name)


def test_what_could_identify_a_student_is_marked() -> None:
    students = next(spec for spec in SPECS if spec.key == catalog.key("core", "students"))
    marked = {
        column.name for column in students.metadata["dagster/column_schema"].columns if "pii" in column.tags
    }
    assert {"first_name", "last_name", "birth_date", "email", "state_id", "student_id"} <= marked


def test_a_column_that_means_something_else_in_each_sis_says_both() -> None:
    students = next(spec for spec in catalog.raw() if spec.key.path == ["raw", "students"])
    schema = students.metadata["dagster/column_schema"]
    told = {column.name: column.description for column in schema.columns}
    assert "in its file" in told["row_number"]
    assert "in the order of its key" in told["row_number"]
    assert told["extract_id"].count("The extract that brought the record.") == 1
