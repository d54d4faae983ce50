"""What lands of Aeries, and the tables of text that are made of it (contract §2.3, §2.5)."""

from __future__ import annotations

from sis_assets.sis.aeries.contract import ENTITIES
from sis_assets_tests.aeries_district import Reading
from sis_assets_tests.powerschool_district import rows


def test_every_entity_but_the_staff_lands(aeries: Reading) -> None:
    assert [file.entity for file in aeries.fetch().files] == [
        entity.name for entity in ENTITIES if entity.name != "staff"
    ]


def test_students_of_all_schools_come_in_the_order_of_school_and_id(aeries: Reading) -> None:
    aeries.server.students.reverse()
    found = rows(aeries.tables()["students"], "SchoolCode", "StudentID")
    assert found == [*(("994", str(99400001 + n)) for n in range(5)), ("995", "99500001")]
