"""Aeries' raw tables become canonical ones in the pipeline as they do by the queries alone, and every record is counted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast

import pytest

from sis_assets.districts import District
from sis_assets.model.schema import CORE, EXTRACTS
from sis_assets.pipeline.canonicalise import canonicalise
from sis_assets.pipeline.stage import Clock, Stage
from sis_assets.sis.aeries import AERIES
from sis_assets_tests.aeries_records import (
    COURSE,
    FALL,
    HIGH,
    ITSELF,
    MIDDLE,
    SECTION,
    SPRING,
    Row,
    enrolment,
    extended,
    mark,
    run,
    seat,
    student,
    tag,
)
from sis_assets_tests.builders import MemoryWarehouse, fetch, in_memory, insert

NOW = "2026-02-02T20:00:00-08:00"
OUTSIDE = HIGH | {"SchoolCode": "998"}
FOREIGN = HIGH | {"SchoolCode": "700", "StateDistrictID": "77777"}
OLD = student(SchoolCode="992", StudentNumber="5", Grade="8", InactiveStatusCode="I")
FORMER = student(StudentNumber="3", InactiveStatusCode="I")
NEXT = student(SchoolCode="992", StudentNumber="6", Grade="11", InactiveStatusCode="*")
SECOND = student(SchoolCode="992", StudentNumber="7", SchoolEnterDate="2025-08-18T00:00:00")
OTHER = student(StudentID="2", OldStudentID="4", NextSchoolCode="998")

NIGHTS: dict[str, list[Row]] = {
    "one": [student()],
    "one that was elsewhere": [OLD, student()],
    "one that was here before": [FORMER, student()],
    "one that will be elsewhere": [NEXT, student()],
    "one at two schools": [OLD, student(), SECOND, FORMER],
    "two who are the same": [student(), student(), OTHER],
    "a contradiction": [student(), SECOND | {"Grade": "12"}, OLD, OTHER],
    "a refused one": [student(Grade="?"), OLD, OTHER],
    "leavers": [OLD, FORMER, OTHER | {"InactiveStatusCode": "N"}],
    "outside": [student(SchoolCode="998"), FORMER, student(StudentID="3", SchoolCode="700")],
    "no school": [student(SchoolCode="0"), student(StudentID="", SchoolCode="4711"), OTHER],
}


def typed(rows: dict[str, list[Row]]) -> MemoryWarehouse:
    """Lay the rows down as a complete extract and type it."""
    warehouse = in_memory()
    home = District.model_validate(
        {
            "district": "sample",
            "name": "Sample District",
            "timezone": "America/Los_Angeles",
            "sis": {
                "kind": "aeries",
                "url": "http://127.0.0.1:1/aeries",
                "certificate": {"env": "UNUSED"},
                "database_year": 2025,
                "leas": ["99999"],
            },
            "schools": {"exclude": ["998"]},
            "calendar": {"year_start": "2025-08-18", "year_end": "2026-06-04"},
        }
    )

    def lay_down(connection: Any) -> None:
        files = []
        for entity in AERIES.entities:
            found = [
                {name: value if isinstance(value, str) else json.dumps(value) for name, value in row.items()}
                | {"district_id": "sample", "extract_id": "sample-1", "row_number": number}
                for number, row in enumerate(rows.get(entity, ()), start=1)
            ]
            insert(connection, AERIES.raw_of(entity), found)
            files.append(
                {"name": f"{entity}.json", "bytes": 1, "sha256": "", "records": len(found), "entity": entity}
            )
        moment = datetime.fromisoformat(NOW)
        insert(
            connection,
            EXTRACTS,
            [
                {
                    "district_id": "sample",
                    "extract_id": "sample-1",
                    "sis": "aeries",
                    "started_at": moment,
                    "finished_at": moment,
                    "status": "complete",
                    "files": files,
                    "content_sha256": "x",
                }
            ],
        )

    warehouse.write(lay_down)
    stage = Stage(warehouse.home, warehouse, cast("Any", None), Clock(datetime.fromisoformat(NOW)))
    assert canonicalise(stage, [home])["sample"].extract_id == "sample-1"
    return warehouse


@pytest.mark.parametrize("name", NIGHTS)
def test_the_pipeline_types_what_the_queries_say(name: str) -> None:
    rows: dict[str, list[Row]] = {
        "schools": [ITSELF, HIGH, MIDDLE, OUTSIDE, FOREIGN],
        "terms": [FALL, SPRING],
        "codes": [tag("N", "No show")],
        "students": NIGHTS[name],
        "students_extended": [extended(), extended(StudentNumber="3", SchoolCompletionStatusCode="100")],
        "enrollment": [enrolment()],
        "courses": [COURSE],
        "sections": [SECTION, SECTION | {"SchoolCode": "700", "Semester": ""}],
        "classes": [seat(), seat(StudentID="2")],
        "transcripts": [mark(), mark(SchoolCode="992")],
    }
    warehouse = typed(rows)
    expected = run(rows, excluded=["998"], leas=["99999"], as_of="2026-02-02", year_end="2026-06-04")
    with warehouse.read() as connection:
        for table in CORE:
            found = fetch(connection, f"FROM {table.qualified}")
            assert sorted(map(repr, map(_ordered, found))) == sorted(
                map(repr, map(_ordered, expected.tables[table.name]))
            ), table.name
        refused = fetch(connection, "SELECT entity, row_number, reason_code FROM core.rejected_rows")
    assert {(r["entity"], r["row_number"], r["reason_code"]) for r in refused} == {
        (entity, number, reason)
        for entity, numbers in expected.refused.items()
        for number, reason in numbers.items()
    }


def _ordered(row: Row) -> list[tuple[str, Any]]:
    return sorted(row.items())
